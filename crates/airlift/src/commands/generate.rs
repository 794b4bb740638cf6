//! What is generated from the program itself: completions, manual pages, and the manifest's JSON schema.

use airlift_core::manifest::Envelope;
use clap::CommandFactory;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::Context;
use crate::cli::{self, Arguments};
use crate::error::{ProgramError, Trouble};
use crate::kinds::KINDS;
use crate::profile::{Composition, ENTRY_KEYS};

pub(super) fn completions(arguments: &cli::Completions, context: &Context<'_>) -> Result<(), Trouble> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "airlift", &mut script);
    let script = String::from_utf8_lossy(&script);
    context.printer.line(script.trim_end());
    context.printer.object("completions", json!({ "shell": arguments.shell.to_string(), "script": script }));
    Ok(())
}

pub(super) fn man(arguments: &cli::Man, context: &Context<'_>) -> Result<(), Trouble> {
    let failed = |source| ProgramError::Write { path: arguments.folder.clone(), source };
    fs_err::create_dir_all(&arguments.folder).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &arguments.folder).map_err(failed)?;
    context.printer.object("man", json!({ "folder": arguments.folder }));
    Ok(())
}

pub(super) fn schema(context: &Context<'_>) -> Result<(), Trouble> {
    let text = serde_json::to_string_pretty(&manifest_schema()).unwrap_or_default();
    match context.printer.json() {
        true => context.printer.object("schema", json!({ "schema": manifest_schema() })),
        false => context.printer.line(text),
    }
    Ok(())
}

/// The schema of the whole manifest: the envelope, and the keys of each kind.
fn manifest_schema() -> Value {
    let mut generator = SchemaGenerator::default();
    let mut properties = object(&generator.root_schema_for::<Envelope>().to_value(), "properties");
    let composition = generator.root_schema_for::<Composition>().to_value();
    properties.extend(object(&composition, "properties"));
    let mut definitions = serde_json::Map::new();
    for kind in KINDS {
        let schema = kind.schema(&mut generator).to_value();
        // A kind's schema is a reference into the generator's definitions, or the object itself.
        let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
        let own = name.and_then(|name| generator.definitions().get(&name).cloned()).unwrap_or(schema);
        properties.extend(object(&own, "properties"));
    }
    definitions.extend(generator.take_definitions(true).into_iter().filter(|(name, _)| name != "Spec"));
    properties.values_mut().chain(definitions.values_mut()).for_each(allow_entry_keys);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Airlift manifest",
        "description": "What shall be available offline.",
        "type": "object",
        "required": ["version"],
        "additionalProperties": false,
        "properties": properties,
        "$defs": definitions,
    })
}

/// Lets every mapping that refuses unknown fields have those by which manifests are put together, which are gone before
/// a kind reads it.
fn allow_entry_keys(schema: &mut Value) {
    match schema {
        Value::Array(schemas) => schemas.iter_mut().for_each(allow_entry_keys),
        Value::Object(fields) => {
            let strict = fields.get("additionalProperties") == Some(&Value::Bool(false));
            fields.values_mut().for_each(allow_entry_keys);
            if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut).filter(|_| strict) {
                for (key, meaning) in ENTRY_KEYS {
                    properties.entry(key).or_insert_with(|| json!({ "description": meaning }));
                }
            }
        }
        _ => {}
    }
}

fn object(schema: &Value, key: &str) -> serde_json::Map<String, Value> {
    schema[key].as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_key_of_the_manifest() {
        let schema = manifest_schema();
        for key in ["version", "name", "include", "vars", "without", "images", "mirrors", "files"] {
            assert!(schema["properties"].get(key).is_some(), "{key}\n{schema:#}");
        }
        let text = schema.to_string();
        for reference in text.split("#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(schema["$defs"].get(reference).is_some(), "{reference}");
        }
    }
}
