//! What a registry speaks, read and printed; pure.
//!
//! * [`manifest`]: manifests, indexes and descriptors (OCI image specification 1.1, Docker image manifest 2.2).
//! * [`layout`]: the `index.json` of an OCI image layout.
//! * [`name`]: repositories and where their nodes are in an index.
//! * [`platform`]: platforms, such as `linux/arm64/v8`.
//! * [`version`]: tags as versions.

pub mod layout;
pub mod manifest;
pub mod name;
pub mod platform;
pub mod version;
