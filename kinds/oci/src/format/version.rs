//! Tags as versions: which are meant by a range, and which are newest.

use semver::{Version, VersionReq};

/// Reads a tag as a semantic version: a leading `v` is dropped, `1.8` is `1.8.0`.
pub fn of_tag(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(numbers);
    let padded = match numbers.split('.').count() {
        1 => format!("{numbers}.0.0{rest}"),
        2 => format!("{numbers}.0{rest}"),
        _ => text.to_owned(),
    };
    Version::parse(&padded).ok()
}

/// The tags whose versions are in a range, newest first. Pre-releases are only meant where the range names one.
pub fn in_range<'a>(tags: impl IntoIterator<Item = &'a str>, range: &VersionReq) -> Vec<&'a str> {
    newest_first(tags.into_iter().filter(|tag| of_tag(tag).is_some_and(|version| range.matches(&version))))
}

/// The tags that are versions, newest first; of equal versions the longer tag, which says more, comes first.
pub fn newest_first<'a>(tags: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut tags: Vec<(Version, &str)> = tags.into_iter().filter_map(|tag| Some((of_tag(tag)?, tag))).collect();
    tags.sort_by(|(a, a_tag), (b, b_tag)| {
        b.cmp_precedence(a).then(b_tag.len().cmp(&a_tag.len())).then(b_tag.cmp(a_tag))
    });
    tags.into_iter().map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_order_are_those_of_versions() {
        let tags = ["v1.10.0", "v1.9.1", "1.8", "v2.0.0", "v1.11.0-rc.1", "latest", "v1.8.2", "sha256-00.sig"];
        let range = ">=1.8, <2".parse().expect("a range");
        assert_eq!(in_range(tags, &range), ["v1.10.0", "v1.9.1", "v1.8.2", "1.8"]);
        assert_eq!(newest_first(["v1.2", "v1.2.0", "v1.3.0-rc.1"]), ["v1.3.0-rc.1", "v1.2.0", "v1.2"]);
    }
}
