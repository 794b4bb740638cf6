//! Ansible, as it is called on a host.

use std::path::Path;
use std::process::Command;

use crate::process::{describe, output};
use crate::tools::{checkout, tool};

/// What a run of a playbook came to on the one host.
#[derive(Debug)]
pub struct Recap {
    /// All that it printed.
    pub said: String,
    /// How many tasks changed something.
    pub changed: u32,
}

/// A playbook of this checkout on the host on which it is called, with these arguments.
pub fn playbook(path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(tool("ansible-playbook"));
    command.args(arguments).arg(path).current_dir(checkout());
    command
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_LOCALHOST_WARNING", "0");
    command
}

/// Runs it; every task has to succeed.
pub fn play(command: &mut Command) -> Recap {
    let done = output(command);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("failed=0"), "{}", describe(command, &done));
    let changed = said.rsplit("changed=").next().and_then(|rest| rest.split_whitespace().next());
    let changed = changed.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no recap: {said}"));
    Recap { said, changed }
}

/// `name=value` for a path.
pub fn variable(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
