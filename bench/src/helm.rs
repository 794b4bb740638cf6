//! An index of 10,000 chart versions against ChartMuseum, which has the same charts.
//!
//! Each question has its own figure. What a client pays that asks again: the index unchanged; ChartMuseum knows no
//! validators, and sends everything each time. What the first one pays after a start: the time until the index is there;
//! ChartMuseum reads every chart first. What a client pays that has nothing yet: an index of 4.5 MB sent whole measures
//! the memory of the machine more than the server, since no server can be fifty times as fast as another one that does
//! half a gigabyte a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Place, Server, empty, free_address};
use crate::report::{Bound, Report, median, say};
use crate::{Options, Outcome};

/// How many charts there are, and versions of each.
const CHARTS: usize = 100;
const VERSIONS: usize = 100;

/// The index, asked for by a client that has it.
const UNCHANGED: &str = "the index, unchanged";

/// What both are asked, and by how many clients at a time.
const PATHS: [(&str, &str, u32); 7] = [
    (UNCHANGED, "/index.yaml", 4),
    ("the index, whole", "/index.yaml", 4),
    ("the index, whole, by many", "/index.yaml", 64),
    ("every chart", "/api/charts", 4),
    ("one chart's versions", "/api/charts/chart-042", 4),
    ("one version", "/api/charts/chart-042/1.42.0", 4),
    ("a chart", "/charts/chart-042-1.42.0.tgz", 4),
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    say("making 10,000 charts …");
    let work = empty(&options.work.join("helm"))?;
    let charts = work.join("charts");
    fs_err::create_dir_all(&charts)?;
    for number in 0..CHARTS * VERSIONS {
        make(&charts, &format!("chart-{:03}", number / VERSIONS), &format!("1.{}.0", number % VERSIONS))?;
    }
    let began = Instant::now();
    let museum = museum(&charts)?;
    let theirs = first_index(museum.address, began)?;
    let archive = work.join("helm.tar");
    let manifest = work.join("airlift.yaml");
    let repository =
        format!("{{name: cm, url: \"http://{}\", provenance: false, dependencies: false}}", museum.address);
    fs_err::write(&manifest, format!("version: 1\nhelm: [{repository}]\n"))?;
    let mut collect = Command::new(&options.airlift);
    collect.arg("collect").arg(&manifest).arg("-o").arg(&archive).arg("--store").arg(work.join("store")).arg("--quiet");
    if !collect.status()?.success() {
        return Err("airlift collect failed".into());
    }
    let began = Instant::now();
    let airlift = Server::airlift_kind(&options.airlift, &archive, "helm")?;
    let [theirs, ours] = [theirs, first_index(airlift.address, began)?].map(|time| time.as_secs_f64());
    let row = |name: &str, seconds: f64| vec![name.to_owned(), format!("{seconds:.3}")];
    let title = "10,000 chart versions, from the start to the first index";
    report.table(title, &["server", "seconds"], vec![row("ChartMuseum", theirs), row("airlift", ours)]);
    report.target(format!("{title}: time, ChartMuseum's in x of it"), theirs / ours, Bound::AtLeast(50.0));

    let mut rows = Vec::new();
    let tag = tag(&airlift, "/index.yaml")?;
    for (what, path, clients) in PATHS {
        let tag = Some(tag.as_str()).filter(|_| what == UNCHANGED);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 0..=options.rounds {
            let of = |server| load(server, (path, tag), (clients, options.seconds));
            let (their, our) = (of(&museum)?, of(&airlift)?);
            if round > 0 {
                theirs.push(their);
                ours.push(our);
            }
        }
        let (theirs, ours) = (median(theirs), median(ours));
        rows.push(vec![what.to_owned(), format!("{theirs:.1}"), format!("{ours:.1}"), format!("{:.1}", ours / theirs)]);
        let bound = if what == UNCHANGED { Bound::AtLeast(50.0) } else { Bound::AtLeast(1.0) };
        report.target(format!("10,000 chart versions, {what}: requests, x ChartMuseum"), ours / theirs, bound);
    }
    let memory = |server: &Server| server.peak_memory().map(|(all, own)| format!("{all:.0} ({own:.0} without files)"));
    rows.push(vec!["most memory, MiB".to_owned(), memory(&museum)?, memory(&airlift)?, String::new()]);
    report.table(
        "10,000 chart versions, 4 connections, many are 64",
        &["requests/s", "ChartMuseum", "airlift", "x"],
        rows,
    );
    Ok(fs_err::remove_dir_all(&work)?)
}

/// A small chart, packaged.
fn make(folder: &Path, name: &str, version: &str) -> Outcome<()> {
    let chart = format!(
        "apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"{version}\"\ndescription: A chart of many, with a \
         description that is as long as most are\nhome: https://example.org/{name}\nkeywords: [one, two]\n\
         maintainers: [{{name: Somebody, email: somebody@example.org}}]\n"
    );
    let file = fs_err::File::create(folder.join(format!("{name}-{version}.tgz")))?;
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(chart.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, format!("{name}/Chart.yaml"), chart.as_bytes())?;
    Ok(builder.into_inner()?.finish()?.flush()?)
}

/// ChartMuseum as it is by itself, once it has read every chart.
fn museum(charts: &Path) -> Outcome<Server> {
    let address = free_address()?;
    let (port, folder) = (address.port().to_string(), charts.to_string_lossy().into_owned());
    let options =
        ["--listen-host", "127.0.0.1", "--port", &port, "--storage", "local", "--storage-local-rootdir", &folder];
    // It says aloud what it answers, each time.
    let quiet = ["sh", "-c", "exec chartmuseum \"$@\" 2>/dev/null", "sh"];
    Server::start(address, &[&quiet[..], &options[..]].concat())?.listening()
}

/// How long it took from then until the index was there as a whole.
fn first_index(address: SocketAddr, began: Instant) -> Outcome<Duration> {
    let mut stream = TcpStream::connect(address)?;
    // Without the chunks of newer versions of HTTP.
    stream.write_all(b"GET /index.yaml HTTP/1.0\r\nHost: bench\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&answer);
    match text.lines().next().is_some_and(|line| line.contains(" 200 ")) && text.contains("chart-099-1.99.0.tgz") {
        true => Ok(took),
        false => {
            Err(format!("{address} has no index of all charts: {}", text.lines().next().unwrap_or_default()).into())
        }
    }
}

/// The entity tag of what is at a path.
fn tag(server: &Server, path: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.write_all(format!("HEAD {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut head = String::new();
    stream.read_to_string(&mut head)?;
    let tag = head.lines().find(|line| line.to_ascii_lowercase().starts_with("etag:"));
    Ok(tag.and_then(|line| line.split_once(':')).ok_or("the index has no tag")?.1.trim().to_owned())
}

/// Requests a second, as wrk counts them.
fn load(server: &Server, (path, tag): (&str, Option<&str>), (clients, seconds): (u32, f64)) -> Outcome<f64> {
    let mut wrk = Place::Client.command();
    let (clients, seconds) = (format!("-c{clients}"), format!("{}s", seconds.ceil()));
    wrk.args(["wrk", "-t1", &clients, "--timeout", "60s", "-d", &seconds]);
    if let Some(tag) = tag {
        wrk.args(["-H", &format!("If-None-Match: {tag}")]);
    }
    let output = wrk.arg(format!("http://{}{path}", server.address)).output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    // wrk counts everything above 399 so.
    let failed = told.contains("Non-2xx");
    let line = told.lines().find_map(|line| line.strip_prefix("Requests/sec:")).filter(|_| !failed);
    Ok(line.ok_or_else(|| format!("wrk says of {path}: {told}"))?.trim().parse()?)
}
