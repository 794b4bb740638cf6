//! `airlift service install`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use airlift_store::Store;
use airlift_tls::Folder;
use serde_json::json;

use super::{Context, Report, serve_arguments};
use crate::cli::{self, service::Install};
use crate::commands::serve;
use crate::error::Trouble;
use crate::service::place::Root;
use crate::service::systemd::{Systemd, run as ask};
use crate::service::unit::{self, Unit};
use crate::service::{ServiceError, account, health};

pub(super) async fn run(arguments: &Install, context: &Context<'_>) -> Result<(), Trouble> {
    let root = Root::new(&arguments.system.root, arguments.dry_run);
    let (unit, serve) = unit(arguments)?;
    let report = Report::new(&root, context.printer);
    let healthz = health::url(&serve);
    let mut installation = Installation { root, unit, serve, report };
    installation.make_account()?;
    installation.hand_over()?;
    let renewed = installation.write()?;
    let running = installation.start(renewed, context).await?;
    let Installation { unit, report, .. } = installation;
    context.printer.object(
        "installed",
        json!({
            "changed": report.changed, "running": running, "left": report.left, "command": start_command(&unit),
            "healthz": healthz,
        }),
    );
    Ok(())
}

/// A system, what it gets, and what was done so far.
struct Installation<'a> {
    root: Root,
    unit: Unit,
    serve: cli::Serve,
    report: Report<'a>,
}

impl Installation<'_> {
    fn make_account(&mut self) -> Result<(), ServiceError> {
        let Self { root, unit, report, .. } = self;
        let what = format!("the account {}", unit.user);
        if account::exists(root, &unit.user) {
            report.unchanged(&what);
            return Ok(());
        }
        if !account::can_be_made(root) {
            let why = "there is no useradd here, or no etc/passwd there";
            report.left(format!("NOT made: {what} in {}: {why}", root.folder().display()));
            return Ok(());
        }
        if !root.dry_run() {
            account::make(root, &unit.user)?;
        }
        report.did(("made", "make"), &what);
        Ok(())
    }

    /// Gives the account what only its owner may read, and the service has to.
    fn hand_over(&mut self) -> Result<(), ServiceError> {
        let Self { root, unit, report, serve } = self;
        for path in secrets(serve) {
            root.guard(&path.to_string_lossy())?;
            let there = root.at(&path.to_string_lossy());
            let (Ok(meta), Some(owner)) = (fs_err::metadata(&there), account::number(root, &unit.user)) else {
                continue;
            };
            if meta.uid() == owner || meta.mode() & 0o004 != 0 {
                continue;
            }
            if !root.dry_run() {
                let failed = |source| ServiceError::Io { action: "give away", path: there.clone(), source };
                std::os::unix::fs::chown(&there, Some(owner), None).map_err(failed)?;
            }
            report.did(("given to the account", "give to the account"), &path.display().to_string());
        }
        Ok(())
    }

    /// Writes the program and the unit; whether what runs is another one now.
    fn write(&mut self) -> Result<bool, ServiceError> {
        let Self { root, unit, report, .. } = self;
        let this = Path::new("/proc/self/exe");
        let failed = |source| ServiceError::Io { action: "read", path: this.to_owned(), source };
        let program = fs_err::read(this).map_err(failed)?;
        let mut renewed = report.written(root.file(unit::PROGRAM, &program, 0o755)?, unit::PROGRAM);
        renewed |= report.written(root.file(unit::PATH, unit.text().as_bytes(), 0o644)?, unit::PATH);
        report.written(root.link(unit::WANTED, unit::PATH)?, unit::WANTED);
        Ok(renewed)
    }

    /// Starts the service where that can be done, and says aloud where it can't; whether it runs.
    async fn start(&mut self, renewed: bool, context: &Context<'_>) -> Result<bool, Trouble> {
        let Self { root, unit, report, serve } = self;
        if !root.is_this_system() {
            report.left(format!("NOT started: it starts when the system in {} does", root.folder().display()));
            return Ok(false);
        }
        let Some(systemd) = Systemd::here() else {
            let command = start_command(unit).join(" ");
            report.left(format!("NOT started: systemd does not run here. To start it without:\n  {command}"));
            return Ok(false);
        };
        if renewed && !root.dry_run() {
            systemd.reload()?;
        }
        if let Some(reason) = nothing_to_serve(Path::new(&unit.store)).await {
            let then = format!("'airlift load ARCHIVE --store {}', then 'systemctl start airlift'", unit.store);
            report.left(format!("NOT started: {reason}. To bring something: {then}"));
            return Ok(false);
        }
        let runs = systemd.runs();
        // Who copies the program and then has the copy install itself changes nothing here, and yet the old one runs.
        let renewed = renewed || runs && systemd.runs_replaced_program()?;
        match (runs, renewed) {
            (true, false) => report.unchanged("the service runs"),
            (runs, _) => {
                if !root.dry_run() {
                    systemd.restart()?;
                }
                report.did(if runs { ("restarted", "restart") } else { ("started", "start") }, unit::NAME);
            }
        }
        if root.dry_run() {
            return Ok(false);
        }
        super::status::show_health(&health::Place::of(serve)?, context).await?;
        Ok(true)
    }
}

/// What the unit is written from, and what its command means.
fn unit(arguments: &Install) -> Result<(Unit, cli::Serve), Trouble> {
    let store = std::path::absolute(&arguments.store).unwrap_or_else(|_| arguments.store.clone());
    let store = store.to_string_lossy().into_owned();
    let refused = |reason| ServiceError::Store { store: store.clone(), reason };
    if store.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(refused("its name has characters that a unit can't have").into());
    }
    if ["/tmp/", "/var/tmp/"].iter().any(|folder| store.starts_with(folder)) {
        return Err(refused("that folder is emptied by the system, and a service has its own; move it to /opt").into());
    }
    let words: Vec<String> = arguments.options.iter().chain([&store]).cloned().collect();
    // A line of a unit ends at a line break, and what stands behind it would be a setting.
    if let Some(word) = words.iter().find(|word| word.contains(char::is_control)) {
        let reason = format!("'{}' has characters that a unit can't have", word.escape_debug());
        return Err(ServiceError::Options { reason }.into());
    }
    let serve = serve_arguments(&words)?;
    let addresses = serve::addresses(&serve)?;
    let ports = addresses.iter().map(|(_, address)| address.port()).chain([serve.admin_port]);
    let low_port = ports.into_iter().any(|port| (1..1024).contains(&port));
    let writes_log = !matches!(&*serve.access_log, "-" | "off");
    if writes_log && !serve.access_log.starts_with(&format!("{}/", unit::LOGS)) {
        return Err(ServiceError::AccessLog { path: serve.access_log, folder: unit::LOGS }.into());
    }
    let (user, options) = (arguments.user.clone(), arguments.options.clone());
    Ok((Unit { user, store, options, low_port, writes_log }, serve))
}

/// The files that `serve` reads and not everybody may.
fn secrets(serve: &cli::Serve) -> Vec<PathBuf> {
    let own = serve.tls.as_ref().map(|folder| Folder::new(folder).files().key);
    own.into_iter().chain(serve.tls_key.clone()).chain(serve.htpasswd.clone()).collect()
}

/// Why there is nothing to serve yet.
async fn nothing_to_serve(store: &Path) -> Option<String> {
    let store = match Store::open(store).await {
        Ok(store) => store,
        Err(error) => return Some(airlift_core::failure::line(&error)),
    };
    match store.current().await {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!("{} has no snapshot yet", store.describe())),
        Err(error) => Some(airlift_core::failure::line(&error)),
    }
}

/// What starts it where nothing like systemd does, with as much of the unit's restrictions as one command can.
fn start_command(unit: &Unit) -> Vec<String> {
    let group = ask("id", &["--group", &unit.user]).map_or(unit.user.clone(), |group| group.trim().to_owned());
    let capabilities = if unit.low_port { "-all,+net_bind_service" } else { "-all" };
    let words = [
        "setpriv".to_owned(),
        format!("--reuid={}", unit.user),
        format!("--regid={group}"),
        "--clear-groups".to_owned(),
        "--no-new-privs".to_owned(),
        format!("--inh-caps={capabilities}"),
        format!("--ambient-caps={capabilities}"),
        format!("--bounding-set={capabilities}"),
    ];
    words.into_iter().chain(unit.command().into_iter().map(str::to_owned)).collect()
}
