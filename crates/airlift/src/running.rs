//! Programs of this machine, run within bounds.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use airlift_kind::machine::ProgramAnswer;

/// The most bytes of an answer.
const MOST: u64 = 64 << 20;
/// The most bytes of what a program says of its failure.
const MOST_COMPLAINT: u64 = 1 << 16;
/// The longest that is waited for one.
const LONGEST: Duration = Duration::from_secs(60);

/// What a program answers about files; see [`airlift_kind::Machine::ask_about`].
pub(crate) fn about(path: &Path, (program, arguments): (&str, &[&str]), files: &[(&str, &[u8])]) -> ProgramAnswer {
    let put = || {
        let folder = tempfile::tempdir()?;
        files.iter().try_for_each(|(name, bytes)| fs_err::write(folder.path().join(name), bytes))?;
        io::Result::Ok(folder)
    };
    let folder = match put() {
        Ok(folder) => folder,
        Err(error) => return ProgramAnswer::Failed(error.to_string()),
    };
    let mut command = Command::new(program);
    // How it is set up otherwise would make its answer another one on another machine.
    command.args(arguments).current_dir(folder.path()).env_clear().env("PATH", path).env("HOME", folder.path());
    bounded(command)
}

/// What a program answers, whoever it is set up for.
pub(crate) fn bounded(mut command: Command) -> ProgramAnswer {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ProgramAnswer::NotThere,
        Err(error) => return ProgramAnswer::Failed(error.to_string()),
    };
    let (output, complaint) = (read(child.stdout.take(), MOST), read(child.stderr.take(), MOST_COMPLAINT));
    let ended = ended(&mut child);
    let (output, complaint) = (joined(output), joined(complaint));
    match (ended, output) {
        (None, _) => ProgramAnswer::Failed(format!("it takes longer than {} seconds", LONGEST.as_secs())),
        (_, output) if output.len() as u64 == MOST => ProgramAnswer::Failed("it answers more than 64 MiB".to_owned()),
        (Some(false), _) => ProgramAnswer::Failed(last_line(&String::from_utf8_lossy(&complaint))),
        (Some(true), output) => ProgramAnswer::Said(String::from_utf8_lossy(&output).into_owned()),
    }
}

/// Reads what a program writes on a thread of its own. Where it writes more, its pipe is closed, which ends it.
fn read(from: Option<impl Read + Send + 'static>, most: u64) -> Option<JoinHandle<Vec<u8>>> {
    let from = from?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is what there is.
        let _ = from.take(most).read_to_end(&mut bytes);
        bytes
    }))
}

fn joined(reading: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reading.and_then(|reading| reading.join().ok()).unwrap_or_default()
}

/// The last line that says something, which is where programs name their trouble.
fn last_line(complaint: &str) -> String {
    let line = complaint.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it says nothing of it").chars().take(300).collect()
}

/// Waits until a program ends; whether it succeeded, and none where it did not end in time.
fn ended(child: &mut Child) -> Option<bool> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if began.elapsed() < LONGEST => thread::sleep(Duration::from_millis(10)),
            _ => {
                // It is not there any more, or ends by this.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_its_files_and_nothing_else() {
        let path = Path::new("/usr/bin:/bin");
        let ask = |script: &str| about(path, ("sh", &["-c", script]), &[("a.txt", b"hello")]);
        let said = |text: &str| ProgramAnswer::Said(text.to_owned());
        let failed = |text: &str| ProgramAnswer::Failed(text.to_owned());
        assert_eq!(ask("cat a.txt; ls"), said("helloa.txt\n"));
        assert_eq!(ask("test \"$HOME\" = \"$PWD\" && test -z \"$USER\" && echo yes"), said("yes\n"));
        assert_eq!(ask("echo no; exit 3"), failed("it says nothing of it"));
        assert_eq!(ask("echo a >&2; echo 'Error: b' >&2; echo >&2; exit 3"), failed("Error: b"));
        assert_eq!(ask("yes"), failed("it answers more than 64 MiB"), "an answer without an end");
        assert_eq!(about(path, ("no-such-program", &[]), &[]), ProgramAnswer::NotThere);
    }
}
