//! Where blobs and snapshots live: a folder, an object store, or an archive read in place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlift_core::Digest;
use bytes::Bytes;
use object_store::ObjectStore;

use crate::blob::Blob;
use crate::error::StoreError;
use crate::part::Part;
use crate::snapshot::{Pruned, Snapshot, SnapshotId, SnapshotInfo};

/// A store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store;

/// Keeps other programs from changing a store until it is dropped.
#[derive(Debug)]
pub struct StoreGuard {
    _file: Option<std::fs::File>,
}

#[expect(clippy::todo, reason = "signatures first")]
#[expect(unused_variables, missing_docs, clippy::missing_errors_doc, reason = "signatures first")]
impl Store {
    pub fn memory() -> Self {
        todo!()
    }
    pub fn objects(objects: Arc<dyn ObjectStore>) -> Self {
        todo!()
    }
    pub fn folder(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        todo!()
    }
    pub async fn archive(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        todo!()
    }
    pub async fn archive_in(
        objects: Arc<dyn ObjectStore>,
        location: object_store::path::Path,
    ) -> Result<Self, StoreError> {
        todo!()
    }
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        todo!()
    }
    pub fn describe(&self) -> String {
        todo!()
    }
    pub fn root(&self) -> Option<&Path> {
        todo!()
    }
    pub async fn blob(&self, digest: Digest, size: u64) -> Result<Option<Blob>, StoreError> {
        todo!()
    }
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, StoreError> {
        todo!()
    }
    pub fn part(&self, key: &str) -> Result<Part, StoreError> {
        todo!()
    }
    pub async fn current(&self) -> Result<Option<Snapshot>, StoreError> {
        todo!()
    }
    pub async fn current_id(&self) -> Result<Option<SnapshotId>, StoreError> {
        todo!()
    }
    pub async fn snapshot(&self, id: SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        todo!()
    }
    pub async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, StoreError> {
        todo!()
    }
    pub async fn publish(&self, snapshot: &Snapshot) -> Result<SnapshotId, StoreError> {
        todo!()
    }
    pub async fn rollback(&self) -> Result<SnapshotId, StoreError> {
        todo!()
    }
    pub async fn prune(&self, keep: usize, dry_run: bool) -> Result<Pruned, StoreError> {
        todo!()
    }
    pub fn lock_exclusive(&self) -> Result<StoreGuard, StoreError> {
        todo!()
    }
}
