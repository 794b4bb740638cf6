//! What a developer types: `cargo xtask …`. One file a command.
#![expect(clippy::print_stdout, reason = "this program talks to the person who typed its name")]

mod bench;
mod budgets;
mod ci;
mod dist;
mod docs;
mod faults;
mod fuzz;
mod layers;
mod quickstart;
mod run;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, tests and checks Airlift.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds the program and does its main job for real on this machine: collect, verify, serve, fetch.
    Quickstart(quickstart::Options),
    /// Runs every test, the end-to-end tests with the program that `dist` makes among them.
    Test(test::Options),
    /// Makes the one static binary, target/dist/airlift, and proves that it is static.
    Dist,
    /// Measures against nginx and cp, ratios in one run.
    Bench(bench::Options),
    /// Runs the kill, corruption and upstream-fault suites at length.
    Faults(faults::Options),
    /// Feeds every parser with what no upstream would send.
    Fuzz(fuzz::Options),
    /// Checks who may depend on whom (ARCHITECTURE.md, "Folders and layers").
    Layers,
    /// Checks the sizes of files and functions (ARCHITECTURE.md, "Habits").
    Budgets,
    /// Generates docs/reference/ from the program.
    Docs(docs::Options),
    /// Does everything that .ci/run does.
    Ci,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Quickstart(options) => quickstart::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Dist => dist::run().map(drop),
        Command::Bench(options) => bench::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Layers => layers::run(),
        Command::Budgets => budgets::run(),
        Command::Docs(options) => docs::run(&options),
        Command::Ci => ci::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
