//! `airlift rollback`.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;

pub(super) async fn run(arguments: &cli::Rollback, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.store).await?;
    let _guard = store.lock_exclusive()?;
    let id = store.rollback().await?;
    let header = super::current(&store).await?.header;
    context.printer.line(format!(
        "{} is now at {} ({id}); a running server follows within seconds",
        store.describe(),
        header.describe()
    ));
    context.printer.object("rolled_back", json!({ "snapshot": id }));
    Ok(())
}
