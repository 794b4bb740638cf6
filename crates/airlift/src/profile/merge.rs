//! How the parts of several manifests become one: lists are appended, mappings joined, and of plain values the including
//! manifest's counts. Two equal entries are one, with both reasons.

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use super::error::ProfileError;
use super::place::Place;
use super::resolve::{Item, Part};

/// The fields by which an entry is called.
pub(crate) const NAMES: [&str; 8] = ["id", "name", "ref", "repository", "url", "uri", "baseurl", "src"];

/// Joins parts into those that are there. `place` is where the new ones are from.
pub(crate) fn join(
    into: &mut Vec<(String, Part)>,
    more: Vec<(String, Part)>,
    place: &Place,
) -> Result<(), ProfileError> {
    for (key, part) in more {
        match into.iter_mut().find(|(known, _)| *known == key) {
            None => into.push((key, part)),
            Some((_, known)) => match (known, part) {
                (Part::List(items), Part::List(more)) => more.into_iter().for_each(|item| add(items, item)),
                (Part::Map(pairs), Part::Map(more)) => join(pairs, more, place)?,
                (known @ Part::Value(_), part @ Part::Value(_)) => *known = part,
                // A key with nothing behind it adds nothing.
                (_, Part::Value(Value::Null)) => {}
                (known @ Part::Value(Value::Null), part) => *known = part,
                (known, part) => {
                    let (first, second) = (known.shape(), part.shape());
                    return Err(ProfileError::Shapes { key, first, second, place: place.clone() });
                }
            },
        }
    }
    Ok(())
}

/// Adds an entry unless it is there already.
pub(crate) fn add(items: &mut Vec<Item>, item: Item) {
    match items.iter_mut().find(|known| known.value == item.value) {
        None => items.push(item),
        Some(known) => {
            for why in item.why {
                if !known.why.contains(&why) {
                    known.why.push(why);
                }
            }
        }
    }
}

/// A pattern of `without`: of an entry's name, or of `key/name`.
pub(crate) struct Unwanted {
    pub(crate) text: String,
    matcher: GlobMatcher,
    pub(crate) matches: usize,
}

impl Unwanted {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        let matcher = glob.map_err(|error| format!("without: '{text}': {}", error.kind()))?.compile_matcher();
        Ok(Self { text: text.to_owned(), matcher, matches: 0 })
    }

    fn fits(&self, key: &str, value: &Value) -> bool {
        let named = |name: &str| self.matcher.is_match(name) || self.matcher.is_match(format!("{key}/{name}"));
        match value {
            Value::String(name) => named(name),
            Value::Object(fields) => NAMES.iter().filter_map(|name| fields.get(*name)?.as_str()).any(named),
            _ => false,
        }
    }
}

/// Takes out what is not wanted.
pub(crate) fn drop_unwanted(parts: &mut [(String, Part)], key: Option<&str>, unwanted: &mut [Unwanted]) {
    for (own, part) in parts {
        let key = key.unwrap_or(own);
        match part {
            Part::List(items) => items.retain(|item| {
                let mut kept = true;
                for pattern in unwanted.iter_mut().filter(|pattern| pattern.fits(key, &item.value)) {
                    pattern.matches += 1;
                    kept = false;
                }
                kept
            }),
            Part::Map(pairs) => drop_unwanted(pairs, Some(key), unwanted),
            Part::Value(_) => {}
        }
    }
}
