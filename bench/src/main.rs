//! Airlift side by side with its peers, in one run on one machine.
//!
//! Absolute figures of a shared machine mean little, so that everything is measured in interleaved rounds and told as a
//! ratio of medians. The server has processor 0 to itself, the client processor 1. What is measured:
//!
//! * [`apt`]: collecting an apt repository against apt-mirror, and what a request needs against apt.
//! * [`helm`]: an index of 10,000 chart versions against ChartMuseum.
//! * [`python`]: an index of 5,000 projects against pypiserver; collecting against pip and uv.
//! * [`yum`]: a yum repository of 10,000 packages against dnf and createrepo_c, and a large list.
//! * [`serving`]: a blob of 100 MB and files of 4 KiB against nginx, throughput and processor time of the server.
//! * [`opening`]: the time to the first byte and the resident memory with archives of 1, 10 and 50 GB.
//! * [`packing`]: writing an archive against `cp` of the same archive.

mod apt;
mod client;
mod data;
mod helm;
mod opening;
mod packing;
mod process;
mod python;
mod report;
mod serving;
mod yum;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::report::Report;

/// What goes wrong here is for the developer who runs it.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Airlift side by side with its peers.
#[derive(Parser)]
struct Options {
    /// The program to measure, built with --release.
    #[arg(long, env = "AIRLIFT_BIN", default_value = "target/release/airlift")]
    airlift: PathBuf,
    /// Where files are made; 5 GB are needed.
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that each server is loaded in a round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Let the measured programs go before everything else on the machine, where it is shared; needs root.
    #[arg(long)]
    first: bool,
    /// Measure only these.
    #[arg(long)]
    only: Vec<Part>,
    #[command(subcommand)]
    client: Option<Client>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Apt,
    Helm,
    Serving,
    Opening,
    Packing,
    Yum,
    Python,
}

#[derive(Subcommand)]
enum Client {
    /// The client itself, as a process that can have a processor of its own.
    #[command(hide = true)]
    Client(client::Load),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.client {
        Some(Client::Client(load)) => client::run(load).map(|()| true),
        None => measure(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::complain(&*error);
            ExitCode::from(2)
        }
    }
}

/// Measures everything; whether all targets are met.
fn measure(options: &Options) -> Outcome<bool> {
    if !options.airlift.is_file() {
        return Err(format!("there is no {}: cargo build --release -p airlift", options.airlift.display()).into());
    }
    fs_err::create_dir_all(&options.work)?;
    if options.first {
        process::go_first();
    }
    let mut report = Report::default();
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    if wanted(Part::Apt) {
        apt::measure(options, &mut report)?;
    }
    if wanted(Part::Helm) {
        helm::measure(options, &mut report)?;
    }
    if wanted(Part::Serving) {
        serving::measure(options, &mut report)?;
    }
    if wanted(Part::Opening) {
        opening::measure(options, &mut report)?;
    }
    if wanted(Part::Packing) {
        packing::measure(options, &mut report)?;
    }
    if wanted(Part::Python) {
        python::measure(options, &mut report)?;
    }
    if wanted(Part::Yum) {
        yum::measure(options, &mut report)?;
    }
    report.finish(&options.work.join("results.json"))
}
