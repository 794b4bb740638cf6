//! Blobs and snapshots in a folder, an object store or an archive.
//!
//! * [`store`]: the [`Store`], which is one of the three.
//! * [`blob`]: one opened [`Blob`], its bytes and where they lie.
//! * [`part`]: a download that survives being killed.
//! * [`snapshot`]: an index with what belongs to it, and the list of those that a store keeps.
//! * [`archive`]: one tar that carries a snapshot: layout, writer, readers, verify and load.
//! * [`export`]: plain folders, for any web server.
//! * [`space`]: how much room there is.
//!
//! What lies on disk is specified in `docs/archive-format.md`.

pub mod archive;
pub mod blob;
mod copy;
pub mod error;
pub mod export;
mod folder;
mod keys;
mod landing;
mod memo;
mod objects;
pub mod part;
mod published;
pub mod snapshot;
pub mod space;
pub mod store;
mod work;

pub use blob::{Blob, LocalBytes};
pub use error::StoreError;
pub use part::Part;
pub use snapshot::{Header, Pruned, Snapshot, SnapshotId, SnapshotInfo};
pub use store::{Store, StoreGuard};
