//! Versions of collections, and ranges of them, as ansible-galaxy reads them (ansible-core,
//! `galaxy/dependency_resolution/versioning.py` and `utils/version.py`).
//!
//! A version is one of Semantic Versioning 2.0.0. A range is comparisons with `==`, `=`, `!=`, `>`, `>=`, `<`, `<=`
//! with commas between them, a bare version for itself, or `*`; a version in it may be short: `9` is `9.0.0`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use semver::Version;

/// Reads the version of a collection.
pub fn parse(text: &str) -> Option<Version> {
    Version::parse(text).ok()
}

/// Oldest first; what is equal but for its build by its text, so that the order is always the same.
pub fn order(a: &Version, b: &Version) -> Ordering {
    a.cmp_precedence(b).then_with(|| a.build.as_str().cmp(b.build.as_str()))
}

/// Which versions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    comparisons: Vec<(Operator, Version)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// The operators; each before those that it begins with.
const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

impl Range {
    /// Every version.
    pub fn any() -> Self {
        Self { text: "*".to_owned(), comparisons: Vec::new() }
    }

    /// One version alone.
    pub fn exactly(version: &Version) -> Self {
        Self { text: format!("=={version}"), comparisons: vec![(Operator::Equal, version.clone())] }
    }

    /// Whether every version is meant.
    pub const fn is_any(&self) -> bool {
        self.comparisons.is_empty()
    }

    /// Whether it names one version, and nothing else.
    pub fn is_one(&self) -> bool {
        matches!(self.comparisons.as_slice(), [(Operator::Equal, _)])
    }

    /// Whether a version is in the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.comparisons.iter().all(|(operator, bound)| {
            let order = version.cmp_precedence(bound);
            match operator {
                Operator::Equal => order.is_eq(),
                Operator::NotEqual => order.is_ne(),
                Operator::Greater => order.is_gt(),
                Operator::GreaterEqual => order.is_ge(),
                Operator::Less => order.is_lt(),
                Operator::LessEqual => order.is_le(),
            }
        })
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let failed = || {
            let text: String = text.chars().take(100).collect();
            format!("'{text}' is no range of versions such as '>=9,<10', '1.2.3' or '*'")
        };
        let mut comparisons = Vec::new();
        for part in text.split(',') {
            let part = part.trim();
            let found =
                OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, part.strip_prefix(sign)?.trim())));
            let (operator, bound) = found.unwrap_or((Operator::Equal, part));
            match bound {
                "*" => {}
                bound => comparisons.push((operator, lenient(bound).ok_or_else(failed)?)),
            }
        }
        Ok(Self { text: text.trim().to_owned(), comparisons })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A version in a range: up to three numbers, and what follows a `-` or `+`.
fn lenient(text: &str) -> Option<Version> {
    let (core, extra) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let mut numbers = Vec::new();
    for part in core.split('.') {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        numbers.push(part.parse::<u64>().ok().filter(|_| digits)?);
    }
    numbers.resize(3, 0);
    let extra = if extra.len() > 1 { extra } else { "" };
    parse(&format!("{}.{}.{}{extra}", numbers[0], numbers[1], numbers[2]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(text: &str) -> Range {
        text.parse().expect(text)
    }

    fn version(text: &str) -> Version {
        parse(text).expect(text)
    }

    /// The answers are those of `meets_requirements` of ansible-core 2.19.14.
    #[test]
    fn ranges_mean_what_ansible_galaxy_takes_them_for() {
        for (text, inside, outside) in [
            ("*", &["0.0.1", "9.9.9"][..], &[][..]),
            ("1.2.3", &["1.2.3", "1.2.3+b"], &["1.2.4", "1.2.3-rc.1"]),
            ("=1.2", &["1.2.0"], &["1.2.1"]),
            ("==1.2.3", &["1.2.3"], &["1.2.2"]),
            ("!=1.2.3", &["1.2.2", "1.2.3-a"], &["1.2.3"]),
            (">=9,<10", &["9.0.0", "9.99.0", "10.0.0-a1"], &["8.9.9", "10.0.0", "9.0.0-b1"]),
            (">=9, <10", &["9.1.0"], &["10.0.0"]),
            (">1.0.0-rc.1", &["1.0.0-rc.2", "1.0.0"], &["1.0.0-rc.1", "0.9.0"]),
            ("<=2", &["2.0.0", "1.0.0"], &["2.0.1"]),
            (">=1,!=1.5.0,*", &["1.4.0", "2.0.0"], &["1.5.0", "0.1.0"]),
            ("1.2.3.4", &["1.2.3"], &["1.2.4"]),
        ] {
            for one in inside {
                assert!(range(text).matches(&version(one)), "{one} is in {text}");
            }
            for one in outside {
                assert!(!range(text).matches(&version(one)), "{one} is not in {text}");
            }
        }
        for text in ["", "~1.2", "^1", "v1.2", "1.2,", "=>1", "1.x", "latest", "1..2", ">", "99999999999999999999"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_in_the_order_of_their_precedence() {
        let mut all: Vec<Version> =
            ["2.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0-rc.1+b", "2.0.0-rc.1+a"].map(version).to_vec();
        all.sort_by(order);
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.1+a", "2.0.0-rc.1+b", "2.0.0"]);
    }

    proptest! {
        #[test]
        fn a_range_means_the_same_after_being_printed_and_read(
            parts in proptest::collection::vec("(==|!=|>=|<=|=|>|<|)[0-3](\\.[0-3]){0,2}(-rc\\.[0-2])?|\\*", 1..4),
            versions in proptest::collection::vec("[0-3]\\.[0-3]\\.[0-3](-rc\\.[0-2])?", 1..8),
        ) {
            let range = range(&parts.join(","));
            let again: Range = range.to_string().parse().expect("printed");
            for text in &versions {
                let version = version(text);
                prop_assert_eq!(range.matches(&version), again.matches(&version));
                prop_assert!(Range::exactly(&version).matches(&version));
            }
        }

        #[test]
        fn whatever_is_read_is_read_again(text in "[0-9a-z.,<>=!*+ -]{0,16}") {
            if let Ok(range) = text.parse::<Range>() {
                prop_assert_eq!(range.to_string().parse::<Range>().map(|again| again.comparisons), Ok(range.comparisons));
            }
        }
    }
}
