//! Paths as clients ask for them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The folder of keys: `gpgkeys/<id>.pub`.
pub const KEYS: &str = "gpgkeys";

/// What is encoded in a path. Clients ask for `+` and `~` as they are or encoded; both is the same path.
const PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+').remove(b':');

/// A path with what must not stand in a URL percent-encoded.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, &PATH).to_string()
}
