//! `airlift prune`.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::Prune, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.store).await?;
    let _guard = store.lock_exclusive()?;
    let pruned = store.prune(usize::from(arguments.keep), arguments.dry_run).await?;
    let did = if arguments.dry_run { "would remove" } else { "removed" };
    context.printer.line(format!(
        "{did} {}, {}, {} and {}: {}",
        human::count(pruned.snapshots.len() as u64, "snapshot"),
        human::count(pruned.blobs, "blob"),
        human::count(pruned.damaged, "damaged blob"),
        human::count(pruned.parts, "unfinished download"),
        human::bytes(pruned.bytes)
    ));
    context.printer.object(
        "pruned",
        json!({
            "snapshots": pruned.snapshots, "blobs": pruned.blobs, "damaged": pruned.damaged, "parts": pruned.parts,
            "bytes": pruned.bytes, "dry_run": arguments.dry_run,
        }),
    );
    Ok(())
}
