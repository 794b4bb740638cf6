//! `airlift profile`.

use serde_json::json;

use super::{Context, fetching};
use crate::cli::{self, ProfileCommand};
use crate::error::Trouble;
use crate::output::human;
use crate::profile::{Loaded, PREFIX, Part, Place, Resolved, profiles};

pub(super) fn run(arguments: &cli::Profile, context: &Context<'_>) -> Result<(), Trouble> {
    match &arguments.command {
        ProfileCommand::List => list(context),
        ProfileCommand::Show(source) => show(source, context),
    }
}

fn list(context: &Context<'_>) -> Result<(), Trouble> {
    for name in profiles() {
        let place = Place::profile(name)?;
        let Some(loaded) = Loaded::read(&place, &place.read()?)? else { continue };
        let resolved = Resolved::of(&loaded, &[])?;
        let entries = resolved.parts.iter().map(|(_, part)| count(part)).sum::<u64>();
        context.printer.line(format!(
            "{PREFIX}{name}: {} by default",
            human::count(entries, "entry").replace("entrys", "entries")
        ));
        for variable in &resolved.variables {
            let help = &variable.declaration.help;
            context.printer.line(format!("  -e {}={}", variable.name, variable.value));
            context.printer.line(format!("       {help}"));
            context.printer.object(
                "variable",
                json!({
                    "profile": name, "name": variable.name, "default": variable.value, "help": help,
                    "values": variable.declaration.values, "formerly": variable.declaration.formerly,
                }),
            );
        }
    }
    Ok(())
}

fn show(source: &cli::Source, context: &Context<'_>) -> Result<(), Trouble> {
    let manifest = fetching::manifest(source, context)?;
    let Some(resolved) = &manifest.resolved else {
        context.printer.line(manifest.text().trim_end());
        return Ok(());
    };
    context.printer.line(resolved.explained().trim_end());
    for (key, part) in &resolved.parts {
        objects(key, part, context);
    }
    context.printer.object("resolved", json!({ "name": resolved.name, "digest": manifest.digest }));
    Ok(())
}

fn count(part: &Part) -> u64 {
    match part {
        Part::List(items) => items.len() as u64,
        Part::Map(pairs) => pairs.iter().map(|(_, part)| count(part)).sum(),
        Part::Value(_) => 0,
    }
}

/// One object for each entry, for programs.
fn objects(key: &str, part: &Part, context: &Context<'_>) {
    match part {
        Part::List(items) => items.iter().for_each(|item| {
            let from = item.origin.to_string();
            context.printer.object("entry", json!({ "key": key, "entry": item.value, "why": item.why, "from": from }));
        }),
        Part::Map(pairs) => pairs.iter().for_each(|(name, part)| objects(&format!("{key}.{name}"), part, context)),
        Part::Value(value) => context.printer.object("setting", json!({ "key": key, "value": value })),
    }
}
