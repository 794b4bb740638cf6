//! Versions of packages, and how they compare (rpm-version(7), rpm-dependencies(7)).

use std::cmp::Ordering;
use std::fmt;

/// Epoch, version and release. Its release is empty where a dependency leaves it open.
///
/// It is ordered as rpm orders packages; a release that is left open is older than any other.
#[derive(Clone, Copy, Debug)]
pub struct Evr<'a> {
    /// The epoch; zero where there is none.
    pub epoch: u32,
    /// The version.
    pub version: &'a str,
    /// The release; empty for none.
    pub release: &'a str,
}

impl<'a> Evr<'a> {
    /// Reads `epoch:version-release`, of which epoch and release may be left out. An epoch that is no number counts as
    /// part of the version.
    pub fn parse(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if !epoch.is_empty() => epoch.parse().map_or((0, text), |epoch: u32| (epoch, rest)),
            _ => (0, text),
        };
        let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch, version, release }
    }

    /// Compares as a dependency does: a release that one of both leaves open is not compared, and the error tells whose it is.
    ///
    /// # Errors
    ///
    /// [`Open`] where the versions are the same, and one of both leaves its release open.
    pub fn meets(&self, other: &Self) -> Result<Ordering, Open> {
        let versions = self.epoch.cmp(&other.epoch).then_with(|| compare(self.version, other.version));
        match (versions, self.release.is_empty(), other.release.is_empty()) {
            (Ordering::Equal, true, false) => Err(Open::Left),
            (Ordering::Equal, false, true) => Err(Open::Right),
            (Ordering::Equal, ..) => Ok(compare(self.release, other.release)),
            (different, ..) => Ok(different),
        }
    }
}

/// Which side of a comparison leaves its release open, where the versions are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

impl Ord for Evr<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let versions = self.epoch.cmp(&other.epoch).then_with(|| compare(self.version, other.version));
        versions.then_with(|| compare(self.release, other.release))
    }
}

impl PartialOrd for Evr<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Evr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Evr<'_> {}

impl fmt::Display for Evr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(self.version)?;
        match self.release {
            "" => Ok(()),
            release => write!(f, "-{release}"),
        }
    }
}

/// The comparisons of a dependency. Their bits say which of older, same and newer versions are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flags(u8);

impl Flags {
    /// `<`.
    pub const LESS: Self = Self(1);
    /// `=`.
    pub const EQUAL: Self = Self(2);
    /// `<=`.
    pub const AT_MOST: Self = Self(3);
    /// `>`.
    pub const GREATER: Self = Self(4);
    /// `>=`.
    pub const AT_LEAST: Self = Self(6);

    /// The comparison that metadata calls `LT`, `LE`, `EQ`, `GE` or `GT`.
    pub fn of_metadata(name: &str) -> Option<Self> {
        Some(match name {
            "LT" => Self::LESS,
            "LE" => Self::AT_MOST,
            "EQ" => Self::EQUAL,
            "GE" => Self::AT_LEAST,
            "GT" => Self::GREATER,
            _ => return None,
        })
    }

    /// The comparison that a person writes: `<`, `<=`, `=`, `==`, `>=` or `>`.
    pub fn of_sign(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::LESS,
            "<=" | "=<" => Self::AT_MOST,
            "=" | "==" => Self::EQUAL,
            ">=" | "=>" => Self::AT_LEAST,
            ">" => Self::GREATER,
            _ => return None,
        })
    }

    /// How a person writes it.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::LESS => "<",
            Self::AT_MOST => "<=",
            Self::AT_LEAST => ">=",
            Self::GREATER => ">",
            _ => "=",
        }
    }

    /// Whether both ranges have a version in common: what is provided, and what is required.
    pub fn overlap(self, provided: &Evr<'_>, flags: Self, required: &Evr<'_>) -> bool {
        let (mine, theirs) = (self.0, flags.0);
        if mine & theirs & (Self::LESS.0 | Self::GREATER.0) != 0 {
            return true;
        }
        match provided.meets(required) {
            Ok(Ordering::Less) => theirs & Self::LESS.0 != 0 || mine & Self::GREATER.0 != 0,
            Ok(Ordering::Equal) => mine & theirs & Self::EQUAL.0 != 0,
            Ok(Ordering::Greater) => theirs & Self::GREATER.0 != 0 || mine & Self::LESS.0 != 0,
            Err(Open::Left) => mine & Self::EQUAL.0 != 0,
            Err(Open::Right) => theirs & Self::EQUAL.0 != 0,
        }
    }
}

/// Compares two versions, or two releases, as rpm does.
///
/// Both are read as runs of digits and runs of letters; what stands between separates and is not compared. Runs of digits
/// compare as numbers and are newer than letters. `~` is older than everything, even the end; `^` is newer than the end,
/// and older than everything else.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    if left == right {
        return Ordering::Equal;
    }
    loop {
        (left, right) = (separated(left), separated(right));
        match (left.first(), right.first()) {
            (None, None) => return Ordering::Equal,
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (left, right) = (&left[1..], &right[1..]);
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (Some(first), Some(other)) => match (first.is_ascii_digit(), other.is_ascii_digit()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (digits, _) => {
                    let (run, rest) = run(left, digits);
                    let (other_run, other_rest) = self::run(right, digits);
                    let order = match digits {
                        true => numbers(run, other_run),
                        false => run.cmp(other_run),
                    };
                    if order.is_ne() {
                        return order;
                    }
                    (left, right) = (rest, other_rest);
                }
            },
        }
    }
}

fn separated(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^'));
    &text[end.unwrap_or(text.len())..]
}

fn run(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let inside = |byte: &u8| if digits { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
    text.split_at(text.iter().position(|byte| !inside(byte)).unwrap_or(text.len()))
}

/// Numbers of any length.
fn numbers(left: &[u8], right: &[u8]) -> Ordering {
    fn plain(digits: &[u8]) -> &[u8] {
        &digits[digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len())..]
    }
    let (left, right) = (plain(left), plain(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_compare_as_rpm_compares_them() {
        use Ordering::{Equal, Greater, Less};
        for (left, right, expected) in [
            ("1.0", "1.0", Equal),
            ("1.0", "2.0", Less),
            ("2.0.1", "2.0.1a", Less),
            ("5.5p1", "5.5p2", Less),
            ("5.5p10", "5.5p1", Greater),
            ("10xyz", "10.1xyz", Less),
            ("xyz10", "xyz10.1", Less),
            ("xyz.4", "8", Less),
            ("5.5p2", "5.6p1", Less),
            ("6.0.rc1", "6.0", Greater),
            ("10b2", "10a1", Greater),
            ("1.0aa", "1.0a", Greater),
            ("10.0001", "10.1", Equal),
            ("10.0001", "10.0039", Less),
            ("4.999.9", "5.0", Less),
            ("20101122", "20101121", Greater),
            ("2_0", "2.0", Equal),
            ("a+", "a_", Equal),
            ("+", "_", Equal),
            ("1.0~rc1", "1.0", Less),
            ("1.0~rc1", "1.0~rc2", Less),
            ("1.0~rc1~git123", "1.0~rc1", Less),
            ("1.0^", "1.0", Greater),
            ("1.0^git1", "1.0", Greater),
            ("1.0^git1", "1.0^git2", Less),
            ("1.0^git1", "1.01", Less),
            ("1.0^20160101", "1.0.1", Less),
            ("1.0~rc1^git1", "1.0~rc1", Greater),
            ("1.0^git1~pre", "1.0^git1", Less),
            ("1.0^git1", "1.0~rc1", Greater),
            ("", "1", Less),
            ("", "~", Greater),
            ("1.", "1", Equal),
            ("99999999999999999999999", "99999999999999999999998", Greater),
            ("é1", "1", Equal),
        ] {
            assert_eq!(compare(left, right), expected, "{left} and {right}");
            assert_eq!(compare(right, left), expected.reverse(), "{right} and {left}");
        }
    }

    #[test]
    fn epoch_comes_first_and_release_last() {
        let order = |left, right| Evr::parse(left).cmp(&Evr::parse(right));
        assert_eq!(order("1:1-1", "2-1"), Ordering::Greater);
        assert_eq!(order("0:1-1", "1-1"), Ordering::Equal);
        assert_eq!(order("1-2", "1-10"), Ordering::Less);
        assert_eq!(Evr::parse("3:1.0-2.el9").to_string(), "3:1.0-2.el9");
        assert_eq!(Evr::parse("1.0").to_string(), "1.0");
    }

    #[test]
    fn ranges_overlap_as_rpm_says() {
        let meets = |provided: &str, required: &str| {
            let read = |text: &str| -> (Flags, String) {
                let (sign, evr) = text.split_once(' ').expect("a comparison");
                (Flags::of_sign(sign).expect("a sign"), evr.to_owned())
            };
            let ((mine, provided), (theirs, required)) = (read(provided), read(required));
            mine.overlap(&Evr::parse(&provided), theirs, &Evr::parse(&required))
        };
        for (provided, required, expected) in [
            ("= 1.0-1", "= 1.0", true),
            ("= 1.0", "= 1.0-1", true),
            ("= 1.0-2", "= 1.0-1", false),
            ("= 1.0-1", "> 1.0", false),
            ("= 1.0-1", ">= 1.0", true),
            ("= 1.0-1", "<= 1.0", true),
            ("= 1.0-1", "< 1.0", false),
            ("= 1.0~rc1-1", "< 1.0", true),
            ("= 1:1.0-1", "< 2", false),
            (">= 2", "< 3", true),
            (">= 2", "< 2", false),
            ("<= 2", ">= 2", true),
            ("< 2", "> 1", true),
            ("> 2", "> 5", true),
        ] {
            assert_eq!(meets(provided, required), expected, "{provided} for {required}");
        }
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[0-9a-c~^.]{0,6}", b in "[0-9a-c~^.]{0,6}", c in "[0-9a-c~^.]{0,6}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le(), "{} {} {}", a, b, c);
            }
        }

        #[test]
        fn nothing_panics(a in ".{0,12}", b in ".{0,12}") {
            let _ = compare(&a, &b);
            let _ = Evr::parse(&a).cmp(&Evr::parse(&b));
        }
    }
}
