//! Blobs and snapshots in a folder, an object store or an archive.
