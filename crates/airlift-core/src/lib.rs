//! The vocabulary of Airlift: pure data and pure functions.
//!
//! Nothing here reads a file, opens a socket, or knows a kind of content. What every other crate shares is:
//!
//! * [`digest`]: how bytes are named.
//! * [`path`]: where they appear, the [`path::TreePath`] of an index.
//! * [`index`]: the whole truth about a snapshot, path → blob.
//! * [`plan`]: what a kind wants fetched.
//! * [`lock`]: the same after it was fetched.
//! * [`manifest`]: how the YAML that a person wrote is read, with line, column and the nearest known name.
//! * [`event`]: what happened, for whoever shows it.
//! * [`failure`]: what class of failure an error is, and the advice that goes with it.
//! * [`secret`], [`time`], [`upstream`]: newtypes for what could be mixed up or leak.
//! * [`size`], [`text`]: sizes for people, and texts that could mislead them.

pub mod digest;
pub mod event;
pub mod failure;
pub mod index;
pub mod lock;
pub mod manifest;
pub mod path;
pub mod plan;
mod positions;
pub mod secret;
pub mod size;
pub mod text;
pub mod time;
pub mod tree;
pub mod upstream;

pub use digest::{Algorithm, Checksum, Digest, Hasher};
pub use event::{Event, Observer};
pub use failure::{Class, Failure};
pub use index::{Index, Node, Notice, Omission};
pub use lock::{Lock, LockEntry};
pub use path::TreePath;
pub use plan::{Plan, PlanEntry, Request, Root, Source};
pub use secret::Secret;
pub use time::Time;
pub use upstream::UpstreamUrl;
