//! What a kind sees of a snapshot: its own nodes, and their bytes.

use std::ops::Range;
use std::sync::Arc;

use airlift_core::{Index, Node, Omission, Time};
use airlift_store::{Snapshot, Store, StoreError};
use bytes::Bytes;

/// One kind's nodes in one snapshot. Paths are below the kind's name: `docker.io/library/nginx/manifests/1.29`.
#[derive(Clone)]
pub struct View {
    kind: &'static str,
    store: Store,
    index: Arc<Index>,
    description: Arc<str>,
    created: Time,
}

impl View {
    /// What `kind` sees of a snapshot in a store.
    pub fn new(kind: &'static str, store: Store, snapshot: &Snapshot) -> Self {
        Self {
            kind,
            store,
            index: Arc::clone(&snapshot.index),
            description: snapshot.header.describe().into(),
            created: snapshot.header.created,
        }
    }

    /// The snapshot's name and date, for messages: `example of 2026-11-23T01:45:00Z`.
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// The newest change of anything in the snapshot: the `Last-Modified` of what has no date of its own.
    pub const fn created(&self) -> Time {
        self.created
    }

    /// The node at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.index.get(&format!("{}/{path}", self.kind))
    }

    /// The nodes below a folder, all of this kind's for the empty path.
    pub fn below(&self, folder: &str) -> &[Node] {
        match folder {
            "" => self.index.below(self.kind),
            folder => self.index.below(&format!("{}/{folder}", self.kind)),
        }
    }

    /// A node's path below the kind's name.
    pub fn path_of<'a>(&self, node: &'a Node) -> &'a str {
        node.path.below(self.kind).unwrap_or(node.path.as_str())
    }

    /// What this kind should have and does not.
    pub fn omissions(&self) -> impl Iterator<Item = &Omission> {
        self.index.omissions().iter().filter(|omission| omission.path.below(self.kind).is_some())
    }

    /// A node's bytes, checked against its digest.
    ///
    /// # Errors
    ///
    /// Where the blob is not there, is damaged, or is larger than `limit` bytes.
    pub async fn read(&self, node: &Node, limit: u64) -> Result<Bytes, StoreError> {
        let blob = self.store.blob(node.blob, node.size).await?;
        let blob = blob.ok_or_else(|| StoreError::missing(&self.store, node.blob, node.size))?;
        blob.verify().await?;
        blob.bytes(limit).await
    }

    /// A part of a node's bytes, which are not checked: whatever is sent of them, the responder checks.
    ///
    /// # Errors
    ///
    /// Where the blob is not there, or ends before the range does.
    pub async fn range(&self, node: &Node, range: Range<u64>) -> Result<Bytes, StoreError> {
        let blob = self.store.blob(node.blob, node.size).await?;
        let blob = blob.ok_or_else(|| StoreError::missing(&self.store, node.blob, node.size))?;
        blob.range(range).await
    }
}
