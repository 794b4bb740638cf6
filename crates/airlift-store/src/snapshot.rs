//! An index with what belongs to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use airlift_core::digest::DigestError;
use airlift_core::{Digest, Index, Lock};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;

pub use crate::archive::header::Header;

/// The name of a snapshot: the digest of its header, which names the digests of all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(Digest);

impl SnapshotId {
    /// The digest.
    pub const fn digest(self) -> Digest {
        self.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for SnapshotId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// One index, immutable, with its header, lock and OCI index.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Name, time, counts, and what the front of an archive holds.
    pub header: Header,
    /// Every node and every omission.
    pub index: Arc<Index>,
    id: SnapshotId,
}

impl Snapshot {
    /// The snapshot of what was collected.
    ///
    /// `oci_index` becomes the `index.json` of the archive, which makes it a valid OCI image layout; without images it
    /// is an index without manifests.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`] where the lock names two blobs for a path.
    pub fn new(lock: &Lock, oci_index: Bytes) -> Result<Self, StoreError> {
        let _ = (lock, oci_index);
        todo!()
    }

    /// Its name.
    pub const fn id(&self) -> SnapshotId {
        self.id
    }

    /// Its lock as YAML, read from where the snapshot lies.
    pub async fn lock(&self) -> Result<String, StoreError> {
        todo!()
    }

    /// Its OCI index, the `index.json` of its archive, read from where the snapshot lies.
    pub async fn oci_index(&self) -> Result<Bytes, StoreError> {
        todo!()
    }
}

/// A snapshot in the list of those that a store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub id: SnapshotId,
    /// Its header.
    pub header: Header,
    /// Whether it is the current one.
    pub current: bool,
}

/// What pruning removed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// Blobs that no snapshot names any more.
    pub blobs: u64,
    /// Unfinished downloads.
    pub parts: u64,
    /// Bytes of blobs and downloads.
    pub bytes: u64,
}
