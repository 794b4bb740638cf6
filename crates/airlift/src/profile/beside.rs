//! Relative paths in a manifest that is included. Kinds look for them beside the outermost manifest, and so they are told from
//! there. They stay relative: a lock is good wherever the manifests lie.

use std::path::Path;

use serde_json::Value;

use super::resolve::Part;
use crate::kinds::KINDS;

/// Tells the relative paths of a manifest in this folder, which is itself relative to the outermost manifest's.
pub(crate) fn tell(parts: &mut [(String, Part)], folder: &Path) {
    if folder.as_os_str().is_empty() {
        return;
    }
    for (key, part) in parts {
        let kind = KINDS.iter().find(|kind| kind.keys().contains(&key.as_str()));
        let told = |field: &str, text: &str| kind?.is_path(field, text).then(|| below(folder, text));
        in_part(part, key, &told);
    }
}

/// With a dot at its beginning, by which some kinds know a relative path.
fn below(folder: &Path, text: &str) -> String {
    let folder = folder.display().to_string();
    let dot = if folder.starts_with(['.', '/']) { "" } else { "./" };
    format!("{dot}{}/{}", folder.trim_end_matches('/'), text.strip_prefix("./").unwrap_or(text))
}

type Told<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

fn in_part(part: &mut Part, field: &str, told: &Told<'_>) {
    match part {
        Part::List(items) => items.iter_mut().for_each(|item| in_value(&mut item.value, field, told)),
        Part::Map(pairs) => pairs.iter_mut().for_each(|(key, part)| in_part(part, &format!("{field}.{key}"), told)),
        Part::Value(value) => in_value(value, field, told),
    }
}

fn in_value(value: &mut Value, field: &str, told: &Told<'_>) {
    match value {
        Value::String(text) => *text = told(field, text).unwrap_or_else(|| std::mem::take(text)),
        Value::Array(values) => values.iter_mut().for_each(|value| in_value(value, field, told)),
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, value)| in_value(value, &format!("{field}.{key}"), told));
        }
        _ => {}
    }
}
