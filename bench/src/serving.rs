//! A large blob and small files against nginx.

use std::path::Path;
use std::time::Instant;

use crate::data::{Files, SMALL_FILES, small_name};
use crate::process::Server;
use crate::report::{Bound, Report, median, say};
use crate::{Options, Outcome, client};

/// The servers, the one to compare with first.
const LARGE_SERVERS: [&str; 4] = ["nginx, sendfile", "nginx, sendfile off", "airlift, archive", "airlift, store"];
const SMALL_SERVERS: [&str; 5] = [
    "nginx, sendfile, open_file_cache",
    "nginx, sendfile",
    "nginx, sendfile, open_file_cache, tcp_nopush",
    "airlift, archive",
    "airlift, store",
];

/// What one round found for one server.
#[derive(Clone, Copy)]
struct Sample {
    /// Bytes or requests a second.
    rate: f64,
    /// Processor seconds of the server for each byte or request.
    cost: f64,
    /// How much of its processor the server used: where it is not all of it, something else was the limit.
    busy: f64,
}

/// One row of samples for each server.
type Samples = Vec<Vec<Sample>>;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    say("making files for serving …");
    let files = Files::make(&options.work)?;
    let nginx = |name: &str, more: &str| Server::nginx(&files.folder, &options.work, name, more);
    let airlift = |from: &Path| Server::airlift(&options.airlift, from);

    let servers = [
        nginx("nginx-sendfile", "sendfile on;")?,
        nginx("nginx-copying", "sendfile off;")?,
        airlift(&files.archive)?,
        airlift(&files.store)?,
    ];
    let large = |server: &Server| Ok(client::large(server.address, "/large.bin", options.seconds)? as f64);
    let samples = rounds(options.rounds, &servers, large)?;
    let gib = (1_u64 << 30) as f64;
    report.table(
        "A blob of 100 MiB, 4 connections",
        &["server", "GiB/s", "x nginx", "CPU s/GiB", "x nginx", "busy"],
        rows(&LARGE_SERVERS, &samples, |sample| (sample.rate / gib, sample.cost * gib)),
    );
    for (name, own) in ours(&LARGE_SERVERS, &samples) {
        let throughput = ratio(own, &samples[0], |sample| sample.rate);
        report.target(format!("{name}: throughput of 100 MiB, x nginx"), throughput, Bound::AtLeast(0.8));
        let cost = ratio(own, &samples[0], |sample| sample.cost);
        report.target(format!("{name}: CPU per byte of 100 MiB, x nginx"), cost, Bound::AtMost(1.2));
    }
    drop(servers);

    let cache = "open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s; open_file_cache_errors on;";
    let servers = [
        nginx("nginx-cache", &format!("sendfile on; {cache}"))?,
        nginx("nginx-plain", "sendfile on;")?,
        nginx("nginx-tuned", &format!("sendfile on; tcp_nopush on; {cache}"))?,
        airlift(&files.archive)?,
        airlift(&files.store)?,
    ];
    let paths: Vec<String> = (0..SMALL_FILES).map(|number| format!("/{}", small_name(number))).collect();
    let small = |server: &Server| Ok(client::small(server.address, &paths, options.seconds)? as f64);
    let samples = rounds(options.rounds, &servers, small)?;
    report.table(
        "1000 files of 4 KiB, 32 connections",
        &["server", "requests/s", "x nginx", "CPU µs/request", "x nginx", "busy"],
        rows(&SMALL_SERVERS, &samples, |sample| (sample.rate, sample.cost * 1e6)),
    );
    for (name, own) in ours(&SMALL_SERVERS, &samples) {
        let requests = ratio(own, &samples[0], |sample| sample.rate);
        report.target(
            format!("{name}: requests for 4 KiB, x nginx with open_file_cache"),
            requests,
            Bound::AtLeast(1.3),
        );
    }
    Ok(())
}

/// Those that have targets to meet.
fn ours<'a>(names: &'a [&str], samples: &'a Samples) -> impl Iterator<Item = (&'a str, &'a Vec<Sample>)> {
    names.iter().copied().zip(samples).filter(|(name, _)| name.starts_with("airlift"))
}

/// Loads each server once a round, after one round that does not count.
fn rounds(count: usize, servers: &[Server], load: impl Fn(&Server) -> Outcome<f64>) -> Outcome<Samples> {
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..=count {
        for (server, samples) in servers.iter().zip(&mut samples) {
            let (before, began) = (server.processor_time()?, Instant::now());
            let done = load(server)?;
            let (used, took) = (server.processor_time()? - before, began.elapsed().as_secs_f64());
            if round > 0 {
                samples.push(Sample { rate: done / took, cost: used / done, busy: used / took });
            }
        }
    }
    Ok(samples)
}

/// The median of the rounds' ratios: neighbours on the machine come and go between rounds.
fn ratio(own: &[Sample], reference: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    median(own.iter().zip(reference).map(|(own, reference)| figure(own) / figure(reference)))
}

fn rows(names: &[&str], samples: &Samples, figures: impl Fn(&Sample) -> (f64, f64)) -> Vec<Vec<String>> {
    let row = |(name, own): (&&str, &Vec<Sample>)| {
        vec![
            (*name).to_owned(),
            format!("{:.2}", median(own.iter().map(|sample| figures(sample).0))),
            format!("{:.2}", ratio(own, &samples[0], |sample| sample.rate)),
            format!("{:.3}", median(own.iter().map(|sample| figures(sample).1))),
            format!("{:.2}", ratio(own, &samples[0], |sample| sample.cost)),
            format!("{:.0} %", 100.0 * median(own.iter().map(|sample| sample.busy))),
        ]
    };
    names.iter().zip(samples).map(row).collect()
}
