//! The formats that a Debian repository is made of, pure: text in, structures out, and back.

pub mod ar;
pub mod control;
pub mod deb822;
pub mod diff;
pub mod installed;
pub mod link;
pub mod packages;
pub mod raw;
pub mod relation;
pub mod release;
pub mod selector;
pub mod sources_list;
pub mod version;
