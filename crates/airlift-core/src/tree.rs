//! A manifest as plain data, with the lines of its entries.
//!
//! Kinds read their parts of a manifest into types of their own. What puts manifests together (variables, conditions,
//! includes) reads it as this instead: it knows no kind, only lists of entries, and has to say which entry of which
//! file something came from.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::manifest::{self, ManifestError};

/// What stands under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A list of entries.
    List(Vec<Entry>),
    /// A mapping, in the order of the text.
    Map(Vec<(String, Tree)>),
    /// Anything else.
    Value(Value),
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The entry.
    pub value: Value,
    /// The line where it begins, from 1.
    pub line: u64,
}

/// Reads a manifest's top-level keys and what stands under them, in the order of the text.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn read(text: &str) -> Result<Vec<(String, Tree)>, ManifestError> {
    let read = serde_saphyr::from_str_with_options(text, manifest::person_options());
    match read.map_err(|error| manifest::yaml_error(text, error))? {
        Tree::Map(pairs) => Ok(pairs),
        _ => {
            let reason = "expected a mapping with 'version' and what to collect".to_owned();
            Err(ManifestError { reason, place: None, line_text: None })
        }
    }
}

/// Reads plain data that a person wrote, YAML or JSON.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn data(text: &str) -> Result<Value, ManifestError> {
    let read = serde_saphyr::from_str_with_options(text, manifest::person_options());
    read.map_err(|error| manifest::yaml_error(text, error))
}

/// Why a value may not be what was written: a number such as 1.10, which is 1.1 once it is read.
pub fn inexact(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.is_f64() => Some(format!(
            "{number} is read as a number, which may not be what was written (1.10 becomes 1.1): put it in quotes"
        )),
        Value::Array(values) => values.iter().find_map(inexact),
        Value::Object(fields) => fields.values().find_map(inexact),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, a mapping or a plain value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<Spanned<Value>>()? {
            entries.push(Entry { line: entry.referenced.line(), value: entry.value });
        }
        Ok(Tree::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<String, Tree>()? {
            pairs.push(pair);
        }
        Ok(Tree::Map(pairs))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Tree, E> {
        Ok(Tree::Value(Value::Null))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Value(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Value(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Value(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Value(value.into()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Value(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_know_their_lines() {
        let text = "version: 1\nimages:\n  - nginx\n  - &b { ref: b, tags: [\"1.10\"] }\nyum:\n  weak: false\n  \
                    repositories:\n    - id: a\n  more: [x, y]\npython:\n";
        let pairs = read(text).expect("a manifest");
        let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["version", "images", "yum", "python"]);
        let Tree::List(images) = &pairs[1].1 else { panic!("{pairs:?}") };
        assert_eq!(images[0], Entry { value: json!("nginx"), line: 3 });
        assert_eq!(images[1], Entry { value: json!({ "ref": "b", "tags": ["1.10"] }), line: 4 });
        let Tree::Map(yum) = &pairs[2].1 else { panic!("{pairs:?}") };
        assert_eq!(yum[1], ("repositories".into(), Tree::List(vec![Entry { value: json!({ "id": "a" }), line: 8 }])));
        assert_eq!(pairs[3].1, Tree::Value(Value::Null));
    }

    #[test]
    fn a_number_that_loses_digits_is_told() {
        let value = data("- { name: a, version: 1.10 }\n").expect("data");
        assert!(inexact(&value).expect("a reason").contains("put it in quotes"));
        assert_eq!(inexact(&data("[1, \"1.10\", { a: true }]").expect("data")), None);
        assert!(read("- a\n").is_err());
    }
}
