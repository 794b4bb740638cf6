//! `airlift verify`.

use airlift_store::archive;
use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::{ProgramError, Trouble};
use crate::output::human;

/// How many names of a damaged blob are shown to a person.
const NAMES_SHOWN: usize = 10;

pub(super) async fn run(arguments: &cli::Verify, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.from).await?;
    let observer = context.printer.observer();
    let report = archive::verify(&store, &*observer, &context.cancel).await?;
    let printer = context.printer;
    for damage in &report.damages {
        printer.line(&damage.what);
        damage.names.iter().take(NAMES_SHOWN).for_each(|name| printer.line(format!("  it is {name}")));
        if let Some(more) = damage.names.len().checked_sub(NAMES_SHOWN).filter(|more| *more > 0) {
            printer.line(format!("  and {}", human::count(more as u64, "more name")));
        }
        printer.object("damage", json!({ "what": damage.what, "blob": damage.blob, "names": damage.names }));
    }
    printer.object(
        "verified",
        json!({ "snapshot": report.snapshot, "blobs": report.blobs, "bytes": report.bytes, "damages": report.damages.len(), "moved": report.moved }),
    );
    if !report.damages.is_empty() {
        return Err(
            ProgramError::Damage { place: store.describe(), count: report.damages.len(), moved: report.moved }.into()
        );
    }
    printer.line(format!(
        "{} is whole: {}, {}, every byte checked ({})",
        store.describe(),
        human::count(report.blobs, "blob"),
        human::bytes(report.bytes),
        report.snapshot
    ));
    Ok(())
}
