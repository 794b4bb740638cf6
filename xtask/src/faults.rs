//! `cargo xtask faults`: kills, corruption and broken upstreams, at length.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::dist;
use crate::run::{Outcome, cargo, program, root, run as run_command, say};

/// The test programs of the package airlift-e2e that break things at random.
const SUITES: [&str; 3] = ["kill", "corrupt", "faults"];

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The seed of all random choices; from the clock unless given, and always printed.
    #[arg(long)]
    seed: Option<u64>,
    /// How many times the counts of the ordinary test run.
    #[arg(long, default_value_t = 10)]
    times: u32,
}

/// Makes the program and runs the suites.
pub(crate) fn run(options: &Options) -> Outcome {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = options.seed.unwrap_or_else(clock);
    run_command(&mut program(root().join("scripts/install-test-tools")))?;
    let airlift = dist::run()?;
    say(&format!("repeat with: cargo xtask faults --seed {seed} --times {}", options.times));
    let mut command = cargo(["test", "--locked", "--no-fail-fast", "--package", "airlift-e2e"]);
    command.args(SUITES.iter().flat_map(|suite| ["--test", suite]));
    command.env("AIRLIFT_BIN", airlift).env("AIRLIFT_SEED", seed.to_string());
    run_command(command.env("AIRLIFT_FAULTS_TIMES", options.times.to_string()))
}
