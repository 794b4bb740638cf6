//! What Python's packaging formats say: parsed and printed, without input or output.
//!
//! * [`accept`]: which form of a page a client prefers.
//! * [`archive`]: files out of zip archives.
//! * [`dependency`]: requirements and markers: the one way in to the library that reads them.
//! * [`file_name`]: names of wheels and source distributions.
//! * [`forms`]: what is taken as a wheel only, or as a source distribution only.
//! * [`tags`]: which wheels an interpreter takes, and in which order.
//! * [`index`]: project pages of an index, as they are read (PEP 503, 691, 700).
//! * [`page`]: project pages, as they are written.
//! * [`metadata`]: core metadata.
//! * [`repository`]: requirements from git.
//! * [`requirements`]: requirements files.
//! * [`pyproject`]: what building a source distribution takes.
//! * [`locks`]: `uv.lock` and `pylock.toml`.
//! * [`pip`]: the configuration of pip and uv.

pub mod accept;
pub mod archive;
pub mod dependency;
pub mod file_name;
pub mod forms;
pub mod index;
pub mod locks;
pub mod metadata;
pub mod page;
pub mod pip;
mod pylock;
pub mod pyproject;
pub mod repository;
pub mod requirements;
pub mod tags;

pub use pep440_rs::{Version, VersionSpecifiers};
pub use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};

/// A requirement (PEP 508).
pub type Requirement = pep508_rs::Requirement<pep508_rs::VerbatimUrl>;

/// A text of strangers in one line, without control characters, cut at so many characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(most).collect()
}
