//! `Release`: what a suite has, and the checksums of its indices (DebianRepository/Format, "Release" files).

use std::collections::BTreeMap;

use airlift_core::path::PathError;
use airlift_core::{Checksum, Time, TreePath};

use super::deb822::{Deb822Error, Stanza, Stanzas};

/// The sections of checksums, weakest first, with the length of a value in characters.
pub const SECTIONS: [(&str, usize); 4] = [("MD5Sum", 32), ("SHA1", 40), ("SHA256", 64), ("SHA512", 128)];

/// What clients know a suite by and treat it by: pinning and the questions that apt asks when one changes depend on these
/// (apt_preferences(5), apt-secure(8)).
pub const KEPT: [&str; 9] = [
    "Origin",
    "Label",
    "Suite",
    "Version",
    "Codename",
    "Description",
    "NotAutomatic",
    "ButAutomaticUpgrades",
    "No-Support-for-Architecture-all",
];

/// The most files that one `Release` may list. The largest distributions list some thousands.
const MOST_FILES: usize = 200_000;

/// What is read of a `Release` file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Who made it.
    pub origin: Option<String>,
    /// The suite's own name, such as `stable`.
    pub suite: Option<String>,
    /// The suite's other own name, such as `bookworm`.
    pub codename: Option<String>,
    /// Its components.
    pub components: Vec<String>,
    /// Its architectures.
    pub architectures: Vec<String>,
    /// What else it says of itself that clients go by: the fields of [`KEPT`] that it has, in that order.
    pub kept: Vec<(&'static str, String)>,
    /// When it was made.
    pub date: Option<Time>,
    /// Until when clients accept it.
    pub valid_until: Option<Time>,
    /// Whether the indices are also found under their checksums.
    pub by_hash: bool,
    /// The listed files by their paths below the suite.
    pub files: BTreeMap<TreePath, Listed>,
}

/// A file that a `Release` lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its size in bytes.
    pub size: u64,
    /// Its checksums in the order of [`SECTIONS`], in lower-case hexadecimal characters.
    pub sums: [Option<Box<str>>; 4],
}

/// A text that is no `Release`.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not stanzas at all.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// More than one stanza.
    #[error("it has more than one stanza")]
    Several,
    /// An entry of a list of checksums that can't be read.
    #[error("its {section} has a line that is not a checksum, a size and a path: {line:?}")]
    Line {
        /// The section's name.
        section: &'static str,
        /// The line, cut at 200 characters.
        line: String,
    },
    /// A path that leaves its folder, or is none.
    #[error("its {section} lists a file that can't be")]
    Path {
        /// The section's name.
        section: &'static str,
        /// What is wrong with the path.
        source: PathError,
    },
    /// A file that has two sizes or two checksums.
    #[error("it lists {path} twice, and differently")]
    Twice {
        /// The file's path.
        path: TreePath,
    },
    /// A list without end.
    #[error("it lists more than two hundred thousand files")]
    Many,
    /// A date that can't be read.
    #[error("its {field} is no date: {text:?}")]
    Date {
        /// The field's name.
        field: &'static str,
        /// Its value.
        text: String,
    },
}

impl Release {
    /// Reads the text of a `Release` file, or what an `InRelease` signs.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`].
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let (mut stanzas, mut stanza) = (Stanzas::new(text.as_bytes()), Stanza::default());
        if !stanzas.read(&mut stanza)? {
            return Err(ReleaseError::Empty);
        }
        if stanzas.read(&mut Stanza::default())? {
            return Err(ReleaseError::Several);
        }
        let text_of = |name| stanza.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let words = |name| stanza.words(name).map(str::to_owned).collect();
        let valid_until = match stanza.get("Valid-Until") {
            Some(text) => Some(date(text).ok_or_else(|| bad_date("Valid-Until", text))?),
            None => None,
        };
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let kept = KEPT.into_iter().filter_map(|name| Some((name, one_line(text_of(name)?))));
        let mut release = Self {
            origin: text_of("Origin"),
            kept: kept.collect(),
            date: stanza.get("Date").and_then(date),
            suite: text_of("Suite"),
            codename: text_of("Codename"),
            components: words("Components"),
            architectures: words("Architectures"),
            valid_until,
            by_hash: stanza.get("Acquire-By-Hash").is_some_and(|value| value.eq_ignore_ascii_case("yes")),
            files: BTreeMap::new(),
        };
        for (position, (section, length)) in SECTIONS.into_iter().enumerate() {
            release.read_section(stanza.get(section).unwrap_or_default(), (position, section, length))?;
        }
        Ok(release)
    }

    /// How much apt prefers what is in it unless it is told otherwise (apt_preferences(5)).
    pub fn pin(&self) -> i32 {
        let says = |wanted| {
            let mut fields = self.kept.iter();
            fields.any(|(name, value)| *name == wanted && value.eq_ignore_ascii_case("yes"))
        };
        match (says("NotAutomatic"), says("ButAutomaticUpgrades")) {
            (true, true) => 100,
            (true, false) => 1,
            (false, _) => 500,
        }
    }

    /// Whether clients read the packages for all architectures from a list of their own, beside that of their architecture:
    /// where `all` is one of the suite's architectures, and the suite does not say otherwise.
    pub fn has_all_apart(&self) -> bool {
        let mut fields = self.kept.iter();
        let listed = self.architectures.is_empty() || self.architectures.iter().any(|name| name == "all");
        listed && !fields.any(|(name, value)| *name == "No-Support-for-Architecture-all" && value == "Packages")
    }

    fn read_section(&mut self, text: &str, of: (usize, &'static str, usize)) -> Result<(), ReleaseError> {
        let (position, section, length) = of;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let bad = || ReleaseError::Line { section, line: line.chars().take(200).collect() };
            let mut words = line.splitn(3, char::is_whitespace).filter(|word| !word.is_empty());
            let sum = words.next().filter(|sum| is_hex(sum, length)).ok_or_else(bad)?.to_ascii_lowercase();
            // The size is padded with blanks, which `splitn` leaves with the rest.
            let (size, path) = line[sum.len()..].trim_start().split_once(char::is_whitespace).ok_or_else(bad)?;
            let size: u64 = size.parse().map_err(|_| bad())?;
            let path = TreePath::new(path.trim_start().trim_start_matches("./"));
            let path = path.map_err(|source| ReleaseError::Path { section, source })?;
            if self.files.len() >= MOST_FILES {
                return Err(ReleaseError::Many);
            }
            let new = Listed { size, ..Listed::default() };
            let listed = self.files.entry(path.clone()).or_insert(new);
            let other = listed.sums[position].replace(sum.as_str().into());
            if listed.size != size || other.is_some_and(|other| *other != *sum) {
                return Err(ReleaseError::Twice { path });
            }
        }
        Ok(())
    }
}

impl Listed {
    /// The checksums that are strong enough to be a promise.
    pub fn checksums(&self) -> Vec<Checksum> {
        let named = [("sha256", &self.sums[2]), ("sha512", &self.sums[3])];
        named.into_iter().filter_map(|(name, sum)| format!("{name}:{}", sum.as_deref()?).parse().ok()).collect()
    }

    /// The names under which the file is also found (`by-hash/SHA256/…`), relative to its folder, weakest first.
    pub fn by_hash(&self) -> impl DoubleEndedIterator<Item = String> {
        let sections = SECTIONS.iter().zip(&self.sums);
        sections.filter_map(|((section, _), sum)| Some(format!("by-hash/{section}/{}", sum.as_deref()?)))
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn bad_date(field: &'static str, text: &str) -> ReleaseError {
    ReleaseError::Date { field, text: text.chars().take(100).collect() }
}

/// A date as Debian writes it: RFC 5322 with `UTC`, or with a zone in digits.
fn date(text: &str) -> Option<Time> {
    let text = text.trim();
    let without_zone = ["UTC", "GMT", "Z"].iter().find_map(|zone| text.strip_suffix(zone));
    let text = without_zone.map_or_else(|| text.to_owned(), |rest| format!("{} +0000", rest.trim_end()));
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let timestamp = parser.parse_timestamp(&text).ok()?;
    Some(Time::from_seconds(timestamp.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_release_is_read() {
        let text = format!(
            "Origin: Debian\nSuite: stable\nCodename: bookworm\nComponents: main contrib\nArchitectures: all amd64\n\
             Valid-Until: Sat, 5 Dec 2026 20:10:15 UTC\nAcquire-By-Hash: yes\n\
             MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e        4 main/binary-amd64/Packages\n\
             SHA256:\n {SHA256} 4 main/binary-amd64/Packages\n"
        );
        let release = Release::parse(&text).expect("a release");
        assert_eq!(release.components, ["main", "contrib"]);
        assert_eq!(release.valid_until.expect("a date").to_string(), "2026-12-05T20:10:15Z");
        let listed = &release.files[&TreePath::new("main/binary-amd64/Packages").expect("a path")];
        assert_eq!(listed.size, 4);
        assert_eq!(listed.checksums()[0].to_string(), format!("sha256:{SHA256}"));
        assert!(release.has_all_apart());
        let without =
            |from: &str, to: &str| Release::parse(&text.replace(from, to)).expect("a release").has_all_apart();
        assert!(
            !without("all amd64", "amd64") && !without("Suite:", "No-Support-for-Architecture-all: Packages\nSuite:")
        );
        let names: Vec<String> = listed.by_hash().collect();
        assert_eq!(names, ["by-hash/MD5Sum/d41d8cd98f00b204e9800998ecf8427e", &format!("by-hash/SHA256/{SHA256}")]);
    }

    #[test]
    fn hostile_releases_are_refused() {
        for (text, expected) in [
            ("", "empty"),
            ("A: b\n\nC: d\n", "more than one stanza"),
            (&*format!("SHA256:\n {SHA256} 4 ../x\n"), "can't be"),
            (&*format!("SHA256:\n {SHA256} 4 /etc/passwd\n"), "can't be"),
            (&*format!("SHA256:\n {SHA256} x a\n"), "not a checksum, a size and a path"),
            ("SHA256:\n ../../../x 4 a\n", "not a checksum, a size and a path"),
            (&*format!("SHA256:\n {SHA256} 4 a\n {SHA256} 5 a\n"), "twice"),
            ("Valid-Until: never\n", "is no date"),
        ] {
            let error = airlift_core::failure::line(&Release::parse(text).expect_err(text));
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
