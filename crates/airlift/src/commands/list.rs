//! `airlift list`.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::output::human;

pub(super) async fn run(arguments: &cli::List, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.from).await?;
    let snapshot = super::current(&store).await?;
    let nodes = snapshot.index.starting_with(&arguments.prefix);
    let printer = context.printer;
    for node in nodes {
        printer.line(format!("{:>9}  {}  {}", human::bytes(node.size), &node.blob.hex()[..12], node.path));
        printer.object("node", serde_json::to_value(node).unwrap_or_else(|_| json!({})));
    }
    let header = &snapshot.header;
    let of = match arguments.prefix.is_empty() {
        true => human::count(nodes.len() as u64, "name"),
        false => format!("{} of {}", nodes.len(), human::count(snapshot.index.nodes().len() as u64, "name")),
    };
    printer.line(format!(
        "{of}; {}, {}, {}",
        header.describe(),
        human::count(header.blobs, "blob"),
        human::bytes(header.bytes)
    ));
    super::show_remarks(&snapshot, printer);
    Ok(())
}
