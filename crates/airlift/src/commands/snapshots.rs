//! `airlift snapshots`.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::Snapshots, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.store).await?;
    for info in store.snapshots().await? {
        let mark = if info.current { "*" } else { " " };
        let header = &info.header;
        context.printer.line(format!(
            "{mark} {}  {}  {}, {}",
            info.id,
            header.describe(),
            human::count(header.blobs, "blob"),
            human::bytes(header.bytes)
        ));
        context.printer.object(
            "snapshot",
            json!({
                "id": info.id, "current": info.current, "name": header.name, "created": header.created,
                "blobs": header.blobs, "bytes": header.bytes,
            }),
        );
    }
    Ok(())
}
