//! `cargo xtask test`: every test, with the end-to-end tests driving the program that `dist` makes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use clap::Args;

use crate::dist;
use crate::run::{Outcome, cargo, not_started, program, root, run as run_command, say};

/// What can be chosen.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// More arguments for `cargo test`, such as `-p airlift-store`; without any, the whole workspace is tested.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// Installs what the tests drive, makes the program, and runs the tests.
pub(crate) fn run(options: &Options) -> Outcome {
    run_command(&mut program(root().join("scripts/install-test-tools")))?;
    let airlift = dist::run()?;
    let mut command = cargo(["test", "--no-fail-fast"]);
    if options.cargo.is_empty() {
        command.arg("--workspace");
    }
    command.args(&options.cargo).env("AIRLIFT_BIN", &airlift).env("INSTA_UPDATE", "no");
    say("cargo test");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| not_started(&command, &error))?;
    let mut sum = Sum::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            sum.add(&line);
        }
    }
    let status = child.wait()?;
    if !status.success() && sum.failed == 0 {
        say("a test program did not compile, or ended before it told its result");
        sum.failed = 1;
    }
    println!("{}", sum.closing_line());
    match (status.success(), sum.passed) {
        (true, 1..) => Ok(()),
        (true, 0) => Err("no test ran".into()),
        (false, _) => Err("tests failed".into()),
    }
}

/// What all test programs said together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Sum {
    /// Adds the numbers of a test program's last line; other lines have none.
    fn add(&mut self, line: &str) {
        let Some(numbers) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else {
            return;
        };
        for number in numbers.1.split("; ") {
            match number.split_once(' ').map(|(count, what)| (count.parse().unwrap_or(0), what)) {
                Some((count, "passed")) => self.passed += count,
                Some((count, "failed")) => self.failed += count,
                Some((count, "ignored")) => self.skipped += count,
                _ => {}
            }
        }
    }

    /// The line that CI reads.
    fn closing_line(&self) -> String {
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_test_programs_are_added() {
        let mut sum = Sum::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.01s",
            "    test result: ok. 99 passed; 0 failed; 0 ignored; what a test printed",
        ] {
            sum.add(line);
        }
        assert_eq!(sum, Sum { passed: 14, failed: 3, skipped: 1 });
        assert_eq!(sum.closing_line(), "14 passed, 3 failed, 1 skipped");
        assert_eq!(Sum { skipped: 0, ..sum }.closing_line(), "14 passed, 3 failed");
    }
}
