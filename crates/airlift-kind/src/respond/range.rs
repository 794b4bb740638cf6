//! The `Range` header (RFC 9110, section 14).

use std::ops::Range;

/// More ranges than this are an attack or a mistake; the whole is answered.
const MOST_RANGES: usize = 256;

/// What a `Range` header chooses of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Everything, with status 200: there is no header, or it asks for nothing that can be understood.
    Whole,
    /// One range, with status 206.
    One(Range<u64>),
    /// Several ranges in the order in which they were asked for, with status 206 and `multipart/byteranges`.
    Many(Vec<Range<u64>>),
    /// Nothing that is there: status 416.
    Unsatisfiable,
}

/// What a header chooses of `size` bytes.
///
/// Ranges that end beyond the last byte are clamped, those that begin there or run backwards are left out. So many or so
/// overlapping ranges that the answer would be larger than the whole get the whole, and so does an empty
/// representation, which has no range at all: RFC 9110 lets a server ignore the header.
pub(super) fn select(header: &str, size: u64) -> Selection {
    let Some(specs) = ranges_of(header) else { return Selection::Whole };
    if size == 0 || specs.is_empty() || specs.len() > MOST_RANGES {
        return Selection::Whole;
    }
    let mut ranges: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.resolve(size)).collect();
    let total = ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.end - range.start));
    match ranges.len() {
        0 => Selection::Unsatisfiable,
        1 => Selection::One(ranges.remove(0)),
        _ if total > size => Selection::Whole,
        _ => Selection::Many(ranges),
    }
}

/// One element of the header.
#[derive(Clone, Copy)]
enum Spec {
    From { first: u64, last: Option<u64> },
    Suffix(u64),
}

impl Spec {
    fn read(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Suffix(number(last)?)),
            (first, "") => Some(Self::From { first: number(first)?, last: None }),
            (first, last) => Some(Self::From { first: number(first)?, last: Some(number(last)?) }),
        }
    }

    fn resolve(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::Suffix(0) => None,
            Self::Suffix(length) => Some(size.saturating_sub(length)..size),
            Self::From { first, .. } if first >= size => None,
            Self::From { first, last: Some(last) } if last < first => None,
            Self::From { first, last } => Some(first..last.map_or(size, |last| last.saturating_add(1).min(size))),
        }
    }
}

fn ranges_of(header: &str) -> Option<Vec<Spec>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let elements =
        set.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty());
    elements.map(Spec::read).collect()
}

/// A number of any length; what is too large for 64 bits lies behind the end of everything.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let one = Selection::One;
        let rows = [
            ("bytes=0-0", one(0..1)),
            ("bytes=500-1499", one(500..1000)),
            ("bytes=500-", one(500..1000)),
            ("bytes=-500", one(500..1000)),
            ("bytes=-5000", one(0..1000)),
            ("BYTES=1-99999999999999999999999", one(1..1000)),
            ("bytes=1000-", Selection::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selection::Unsatisfiable),
            ("bytes=500-0", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=9-8,1000-2000", Selection::Unsatisfiable),
            ("bytes=10-19, 0-9,,", Selection::Many(vec![10..20, 0..10])),
            ("bytes=10-19,1000-", one(10..20)),
            ("bytes=0-799,100-899", Selection::Whole),
            ("bytes=", Selection::Whole),
            ("bytes=x-5", Selection::Whole),
            ("bytes=+1-5", Selection::Whole),
            ("bytes=0-1;2-3", Selection::Whole),
            ("items=0-1", Selection::Whole),
            ("0-1", Selection::Whole),
        ];
        for (header, expected) in rows {
            assert_eq!(select(header, 1000), expected, "{header}");
        }
    }

    #[test]
    fn too_many_ranges_get_the_whole() {
        let header = |count: u64| {
            let ranges: Vec<String> = (0..count).map(|start| format!("{0}-{0}", 2 * start)).collect();
            format!("bytes={}", ranges.join(","))
        };
        assert!(matches!(select(&header(256), 1000), Selection::Many(ranges) if ranges.len() == 256));
        assert_eq!(select(&header(257), 1000), Selection::Whole);
    }

    #[test]
    fn nothing_has_no_range() {
        for header in ["bytes=0-", "bytes=0-0", "bytes=-5"] {
            assert_eq!(select(header, 0), Selection::Whole, "{header}");
        }
    }
}
