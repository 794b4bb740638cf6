//! Programs of this machine, run within bounds.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The most bytes of an answer.
const MOST: u64 = 64 << 20;
/// The longest that is waited for one.
const LONGEST: Duration = Duration::from_secs(60);

/// What a program answers about files; see [`airlift_kind::Machine::ask_about`].
pub(crate) fn about(path: &Path, (program, arguments): (&str, &[&str]), files: &[(&str, &[u8])]) -> Option<String> {
    let folder = tempfile::tempdir().ok()?;
    for (name, bytes) in files {
        fs_err::write(folder.path().join(name), bytes).ok()?;
    }
    let mut command = Command::new(program);
    // How it is set up otherwise would make its answer another one on another machine.
    command.args(arguments).current_dir(folder.path()).env_clear().env("PATH", path).env("HOME", folder.path());
    bounded(command)
}

/// What a program answers, whoever it is set up for; none where it fails, answers too much or takes too long.
pub(crate) fn bounded(mut command: Command) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let output = child.stdout.take()?;
    let answer = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Where it answers more, its pipe is closed here, which ends it.
        output.take(MOST).read_to_end(&mut bytes).map(|_| bytes)
    });
    let succeeded = succeeds(&mut child);
    let bytes = answer.join().ok()?.ok()?;
    (succeeded && (bytes.len() as u64) < MOST).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits until a program ends, which it does in time.
fn succeeds(child: &mut Child) -> bool {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if began.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(10)),
            _ => {
                // It is not there any more, or ends by this.
                let _ = child.kill();
                let _ = child.wait();
                return false;
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
        assert_eq!(ask("cat a.txt; ls").as_deref(), Some("helloa.txt\n"));
        assert_eq!(ask("test \"$HOME\" = \"$PWD\" && test -z \"$USER\" && echo yes").as_deref(), Some("yes\n"));
        assert_eq!(ask("echo no; exit 3"), None);
        assert_eq!(ask("yes"), None, "an answer without an end");
        assert_eq!(about(path, ("no-such-program", &[]), &[]), None);
    }
}
