//! What is read and printed here; pure.
//!
//! * [`address`]: where a repository is, and where its submodules are.
//! * [`delta`]: an object that is told by what it differs from another.
//! * [`entry`]: the objects of a pack.
//! * [`graph`]: what leads from one object to another, as it travels beside a pack.
//! * [`index`]: the index of a pack, for clients that read packs by themselves.
//! * [`modules`]: the submodules that a repository names.
//! * [`packet`]: the lines that both sides of the protocol speak in.
//! * [`refs`]: names of commits.

pub mod address;
pub mod delta;
pub mod entry;
pub mod graph;
pub mod index;
pub mod modules;
pub mod packet;
pub mod refs;

pub use gix_hash::ObjectId;

/// The one kind of object ids that is understood: SHA-1.
pub const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// What can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(pub String);

impl FormatError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The id of an object, from 40 hexadecimal characters.
pub fn id_of_hex(hex: &[u8]) -> Option<ObjectId> {
    (hex.len() == 40).then(|| ObjectId::from_hex(hex).ok()).flatten()
}
