//! `cargo xtask bench`: side by side with peers, ratios in one run.

use clap::Args;

use crate::dist;
use crate::run::{Outcome, cargo, program, root, run as run_command};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Arguments for the benchmark program; `cargo xtask bench -- --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Installs the peers, makes the program, and measures both.
pub(crate) fn run(options: &Options) -> Outcome {
    run_command(program(root().join("scripts/install-test-tools")).args(["--only", "bench"]))?;
    let airlift = dist::run()?;
    let mut command = cargo(["run", "--release", "--package", "airlift-bench", "--"]);
    run_command(command.args(&options.arguments).env("AIRLIFT_BIN", airlift))
}
