//! Versions of charts (Semantic Versioning 2.0.0), as leniently as Helm reads them: `v1.2.3`, `1.2` and `2024.01.05` are
//! versions too.

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease, Version};

/// Reads a version; none where Helm would not take it for one either.
pub fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
    let (numbers, pre) = text.split_once('-').map_or((text, ""), |(numbers, pre)| (numbers, pre));
    if (text.contains('-') && pre.is_empty()) || numbers.split('.').count() > 3 {
        return None;
    }
    let mut parts = numbers.split('.').map(number);
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    Some(Version {
        pre: Prerelease::new(pre).ok()?,
        build: BuildMetadata::new(build).ok()?,
        ..Version::new(major, minor, patch)
    })
}

/// A number, leading zeros allowed.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Newest first, as Helm sorts an index; equal versions by their texts, so that the order is always the same.
pub fn newest_first((a, a_text): (&Version, &str), (b, b_text): (&Version, &str)) -> Ordering {
    b.cmp_precedence(a).then_with(|| a_text.cmp(b_text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_helm_reads_them() {
        for (text, expected) in [
            ("1.2.3", "1.2.3"),
            ("v1.2.3", "1.2.3"),
            ("1.2", "1.2.0"),
            ("4", "4.0.0"),
            ("2024.01.05", "2024.1.5"),
            ("1.2.3-rc.1+build.5", "1.2.3-rc.1+build.5"),
            ("v25.3.0", "25.3.0"),
        ] {
            assert_eq!(parse(text).map(|version| version.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "v", "latest", "1.2.3.4", "1.x", "1.2.3-", "1.2.3-01", "-1", "1..2", "../1.0.0"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
