//! `airlift pack`.

use std::path::Path;

use airlift_store::archive::{self, Packed, Target, Unnamed, Watch};
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
    let target = match is_stdout(archive) {
        true => Target::Writer(Box::new(std::io::stdout())),
        false => Target::File(archive.to_owned()),
    };
    let observer = context.printer.observer();
    let watch = Watch { observer: &*observer, cancel: &context.cancel };
    let packed = archive::pack(store, snapshot, target, watch).await?;
    tell(&packed, archive, context);
    Ok(())
}

/// Packs into a file beside [`Store::publish`], up to its name.
pub(super) async fn write(
    store: &Store,
    snapshot: &Snapshot,
    archive: &Path,
    context: &Context<'_>,
) -> Result<Unnamed, Trouble> {
    let observer = context.printer.observer();
    let watch = Watch { observer: &*observer, cancel: &context.cancel };
    Ok(archive::write(store, snapshot, archive.to_owned(), watch).await?)
}

/// Tells of an archive that is whole and has its name.
pub(super) fn tell(packed: &Packed, archive: &Path, context: &Context<'_>) {
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
}

/// Whether the archive goes into a pipe.
pub(super) fn is_stdout(archive: &Path) -> bool {
    archive.as_os_str() == "-"
}
