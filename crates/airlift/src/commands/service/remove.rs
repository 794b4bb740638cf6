//! `airlift service remove`.

use serde_json::json;

use super::{Context, Report, installed};
use crate::cli::service::Remove;
use crate::error::Trouble;
use crate::service::place::Root;
use crate::service::systemd::Systemd;
use crate::service::unit;

pub(super) fn run(arguments: &Remove, context: &Context<'_>) -> Result<(), Trouble> {
    let root = Root::new(&arguments.system.root, arguments.dry_run);
    let mut report = Report::new(&root, context.printer);
    let systemd = if root.is_this_system() { Systemd::here() } else { None };
    let systemd_is_missing = root.is_this_system() && systemd.is_none();
    let text = installed(&root).map(|(_, text)| text);
    if let Some(systemd) = systemd.as_ref().filter(|systemd| systemd.runs()) {
        if !root.dry_run() {
            systemd.stop()?;
        }
        report.did(("stopped", "stop"), unit::NAME);
    }
    for path in [unit::WANTED, unit::PATH] {
        match root.remove(path)? {
            true => report.did(("removed", "remove"), path),
            false => report.unchanged(&format!("there is no {path}")),
        }
    }
    if let Some(systemd) = systemd.filter(|_| report.changed && !root.dry_run()) {
        systemd.reload()?;
    }
    if systemd_is_missing {
        for process in serving() {
            report.left(format!(
                "NOT stopped: process {process} serves, and systemd does not run here; 'kill {process}' stops it"
            ));
        }
    }
    if let Some(text) = text {
        for stays in what_stays(&root, &text) {
            report.left(stays);
        }
    }
    context.printer.object("removed", json!({ "changed": report.changed, "left": report.left }));
    Ok(())
}

/// The processes of this system that serve with the installed program, whoever has started them.
fn serving() -> Vec<String> {
    let serves = format!("{}\0serve\0", unit::PROGRAM);
    let folders = fs_err::read_dir("/proc").into_iter().flatten().flatten();
    let serving = folders.filter(|folder| {
        fs_err::read(folder.path().join("cmdline")).is_ok_and(|words| words.starts_with(serves.as_bytes()))
    });
    serving.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}

/// What a removed service leaves behind, and how it goes as well.
fn what_stays(root: &Root, text: &str) -> Vec<String> {
    let mut stays = Vec::new();
    if let Some(store) = unit::serve_arguments(text).and_then(|words| words.last().cloned()) {
        stays.push(format!("kept: {store}, with all of its content"));
    }
    if root.at(unit::PROGRAM).exists() {
        stays.push(format!("kept: {} (rm {0} removes it)", unit::PROGRAM));
    }
    if let Some(user) = text.lines().find_map(|line| line.strip_prefix("User=")) {
        stays.push(format!("kept: the account {user} (userdel {user} removes it)"));
    }
    let own = format!("{}.d", unit::PATH);
    if root.at(&own).exists() {
        stays.push(format!("kept: {own}, since it is not from here"));
    }
    stays
}
