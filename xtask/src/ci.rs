//! `cargo xtask ci`: everything that has to pass before a change lands.

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use crate::run::{Outcome, cargo, program, run as run_command, say, target};
use crate::{budgets, dist, docs, layers, quickstart, test};

/// A step: its name, and what it does.
type Step = (&'static str, fn() -> Outcome);

/// The steps that say what is wrong with the source. All of them are done, however many fail.
const CHECKS: [Step; 6] = [
    ("format", || run_command(&mut cargo(["fmt", "--all", "--check"]))),
    ("layers", layers::run),
    ("budgets", budgets::run),
    ("dependencies", deny),
    ("clippy", clippy),
    ("documentation", documentation),
];

/// The steps that run the program. Each needs the one before.
const RUNS: [Step; 4] = [
    ("dist", || dist::run().map(drop)),
    ("reference", || docs::run(&docs::Options { check: true, program: Some(target().join("dist/airlift")) })),
    ("quickstart", || quickstart::run(&quickstart::Options::default())),
    ("test", || test::run(&test::Options::default())),
];

/// Does all of it and tells how long each step took.
pub(crate) fn run() -> Outcome {
    let mut times = Vec::new();
    let failed: Vec<String> = CHECKS.into_iter().filter_map(|step| timed(step, &mut times).err()).collect();
    if !failed.is_empty() {
        return Err(format!("{}\nxtask: {}", failed.join("\n"), times.join(", ")).into());
    }
    for step in RUNS {
        // The numbers of the tests are CI's last line, so that the times come before.
        if step.0 == "test" {
            say(&format!("so far: {}", times.join(", ")));
        }
        timed(step, &mut times)?;
    }
    Ok(())
}

fn timed((name, step): Step, times: &mut Vec<String>) -> Result<(), String> {
    println!("\n== {name}");
    let start = Instant::now();
    let outcome = step().map_err(|error| format!("{name}: {error}"));
    let seconds = start.elapsed().as_secs();
    times.push(format!("{name} {}:{:02}", seconds / 60, seconds % 60));
    if let Err(error) = &outcome {
        say(error);
    }
    outcome
}

/// Licences, bans and sources of every dependency. Advisories are left out: their database can't be had everywhere.
fn deny() -> Outcome {
    let tools = env::var_os("AIRLIFT_TOOLS").map(PathBuf::from);
    let tools = tools.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/airlift-tools")));
    let mut deny = program(tools.ok_or("HOME is not set")?.join("bin/cargo-deny"));
    run_command(deny.args(["--all-features", "--locked", "check", "bans", "licenses", "sources"]))
}

fn clippy() -> Outcome {
    run_command(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--keep-going",
        "--",
        "--deny",
        "warnings",
    ]))
}

fn documentation() -> Outcome {
    let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked", "--keep-going"]);
    run_command(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}
