//! The index of a chart repository (`index.yaml`, <https://helm.sh/docs/topics/chart_repository/>).
//!
//! It is read as YAML or, faster, as the JSON that some servers answer. It is printed as JSON, which is YAML too, a
//! version a line: Helm reads that about twenty times as fast.

use std::collections::{BTreeMap, HashSet};

use airlift_core::{Digest, Time};
use semver::Version;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::name::{file_name, is_chart};
use super::version;
use super::yaml::{self, YamlError};

/// The fields of a chart that are true or false; everything else that is no list is a text.
const BOOLEANS: [&str; 4] = ["deprecated", "removed", "enabled", "useTillerVersion"];

/// A repository's index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Each chart's versions, in upstream's order.
    pub entries: BTreeMap<String, Vec<Entry>>,
    /// When upstream made it, as upstream writes it.
    pub generated: Option<String>,
    /// What Helm passes over as well, each a sentence.
    pub passed_over: Vec<String>,
    /// What no index may name, each with its chart and a sentence.
    pub refused: Vec<(String, String)>,
}

/// One version of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The chart's name.
    pub name: String,
    /// The version as upstream writes it.
    pub version: String,
    /// The version.
    pub parsed: Version,
    /// Where it is, relative to the repository or not; Helm takes the first.
    pub urls: Vec<String>,
    /// The SHA-256 of the packaged chart, where upstream names one.
    pub digest: Option<Digest>,
    /// Every other field, as upstream has it.
    pub fields: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    api_version: Option<String>,
    entries: Option<BTreeMap<String, Versions>>,
    generated: Option<String>,
}

/// A chart's versions as they stand there; Helm passes over what is null.
type Versions = Option<Vec<Option<Map<String, Value>>>>;

/// Why a text is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Not YAML, or too much of it.
    #[error("it is not the YAML of an index: {0}")]
    Yaml(#[from] YamlError),
    /// Not what Helm takes for an index.
    #[error("it has no 'apiVersion', so that Helm takes it for no index of charts")]
    Version,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    ///
    /// [`IndexError`] where it is none. Single versions that are none are in [`Index::passed_over`] and
    /// [`Index::refused`].
    pub fn read(bytes: &[u8]) -> Result<Self, IndexError> {
        // What has too many values is left to the other reader, which says so before they are in memory.
        let is_json = bytes.trim_ascii_start().starts_with(b"{") && values(bytes) <= yaml::MOST_IN_INDEX;
        let json = is_json.then(|| serde_json::from_slice(bytes).ok()).flatten();
        let raw: Raw = json.map_or_else(|| yaml::read_index(bytes), Ok)?;
        if raw.api_version.is_none_or(|version| version.is_empty()) {
            return Err(IndexError::Version);
        }
        let mut index = Self { generated: raw.generated, ..Self::default() };
        let mut files = HashSet::new();
        for (name, versions) in raw.entries.unwrap_or_default() {
            for fields in versions.into_iter().flatten().flatten() {
                index.add(&name, fields, &mut files);
            }
        }
        Ok(index)
    }

    /// Adds a version of a chart, whose file is none of those that there are already.
    fn add(&mut self, key: &str, mut fields: Map<String, Value>, files: &mut HashSet<String>) {
        normalise(&mut fields);
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, version) = (text("name"), text("version"));
        if name != key || !is_chart(&name) {
            let shown: String = name.chars().take(80).collect();
            let reason = format!("an entry of {key:?} calls itself {shown:?}, which can't be the name of that chart");
            return self.refused.push((shown, reason));
        }
        let Some(parsed) = version::parse(&version) else {
            let shown: String = version.chars().take(80).collect();
            return self.passed_over.push(format!("{name} has a version {shown:?} that Helm takes for none"));
        };
        let urls: Vec<String> =
            fields.remove("urls").and_then(|urls| serde_json::from_value(urls).ok()).unwrap_or_default();
        if urls.is_empty() {
            return self.passed_over.push(format!("{name} {version} has no URL"));
        }
        let Ok(digest) = digest(fields.remove("digest")) else {
            let reason =
                format!("the index has a digest of {name} {version} that is no SHA-256, so that it can't be checked");
            return self.refused.push((name, reason));
        };
        let entry = Entry { name: name.clone(), version: version.clone(), parsed, urls, digest, fields };
        let file = entry.file_name();
        if files.contains(&file) {
            // Helm keeps several of a version, and takes the first.
            if self.entries.get(&name).is_some_and(|all| all.iter().any(|other| other.version == entry.version)) {
                return;
            }
            let reason = format!("{name} {version} would be the file {file}, and so would another chart");
            return self.refused.push((name, reason));
        }
        files.insert(file);
        self.entries.entry(name).or_default().push(entry);
    }

    /// Adds what another index has and this one has not, newest first. What both have stays this one's.
    pub fn merge(&mut self, other: &Self) {
        for (name, versions) in &other.entries {
            let own = self.entries.entry(name.clone()).or_default();
            let before = own.len();
            for entry in versions {
                if !own[..before].iter().any(|known| known.version == entry.version) {
                    own.push(entry.clone());
                }
            }
            if before > 0 && own.len() > before {
                own.sort_by(|a, b| version::newest_first((&a.parsed, &a.version), (&b.parsed, &b.version)));
            }
        }
        self.generated = self.generated.take().max(other.generated.clone());
    }

    /// The newest date in it.
    pub fn modified(&self) -> Option<Time> {
        let generated = self.generated.as_deref().and_then(|time| time.parse().ok());
        generated.or_else(|| self.entries.values().flatten().filter_map(Entry::created).max())
    }

    /// The index as JSON, with URLs below the repository itself; the same bytes for the same index.
    pub fn print(&self) -> String {
        let mut text = String::from("{\"apiVersion\":\"v1\",\"entries\":{");
        for (number, (name, versions)) in self.entries.iter().enumerate() {
            text.push_str(if number == 0 { "\n" } else { ",\n" });
            text.push_str(&Value::from(name.as_str()).to_string());
            text.push_str(":[");
            for (number, entry) in versions.iter().enumerate() {
                text.push_str(if number == 0 { "\n" } else { ",\n" });
                text.push_str(&entry.print());
            }
            text.push(']');
        }
        text.push('}');
        if let Some(generated) = &self.generated {
            text.push_str(",\"generated\":");
            text.push_str(&Value::from(generated.as_str()).to_string());
        }
        text.push_str("}\n");
        text
    }
}

impl Entry {
    /// The file that it is served as.
    pub fn file_name(&self) -> String {
        file_name(&self.name, &self.version)
    }

    /// When it was made.
    pub fn created(&self) -> Option<Time> {
        self.fields.get("created")?.as_str()?.parse().ok()
    }

    fn print(&self) -> String {
        let mut fields = self.fields.clone();
        if let Some(digest) = self.digest {
            fields.insert("digest".to_owned(), digest.hex().into());
        }
        fields.insert("urls".to_owned(), vec![format!("charts/{}", self.file_name())].into());
        // Whatever other crates make of serde_json's maps, the order here is that of the names.
        let sorted: BTreeMap<String, Value> = fields.into_iter().collect();
        serde_json::to_string(&sorted).expect("plain data with string keys is always JSON")
    }
}

/// How many values a JSON text has at most: as many as there are characters before one.
fn values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b'[' | b'{' | b',' | b':')).count()
}

/// The digest that the index names: with its algorithm or without, or none.
fn digest(field: Option<Value>) -> Result<Option<Digest>, ()> {
    let text = match &field {
        None | Some(Value::Null) => return Ok(None),
        Some(field) => field.as_str().ok_or(())?.to_ascii_lowercase(),
    };
    match text.strip_prefix("sha256:").unwrap_or(&text) {
        "" => Ok(None),
        hex => Digest::from_hex(hex).map(Some).map_err(|_| ()),
    }
}

/// Makes texts of what YAML takes for numbers, as Helm does: `appVersion: 1.10` is a text to it. As JSON it would refuse
/// numbers there.
fn normalise(fields: &mut Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        match value {
            Value::String(text) if BOOLEANS.contains(&name.as_str()) => {
                if let Ok(boolean) = text.parse::<bool>() {
                    *value = boolean.into();
                }
            }
            Value::Bool(_) if BOOLEANS.contains(&name.as_str()) => {}
            Value::Number(_) | Value::Bool(_) => *value = value.to_string().into(),
            Value::Object(fields) => normalise(fields),
            Value::Array(values) => values.iter_mut().for_each(|value| match value {
                Value::Object(fields) => normalise(fields),
                Value::Number(_) | Value::Bool(_) => *value = value.to_string().into(),
                _ => {}
            }),
            Value::Null | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "apiVersion: v1
entries:
  a:
  - {name: a, version: 1.0.0, urls: [https://e.org/x/a-1.0.0.tgz], digest: DIGEST, created: \"2024-05-01T10:00:00.5+02:00\", appVersion: 1.1, deprecated: true}
  - {name: a, version: 2.0.0+b, urls: [a-2.tgz], digest: null}
  - {name: a, version: 3.0.0, urls: [a-3.tgz], digest: \"sha256:nonsense\"}
  - null
  - {name: a, version: latest, urls: [a.tgz]}
  - {name: ../a, version: 1.0.0, urls: [a.tgz]}
  a-1:
  - {name: a-1, version: 0-2.0.0, urls: [a-1.tgz]}
  a-1-0:
  - {name: a-1-0, version: 2.0.0, urls: [a-1-0.tgz]}
  none:
generated: \"2024-06-01T00:00:00Z\"
";

    #[test]
    fn order_and_digests_stay_and_urls_are_relative() {
        let index = Index::read(TEXT.replace("DIGEST", &"ab".repeat(32)).as_bytes()).expect("an index");
        assert_eq!(index.passed_over.len(), 1, "{:?}", index.passed_over);
        let refused: Vec<&str> = index.refused.iter().map(|(_, reason)| reason.as_str()).collect();
        assert_eq!(
            refused,
            [
                "the index has a digest of a 3.0.0 that is no SHA-256, so that it can't be checked",
                "an entry of \"a\" calls itself \"../a\", which can't be the name of that chart",
                "a-1-0 2.0.0 would be the file a-1-0-2.0.0.tgz, and so would another chart",
            ]
        );
        assert_eq!(index.entries["a"][0].created().expect("a date").to_string(), "2024-05-01T08:00:00Z");
        insta::assert_snapshot!(index.print(), @r#"
        {"apiVersion":"v1","entries":{
        "a":[
        {"appVersion":"1.1","created":"2024-05-01T10:00:00.5+02:00","deprecated":true,"digest":"abababababababababababababababababababababababababababababababab","name":"a","urls":["charts/a-1.0.0.tgz"],"version":"1.0.0"},
        {"name":"a","urls":["charts/a-2.0.0+b.tgz"],"version":"2.0.0+b"}],
        "a-1":[
        {"name":"a-1","urls":["charts/a-1-0-2.0.0.tgz"],"version":"0-2.0.0"}]},"generated":"2024-06-01T00:00:00Z"}
        "#);
    }

    #[test]
    fn a_merged_index_has_what_the_first_has_and_then_the_others() {
        let read = |text: &str| Index::read(text.as_bytes()).expect("an index");
        let mut first = read("apiVersion: v1\nentries: {a: [{name: a, version: 1.0.0, urls: [x], home: first}]}\n");
        let second = "apiVersion: v1\nentries: {a: [{name: a, version: 2.0.0, urls: [x]}, {name: a, version: 1.0.0, urls: [x]}], b: [{name: b, version: 1.0.0, urls: [x]}]}\n";
        first.merge(&read(second));
        let versions: Vec<&str> = first.entries["a"].iter().map(|entry| entry.version.as_str()).collect();
        assert_eq!(versions, ["2.0.0", "1.0.0"]);
        assert_eq!(first.entries["a"][1].fields["home"], "first");
        assert!(first.entries.contains_key("b"));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let mut bomb = String::from("apiVersion: v1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
        }
        bomb.push_str("entries: {a: [{name: a, version: 1.0.0, urls: [x], x: *a11}]}\n");
        for text in ["", "<html></html>", "entries: {}\n", "apiVersion: v1\nentries: [1]\n", "- a\n", &bomb] {
            assert!(Index::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_index_survives_being_printed_and_read(
            charts in proptest::collection::btree_map("[a-z]{1,6}", proptest::collection::vec(("[0-9]{1,3}", "[ -~é\n\"\\\\]{0,20}"), 1..4), 0..4),
        ) {
            let mut text = String::from("apiVersion: v1\nentries:\n");
            for (name, versions) in &charts {
                text.push_str(&format!("  {name}:\n"));
                for (version, description) in versions {
                    let description = Value::from(description.as_str());
                    text.push_str(&format!("  - {{name: \"{name}\", version: {version}.0.0, urls: [x], description: {description}}}\n"));
                }
            }
            let index = Index::read(text.as_bytes()).expect("an index");
            let printed = index.print();
            let again = Index::read(printed.as_bytes()).expect("JSON");
            prop_assert_eq!(again.print(), printed.clone());
            let as_yaml: Raw = yaml::read_index(printed.as_bytes()).expect("JSON is YAML");
            prop_assert_eq!(as_yaml.entries.unwrap_or_default().len(), charts.len());
        }
    }
}
