//! One tar that carries a snapshot across the gap.
//!
//! `docs/archive-format.md` is normative. In short: `airlift/header.json` names every other member of the front, the
//! index stands before the blobs, and where each blob stands follows from the index alone.

pub mod header;
pub(crate) mod layout;
pub(crate) mod load;
pub(crate) mod objects;
pub(crate) mod reader;
pub(crate) mod source;
mod stream;
mod verify;
mod writer;

use std::io::{Read, Write};
use std::path::PathBuf;

use airlift_core::{Digest, Observer, TreePath};

use tokio_util::sync::CancellationToken;

use crate::snapshot::{Snapshot, SnapshotId};

pub use crate::export::{Exported, export};
pub use load::load;
pub use verify::verify;
pub use writer::{Unnamed, pack, write};

/// Who follows something long, and how it is stopped.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Is told of what happens.
    pub observer: &'a dyn Observer,
    /// Stops it, when it is cancelled; what is whole by then is kept.
    pub cancel: &'a CancellationToken,
}

/// Where an archive is written to.
pub enum Target {
    /// A file; it has another name until it is whole and durable.
    File(PathBuf),
    /// A pipe, or anything else that takes bytes in order.
    Writer(Box<dyn Write + Send>),
}

/// Where an archive is loaded from.
pub enum Source {
    /// A file; it is opened in place first.
    File(PathBuf),
    /// A pipe, or anything else that gives bytes in order.
    Reader(Box<dyn Read + Send>),
}

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The snapshot in it.
    pub snapshot: SnapshotId,
    /// Blobs in it.
    pub blobs: u64,
    /// The archive's size in bytes.
    pub bytes: u64,
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The snapshot, which is now the store's current one.
    pub snapshot: SnapshotId,
    /// Blobs that were copied and verified.
    pub copied: u64,
    /// Blobs that the store had already.
    pub present: u64,
    /// Bytes of the copied blobs.
    pub bytes: u64,
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The snapshot that was verified.
    pub snapshot: SnapshotId,
    /// Blobs that were hashed.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// What is wrong, in the order in which it stands; nothing where all is well.
    pub damages: Vec<Damage>,
    /// How many damaged blobs of a store were moved out of the way: loading or collecting brings them again.
    pub moved: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong: a sentence.
    pub what: String,
    /// The blob that it concerns, where it is one.
    pub blob: Option<Digest>,
    /// The paths that carry the blob.
    pub names: Vec<TreePath>,
}

/// The exact number of bytes of a snapshot's archive.
pub const fn size_of(snapshot: &Snapshot) -> u64 {
    snapshot.archive_size()
}
