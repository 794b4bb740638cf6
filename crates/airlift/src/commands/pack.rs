//! `airlift pack`.

use std::path::Path;

use airlift_store::archive::{self, Target, Watch};
use airlift_store::{Snapshot, Store};
use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::Pack, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.store).await?;
    let snapshot = super::current(&store).await?;
    super::show_remarks(&snapshot, context.printer);
    pack(&store, &snapshot, &arguments.archive, context).await
}

/// Packs a snapshot into a file or, for `-`, to standard output.
pub(super) async fn pack(
    store: &Store,
    snapshot: &Snapshot,
    archive: &Path,
    context: &Context<'_>,
) -> Result<(), Trouble> {
    let to_stdout = archive.as_os_str() == "-";
    let target = match to_stdout {
        true => Target::Writer(Box::new(std::io::stdout())),
        false => Target::File(archive.to_owned()),
    };
    let observer = context.printer.observer();
    let packed =
        archive::pack(store, snapshot, target, Watch { observer: &*observer, cancel: &context.cancel }).await?;
    let name = if to_stdout { "standard output".to_owned() } else { archive.display().to_string() };
    context.printer.line(format!(
        "packed {name}: {}, {} ({})",
        human::bytes(packed.bytes),
        human::count(packed.blobs, "blob"),
        packed.snapshot
    ));
    if !to_stdout {
        context.printer.line(format!(
            "next: 'airlift verify {name}', carry it across, then 'airlift load {name}' or 'airlift serve {name}'"
        ));
    }
    context.printer.object(
        "packed",
        json!({ "archive": name, "bytes": packed.bytes, "blobs": packed.blobs, "snapshot": packed.snapshot }),
    );
    Ok(())
}
