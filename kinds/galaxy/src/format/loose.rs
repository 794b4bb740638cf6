//! Versions of roles: whatever their makers call them, in the order of Python's `LooseVersion`, by which ansible-galaxy
//! takes the newest.

use std::cmp::Ordering;

#[derive(PartialEq, Eq)]
enum Part {
    Number(u128),
    Word(String),
}

/// The newest of some versions; none where there are none, or where two can't be compared (a number with a word).
pub fn newest<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(&str, Vec<Part>)> = None;
    for version in versions {
        let parts = parts(version);
        let newer = match &best {
            None => true,
            Some((_, known)) => compare(&parts, known)?.is_ge(),
        };
        if newer {
            best = Some((version, parts));
        }
    }
    best.map(|(version, _)| version)
}

fn compare(a: &[Part], b: &[Part]) -> Option<Ordering> {
    for (a, b) in a.iter().zip(b) {
        match (a, b) {
            (Part::Number(a), Part::Number(b)) if a != b => return Some(a.cmp(b)),
            (Part::Word(a), Part::Word(b)) if a != b => return Some(a.cmp(b)),
            (Part::Number(_), Part::Word(_)) | (Part::Word(_), Part::Number(_)) => return None,
            _ => {}
        }
    }
    Some(a.len().cmp(&b.len()))
}

/// Runs of digits, runs of small letters, and what is between them, without the dots.
fn parts(version: &str) -> Vec<Part> {
    let class = |c: char| match c {
        '0'..='9' => 0,
        'a'..='z' => 1,
        '.' => 2,
        _ => 3,
    };
    let mut parts = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next().map(class) {
        let end = match first {
            2 => 1,
            first => rest.find(|c| class(c) != first).unwrap_or(rest.len()),
        };
        let (part, behind) = rest.split_at(end);
        match part.parse() {
            _ if first == 2 => {}
            Ok(number) if first == 0 => parts.push(Part::Number(number)),
            _ => parts.push(Part::Word(part.to_owned())),
        }
        rest = behind;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newest_is_the_one_of_ansible_galaxy() {
        for (versions, expected) in [
            (&["1.9.0", "1.10.0", "1.2.0"][..], Some("1.10.0")),
            (&["v1.9", "v1.10"], Some("v1.10")),
            (&["1.0.0-beta", "1.0.0"], Some("1.0.0-beta")),
            (&["1.0.0", "1.0"], Some("1.0.0")),
            (&["v1.0", "1.0"], None),
            (&[], None),
        ] {
            assert_eq!(newest(versions.iter().copied()), expected, "{versions:?}");
        }
    }

    proptest! {
        #[test]
        fn the_newest_is_one_of_them_and_none_is_newer(versions in proptest::collection::vec("[0-9a-b.V-]{0,8}", 0..6)) {
            if let Some(best) = newest(versions.iter().map(String::as_str)) {
                prop_assert!(versions.iter().any(|version| version == best));
                for version in &versions {
                    prop_assert_ne!(compare(&parts(version), &parts(best)), Some(Ordering::Greater));
                }
            }
        }
    }
}
