//! Manifests that are put together: variables, conditions, loops, includes, and the profiles that the program brings.
//!
//! A manifest that uses none of it is read by the kinds as it stands. Any other is resolved first: [`load`] reads it and
//! all that it includes, [`resolve`] expands and joins them, and what comes out is a manifest without any of it, which
//! [`show`] prints for people and for the kinds alike. Every entry keeps the reason for which it is there, and the file
//! and line that it is from.

mod beside;
mod document;
mod error;
mod extra;
mod lists;
mod load;
mod merge;
mod place;
mod resolve;
mod show;
mod template;
#[cfg(test)]
mod tests;
mod variables;

pub(crate) use document::{Composition, ENTRY_KEYS, KEYS};
pub(crate) use error::ProfileError;
pub(crate) use load::{Loaded, refuse};
pub(crate) use place::{PREFIX, Place, name, profiles};
pub(crate) use resolve::{Part, Resolved};
