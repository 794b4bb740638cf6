//! Programs of this machine, run within bounds.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use airlift_kind::machine::ProgramAnswer;

/// The most bytes of an answer.
const MOST: usize = 64 << 20;
/// The most bytes that are kept of what a program says of its failure.
const MOST_COMPLAINT: usize = 1 << 16;
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
pub(crate) fn bounded(command: Command) -> ProgramAnswer {
    within(command, LONGEST)
}

fn within(mut command: Command, longest: Duration) -> ProgramAnswer {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return ProgramAnswer::NotThere,
        Err(error) => return ProgramAnswer::Failed(error.to_string()),
    };
    let deadline = Instant::now() + longest;
    let output = reading(child.stdout.take(), first);
    let complaint = reading(child.stderr.take(), last);
    let answer = ended(&mut child, deadline).and_then(|succeeded| {
        let output = until(deadline, &output)?;
        Some(match succeeded {
            _ if output.len() == MOST => ProgramAnswer::Failed("it answers more than 64 MiB".to_owned()),
            true => ProgramAnswer::Said(String::from_utf8_lossy(&output).into_owned()),
            false => ProgramAnswer::Failed(reason(&String::from_utf8_lossy(&until(deadline, &complaint)?))),
        })
    });
    answer.unwrap_or_else(|| ProgramAnswer::Failed(format!("it takes longer than {} seconds", longest.as_secs())))
}

/// Reads what a program writes on a thread of its own: what the program started may keep a pipe open for longer than anybody
/// waits.
fn reading<R: Read + Send + 'static>(from: Option<R>, read: fn(R) -> Vec<u8>) -> Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    if let Some(from) = from {
        // Whoever waited may have given up meanwhile.
        thread::spawn(move || send.send(read(from)));
    }
    receive
}

/// What was read; none where it did not end in time.
fn until(deadline: Instant, reading: &Receiver<Vec<u8>>) -> Option<Vec<u8>> {
    reading.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// An answer. Where there is more of it, its pipe is closed, which ends the program.
fn first(from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read until an error is what there is.
    let _ = from.take(MOST as u64).read_to_end(&mut bytes);
    bytes
}

/// The end of a complaint. It is read whole: a program whose pipe is closed does not get to its answer.
fn last(mut from: impl Read) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; MOST_COMPLAINT]);
    while let Ok(length @ 1..) = from.read(&mut piece) {
        bytes.extend_from_slice(&piece[..length]);
        bytes.drain(..bytes.len().saturating_sub(MOST_COMPLAINT));
    }
    bytes
}

/// Why a program failed: the last paragraph that begins with an error, since Helm has advice behind it, and otherwise the last
/// line that says something.
fn reason(complaint: &str) -> String {
    let lines: Vec<&str> = complaint.lines().map(str::trim).collect();
    let is_error = |line: &&str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
    let said = match lines.iter().rposition(is_error) {
        Some(first) => lines[first..].split(|line| line.is_empty()).next().unwrap_or_default().join(" "),
        None => lines.into_iter().rfind(|line| !line.is_empty()).unwrap_or("it says nothing of it").to_owned(),
    };
    said.chars().take(300).collect()
}

/// Waits until a program ends; whether it succeeded, and none where it did not end in time.
fn ended(child: &mut Child, deadline: Instant) -> Option<bool> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
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
        assert_eq!(ask("head -c 300000 /dev/zero >&2; echo ok"), said("ok\n"), "a complaint that nobody needs");
        assert_eq!(ask("head -c 300000 /dev/zero >&2; echo >&2; echo c >&2; exit 3"), failed("c"), "its end counts");
        assert_eq!(ask("printf 'Error: a\\n- b\\n\\nUse --debug x\\n' >&2; exit 1"), failed("Error: a - b"));
        assert_eq!(ask("yes"), failed("it answers more than 64 MiB"), "an answer without an end");
        assert_eq!(about(path, ("no-such-program", &[]), &[]), ProgramAnswer::NotThere);
    }

    #[test]
    fn what_a_program_started_is_not_waited_for_without_an_end() {
        let late = ProgramAnswer::Failed("it takes longer than 1 seconds".to_owned());
        for script in ["sleep 20 & echo hi", "exec sleep 20"] {
            let (mut command, began) = (Command::new("sh"), Instant::now());
            command.args(["-c", script]);
            assert_eq!(within(command, Duration::from_secs(1)), late, "{script}");
            assert!(began.elapsed() < Duration::from_secs(15), "{script}");
        }
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 20 >/dev/null & echo hi"]);
        let said = ProgramAnswer::Said("hi\n".to_owned());
        assert_eq!(within(command, Duration::from_secs(1)), said, "only its complaints are held");
    }
}
