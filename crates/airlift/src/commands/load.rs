//! `airlift load`.

use airlift_store::Store;
use airlift_store::archive::{self, Source};
use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::Load, context: &Context<'_>) -> Result<(), Trouble> {
    let store = Store::folder(&arguments.store)?;
    let _guard = store.lock_exclusive()?;
    let printer = context.printer;
    for path in &arguments.archives {
        let source = match path.as_os_str() == "-" {
            true => Source::Reader(Box::new(std::io::stdin())),
            false => Source::File(path.clone()),
        };
        let observer = printer.observer();
        let loaded = archive::load(source, &store, &*observer, &context.cancel).await?;
        let present = match loaded.present {
            0 => String::new(),
            present => format!(", {} were there", human::count(present, "blob")),
        };
        printer.line(format!(
            "loaded {} into {}: {} copied and checked, {}{present} ({})",
            path.display(),
            store.describe(),
            human::count(loaded.copied, "blob"),
            human::bytes(loaded.bytes),
            loaded.snapshot
        ));
        printer.object(
            "loaded",
            json!({
                "archive": path, "snapshot": loaded.snapshot, "copied": loaded.copied,
                "present": loaded.present, "bytes": loaded.bytes,
            }),
        );
        super::show_remarks(&super::current(&store).await?, printer);
    }
    Ok(())
}
