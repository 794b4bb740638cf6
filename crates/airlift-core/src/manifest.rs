//! How the YAML that a person wrote is read.
//!
//! The machine knows three keys of a manifest: `version`, `name`, and nothing else; every other top-level key belongs to
//! a kind, which reads its own part of the same text with [`section`]. So an error names line and column of the file
//! that the person sees, and an unknown field the nearest known one.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::upstream::redact;

/// The version of the manifest's format that this program reads.
pub const VERSION: u32 = 1;

/// The part of a manifest that belongs to no kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
pub struct Envelope {
    /// The version of the manifest's format: 1.
    pub version: u32,
    /// What this collection is called; the archive carries the name.
    #[serde(default = "default_name")]
    pub name: String,
}

/// The keys of [`Envelope`].
pub const ENVELOPE_KEYS: [&str; 2] = ["version", "name"];

fn default_name() -> String {
    "airlift".to_owned()
}

/// Reads the envelope, and refuses top-level keys that are neither its own nor a kind's.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn envelope(text: &str, kinds_keys: &[&str]) -> Result<Envelope, ManifestError> {
    let known: Vec<&str> = ENVELOPE_KEYS.iter().chain(kinds_keys).copied().collect();
    if let Some((key, line, column)) = top_level_keys(text).into_iter().find(|(key, ..)| !known.contains(&key.as_str()))
    {
        let reason = unknown_field(&key, &known);
        return Err(ManifestError { reason, place: Some((line, column)), line_text: line_of(text, line) });
    }
    let envelope: Envelope = section(text, &ENVELOPE_KEYS)?;
    if envelope.version != VERSION {
        let place =
            top_level_keys(text).into_iter().find(|(key, ..)| key == "version").map(|(_, line, column)| (line, column));
        let reason = format!("this Airlift reads manifests of version {VERSION}, not of version {}", envelope.version);
        return Err(ManifestError { reason, line_text: place.and_then(|(line, _)| line_of(text, line)), place });
    }
    if envelope.name.is_empty() || envelope.name.contains(|c: char| c.is_control()) {
        let reason = "name: expected a text without control characters".to_owned();
        return Err(ManifestError { reason, place: None, line_text: None });
    }
    Ok(envelope)
}

/// Reads the part of a manifest that these top-level keys make up; the other keys are passed over.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn section<T: DeserializeOwned>(text: &str, keys: &'static [&'static str]) -> Result<T, ManifestError> {
    let seed = SectionSeed { keys, marker: PhantomData };
    serde_saphyr::with_deserializer_from_str_with_options(text, person_options(), |deserializer| {
        serde::de::DeserializeSeed::deserialize(seed, deserializer)
    })
    .map_err(|error| yaml_error(text, error))
}

/// The text of a manifest in which a kind has these values under one of its keys, and its other keys as `text` has them:
/// what another kind's plan asks of it, beside what the person who wrote `text` asks of it.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn asking(text: &str, keys: &[&str], (key, values): (&str, Vec<Value>)) -> Result<String, ManifestError> {
    let manifest: Result<BTreeMap<String, Value>, _> = serde_saphyr::from_str_with_options(text, person_options());
    let mut manifest = manifest.map_err(|error| yaml_error(text, error))?;
    manifest.retain(|other, _| keys.contains(&other.as_str()));
    manifest.insert(key.to_owned(), Value::Array(values));
    // JSON is YAML too.
    Ok(serde_json::to_string(&manifest).expect("plain data with string keys is always JSON"))
}

/// What the text of a manifest has in the list of a key; nothing where that is no list.
///
/// # Errors
///
/// [`ManifestError`] with line and column.
pub fn listed(text: &str, key: &str) -> Result<Vec<Value>, ManifestError> {
    let manifest: Result<BTreeMap<String, Value>, _> = serde_saphyr::from_str_with_options(text, person_options());
    let mut manifest = manifest.map_err(|error| yaml_error(text, error))?;
    match manifest.remove(key) {
        Some(Value::Array(values)) => Ok(values),
        _ => Ok(Vec::new()),
    }
}

/// Options for what a person writes: `on` and `yes` are texts, aliases are bounded, duplicate keys are refused.
pub(crate) fn person_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Options for what a machine wrote: as large as it is, without aliases to bound.
pub(crate) fn machine_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: None,
        strict_booleans: true,
        with_snippet: false,
    }
}

struct SectionSeed<T> {
    keys: &'static [&'static str],
    marker: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> serde::de::DeserializeSeed<'de> for SectionSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionSeed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest: 'version: 1', 'name: …', and what to collect")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(Only { map, keys: self.keys }))
    }
}

/// A map that shows only some of its keys.
struct Only<A> {
    map: A,
    keys: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Only<A> {
    type Error = A::Error;

    fn next_key_seed<K: serde::de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if self.keys.contains(&key.as_str()) {
                return seed.deserialize(serde::de::value::StringDeserializer::new(key)).map(Some);
            }
            self.map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: serde::de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The top-level keys with their lines and columns, as far as the text can be read.
fn top_level_keys(text: &str) -> Vec<(String, u64, u64)> {
    type Keys = std::collections::HashMap<serde_saphyr::Spanned<String>, IgnoredAny>;
    let keys: Result<Keys, _> = serde_saphyr::from_str_with_options(text, person_options());
    let mut keys: Vec<(String, u64, u64)> = keys
        .unwrap_or_default()
        .into_keys()
        .map(|key| (key.value, key.referenced.line(), key.referenced.column()))
        .collect();
    keys.sort_by_key(|(_, line, column)| (*line, *column));
    keys
}

/// Something that can be written as one text or as a mapping, such as an image.
///
/// # Errors
///
/// Whatever `text` or the type's own fields refuse.
pub fn text_or_mapping<'de, D, T, E>(
    deserializer: D,
    expecting: &'static str,
    text: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: MappingForm,
    E: fmt::Display,
{
    deserializer.deserialize_any(TextOrMapping { expecting, text })
}

/// The form of a type that is written as a mapping; see [`text_or_mapping`].
pub trait MappingForm: Sized {
    /// The fields.
    type Fields: DeserializeOwned;

    /// Makes the value of its fields.
    ///
    /// # Errors
    ///
    /// A sentence that says which fields don't go together.
    fn from_fields(fields: Self::Fields) -> Result<Self, String>;
}

struct TextOrMapping<T, E> {
    expecting: &'static str,
    text: fn(&str) -> Result<T, E>,
}

impl<'de, T: MappingForm, E: fmt::Display> Visitor<'de> for TextOrMapping<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<X: serde::de::Error>(self, text: &str) -> Result<T, X> {
        (self.text)(text).map_err(X::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let fields = T::Fields::deserialize(MapAccessDeserializer::new(map))?;
        T::from_fields(fields).map_err(serde::de::Error::custom)
    }
}

/// A manifest that can't be understood, with the place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// What is wrong: a sentence, with the nearest known name where a field is unknown.
    pub reason: String,
    /// Line and column, both from 1.
    pub place: Option<(u64, u64)>,
    /// The text of that line, without the passwords of URLs.
    pub line_text: Option<String>,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.reason)?;
        match (self.place, &self.line_text) {
            (Some((line, column)), Some(text)) => {
                let gutter = line.to_string();
                let caret = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(200);
                write!(f, "\n  {gutter} | {text}\n  {:width$} | {:caret$}^", "", "", width = gutter.len())
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ManifestError {}

fn line_of(text: &str, line: u64) -> Option<String> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    text.lines().nth(line).map(|text| redact(text).chars().take(200).collect())
}

/// Turns an error of the YAML library into ours.
pub(crate) fn yaml_error(text: &str, error: serde_saphyr::Error) -> ManifestError {
    let error = error.without_snippet();
    let place = error.location().map(|at| (at.line(), at.column())).filter(|(line, _)| *line > 0);
    let reason = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_field(field, expected),
        serde_saphyr::Error::Message { msg, .. } => msg.clone(),
        other => without_place(&other.to_string()),
    };
    ManifestError { reason: redact(&reason), place, line_text: place.and_then(|(line, _)| line_of(text, line)) }
}

/// The library's message without its own mention of the place, which [`ManifestError`] prints.
fn without_place(message: &str) -> String {
    let end = [" at line ", "; at line ", " (line "].iter().filter_map(|mark| message.find(mark)).min();
    message[..end.unwrap_or(message.len())].to_owned()
}

fn unknown_field(field: &str, known: &[&str]) -> String {
    match nearest(field, known) {
        Some(name) => format!("unknown field '{field}': did you mean '{name}'?"),
        None => format!("unknown field '{field}'; known here: {}", known.join(", ")),
    }
}

/// The known word that is likely meant by an unknown one.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |name: &&'a str| {
        let distance = strsim::damerau_levenshtein(word, name);
        (distance <= 1 + name.len().max(word.len()) / 3).then_some((distance, *name))
    };
    known.iter().filter_map(close).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Toy {
        #[serde(default)]
        toys: Vec<String>,
    }

    #[test]
    fn an_envelope_is_read_beside_the_kinds_keys() {
        let text = "version: 1\nname: site\ntoys: [a, on]\nothers: {x: 1}\n";
        let envelope = envelope(text, &["toys", "others"]).expect("an envelope");
        assert_eq!(envelope, Envelope { version: 1, name: "site".into() });
        let toy: Toy = section(text, &["toys"]).expect("a section");
        assert_eq!(toy.toys, ["a", "on"]);
        assert_eq!(section::<Toy>("version: 1\n", &["toys"]), Ok(Toy::default()));
    }

    #[test]
    fn what_is_asked_for_stands_beside_the_other_keys() {
        let text = "version: 1\ntoys: [a]\ncolours: {a: red}\nothers: 1\n";
        let asked = asking(text, &["toys", "colours"], ("toys", vec!["b".into()])).expect("a manifest");
        assert_eq!(asked, r#"{"colours":{"a":"red"},"toys":["b"]}"#);
        assert_eq!(section::<Toy>(&asked, &["toys"]).expect("a section").toys, ["b"]);
    }

    #[test]
    fn an_error_is_told_without_the_passwords_of_its_line() {
        for text in
            ["toys: { url: \"https://me:hunter2@e.org/?token=hunter2\" }\n", "toys: [a, \"b://c:hunter2@d\", [e]]\n"]
        {
            let error = section::<Toy>(text, &["toys"]).expect_err(text).to_string();
            assert!(error.contains("REDACTED") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
        let error = envelope("version: 1\nimage:\n  - nginx\n", &["images", "files"]).expect_err("unknown");
        insta::assert_snapshot!(error, @r"
        line 2, column 1: unknown field 'image': did you mean 'images'?
          2 | image:
            | ^
        ");
        let error = envelope("version: 1\nzzzzzzzz: 1\n", &["images", "files"]).expect_err("unknown");
        assert!(error.reason.contains("known here: version, name, images, files"), "{error}");
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_place() {
        for text in
            ["", "- a\n", "version: 2\n", "name: x\n", "version: 1\nversion: 1\n", "version: [1\n", "version: one\n"]
        {
            let error = envelope(text, &[]).expect_err(text);
            assert!(!error.reason.is_empty(), "{text}");
        }
        assert_eq!(envelope("version: 2\n", &[]).expect_err("version 2").place, Some((1, 1)));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        text.push_str("toys: [a]\n");
        assert!(section::<Toy>(&text, &["toys"]).is_err());
    }
}
