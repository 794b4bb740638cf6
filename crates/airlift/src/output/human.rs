//! Sizes and counts for people.

use std::borrow::Cow;

pub(crate) use airlift_core::size::human as bytes;
use airlift_core::text::turns;

/// A text in which nothing turns around the direction of what stands beside it: names come from upstream, and a terminal
/// would show another name than the one that is there.
pub(crate) fn one_way(text: &str) -> Cow<'_, str> {
    if !text.contains(turns) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match turns(c) {
            true => plain.extend(c.escape_unicode()),
            false => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// A count with the right form of its noun: `1 blob`, `2 blobs`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_read() {
        assert_eq!(one_way("zażółć/a b\n"), "zażółć/a b\n");
        assert_eq!(one_way("evil\u{202e}mpr.exe\u{2066}"), "evil\\u{202e}mpr.exe\\u{2066}");
    }
}
