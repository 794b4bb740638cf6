//! What systemd is asked and told, by its own program.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::ServiceError;
use super::unit::NAME;

/// The systemd that runs this system.
#[derive(Debug)]
pub(crate) struct Systemd(());

impl Systemd {
    /// It, where it runs (sd_booted(3)).
    pub(crate) fn here() -> Option<Self> {
        Path::new("/run/systemd/system").is_dir().then_some(Self(()))
    }

    /// Makes it read the units again.
    pub(crate) fn reload(&self) -> Result<(), ServiceError> {
        run("systemctl", &["daemon-reload"]).map(drop)
    }

    /// Starts the service, or, where it runs, stops and starts it. Returns when it listens.
    pub(crate) fn restart(&self) -> Result<(), ServiceError> {
        // What failed before is no reason not to try. It may not have failed.
        let _ = run("systemctl", &["reset-failed", NAME]);
        run("systemctl", &["restart", NAME]).map(drop).map_err(with_journal)
    }

    /// Stops the service.
    pub(crate) fn stop(&self) -> Result<(), ServiceError> {
        run("systemctl", &["stop", NAME]).map(drop)
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        run("systemctl", &["is-active", "--quiet", NAME]).is_ok()
    }

    /// Whether the program that it runs has been replaced since it was started: Linux calls such a file deleted (proc(5)).
    pub(crate) fn runs_replaced_program(&self) -> Result<bool, ServiceError> {
        let process = self.properties()?.remove("MainPID").unwrap_or_default();
        let running = fs_err::read_link(Path::new("/proc").join(process).join("exe"));
        Ok(running.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)")))
    }

    /// What systemd knows of the service.
    pub(crate) fn properties(&self) -> Result<BTreeMap<String, String>, ServiceError> {
        let wanted =
            "--property=LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,ActiveEnterTimestamp,Result";
        let text = run("systemctl", &["show", NAME, wanted])?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The last lines of the journal say why a service did not start.
fn with_journal(error: ServiceError) -> ServiceError {
    let ServiceError::Failed { command, said, .. } = error else { return error };
    let journal = run("journalctl", &["--unit", NAME, "--lines", "8", "--no-pager", "--output", "cat"]);
    let said = journal.map_or(said, |journal| journal.trim_end().to_owned());
    ServiceError::Failed { command, said, journal: true }
}

/// Runs a program that has to succeed; what it printed.
pub(crate) fn run(program: &'static str, arguments: &[&str]) -> Result<String, ServiceError> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|source| ServiceError::Spawn { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    let said = if said.is_empty() { output.status.to_string() } else { said };
    Err(ServiceError::Failed { command: format!("{program} {}", arguments.join(" ")), said, journal: false })
}
