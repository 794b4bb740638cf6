//! Plain files by URL.
