//! Plain folders, for any web server.

use std::path::Path;

use airlift_core::Observer;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Files of nodes.
    pub files: u64,
    /// Bytes of these files, as a listing shows them.
    pub bytes: u64,
    /// Blobs of the OCI layout; none where the snapshot has no image.
    pub layout: u64,
}

/// Writes every node to `dir/<path>` and, where there are images, an OCI layout into `dir`.
///
/// # Errors
///
/// [`StoreError::Overlap`] where one path lies below another, [`StoreError::InTheWay`] where something other than a
/// file or a folder stands in `dir`, [`StoreError::Space`], [`StoreError::Corrupt`]; I/O errors.
pub async fn export(
    store: &Store,
    snapshot: &Snapshot,
    dir: &Path,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Exported, StoreError> {
    let _ = (store, snapshot, dir, observer, cancel);
    todo!()
}
