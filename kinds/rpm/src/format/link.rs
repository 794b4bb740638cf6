//! Paths as clients ask for them.

/// The folder of keys: `gpgkeys/<id>.pub`.
pub const KEYS: &str = "gpgkeys";

pub use airlift_core::upstream::encode_path as encode;
