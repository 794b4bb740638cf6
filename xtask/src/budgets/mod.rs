//! `cargo xtask budgets`: files and functions stay short enough to be read.

mod count;

use std::fs;

use self::count::{Counts, count};
use crate::run::{Outcome, at, files, root, say};

/// Lines of a file, without its tests, from which on it is named.
const FILE_LINES_WISHED: usize = 400;
/// Lines of a file, without its tests, that are too many.
const FILE_LINES: usize = 600;
/// Lines of a function, from `fn` to its closing brace, that are allowed.
const FUNCTION_LINES: usize = 60;
/// Parameters of a function, without `self`, that are allowed; past them there is an options struct.
const PARAMETERS: usize = 4;

/// Folders with Rust of our own.
const FOLDERS: [&str; 5] = ["bench", "crates", "kinds", "tests", "xtask"];

/// Checks every source file and names every offender.
pub(crate) fn run() -> Outcome {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        sources.extend(files(&root().join(folder), "rs")?);
    }
    let (mut offences, mut longest) = (0, 0);
    for file in &sources {
        let source = fs::read_to_string(file).map_err(at(file))?;
        let counts = count(&source).map_err(|error| format!("{}: {error}", file.display()))?;
        longest = longest.max(counts.lines);
        let name = file.strip_prefix(root()).unwrap_or(file).display();
        if (FILE_LINES_WISHED + 1..=FILE_LINES).contains(&counts.lines) {
            println!("warning: {name}: {} lines without tests; {FILE_LINES_WISHED} are wished", counts.lines);
        }
        for offence in offences_of(&counts) {
            println!("{name}{offence}");
            offences += 1;
        }
    }
    say(&format!("budgets: {} files, the longest has {longest} lines without its tests", sources.len()));
    if offences == 0 { Ok(()) } else { Err(format!("budgets: {offences} offences").into()) }
}

/// What is too long in one file; each begins with the place in it.
fn offences_of(counts: &Counts) -> Vec<String> {
    let mut offences = Vec::new();
    if counts.lines > FILE_LINES {
        offences.push(format!(": {} lines without tests; {FILE_LINES} are the stop", counts.lines));
    }
    for function in &counts.functions {
        let (name, line) = (&function.name, function.line);
        if function.lines > FUNCTION_LINES {
            offences.push(format!(":{line}: fn {name} has {} lines; {FUNCTION_LINES} are allowed", function.lines));
        }
        if function.parameters > PARAMETERS {
            let has = function.parameters;
            offences
                .push(format!(":{line}: fn {name} has {has} parameters; past {PARAMETERS} comes an options struct"));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_named_with_its_line() {
        let long = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(60));
        let wide = "fn wide(a: u8, b: u8, c: u8, d: u8, e: u8) {}\n";
        let offences = offences_of(&count(&format!("{long}{wide}")).expect("Rust"));
        assert_eq!(
            offences,
            [
                ":1: fn long has 62 lines; 60 are allowed",
                ":63: fn wide has 5 parameters; past 4 comes an options struct"
            ]
        );
    }

    #[test]
    fn a_file_is_stopped_at_six_hundred_lines_without_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    const A: u8 = 0;\n".repeat(500));
        let at_the_limit = format!("{}{tests}", "const A: u8 = 0;\n".repeat(600));
        assert_eq!(offences_of(&count(&at_the_limit).expect("Rust")), Vec::<String>::new());
        let over_it = format!("const B: u8 = 0;\n{at_the_limit}");
        assert_eq!(offences_of(&count(&over_it).expect("Rust")), [": 601 lines without tests; 600 are the stop"]);
    }
}
