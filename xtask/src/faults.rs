//! `cargo xtask faults`: kills, corruption and broken upstreams, at length.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::dist;
use crate::run::{Outcome, cargo, program, root, run as run_command, say};

/// The test programs of the package airlift-e2e that break things at random, from a seed.
const SUITES: [&str; 3] = ["corrupt", "faults", "kill"];

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The seed of the first round; from the clock unless given, and always printed. Each round has the next one.
    #[arg(long)]
    seed: Option<u64>,
    /// How many rounds of the suites that `cargo xtask test` runs once.
    #[arg(long, default_value_t = 10)]
    rounds: u64,
}

/// Makes the program and runs the suites, until a round fails.
pub(crate) fn run(options: &Options) -> Outcome {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let first = options.seed.unwrap_or_else(clock);
    run_command(&mut program(root().join("scripts/install-test-tools")))?;
    let airlift = dist::run()?;
    for round in 0..options.rounds {
        let seed = first.wrapping_add(round);
        say(&format!(
            "round {} of {}; repeat it with: cargo xtask faults --seed {seed} --rounds 1",
            round + 1,
            options.rounds
        ));
        let mut command = cargo(["test", "--no-fail-fast", "--package", "airlift-e2e"]);
        command.args(SUITES.iter().flat_map(|suite| ["--test", suite]));
        run_command(command.env("AIRLIFT_BIN", &airlift).env("AIRLIFT_SEED", seed.to_string()))?;
    }
    Ok(())
}
