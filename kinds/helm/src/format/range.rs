//! Ranges of versions in the syntax of Helm, which is that of Masterminds/semver and not that of Cargo.
//!
//! `>=4`, `^1.2`, `~1.2`, `1.x`, `>=1.2 <3 || 5`, `1.2 - 1.4.5`; parts of a range stand beside each other or behind
//! commas. Pre-releases are in a range only where one of the versions beside each other names one: `>=4-0`.

use std::fmt;
use std::str::FromStr;

use semver::{Prerelease, Version};

use super::version::number;

/// Which versions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    alternatives: Vec<Vec<Comparison>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: Version,
    /// How many of the three numbers are there: `1.x` has one.
    numbers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// The operators; each before those that it begins with.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Range {
    /// Whether a version is in the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|all| {
            let with_pre = all.iter().any(|comparison| !comparison.version.pre.is_empty());
            (version.pre.is_empty() || with_pre) && all.iter().all(|comparison| comparison.holds(version))
        })
    }

    /// The one version that is meant, as it is written, where the range is a whole version and nothing else.
    pub fn exact(&self) -> Option<&str> {
        match self.alternatives.as_slice() {
            [all] => match all.as_slice() {
                [Comparison { operator: Operator::Equal, numbers: 3, .. }] => {
                    Some(self.text.trim().trim_start_matches(['=', ' ']))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Comparison {
    fn holds(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.version);
        let (dirty, same) = (self.numbers < 3, Same::of(version, &self.version));
        match self.operator {
            Operator::Equal if dirty => self.tilde(version),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => match self.numbers {
                3 => order.is_gt(),
                2 => version.major > self.version.major || (same.major && version.minor > self.version.minor),
                1 => version.major > self.version.major,
                _ => order.is_gt(),
            },
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::LessEqual => match self.numbers {
                3 => order.is_le(),
                1 => version.major <= self.version.major,
                _ => version.major < self.version.major || (same.major && version.minor <= self.version.minor),
            },
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let zero = (self.version.major, self.version.minor, self.version.patch) == (0, 0, 0);
        let same = Same::of(version, &self.version);
        // All versions fit '*', and Masterminds takes '~0.0.0' for it.
        let any = zero && matches!(self.numbers, 0 | 3);
        version.cmp_precedence(&self.version).is_ge() && (any || (same.major && (same.minor || self.numbers == 1)))
    }

    /// The leftmost number that is not zero stays; of those that are there.
    fn caret(&self, version: &Version) -> bool {
        let same = Same::of(version, &self.version);
        if version.cmp_precedence(&self.version).is_lt() {
            return false;
        }
        match (self.version.major, self.version.minor, self.numbers) {
            // Masterminds takes '^*' for '^0.0.0'.
            (1.., ..) | (_, _, 1) => same.major,
            (0, 1.., _) | (_, _, 2) => same.major && same.minor,
            (0, 0, _) => same.major && same.minor && same.patch,
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let same = Same::of(version, &self.version);
        match self.numbers {
            1 => !same.major,
            2 if version.pre.is_empty() && self.version.pre.is_empty() => !(same.major && same.minor),
            2 => !(same.major && same.minor) || version.pre != self.version.pre,
            _ => version.cmp_precedence(&self.version).is_ne(),
        }
    }
}

/// Which of the numbers of two versions are the same.
struct Same {
    major: bool,
    minor: bool,
    patch: bool,
}

impl Same {
    fn of(a: &Version, b: &Version) -> Self {
        Self { major: a.major == b.major, minor: a.minor == b.minor, patch: a.patch == b.patch }
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            || format!("'{text}' is not a range of versions such as '>=4', '^1.2', '~1.2.3', '1.x' or '>=1.2 <3 || 5'");
        if text.len() > 512 {
            return Err("a range of versions has at most 512 characters".to_owned());
        }
        let alternatives = text.split("||").map(|part| alternative(part).ok_or_else(invalid));
        Ok(Self { text: text.to_owned(), alternatives: alternatives.collect::<Result<_, _>>()? })
    }
}

/// Comparisons that must all hold. None of them means any version.
fn alternative(text: &str) -> Option<Vec<Comparison>> {
    let words: Vec<&str> = text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).collect();
    let mut comparisons = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        // An operator may stand apart from its version.
        let (operator, rest) = operator(word);
        let version = if rest.is_empty() { words.next()? } else { rest };
        if operator.is_none() && words.next_if_eq(&"-").is_some() {
            comparisons.push(comparison(Operator::GreaterEqual, version)?);
            comparisons.push(comparison(Operator::LessEqual, words.next()?)?);
            continue;
        }
        comparisons.push(comparison(operator.unwrap_or(Operator::Equal), version)?);
    }
    match comparisons.is_empty() {
        true => Some(vec![Comparison { operator: Operator::Equal, version: Version::new(0, 0, 0), numbers: 0 }]),
        false => Some(comparisons),
    }
}

fn operator(word: &str) -> (Option<Operator>, &str) {
    let found = OPERATORS.iter().find_map(|(text, operator)| Some((Some(*operator), word.strip_prefix(text)?)));
    found.unwrap_or((None, word))
}

fn comparison(operator: Operator, text: &str) -> Option<Comparison> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(text, _)| text);
    let (numbers, pre) = text.split_once('-').map_or((text, ""), |(numbers, pre)| (numbers, pre));
    let parts: Vec<&str> = numbers.split('.').collect();
    let wild = |part: &&str| matches!(*part, "x" | "X" | "*");
    let known = parts.iter().position(wild).unwrap_or(parts.len());
    if parts.len() > 3 {
        return None;
    }
    let mut version = Version::new(0, 0, 0);
    for (part, field) in parts.iter().zip([&mut version.major, &mut version.minor, &mut version.patch]).take(known) {
        *field = number(part)?;
    }
    parts[known..].iter().all(|part| wild(part) || number(part).is_some()).then_some(())?;
    version.pre = Prerelease::new(pre).ok()?;
    Some(Comparison { operator, version, numbers: known })
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::version::parse;

    /// What each range means of some versions, as Masterminds/semver 3.5 has it.
    #[test]
    fn ranges_mean_what_they_mean_to_helm() {
        let versions = "0.0.1 0.0.5 0.1.0 0.2.3 0.2.9 0.3.0 1.0.0 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5 2.0.0-rc.1 2.0.0 4.0.0-beta.2 4.0.0 4.1.0 5.0.0";
        for (range, expected) in [
            (">=4", "4.0.0 4.1.0 5.0.0"),
            (">=4-0", "4.0.0-beta.2 4.0.0 4.1.0 5.0.0"),
            ("^1.2", "1.2.0 1.2.3 1.2.9 1.3.0 1.4.5"),
            ("~1.2", "1.2.0 1.2.3 1.2.9"),
            ("~1.2.3", "1.2.3 1.2.9"),
            ("~>1", "1.0.0 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5"),
            ("1.x", "1.0.0 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5"),
            ("1.2.x", "1.2.0 1.2.3 1.2.9"),
            ("1.2", "1.2.0 1.2.3 1.2.9"),
            ("1.2.3", "1.2.3"),
            ("v1.2.3", "1.2.3"),
            ("1.2.4", ""),
            ("1.2 - 1.4.5", "1.2.0 1.2.3 1.2.9 1.3.0 1.4.5"),
            ("1.3.0 - 2", "1.3.0 1.4.5 2.0.0"),
            (">=1.2 <1.3 || 5", "1.2.0 1.2.3 1.2.9 5.0.0"),
            (">= 1.2, < 1.3", "1.2.0 1.2.3 1.2.9"),
            (">1", "2.0.0 4.0.0 4.1.0 5.0.0"),
            (">1.2", "1.3.0 1.4.5 2.0.0 4.0.0 4.1.0 5.0.0"),
            (">1.2.3", "1.2.9 1.3.0 1.4.5 2.0.0 4.0.0 4.1.0 5.0.0"),
            ("<=1", "0.0.1 0.0.5 0.1.0 0.2.3 0.2.9 0.3.0 1.0.0 1.2.0 1.2.3 1.2.9 1.3.0 1.4.5"),
            ("<=1.2", "0.0.1 0.0.5 0.1.0 0.2.3 0.2.9 0.3.0 1.0.0 1.2.0 1.2.3 1.2.9"),
            ("<1.2", "0.0.1 0.0.5 0.1.0 0.2.3 0.2.9 0.3.0 1.0.0"),
            ("^0.2.3", "0.2.3 0.2.9"),
            ("^0.0.1", "0.0.1"),
            ("^0.0", "0.0.1 0.0.5"),
            ("^0", "0.0.1 0.0.5 0.1.0 0.2.3 0.2.9 0.3.0"),
            ("!=1.x, >=1, <3", "2.0.0"),
            ("!=1.2.3 ~1.2", "1.2.0 1.2.9"),
            (">=2.0.0-rc.0 <4.0.0", "2.0.0-rc.1 2.0.0 4.0.0-beta.2"),
            ("2.0.0-rc.1", "2.0.0-rc.1"),
        ] {
            let parsed: Range = range.parse().expect(range);
            let matching: Vec<&str> = versions
                .split(' ')
                .filter(|text| parsed.matches(&parse(text).unwrap_or_else(|| panic!("{text}"))))
                .collect();
            assert_eq!(matching.join(" "), expected, "{range}");
        }
        for all in ["*", "", ">=0", "x"] {
            let parsed: Range = all.parse().expect(all);
            let count = versions.split(' ').filter(|text| parse(text).is_some_and(|v| parsed.matches(&v))).count();
            assert_eq!(count, 16, "{all}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["latest", ">=", "1.2.3.4", "&1", "1 -", ">= || 1", "1.a", "../1", &"1".repeat(600)] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
    }
}
