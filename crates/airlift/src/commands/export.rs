//! `airlift export`.

use airlift_store::archive::Watch;
use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::Export, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.from).await?;
    let snapshot = super::current(&store).await?;
    let observer = context.printer.observer();
    let folder = &arguments.folder;
    let exported = airlift_store::export::export(
        &store,
        &snapshot,
        folder,
        Watch { observer: &*observer, cancel: &context.cancel },
    )
    .await?;
    let layout = match exported.layout {
        0 => String::new(),
        blobs => format!(", and an OCI image layout of {}", human::count(blobs, "blob")),
    };
    context.printer.line(format!(
        "exported {}, {}, to {}{layout}",
        human::count(exported.files, "file"),
        human::bytes(exported.bytes),
        folder.display()
    ));
    context.printer.object(
        "exported",
        json!({ "folder": folder, "files": exported.files, "bytes": exported.bytes, "layout_blobs": exported.layout }),
    );
    super::show_remarks(&snapshot, context.printer);
    Ok(())
}
