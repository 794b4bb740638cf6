//! What is kept of a repository for the files that point a client at it: `deb/<id>.json` in an archive.

use airlift_kind::{Hosts, View};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The version of this format.
pub(crate) const FORMAT: u32 = 1;

/// A repository, as client files need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The version of this format.
    pub(crate) format: u32,
    /// Its name, at which it is served.
    pub(crate) id: String,
    /// Where it is from, for a person.
    pub(crate) origin: String,
    /// Whether its signatures were verified with the keys at `gpgkeys/<id>.asc`.
    pub(crate) signed: bool,
    /// Whether a suite says until when it is valid, which behind the gap would end its use.
    pub(crate) expires: bool,
    /// The fingerprints of its keys.
    pub(crate) fingerprints: Vec<String>,
    /// What it has.
    pub(crate) parts: Vec<StoredPart>,
}

/// Suites that have the same components and architectures, for the same hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPart {
    /// The suites as apt is told them.
    pub(crate) suites: Vec<String>,
    /// The components; none in a flat repository.
    pub(crate) components: Vec<String>,
    /// The architectures; none where they are not told apart.
    pub(crate) architectures: Vec<String>,
    /// Whether source packages are there.
    pub(crate) sources: bool,
    /// The hosts that it is for; archives from before this was known have it for all.
    #[serde(default, skip_serializing_if = "Hosts::is_all")]
    pub(crate) hosts: Hosts,
}

/// The path of a repository's description.
pub(crate) fn path(id: &str) -> String {
    format!("{id}.json")
}

/// The path of a repository's keys.
pub(crate) fn key_path(id: &str) -> String {
    format!("gpgkeys/{id}.asc")
}

/// The most bytes of a description or a key.
const LONGEST: u64 = 16 << 20;

/// Why a repository can't be described to a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The archive can't be read.
    #[error("the repository {id} can't be read: {source}")]
    Store { id: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The description is none.
    #[error("the description of the repository {id} can't be read: {source}")]
    Description { id: String, source: serde_json::Error },
    /// The archive has the repository, and not what is needed to point a client at it.
    #[error("{path} of the repository {id} is missing in the archive")]
    Missing { id: String, path: String },
}

/// Every repository's name.
pub(crate) fn ids(view: &View) -> Vec<String> {
    let described = view.below("").iter().filter_map(|node| view.path_of(node).strip_suffix(".json"));
    described.filter(|id| !id.contains('/')).map(str::to_owned).collect()
}

/// A repository, and its armored keys where it has some.
pub(crate) async fn read(view: &View, id: &str) -> Result<(Stored, Option<String>), ReadError> {
    let stored: Stored = serde_json::from_slice(&bytes(view, id, &path(id)).await?)
        .map_err(|source| ReadError::Description { id: id.to_owned(), source })?;
    let key = match stored.signed {
        true => Some(String::from_utf8_lossy(&bytes(view, id, &key_path(id)).await?).into_owned()),
        false => None,
    };
    Ok((stored, key))
}

async fn bytes(view: &View, id: &str, path: &str) -> Result<Bytes, ReadError> {
    let missing = || ReadError::Missing { id: id.to_owned(), path: path.to_owned() };
    let node = view.get(path).ok_or_else(missing)?;
    let bytes = view.read(node, LONGEST).await;
    bytes.map_err(|source| ReadError::Store { id: id.to_owned(), source: Box::new(source) })
}
