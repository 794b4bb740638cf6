//! What is kept of a repository for the files that point a client at it: `deb/<id>.json` in an archive.

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

/// Suites that have the same components and architectures.
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
}

/// The path of a repository's description.
pub(crate) fn path(id: &str) -> String {
    format!("{id}.json")
}

/// The path of a repository's keys.
pub(crate) fn key_path(id: &str) -> String {
    format!("gpgkeys/{id}.asc")
}
