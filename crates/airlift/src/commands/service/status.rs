//! `airlift service status`.

use serde_json::json;

use super::{Context, installed, serve_arguments};
use crate::cli::service::Status;
use crate::error::Trouble;
use crate::output::human;
use crate::service::place::Root;
use crate::service::systemd::Systemd;
use crate::service::{ServiceError, health, unit};

pub(super) async fn run(arguments: &Status, context: &Context<'_>) -> Result<(), Trouble> {
    let root = Root::new(&arguments.system.root, false);
    let unwell = |reason: String, hint: &str| ServiceError::Unwell { reason, hint: Some(hint.to_owned()) };
    let Some((path, text)) = installed(&root) else {
        let reason = format!("there is no {}", root.at(unit::PATH).display());
        return Err(unwell(reason, "'airlift service install' installs it").into());
    };
    let Some(words) = unit::serve_arguments(&text) else {
        let reason = format!("{} has no command", path.display());
        return Err(unwell(reason, "'airlift service install' writes it anew").into());
    };
    let serve = serve_arguments(&words)?;
    context.printer.line(format!("{}: serves {}", path.display(), serve.from.display()));
    if !root.is_this_system() {
        context.printer.line("that system does not run: nothing is asked");
        return Ok(());
    }
    match Systemd::here() {
        None => context.printer.line("systemd does not run here: the mirror alone is asked"),
        Some(systemd) => {
            let known = systemd.properties()?;
            let value = |name: &str| known.get(name).map_or("", String::as_str);
            context.printer.line(format!(
                "systemd: {} ({}) since {}, process {}, {}, restarted {} times by itself",
                value("ActiveState"),
                value("SubState"),
                value("ActiveEnterTimestamp"),
                value("MainPID"),
                value("UnitFileState"),
                value("NRestarts")
            ));
            context.printer.object("systemd", json!(known));
            if value("ActiveState") != "active" {
                let reason = format!("systemd says {} ({})", value("ActiveState"), value("Result"));
                return Err(unwell(reason, "journalctl -u airlift says why; systemctl start airlift starts it").into());
            }
        }
    }
    show_health(&health::Place::of(&serve)?, context).await
}

/// What the mirror says of itself.
pub(super) async fn show_health(place: &health::Place, context: &Context<'_>) -> Result<(), Trouble> {
    let (url, health) = (&place.url, health::ask(place, context).await?);
    let told = match &health.snapshot {
        None => "it says more to its users".to_owned(),
        Some(snapshot) => format!(
            "serves {} of {} ({}), {} left out, {} damaged",
            snapshot.name,
            snapshot.created,
            snapshot.id,
            health.omitted,
            human::count(health.damaged, "blob")
        ),
    };
    context.printer.line(format!("{url}: {}; {told}", health.status));
    let snapshot = health.snapshot.as_ref().map(|snapshot| &snapshot.id);
    let (status, omitted, damaged) = (&health.status, health.omitted, health.damaged);
    context.printer.object(
        "health",
        json!({ "url": url, "status": status, "snapshot": snapshot, "omitted": omitted, "damaged": damaged }),
    );
    match (&*health.status, health.damaged) {
        ("ok", 0) => Ok(()),
        ("ok", damaged) => {
            let reason = format!("{} found damaged", human::count(damaged, "blob"));
            let hint = "'airlift verify STORE' says what they carry, and 'airlift load ARCHIVE' brings them again";
            Err(ServiceError::Unwell { reason, hint: Some(hint.to_owned()) }.into())
        }
        (status, _) => Err(ServiceError::Unwell { reason: format!("it says {status}"), hint: None }.into()),
    }
}
