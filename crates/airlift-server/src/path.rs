//! From the path that was sent to the path that is looked up.

use std::borrow::Cow;

use airlift_setup::list::host_and_port;
use http::header::{HOST, HeaderMap, HeaderValue};

/// The longest path in bytes, after decoding.
const LONGEST: usize = 4096;

/// Decodes a path once and collapses `//` and `/./`; a plus stays a plus. A slash at the end stays.
///
/// Nothing here touches a file system, and no kind does with what comes out; what would be dangerous there is refused
/// all the same.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub(crate) fn clean(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    if is_clean(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    carefully(raw)
}

/// Refuses a `Host` that is none (RFC 9112, section 3.2): it is written into client files.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub(crate) fn check_host(headers: &HeaderMap) -> Result<(), &'static str> {
    let is_host = |host: &HeaderValue| host.is_empty() || host.to_str().ok().and_then(host_and_port).is_some();
    match headers.get_all(HOST).iter().all(is_host) {
        true => Ok(()),
        false => Err("The Host header is no host with or without a port."),
    }
}

fn carefully(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    if raw.len() > 3 * LONGEST {
        return Err("The path is too long.");
    }
    let decoded = decode(raw)?;
    if !decoded.starts_with('/') {
        return Err("The path does not begin with a slash.");
    }
    if decoded.len() > LONGEST {
        return Err("The path is too long.");
    }
    if decoded.chars().any(|character| character.is_control() || character == '\\') {
        return Err("The path contains a control character or a backslash.");
    }
    let segments = || decoded.split('/').skip(1);
    if segments().any(|segment| segment == "..") {
        return Err("The path contains '..'.");
    }
    let last = segments().last().unwrap_or_default();
    let superfluous = |segment: &str| segment.is_empty() || segment == ".";
    if last != "." && segments().filter(|segment| superfluous(segment)).count() == usize::from(last.is_empty()) {
        return Ok(decoded);
    }
    let mut collapsed = String::with_capacity(decoded.len());
    for segment in segments().filter(|segment| !superfluous(segment)) {
        collapsed.push('/');
        collapsed.push_str(segment);
    }
    if superfluous(last) {
        collapsed.push('/');
    }
    Ok(Cow::Owned(collapsed))
}

/// Whether a path is plainly what it should be: most are, and this is one look at each byte.
fn is_clean(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\');
    let suspicious = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    bytes.first() == Some(&b'/')
        && bytes.len() <= LONGEST
        && bytes.iter().all(plain)
        && !bytes.windows(2).any(suspicious)
}

fn decode(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    let bytes = raw.as_bytes();
    let escaped = |position: usize| {
        bytes.get(position + 1..position + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if bytes.iter().enumerate().any(|(position, byte)| *byte == b'%' && !escaped(position)) {
        return Err("The path contains a percent sign without two hexadecimal digits behind it.");
    }
    percent_encoding::percent_decode(bytes).decode_utf8().map_err(|_| "The path is not UTF-8.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_decoded_once_and_collapsed() {
        let rows = [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/./", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a//", "/a/"),
            ("/a/.", "/a/"),
            ("//a//b/./c", "/a/b/c"),
            ("/x86_64/./cublas_13.1.1-1_amd64.deb", "/x86_64/cublas_13.1.1-1_amd64.deb"),
            ("/g++%2b%7e%3a+", "/g+++~:+"),
            ("/a%2Fb", "/a/b"),
            ("/a%252e", "/a%2e"),
            ("/...", "/..."),
            ("/.hidden/x.", "/.hidden/x."),
            ("/%C3%A9", "/é"),
        ];
        for (raw, expected) in rows {
            assert_eq!(clean(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn what_is_dangerous_elsewhere_is_refused() {
        let long = format!("/{}", "a".repeat(LONGEST));
        for raw in [
            "",
            "*",
            "a",
            "/..",
            "/../a",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/.%2E",
            "/a%2f..%2fb",
            "/a%00",
            "/a%0d%0a",
            "/a%5cb",
            "/a\\b",
            "/%7f",
            "/%C2%85",
            "/%ff",
            "/%c0%ae",
            "/%",
            "/%2",
            "/%zz",
            &long,
        ] {
            assert!(clean(raw).is_err(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_clean(raw in "(/|\\.|%2e|%2F|%25|%5c|a|é){0,12}") {
            let raw = format!("/{raw}");
            prop_assert!(!is_clean(&raw) || carefully(&raw).as_deref() == Ok(&*raw));
            if let Ok(path) = clean(&raw) {
                prop_assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\'));
                prop_assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
                if !path.contains('%') {
                    let again = clean(&path);
                    prop_assert_eq!(again.as_deref(), Ok(&*path));
                }
            }
        }
    }
}
