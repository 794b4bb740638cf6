//! The formats that a Debian repository is made of, pure: text in, structures out, and back.

pub mod ar;
pub mod control;
pub mod deb822;
pub mod diff;
pub mod link;
pub mod packages;
pub mod release;
pub mod sources_list;
