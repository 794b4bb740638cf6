//! `airlift vars`.

use serde_json::json;

use super::Context;
use crate::cli;
use crate::error::Trouble;
use crate::offline::{Addresses, Answers, print};

pub(super) async fn run(arguments: &cli::Vars, context: &Context<'_>) -> Result<(), Trouble> {
    let store = super::existing(&arguments.from).await?;
    let snapshot = super::current(&store).await?;
    let answers = Answers::of(&snapshot.index, &Addresses::new(&arguments.mirror))?;
    let printer = context.printer;
    printer.line(print::print(&answers, arguments.format, &snapshot.header.describe()).trim_end());
    for variable in &answers.variables {
        printer.object("variable", print::object(variable));
    }
    for gap in &answers.gaps {
        printer.object("gap", json!({ "what": gap.what, "where": gap.place, "remedy": gap.remedy }));
    }
    Ok(())
}
