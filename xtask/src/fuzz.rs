//! `cargo xtask fuzz`: feeds every parser with what no upstream would send.
//!
//! The targets are programs of `fuzz/`, a workspace of its own. They are built with libFuzzer and with LLVM's coverage
//! counters, which the stable compiler has; no nightly one and no cargo-fuzz are needed. Address sanitizing, which would
//! need one, finds nothing in a program without `unsafe`; memory is bounded by libFuzzer's own limit.

use std::fs::{self, File};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use clap::Args;

use crate::run::{Outcome, at, cargo, files, not_started, root, run as run_command, say, target, text};

/// What makes LLVM count which branches are taken, and with which values (clang's SanitizerCoverage).
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code";

/// What may be used at most: seconds for one input, MiB of memory in all, bytes of an input.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=32768"];

/// Seeds that other tests have already.
const FIXTURES: [(&str, &str); 1] = [("openpgp", "crates/airlift-openpgp/tests/fixtures")];

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many targets run at a time.
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// The targets; all of fuzz/targets/ where none is named.
    targets: Vec<String>,
}

/// What a target came to.
struct Run {
    executed: String,
    memory: String,
    found: Vec<PathBuf>,
}

/// Builds the targets, then runs them; those that find something do not stop the others.
pub(crate) fn run(options: &Options) -> Outcome {
    let all = names()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no target {unknown}; there are: {}", all.join(", ")).into());
    }
    let wanted = if options.targets.is_empty() { &all } else { &options.targets };
    let programs = build(wanted)?;
    let waiting = Mutex::new(wanted.iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<Vec<PathBuf>, String> {
        let mut found = Vec::new();
        while let Some(name) = next() {
            let run = one(&programs.join(name), name, options.seconds).map_err(|error| error.to_string())?;
            say(&format!("{name}: {} inputs, {} MiB at most, {} findings", run.executed, run.memory, run.found.len()));
            found.extend(run.found);
        }
        Ok(found)
    };
    let found: Vec<PathBuf> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.at_once.max(1)).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.collect::<Result<Vec<_>, String>>()
    })?
    .concat();
    match found.is_empty() {
        true => Ok(()),
        false => {
            let found: Vec<String> = found.iter().map(|path| format!("\n  {}", path.display())).collect();
            Err(format!("these inputs are handled wrongly; make a test of each:{}", found.concat()).into())
        }
    }
}

fn names() -> Outcome<Vec<String>> {
    let sources = files(&root().join("fuzz/targets"), "rs")?;
    Ok(sources.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect())
}

/// Where everything is that fuzzing makes.
fn place() -> PathBuf {
    target().join("fuzz")
}

fn build(wanted: &[String]) -> Outcome<PathBuf> {
    let version = text(Command::new("rustc").arg("-vV").current_dir(root()))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let mut command = cargo(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    command.args(wanted.iter().flat_map(|name| ["--bin", name]));
    run_command(command.env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", place()))?;
    Ok(place().join(host).join("release"))
}

fn one(program: &Path, name: &str, seconds: u64) -> Outcome<Run> {
    let folder = |kind: &str| -> Outcome<PathBuf> {
        let folder = place().join(kind).join(name);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(folder)
    };
    let (corpus, findings) = (folder("corpus")?, folder("findings")?);
    let log = place().join(format!("{name}.log"));
    let output = File::create(&log).map_err(at(&log))?;
    let mut command = Command::new(program);
    command.arg(&corpus).args(seeds(name)).args(LIMITS).arg("-print_final_stats=1");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", findings.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).current_dir(root());
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    let told = fs::read(&log).map_err(at(&log))?;
    let told = String::from_utf8_lossy(&told);
    let figure = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        line.map_or_else(|| "?".to_owned(), |line| line.trim_start_matches(':').trim().to_owned())
    };
    let artifacts = fs::read_dir(&findings).map_err(at(&findings))?;
    let found: Vec<PathBuf> = artifacts.filter_map(|entry| Some(entry.ok()?.path())).collect();
    if !status.success() && found.is_empty() {
        return Err(format!("{name} ended with {status}; {} says why", log.display()).into());
    }
    Ok(Run { executed: figure("number_of_executed_units"), memory: figure("peak_rss_mb"), found })
}

/// Inputs to begin with.
fn seeds(name: &str) -> Vec<PathBuf> {
    let own = root().join("fuzz/seeds").join(name);
    let fixtures = FIXTURES.iter().filter(|(of, _)| *of == name).map(|(_, path)| root().join(path));
    std::iter::once(own).chain(fixtures).filter(|path| path.is_dir()).collect()
}
