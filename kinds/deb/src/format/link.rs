//! Paths in URLs (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a part of a package URL (purl specification).
const PURL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

pub use airlift_core::upstream::encode_path as encode;

/// A text as a part of a package URL.
pub fn purl_part(text: &str) -> String {
    utf8_percent_encode(text, &PURL).to_string()
}
