//! An index of 10,000 chart versions against ChartMuseum, which has the same charts.
//!
//! An index of 4.5 MB sent whole measures the memory of the machine more than the server: no server can be fifty times
//! as fast as another one that does half a gigabyte a second. What differs is what a request costs that need not be
//! answered with all of it. ChartMuseum knows no validators, and sends everything each time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::process::{Place, Server, empty, free_address};
use crate::report::{Bound, Report, median, say};
use crate::{Options, Outcome};

/// How many charts there are, and versions of each.
const CHARTS: usize = 100;
const VERSIONS: usize = 100;

/// The index, asked for by a client that has it.
const UNCHANGED: &str = "the index, unchanged";

/// What both are asked.
const PATHS: [(&str, &str); 4] = [
    (UNCHANGED, "/index.yaml"),
    ("the index, whole", "/index.yaml"),
    ("one chart's versions", "/api/charts/chart-042"),
    ("a chart", "/charts/chart-042-1.42.0.tgz"),
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    say("making 10,000 charts …");
    let work = empty(&options.work.join("helm"))?;
    let charts = work.join("charts");
    fs_err::create_dir_all(&charts)?;
    for number in 0..CHARTS * VERSIONS {
        make(&charts, &format!("chart-{:03}", number / VERSIONS), &format!("1.{}.0", number % VERSIONS))?;
    }
    let museum = museum(&charts)?;
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
    let airlift = Server::airlift_kind(&options.airlift, &archive, "helm")?;

    let mut rows = Vec::new();
    let tag = tag(&airlift, "/index.yaml")?;
    for (what, path) in PATHS {
        let tag = Some(tag.as_str()).filter(|_| what == UNCHANGED);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 0..=options.rounds {
            let of = |server| load(server, (path, tag), options.seconds);
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
    report.table("10,000 chart versions, 4 connections", &["requests/s", "ChartMuseum", "airlift", "x"], rows);
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
    let server = Server::start(address, &[&quiet[..], &options[..]].concat())?.listening()?;
    load(&server, ("/index.yaml", None), 1.0)?;
    Ok(server)
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
fn load(server: &Server, (path, tag): (&str, Option<&str>), seconds: f64) -> Outcome<f64> {
    let mut wrk = Place::Client.command();
    wrk.args(["wrk", "-t1", "-c4", "--timeout", "60s", "-d", &format!("{}s", seconds.ceil())]);
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
