//! Relations between packages: `Depends`, `Provides` and the like (Debian Policy, section 7.1; deb-control(5)).

use std::cmp::Ordering;
use std::fmt;

use super::version;

/// The most relations in one field. The largest metapackages have a thousand.
pub const MOST: usize = 20_000;

/// One package that is asked for, or that is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Relation<'a> {
    /// The package's name, real or virtual.
    pub name: &'a str,
    /// What stands behind a colon: `any`, `native`, or an architecture.
    pub qualifier: Option<&'a str>,
    /// Which versions; none for all.
    pub versions: Option<Versions<'a>>,
}

/// Which versions a relation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Versions<'a> {
    /// How they compare with [`Versions::version`].
    pub operator: Operator,
    /// The version.
    pub version: &'a str,
}

/// How versions compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `<<`: strictly earlier.
    Earlier,
    /// `<=`: earlier or equal. So is the old `<`.
    EarlierOrEqual,
    /// `=`: exactly equal.
    Equal,
    /// `>=`: later or equal. So is the old `>`.
    LaterOrEqual,
    /// `>>`: strictly later.
    Later,
}

/// A text that is no list of relations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// One that can't be read.
    #[error("{text:?} is no relation between packages")]
    Syntax {
        /// The relation, cut at 100 characters.
        text: String,
    },
    /// More than twenty thousand.
    #[error("it has more than {MOST} relations")]
    Many,
}

impl Operator {
    const ALL: [(&'static str, Self); 7] = [
        ("<<", Self::Earlier),
        ("<=", Self::EarlierOrEqual),
        (">=", Self::LaterOrEqual),
        (">>", Self::Later),
        ("=", Self::Equal),
        ("<", Self::EarlierOrEqual),
        (">", Self::LaterOrEqual),
    ];

    /// As it is written today.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

impl Versions<'_> {
    /// Whether a version is one of them.
    pub fn accept(&self, version: &str) -> bool {
        let order = version::compare(version, self.version);
        match self.operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        match self.versions {
            Some(Versions { operator, version }) => write!(f, " ({} {version})", operator.sign()),
            None => Ok(()),
        }
    }
}

/// Reads a field: groups that all have to hold, each a choice of relations.
///
/// # Errors
///
/// [`RelationError`].
pub fn groups(text: &str) -> Result<Vec<Vec<Relation<'_>>>, RelationError> {
    let mut count = 0;
    let mut groups = Vec::new();
    for group in text.split(',').map(str::trim).filter(|group| !group.is_empty()) {
        let mut choice = Vec::new();
        for text in group.split('|') {
            count += 1;
            if count > MOST {
                return Err(RelationError::Many);
            }
            let bad = || RelationError::Syntax { text: text.trim().chars().take(100).collect() };
            choice.push(relation(text).ok_or_else(bad)?);
        }
        groups.push(choice);
    }
    Ok(groups)
}

/// Reads a field of relations without choices: `Provides`, `Conflicts`, `Breaks`.
///
/// # Errors
///
/// [`RelationError`], for a choice too.
pub fn relations(text: &str) -> Result<Vec<Relation<'_>>, RelationError> {
    let groups = groups(text)?.into_iter().map(|group| match group[..] {
        [one] => Ok(one),
        _ => Err(RelationError::Syntax { text: group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ") }),
    });
    groups.collect()
}

/// `name:any (>= 1) [amd64] <!nocheck>`; what limits it to architectures and build profiles is in no list of packages, and
/// is passed over.
fn relation(text: &str) -> Option<Relation<'_>> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_whitespace() || "([<".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
    };
    if !plain(name) || !qualifier.is_none_or(plain) {
        return None;
    }
    let rest = rest.trim_start();
    let Some(inside) = rest.strip_prefix('(') else {
        return (rest.is_empty() || rest.starts_with(['[', '<'])).then_some(Relation {
            name,
            qualifier,
            versions: None,
        });
    };
    let (inside, after) = inside.split_once(')')?;
    let after = after.trim_start();
    let inside = inside.trim();
    let (sign, operator) = Operator::ALL.into_iter().find(|(sign, _)| inside.starts_with(sign))?;
    let version = inside[sign.len()..].trim();
    let is_version = |c: char| c.is_ascii_alphanumeric() || ".+~:-_".contains(c);
    let good = !version.is_empty() && version.chars().all(is_version);
    let ends = after.is_empty() || after.starts_with(['[', '<']);
    (good && ends).then_some(Relation { name, qualifier, versions: Some(Versions { operator, version }) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_read() {
        let text = "libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0,\n python3:any(<<4),mta|x [amd64] <!nocheck>, a:amd64 (= 1:2~b-1),";
        let read = groups(text).expect("relations");
        let shown: Vec<String> =
            read.iter().map(|group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")).collect();
        let expected = [
            "libc6 (>= 2.34)",
            "debconf (>= 0.5) | debconf-2.0",
            "python3:any (<< 4)",
            "mta | x",
            "a:amd64 (= 1:2~b-1)",
        ];
        assert_eq!(shown, expected);
        let old = relations("a (< 1), b (> 1)").expect("relations");
        assert_eq!(old[0].versions.expect("versions").operator, Operator::EarlierOrEqual);
        assert_eq!(old[1].versions.expect("versions").operator, Operator::LaterOrEqual);
        assert!(groups(" \n ").expect("nothing").is_empty());
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "a b",
            "a (1)",
            "a (>= )",
            "a (>= 1",
            "a ()",
            ":any",
            "a:",
            "-a",
            "a | ",
            "a (>= 1) b",
            "${misc:Depends}",
            "a (>= 1 2)",
        ] {
            assert!(groups(text).is_err(), "{text}");
        }
        assert!(relations("a | b").is_err());
        assert_eq!(groups(&"a,".repeat(MOST + 1)), Err(RelationError::Many));
    }

    #[test]
    fn versions_are_compared() {
        for (relation, version, expected) in [
            ("a (<< 1)", "1~", true),
            ("a (<< 1)", "1", false),
            ("a (<= 1)", "1-0", true),
            ("a (= 1)", "0:1", true),
            ("a (>= 1)", "1~", false),
            ("a (>> 1)", "1+", true),
        ] {
            let versions = relations(relation).expect("a relation")[0].versions.expect("versions");
            assert_eq!(versions.accept(version), expected, "{relation} {version}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_the_same(
            name in "[a-z0-9][a-z0-9+.-]{1,8}",
            qualifier in proptest::option::of("any|native|amd64"),
            versions in proptest::option::of((0..5_usize, "[0-9][0-9a-z.+~-]{0,6}")),
        ) {
            let versions = versions.as_ref().map(|(at, version)| Versions { operator: Operator::ALL[*at].1, version });
            let relation = Relation { name: &name, qualifier: qualifier.as_deref(), versions };
            let text = relation.to_string();
            prop_assert_eq!(groups(&text).expect("a relation"), vec![vec![relation]]);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-c0-2:(<>=)|, \\[\\]\u{e4}\n.~-]{0,40}") {
            let _ = groups(&text);
        }
    }
}
