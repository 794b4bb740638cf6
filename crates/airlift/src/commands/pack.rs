//! `airlift pack`.

use std::path::Path;

use airlift_store::archive::{self, Target, Unnamed, Watch};
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
    let written = write(store, snapshot, archive, context).await?;
    name(written, archive, context).await
}

/// The same up to its name.
pub(super) async fn write(
    store: &Store,
    snapshot: &Snapshot,
    archive: &Path,
    context: &Context<'_>,
) -> Result<Unnamed, Trouble> {
    let target = match is_stdout(archive) {
        true => Target::Writer(Box::new(std::io::stdout())),
        false => Target::File(archive.to_owned()),
    };
    let observer = context.printer.observer();
    let watch = Watch { observer: &*observer, cancel: &context.cancel };
    Ok(archive::write(store, snapshot, target, watch).await?)
}

/// Gives it its name, and tells of it.
pub(super) async fn name(written: Unnamed, archive: &Path, context: &Context<'_>) -> Result<(), Trouble> {
    let packed = written.name().await?;
    let to_stdout = is_stdout(archive);
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

/// Whether the archive goes into a pipe.
pub(super) fn is_stdout(archive: &Path) -> bool {
    archive.as_os_str() == "-"
}
