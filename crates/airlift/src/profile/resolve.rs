//! Expands a manifest and what it includes, and joins them into one that kinds can read.

use std::fmt;

use airlift_core::tree::{self, Entry, Tree};
use serde_json::{Map, Value};

use super::beside;
use super::document::{Include, Included};
use super::error::ProfileError;
use super::load::{Inclusion, Loaded};
use super::merge::{self, Unwanted};
use super::place::Place;
use super::template::Scope;
use super::variables::Variable;

/// A manifest in which nothing is left to resolve.
pub(crate) struct Resolved {
    /// What the collection is called.
    pub(crate) name: String,
    /// The variables and what they were.
    pub(crate) variables: Vec<Variable>,
    /// What it says to kinds.
    pub(crate) parts: Vec<(String, Part)>,
    /// What a person should know about how it came about.
    pub(crate) notes: Vec<String>,
}

/// What stands under a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    List(Vec<Item>),
    Map(Vec<(String, Part)>),
    Value(Value),
}

/// One entry, with the reasons for which it is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: Value,
    pub(crate) why: Vec<String>,
    pub(crate) origin: Origin,
}

/// Where an entry is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    pub(crate) line: u64,
    /// The key that it stands under: `images`, `yum.repositories`.
    pub(crate) key: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}, {}", self.place, self.line, self.key)
    }
}

impl Part {
    /// What it is, for messages.
    pub(crate) const fn shape(&self) -> &'static str {
        match self {
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Value(_) => "a plain value",
        }
    }
}

impl Resolved {
    /// Resolves a manifest with the variables that were typed.
    pub(crate) fn of(loaded: &Loaded, arguments: &[String]) -> Result<Self, ProfileError> {
        let mut scope = Scope::new();
        let variables = loaded.variables(arguments, &mut scope)?;
        let mut notes = Vec::new();
        let parts = resolve(loaded, &scope, &mut notes)?;
        let name = loaded.name().unwrap_or(&loaded.document.envelope.name).to_owned();
        Ok(Self { name, variables, parts, notes })
    }
}

fn resolve(loaded: &Loaded, scope: &Scope, notes: &mut Vec<String>) -> Result<Vec<(String, Part)>, ProfileError> {
    let place = &loaded.place;
    let refuse = |reason| ProfileError::Data { place: place.clone(), reason };
    let mut parts = Vec::new();
    for (include, inclusion) in &loaded.included {
        if include.when.as_ref().map_or(Ok(true), |when| scope.holds(when)).map_err(refuse)? {
            let included = include_one(include, inclusion, scope, notes)?;
            merge::join(&mut parts, included, inclusion.place())?;
        }
    }
    let unwanted = loaded.document.composition.without.iter().map(|text| Unwanted::new(text));
    let mut unwanted = unwanted.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    merge::drop_unwanted(&mut parts, None, &mut unwanted);
    for pattern in unwanted.iter().filter(|pattern| pattern.matches == 0) {
        notes.push(format!("without: '{}' in {place} matches nothing that is included", pattern.text));
    }
    let mut scope = scope.clone();
    loaded.data.iter().for_each(|(name, data)| scope.set(name, data));
    let expander = Expander { place, scope: &scope };
    let mut own = expander.pairs(&loaded.document.body, "")?;
    beside::tell(&mut own, &loaded.folder);
    merge::join(&mut parts, own, place)?;
    Ok(parts)
}

/// The parts that one entry of `include` brings.
fn include_one(
    include: &Include,
    inclusion: &Inclusion,
    scope: &Scope,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, Part)>, ProfileError> {
    match inclusion {
        Inclusion::Manifest(loaded) => resolve(loaded, scope, notes),
        Inclusion::List(list, place) => {
            let platforms = match &include.what {
                Included::KubesprayImages(_, platforms) => platforms.as_slice(),
                _ => &[],
            };
            let why = include.why.clone().unwrap_or_else(|| format!("a line of {place}"));
            let items = list.read(place, platforms, &why)?;
            Ok(vec![(list.key().to_owned(), Part::List(items))])
        }
    }
}

/// Expands what one manifest says.
struct Expander<'a> {
    place: &'a Place,
    scope: &'a Scope,
}

impl Expander<'_> {
    fn pairs(&self, pairs: &[(String, Tree)], above: &str) -> Result<Vec<(String, Part)>, ProfileError> {
        let mut parts = Vec::new();
        for (key, tree) in pairs {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            if let Some(part) = self.tree(tree, &path)? {
                parts.push((key.clone(), part));
            }
        }
        Ok(parts)
    }

    fn tree(&self, tree: &Tree, path: &str) -> Result<Option<Part>, ProfileError> {
        let refuse = |reason| ProfileError::Entry { origin: format!("{}, {path}", self.place), reason };
        match tree {
            Tree::Value(value) => {
                exact(value).map_err(refuse)?;
                Ok(self.scope.expand(value, None).map_err(refuse)?.map(Part::Value))
            }
            Tree::List(entries) => {
                let mut items = Vec::new();
                for entry in entries {
                    let origin = Origin { place: self.place.clone(), line: entry.line, key: path.to_owned() };
                    let refuse = |reason| ProfileError::Entry { origin: origin.to_string(), reason };
                    for (value, why) in self.entry(entry).map_err(refuse)? {
                        merge::add(&mut items, Item { value, why, origin: origin.clone() });
                    }
                }
                Ok(Some(Part::List(items)))
            }
            Tree::Map(pairs) => {
                // A mapping may have a condition, too; its 'why' is for whoever reads the file.
                let (ours, own): (Vec<_>, Vec<_>) =
                    pairs.iter().partition(|(key, _)| matches!(key.as_str(), "when" | "why"));
                let conditions = ours.iter().filter(|(key, _)| key == "when");
                for (_, condition) in conditions {
                    if !self.scope.holds(&plain(condition)).map_err(refuse)? {
                        return Ok(None);
                    }
                }
                let own: Vec<(String, Tree)> = own.into_iter().cloned().collect();
                Ok(Some(Part::Map(self.pairs(&own, path)?)))
            }
        }
    }

    /// What an entry becomes: nothing, one, or as many as its loop has items.
    fn entry(&self, entry: &Entry) -> Result<Vec<(Value, Vec<String>)>, String> {
        exact(&entry.value)?;
        let Value::Object(fields) = &entry.value else {
            return Ok(self.scope.expand(&entry.value, None)?.map(|value| (value, Vec::new())).into_iter().collect());
        };
        let mut fields = fields.clone();
        let (when, why) = (fields.remove("when"), fields.remove("why"));
        let looped = fields.remove("loop").map(|items| self.items(&items)).transpose()?;
        let body = body(fields)?;
        let scopes = match &looped {
            Some(items) => items.iter().map(|item| self.scope.with_item(item)).collect(),
            None => vec![self.scope.clone()],
        };
        let mut made = Vec::new();
        for scope in scopes {
            if !when.as_ref().map_or(Ok(true), |when| scope.holds(when))? {
                continue;
            }
            let why = match why.as_ref().map(|why| scope.expand(why, None)).transpose()?.flatten() {
                Some(Value::String(why)) => vec![why],
                Some(other) => return Err(format!("why: {other} is no text")),
                None => Vec::new(),
            };
            made.extend(scope.expand(&body, None)?.map(|value| (value, why)));
        }
        Ok(made)
    }

    /// The items of a loop.
    fn items(&self, items: &Value) -> Result<Vec<Value>, String> {
        match self.scope.expand(items, None)? {
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(format!("loop: expected a list, not {other}")),
            None => Ok(Vec::new()),
        }
    }
}

/// What an entry says to its kind: its other fields, or what stands under 'entry'.
fn body(mut fields: Map<String, Value>) -> Result<Value, String> {
    match fields.remove("entry") {
        None => Ok(Value::Object(fields)),
        Some(entry) if fields.is_empty() => Ok(entry),
        Some(_) => {
            let others = fields.keys().cloned().collect::<Vec<_>>().join(", ");
            Err(format!("'entry' is the whole entry; beside it only why, when and loop may stand, not {others}"))
        }
    }
}

fn exact(value: &Value) -> Result<(), String> {
    tree::inexact(value).map_or(Ok(()), Err)
}

/// A condition as plain data.
fn plain(tree: &Tree) -> Value {
    match tree {
        Tree::Value(value) => value.clone(),
        Tree::List(entries) => entries.iter().map(|entry| entry.value.clone()).collect(),
        Tree::Map(pairs) => Value::Object(pairs.iter().map(|(key, tree)| (key.clone(), plain(tree))).collect()),
    }
}

#[cfg(test)]
mod tests;
