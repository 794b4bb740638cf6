//! The plan after it was fetched: every name with its URL, size and SHA-256.
//!
//! A lock is YAML (`airlift.lock`, and `airlift/lock.yaml` in an archive). It is enough to collect the same again:
//! what Airlift made itself stands in it, what was fetched is named by its digest. It has no secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::index::{Index, IndexError, Node, Notice, Omission};
use crate::manifest;
use crate::path::TreePath;
use crate::time::Time;
use crate::upstream::UpstreamUrl;

/// The version of the lock's format that this program writes and reads.
pub const VERSION: u32 = 1;

/// Everything that was collected, and what was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The version of this format.
    pub version: u32,
    /// The manifest's name.
    pub name: String,
    /// The newest change of anything in it: a property of the content, so that collecting the same content twice
    /// gives the same lock, snapshot and archive.
    pub created: Time,
    /// The SHA-256 of the manifest that it was made from.
    pub manifest: Digest,
    /// What was collected, sorted by path.
    pub entries: Vec<LockEntry>,
    /// What was left out, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omission>,
    /// What whoever loads it must know, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// One collected node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockEntry {
    /// Where it appears.
    pub path: TreePath,
    /// The blob's digest.
    pub blob: Digest,
    /// The blob's size in bytes.
    pub size: u64,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// The URL that was asked; none where Airlift made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<UpstreamUrl>,
    /// A URL that answers these very bytes even after upstream moved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<UpstreamUrl>,
    /// When upstream last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Time>,
    /// Its package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<Box<str>>,
    /// The bytes, where Airlift made them: plain text, or base64 behind `base64:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl LockEntry {
    /// The bytes that Airlift made itself.
    ///
    /// # Errors
    ///
    /// [`LockError::Content`] where they don't have the digest that the entry names.
    pub fn generated(&self) -> Result<Option<Bytes>, LockError> {
        let Some(content) = &self.content else { return Ok(None) };
        let bytes = match content.strip_prefix("base64:") {
            Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
            None => content.clone().into_bytes(),
        };
        match Digest::of(&bytes) == self.blob {
            true => Ok(Some(bytes.into())),
            false => Err(LockError::Content { path: self.path.clone() }),
        }
    }

    /// Writes bytes that Airlift made itself the way [`LockEntry::content`] holds them.
    pub fn content_of(bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with("base64:") && !text.contains(['\r', '\u{85}', '\u{feff}', '\0']) => {
                text.to_owned()
            }
            _ => format!("base64:{}", STANDARD.encode(bytes)),
        }
    }
}

impl Lock {
    /// The lock of what was collected. Its date is the newest change of anything in it.
    pub fn new(name: &str, manifest: Digest, entries: Vec<LockEntry>, omitted: Vec<Omission>) -> Self {
        let created = entries.iter().filter_map(|entry| entry.modified).max().unwrap_or_default();
        Self { version: VERSION, name: name.to_owned(), created, manifest, entries, omitted, notices: Vec::new() }
    }

    /// The index that this lock describes.
    ///
    /// # Errors
    ///
    /// As [`Index::new`]: two blobs for one path, or two sizes for one blob.
    pub fn index(&self) -> Result<Index, IndexError> {
        let mut types = std::collections::HashMap::<&str, std::sync::Arc<str>>::new();
        let nodes = self.entries.iter().map(|entry| Node {
            path: entry.path.clone(),
            blob: entry.blob,
            size: entry.size,
            media_type: types.entry(&entry.media_type).or_insert_with(|| entry.media_type.as_str().into()).clone(),
            modified: entry.modified,
            origin: entry.url.as_ref().map(|url| url.to_string().into()),
            purl: entry.purl.clone(),
        });
        Ok(Index::new(nodes.collect(), self.omitted.clone())?.with_notices(self.notices.clone()))
    }

    /// The lock as YAML, the same bytes for the same lock.
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).expect("plain data with string keys is always YAML")
    }

    /// Reads YAML.
    ///
    /// # Errors
    ///
    /// [`LockError::Yaml`] names line and column, [`LockError::Newer`] says which version is needed.
    pub fn from_yaml(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let options = manifest::machine_options();
        let yaml = |source| LockError::Yaml { source: Box::new(manifest::yaml_error(text, source)) };
        let Versioned { version } = serde_saphyr::from_str_with_options(text, options.clone()).map_err(yaml)?;
        if version > VERSION {
            return Err(LockError::Newer { version });
        }
        serde_saphyr::from_str_with_options(text, options).map_err(yaml)
    }
}

/// Why a lock can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not the YAML of a lock.
    #[error("the lock can't be read")]
    Yaml {
        /// What is wrong, and where.
        source: Box<manifest::ManifestError>,
    },
    /// Written by a newer Airlift.
    #[error(
        "the lock has version {version}, and this Airlift reads up to version {VERSION}: use the Airlift that wrote it, or a newer one"
    )]
    Newer {
        /// The lock's version.
        version: u32,
    },
    /// Content that does not fit its digest.
    #[error(
        "the content that the lock holds for {path} does not have the digest that it names: the lock was changed by hand"
    )]
    Content {
        /// The entry's path.
        path: TreePath,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lock(contents: &[Vec<u8>]) -> Lock {
        let entries = contents.iter().enumerate().map(|(number, bytes)| LockEntry {
            path: format!("files/{number:03}").parse().expect("a path"),
            blob: Digest::of(bytes),
            size: bytes.len() as u64,
            media_type: "text/plain".into(),
            url: None,
            pinned: None,
            modified: Some(Time::from_seconds(7)),
            purl: None,
            content: Some(LockEntry::content_of(bytes)),
        });
        Lock {
            version: VERSION,
            name: "no".into(),
            created: Time::default(),
            manifest: Digest::of(b""),
            entries: entries.collect(),
            omitted: vec![],
            notices: vec![],
        }
    }

    #[test]
    fn a_newer_lock_is_refused_with_its_version() {
        let text = lock(&[]).to_yaml().replace("version: 1", "version: 2");
        let error = Lock::from_yaml(&text).expect_err("version 2");
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn unknown_fields_of_a_machine_are_ignored() {
        let text = lock(&[b"a".to_vec()]).to_yaml() + "later: 1\n";
        assert!(Lock::from_yaml(&text).is_ok());
    }

    proptest! {
        #[test]
        fn a_lock_survives_being_written_and_read(
            contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5),
            texts in proptest::collection::vec("[ -~\n\u{85}\r:#'\"]{0,20}", 0..5),
        ) {
            let all: Vec<Vec<u8>> = contents.into_iter().chain(texts.into_iter().map(String::into_bytes)).collect();
            let lock = lock(&all);
            let read = Lock::from_yaml(&lock.to_yaml()).expect("a lock");
            prop_assert_eq!(&read, &lock);
            for (entry, bytes) in read.entries.iter().zip(&all) {
                let generated = entry.generated().expect("its digest");
                prop_assert_eq!(generated.as_deref(), Some(bytes.as_slice()));
            }
        }
    }
}
