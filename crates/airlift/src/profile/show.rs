//! Prints a resolved manifest: for kinds, which read it like any other, and for people, with the reason of every entry.

use airlift_core::manifest::ManifestError;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::merge::NAMES;
use super::resolve::{Item, Part, Resolved};
use crate::kinds::KINDS;

/// The text of a resolved manifest, and which entry each of its lines is of.
pub(crate) struct Text {
    pub(crate) text: String,
    /// For each entry: its first line, the line behind it, and where it is from.
    entries: Vec<(u64, u64, String)>,
    /// The line that the next text stands on.
    line: u64,
}

impl Text {
    /// Tells an error in this text by the file and the entry that a person wrote.
    pub(crate) fn blame(&self, error: ManifestError) -> ManifestError {
        let Some((line, _)) = error.place else { return error };
        let Some((.., origin)) = self.entries.iter().find(|(first, end, _)| (*first..*end).contains(&line)) else {
            return error;
        };
        let shown = error.line_text.as_deref().map(|text| format!("\n  {}", text.trim())).unwrap_or_default();
        ManifestError { reason: format!("{origin}: {}{shown}", error.reason), place: None, line_text: None }
    }

    fn push(&mut self, text: &str) {
        self.line += text.matches('\n').count() as u64;
        self.text.push_str(text);
    }
}

impl Resolved {
    /// It as kinds read it.
    pub(crate) fn plain(&self) -> Text {
        self.print(false)
    }

    /// It as people read it: with its variables and reasons as comments.
    pub(crate) fn explained(&self) -> String {
        self.print(true).text
    }

    fn print(&self, comments: bool) -> Text {
        let mut text = Text { text: String::new(), entries: Vec::new(), line: 1 };
        if comments {
            text.push(&self.heading());
        }
        text.push(&yaml(&json!({ "version": 1 }), 0));
        text.push(&yaml(&json!({ "name": self.name }), 0));
        let order: Vec<&str> = KINDS.iter().flat_map(|kind| kind.keys()).copied().collect();
        let mut parts: Vec<&(String, Part)> = self.parts.iter().collect();
        parts.sort_by_key(|(key, _)| order.iter().position(|known| known == key));
        for (key, part) in parts {
            if comments {
                text.push("\n");
            }
            pair(&mut text, (key, part), 0, comments);
        }
        text
    }

    fn heading(&self) -> String {
        let mut text = String::from(
            "# What would be collected, and why. Variables, set with -e name=value or in a manifest's 'vars':\n",
        );
        for variable in &self.variables {
            let by = variable.set_by.as_ref().map(|by| format!("   [{by}]")).unwrap_or_default();
            text.push_str(&format!("#\n#   {}: {}{by}\n", variable.name, variable.value));
            let declaration = &variable.declaration;
            let formerly = declaration.formerly.as_ref().map(|name| format!("formerly: {name}"));
            let values = match declaration.values.as_slice() {
                [] => None,
                values => Some(format!("values: {}", values.join(", "))),
            };
            for line in [Some(declaration.help.clone()), values, formerly].into_iter().flatten() {
                text.push_str(&comment(&line, "#     "));
            }
        }
        text.push('\n');
        text
    }
}

/// A comment, broken into lines of up to 120 characters.
fn comment(words: &str, before: &str) -> String {
    let (mut text, mut width) = (String::new(), 0);
    for word in words.split_whitespace() {
        let next = width + 1 + word.chars().count();
        if width == 0 || next > 120 {
            if width > 0 {
                text.push('\n');
            }
            text.push_str(before);
            width = before.len();
        } else {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += word.chars().count();
    }
    if width > 0 {
        text.push('\n');
    }
    text
}

fn pair(text: &mut Text, (key, part): (&String, &Part), depth: usize, comments: bool) {
    let margin = "  ".repeat(depth);
    match part {
        Part::Value(value) => text.push(&yaml(&json!({ key: value }), depth)),
        Part::List(items) if items.is_empty() => text.push(&format!("{margin}{key}: []\n")),
        Part::Map(pairs) if pairs.is_empty() => text.push(&format!("{margin}{key}: {{}}\n")),
        Part::List(items) => {
            text.push(&format!("{margin}{key}:\n"));
            items.iter().for_each(|one| item(text, one, depth + 1, comments));
        }
        Part::Map(pairs) => {
            text.push(&format!("{margin}{key}:\n"));
            pairs.iter().for_each(|(key, part)| pair(text, (key, part), depth + 1, comments));
        }
    }
}

fn item(text: &mut Text, item: &Item, depth: usize, comments: bool) {
    if comments {
        let why = item.why.join("; ");
        text.push(&comment(&why, &format!("{}# ", "  ".repeat(depth))));
    }
    let first = text.line;
    text.push(&yaml(&[Ordered(&item.value)], depth));
    text.entries.push((first, text.line, item.origin.to_string()));
}

/// YAML in block style, indented.
fn yaml(value: &impl Serialize, depth: usize) -> String {
    // A long URL stays on one line.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text =
        serde_saphyr::to_string_with_options(value, options).expect("plain data with string keys is always YAML");
    let margin = "  ".repeat(depth);
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{margin}{line}\n") }).collect()
}

/// A value with the fields by which an entry is called before the others.
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut pairs: Vec<(&String, &Value)> = fields.iter().collect();
                pairs.sort_by_key(|(name, _)| NAMES.iter().position(|known| known == name).unwrap_or(NAMES.len()));
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (name, value) in pairs {
                    map.serialize_entry(name, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Ordered(value))?;
                }
                list.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
