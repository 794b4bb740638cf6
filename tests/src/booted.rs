//! A host of its own: its first process is systemd, its files are this machine's with its own changes above them, and its
//! network reaches nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Daemon, output, text};
use crate::temporary;
use crate::tools::tool;

/// What boots it.
const SCRIPT: &str = include_str!("booted.sh");

/// A host that was booted; it ends when this value is dropped.
#[derive(Debug)]
pub struct Booted {
    /// The process, in this machine's numbers, that is its first one.
    first: u32,
    // Ended before its folder is removed.
    _daemon: Daemon,
    work: tempfile::TempDir,
}

impl Booted {
    /// The programs that are needed.
    pub const PROGRAMS: [&str; 4] = ["systemctl", "unshare", "nsenter", "ip"];

    /// Boots it, and waits until its systemd says that it runs.
    pub fn start() -> Self {
        Self::boot("systemd", runs)
    }

    /// The same without systemd, as in a container: its first process does nothing.
    pub fn without_systemd() -> Self {
        Self::boot("none", |first| output(enter(first).args(["test", "-d", "/srv/shared"])).status.success())
    }

    fn boot(init: &str, ready: impl Fn(u32) -> bool) -> Self {
        let work = temporary::folder();
        for folder in ["files", "shared"] {
            fs::create_dir(work.path().join(folder)).expect("a folder");
        }
        let script = work.path().join("booted.sh");
        fs::write(&script, SCRIPT).expect("a file");
        let mut command = Command::new(tool("unshare"));
        command.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--"]);
        command.arg("sh").arg(&script).arg(work.path().join("files")).arg(work.path().join("shared")).arg(init);
        let mut daemon = Daemon::start(&command, &work.path().join("log"));
        let parent = daemon.child().id();
        let children = PathBuf::from(format!("/proc/{parent}/task/{parent}/children"));
        let first = || fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok();
        daemon.wait_until(|| first().is_some_and(&ready));
        Self { first: first().expect("it runs"), _daemon: daemon, work }
    }

    /// A folder that both see: where it is here, and where it is there.
    pub fn shared(&self) -> (PathBuf, &'static Path) {
        (self.work.path().join("shared"), Path::new("/srv/shared"))
    }

    /// A file of it, as this machine reaches it.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.first))
    }

    /// The same command inside.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = enter(self.first);
        if let Some(folder) = command.get_current_dir() {
            inside.arg("env").arg("--chdir").arg(folder);
        }
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// A command inside, by its words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut inside = enter(self.first);
        inside.args(words);
        inside
    }

    /// Runs a command inside that has to succeed; what it prints.
    pub fn run(&self, words: &[&str]) -> String {
        text(&mut self.command(words))
    }
}

fn enter(first: u32) -> Command {
    let mut enter = Command::new(tool("nsenter"));
    enter.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--target", &first.to_string(), "--"]);
    enter
}

/// Whether systemd has started all that it starts by itself.
fn runs(first: u32) -> bool {
    let state = output(enter(first).args(["systemctl", "is-system-running"])).stdout;
    matches!(String::from_utf8_lossy(&state).trim(), "running" | "degraded")
}
