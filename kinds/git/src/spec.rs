//! The manifest's `git`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use airlift_core::manifest::{MappingForm, text_or_mapping};
use airlift_core::{Secret, UpstreamUrl};
use gix_hash::ObjectId;
use globset::{Glob, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::format::{address, id_of_hex, refs};

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The repositories to collect.
    #[serde(default)]
    pub git: Vec<RepositorySpec>,
}

/// One entry of `git`.
#[derive(Clone, Debug)]
pub struct RepositorySpec {
    /// Where it is.
    pub url: UpstreamUrl,
    /// Which branches, tags and commits; none for all branches and tags.
    pub refs: Vec<Pattern>,
    /// Which submodules.
    pub submodules: Submodules,
    /// More request headers.
    pub headers: BTreeMap<String, Secret>,
}

/// Which submodules travel with a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Submodules {
    /// None.
    #[default]
    None,
    /// Its own.
    Own,
    /// Its own, and theirs.
    Recursive,
}

/// A branch, a tag, or a commit.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// One commit.
    Commit(ObjectId),
    /// All names like this.
    Names(GlobMatcher),
}

impl Pattern {
    /// Reads what a person writes: a name, a pattern of names, or the 40 characters of a commit's id.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Some(id) = id_of_hex(text.as_bytes()) {
            return Ok(Self::Commit(id));
        }
        let plain: String = text.chars().map(|c| if "*?[]{}!".contains(c) { 'x' } else { c }).collect();
        let name = if plain.starts_with("refs/") { plain } else { format!("refs/heads/{plain}") };
        refs::check_name(&name).map_err(|_| format!("refs: '{text}' can't be the name of a branch or tag"))?;
        Glob::new(text).map(|glob| Self::Names(glob.compile_matcher())).map_err(|error| format!("refs: {error}"))
    }

    /// Whether a name is meant: `main` is `refs/heads/main` and `refs/tags/main`.
    pub fn names(&self, name: &str) -> bool {
        let Self::Names(glob) = self else { return false };
        let short = ["refs/heads/", "refs/tags/"].iter().find_map(|folder| name.strip_prefix(folder));
        glob.is_match(name) || short.is_some_and(|short| glob.is_match(short))
    }
}

/// As it was written.
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Commit(id) => write!(f, "{id}"),
            Self::Names(glob) => write!(f, "{}", glob.glob()),
        }
    }
}

/// The mapping form of a [`RepositorySpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryFields {
    /// Where it is: an http or https URL.
    url: String,
    /// Branches, tags, patterns of them (`v2.*`) and commits (40 hexadecimal characters); all branches and tags where
    /// this is left out.
    #[serde(default)]
    refs: Vec<String>,
    /// Whether its submodules are collected as well: `true`, or `recursive` for theirs, too.
    #[serde(default)]
    submodules: SubmodulesField,
    /// More request headers, such as an access token; they are sent to this URL's host only and kept nowhere.
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

/// `true`, `false` or `recursive`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum SubmodulesField {
    Whether(bool),
    Word(String),
}

impl Default for SubmodulesField {
    fn default() -> Self {
        Self::Whether(false)
    }
}

impl MappingForm for RepositorySpec {
    type Fields = RepositoryFields;

    fn from_fields(fields: RepositoryFields) -> Result<Self, String> {
        if let Some(bad) = fields.headers.keys().find(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
            return Err(format!("headers: '{bad}' is not the name of a header"));
        }
        let submodules = match fields.submodules {
            SubmodulesField::Whether(false) => Submodules::None,
            SubmodulesField::Whether(true) => Submodules::Own,
            SubmodulesField::Word(word) if word == "recursive" => Submodules::Recursive,
            SubmodulesField::Word(word) => {
                return Err(format!("submodules: '{word}' is neither true nor false nor recursive"));
            }
        };
        let refs = fields.refs.iter().map(|text| Pattern::read(text)).collect::<Result<_, _>>()?;
        Ok(Self { url: address::read(&fields.url)?, refs, submodules, headers: fields.headers })
    }
}

impl<'de> Deserialize<'de> for RepositorySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_mapping(deserializer, "a URL, or a mapping with 'url'", |text| {
            let url = address::read(text)?;
            Ok::<_, String>(Self { url, refs: Vec::new(), submodules: Submodules::None, headers: BTreeMap::new() })
        })
    }
}

impl JsonSchema for RepositorySpec {
    fn schema_name() -> Cow<'static, str> {
        "GitRepository".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<RepositoryFields>();
        json_schema!({ "anyOf": [{ "type": "string", "format": "uri" }, fields] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["git"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_repository_are_read() {
        let id = "1c9add48975060f45396b34d8e022c30d7f80dab";
        let spec = read(&format!(
            "git:\n  - https://github.com/NVIDIA/deepops.git\n  - {{ url: \"https://e.org/x\", refs: [main, \"v2.*\", {id}], submodules: recursive }}\n  - {{ url: \"https://e.org/y\", submodules: true }}\n"
        ))
        .expect("a manifest");
        assert_eq!(spec.git[0].url.to_string(), "https://github.com/NVIDIA/deepops.git");
        let [branch, tags, commit] = &spec.git[1].refs[..] else { panic!("three") };
        assert!(
            branch.names("refs/heads/main") && branch.names("refs/tags/main") && !branch.names("refs/heads/mainly")
        );
        assert!(tags.names("refs/tags/v2.31.0") && !tags.names("refs/tags/v3.0"));
        assert_eq!(commit.to_string(), id);
        assert_eq!((spec.git[1].submodules, spec.git[2].submodules), (Submodules::Recursive, Submodules::Own));
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, expected) in [
            ("git:\n  - {urls: \"https://e.org/x\"}\n", "unknown field 'urls': did you mean 'url'?"),
            ("git:\n  - git@github.com:NVIDIA/deepops.git\n", "write https://github.com/NVIDIA/deepops.git"),
            ("git:\n  - file:///srv/x.git\n", "git http-backend"),
            ("git:\n  - {url: \"https://e.org/x\", refs: [a..b]}\n", "can't be the name of a branch"),
            ("git:\n  - {url: \"https://e.org/x\", submodules: all}\n", "neither true nor false nor recursive"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected) && error.starts_with("line 2"), "{text}\n{error}");
        }
    }
}
