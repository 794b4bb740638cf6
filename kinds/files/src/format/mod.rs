//! What is read and printed here; pure.
//!
//! * [`disposition`]: the file name in a `Content-Disposition`.
//! * [`link`]: paths in URLs and in HTML.
//! * [`listing`]: the contents of a folder, for people and for programs.

pub mod disposition;
pub mod link;
pub mod listing;
