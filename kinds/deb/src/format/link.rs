//! Paths in URLs (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a path: everything but unreserved characters, slashes, colons, and `+`, which is a literal plus.
const PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+').remove(b':');

/// What is encoded in a part of a package URL (purl specification).
const PURL: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// A path with what must not stand in a URL percent-encoded.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, &PATH).to_string()
}

/// A text as a part of a package URL.
pub fn purl_part(text: &str) -> String {
    utf8_percent_encode(text, &PURL).to_string()
}
