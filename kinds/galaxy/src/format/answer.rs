//! What Galaxy servers answer (API v3 for collections, v1 for roles), as far as ansible-core's `galaxy/api.py` reads it.

use std::collections::BTreeMap;

use airlift_core::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is refused as no answer of the API.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is not JSON of that form.
    #[error("it is not what the Galaxy API answers")]
    Form(#[from] serde_json::Error),
    /// It is, and says something that can't be.
    #[error("{0}")]
    Sense(String),
}

/// The root of the API: where its versions are, relative to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Root {
    /// `{"v1": "v1/", "v3": "v3/"}`.
    pub available_versions: BTreeMap<String, String>,
}

impl Root {
    /// Reads the root.
    ///
    /// # Errors
    ///
    /// [`AnswerError`].
    pub fn read(bytes: &[u8]) -> Result<Self, AnswerError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one is.
    pub next: Option<String>,
}

impl<T: for<'de> Deserialize<'de>> Page<T> {
    /// Reads a page of either version of the API: `data` or `results`, and `links.next`, `next_link` or `next`.
    ///
    /// # Errors
    ///
    /// [`AnswerError`].
    pub fn read(bytes: &[u8]) -> Result<Self, AnswerError> {
        #[derive(Deserialize)]
        #[serde(bound = "T: for<'a> Deserialize<'a>")]
        struct Fields<T> {
            #[serde(alias = "data")]
            results: Vec<T>,
            links: Option<Links>,
            next: Option<String>,
            next_link: Option<String>,
        }
        #[derive(Default, Deserialize)]
        struct Links {
            next: Option<String>,
        }
        let fields: Fields<T> = serde_json::from_slice(bytes)?;
        let next = fields.links.unwrap_or_default().next.or(fields.next_link).or(fields.next);
        Ok(Self { items: fields.results, next: next.filter(|next| !next.is_empty()) })
    }
}

/// A version in the list of a collection's versions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedVersion {
    /// The version.
    pub version: String,
}

/// All about one version of a collection, upstream's and ours: what upstream says besides is not kept.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Detail {
    /// The version.
    pub version: String,
    /// Where this is.
    #[serde(default)]
    pub href: String,
    /// When it was published.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When something about it changed.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// Which versions of ansible-core it is for.
    #[serde(default)]
    pub requires_ansible: Option<String>,
    /// The packed collection.
    pub artifact: Artifact,
    /// The collection.
    pub collection: Named,
    /// Its namespace.
    pub namespace: Named,
    /// Where it is.
    pub download_url: String,
    /// Signatures of its manifest.
    #[serde(default)]
    pub signatures: Vec<Signature>,
    /// What it says of itself.
    pub metadata: Metadata,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// A packed collection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Artifact {
    /// Its file's name.
    #[serde(default)]
    pub filename: String,
    /// Its SHA-256.
    #[serde(with = "hex_digest")]
    pub sha256: Digest,
    /// Its size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
}

/// A signature of a collection's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Signature {
    /// The armoured signature.
    pub signature: String,
    /// Whose key it is.
    #[serde(default)]
    pub pubkey_fingerprint: Option<String>,
    /// Who signed.
    #[serde(default)]
    pub signing_service: Option<String>,
    /// When.
    #[serde(default)]
    pub pulp_created: Option<String>,
}

/// What a collection says of itself; the long lists are left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Metadata {
    /// The collections that it needs, each with a range of versions.
    #[serde(default)]
    pub dependencies: Option<BTreeMap<String, String>>,
    /// What it is.
    #[serde(default)]
    pub description: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub authors: Value,
    /// Its licences.
    #[serde(default)]
    pub license: Value,
    /// Its tags.
    #[serde(default)]
    pub tags: Value,
}

mod hex_digest {
    use airlift_core::Digest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        Digest::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Detail {
    /// Reads what a server says of one version of a collection.
    ///
    /// # Errors
    ///
    /// [`AnswerError`] where it is of something else than what was asked for.
    pub fn read(bytes: &[u8], (namespace, name, version): (&str, &str, &str)) -> Result<Self, AnswerError> {
        let detail: Self = serde_json::from_slice(bytes)?;
        let (found, asked) = (
            format!("{}.{} {}", detail.namespace.name, detail.collection.name, detail.version),
            format!("{namespace}.{name} {version}"),
        );
        match found == asked {
            true => Ok(detail),
            false => {
                let found: String = found.chars().take(200).collect();
                Err(AnswerError::Sense(format!("{asked} was asked for, and it is about {found}")))
            }
        }
    }

    /// Reads what was printed here.
    ///
    /// # Errors
    ///
    /// Where it is no such text.
    pub fn read_own(bytes: &[u8]) -> Result<Self, AnswerError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// As it travels.
    pub fn print(&self) -> String {
        serde_json::to_string(self).expect("plain data with string keys is always JSON")
    }
}

/// A role on a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedRole {
    /// By what the server knows it: a number.
    pub id: Value,
    /// Where it is on GitHub.
    #[serde(default)]
    pub github_user: Option<String>,
    /// Its repository there.
    #[serde(default)]
    pub github_repo: Option<String>,
    /// Its usual branch.
    #[serde(default)]
    pub github_branch: Option<String>,
}

impl ListedRole {
    /// Its id, as it stands in a URL.
    pub fn id(&self) -> Option<String> {
        let text = match &self.id {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        Some(text)
            .filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)))
    }
}

/// A version in the list of a role's versions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedRoleVersion {
    /// Its tag.
    pub name: String,
    /// Where it is, where the server says it.
    #[serde(default)]
    pub download_url: Option<String>,
    /// The same, as it was said once.
    #[serde(default)]
    pub source: Option<String>,
}

/// An answer with an error, in every form that ansible-galaxy reads: `errors` of v3, `default` of v1, `message` of v2.
pub fn error(status: u16, words: &str) -> Value {
    let mut all = Map::new();
    let one = serde_json::json!({ "status": status.to_string(), "code": "not_found", "title": "Not found.", "detail": words });
    all.insert("errors".to_owned(), Value::Array(vec![one]));
    for key in ["default", "message", "detail"] {
        all.insert(key.to_owned(), Value::String(words.to_owned()));
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn bytes(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    #[test]
    fn pages_of_both_versions_are_read() {
        let next = "/api/v3/plugin/ansible/content/published/collections/index/a/b/versions/?limit=100&offset=100";
        let page = json!({
            "meta": { "count": 101 },
            "links": { "first": "x", "previous": null, "next": next, "last": "y" },
            "data": [ { "version": "1.0.0", "href": "z", "marks": [] } ],
        });
        let page = Page::<ListedVersion>::read(&bytes(&page)).expect("a page");
        assert_eq!((page.items[0].version.as_str(), page.next.as_deref()), ("1.0.0", Some(next)));
        let page = json!({ "count": 1, "next": null, "next_link": null, "results": [ { "id": 7, "name": "4.0.0" } ] });
        let page = Page::<ListedRoleVersion>::read(&bytes(&page)).expect("a page");
        assert_eq!((page.items[0].name.as_str(), page.next), ("4.0.0", None));
        assert!(Page::<ListedVersion>::read(b"{}").is_err());
        assert!(Page::<ListedVersion>::read(b"<html>").is_err());
    }

    #[test]
    fn a_detail_is_of_what_was_asked_for() {
        let detail = json!({
            "version": "1.0.0", "href": "/x", "created_at": "2024-05-01T00:00:00.000001Z",
            "artifact": { "filename": "a-b-1.0.0.tar.gz", "sha256": "00".repeat(32), "size": 5 },
            "collection": { "id": "x", "name": "b" }, "namespace": { "name": "a" }, "name": "b",
            "download_url": "https://e.org/x", "signatures": [ { "signature": "s", "pubkey_fingerprint": "f" } ],
            "metadata": { "dependencies": { "c.d": ">=1" }, "contents": [1, 2], "license": ["MIT"] },
            "files": { "files": [] },
        });
        let read = Detail::read(&bytes(&detail), ("a", "b", "1.0.0")).expect("a detail");
        assert_eq!(Detail::read_own(read.print().as_bytes()).expect("printed"), read);
        assert!(!read.print().contains("contents"));
        let error = Detail::read(&bytes(&detail), ("a", "b", "1.0.1")).expect_err("another");
        assert_eq!(error.to_string(), "a.b 1.0.1 was asked for, and it is about a.b 1.0.0");
        let lie = detail.to_string().replace(&"00".repeat(32), "../../x");
        assert!(Detail::read(lie.as_bytes(), ("a", "b", "1.0.0")).is_err());
    }

    #[test]
    fn ids_are_plain() {
        let id = |id: Value| ListedRole { id, github_user: None, github_repo: None, github_branch: None }.id();
        assert_eq!(id(json!(17)).as_deref(), Some("17"));
        assert_eq!(id(json!("../x")), None);
        assert_eq!(id(json!(null)), None);
    }

    proptest! {
        #[test]
        fn a_detail_survives_being_printed_and_read(
            version in "[0-9]\\.[0-9]\\.[0-9]",
            dependencies in proptest::collection::btree_map("[a-z]\\.[a-z]", ">=[0-9]", 0..3),
            signature in ".{0,20}",
            size in proptest::option::of(any::<u64>()),
        ) {
            let name = |name: &str| Named { name: name.to_owned() };
            let signature = Signature { signature, pubkey_fingerprint: None, signing_service: None, pulp_created: None };
            let detail = Detail {
                version, href: String::new(), created_at: None, updated_at: None, requires_ansible: None,
                artifact: Artifact { filename: String::new(), sha256: Digest::of(b"x"), size },
                collection: name("b"), namespace: name("a"), download_url: String::new(),
                signatures: vec![signature],
                metadata: Metadata { dependencies: Some(dependencies), ..Metadata::default() },
            };
            let read = Detail::read_own(detail.print().as_bytes()).expect("printed");
            prop_assert_eq!(read, detail);
        }
    }
}
