//! `Packages.diff/Index`: the patches that turn an older list into the present one (DebianRepository/Format, "Diffs").
//!
//! Each line of its sections is a checksum, a size in bytes and a name. `…-Current` is the list that comes out in the
//! end, `…-Patches` are the patches unpacked, `…-Download` the same as they are fetched, with their endings. Sections
//! that begin with `X-Unmerged-` are for clients that apply one patch after the other.

use airlift_core::Checksum;

use super::deb822::{Deb822Error, Stanza, Stanzas};

/// The most patches that one index may name. Debian has some three hundred.
const MOST_PATCHES: usize = 20_000;

/// The checksums that are believed, best known first.
const ALGORITHMS: [(&str, &str); 2] = [("SHA256", "sha256"), ("SHA512", "sha512")];

/// What is read of an index of patches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffIndex {
    /// The list that comes out in the end.
    pub current: Option<Promise>,
    /// The patches, each once, in the order of the text.
    pub patches: Vec<Patch>,
}

/// What is promised of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Its checksum.
    pub checksum: Checksum,
    /// Its size in bytes.
    pub size: u64,
}

/// A patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Its file's name beside the index, such as `T-2026-11-23-0210.00-F-2026-11-22-1410.00.gz`.
    pub name: String,
    /// What is promised of the file as it is, or of what it unpacks to.
    pub promise: Promise,
    /// Whether the promise is about what the file unpacks to.
    pub unpacked: bool,
}

/// A text that is no index of patches.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Not stanzas at all.
    #[error(transparent)]
    Deb822(#[from] Deb822Error),
    /// A line that can't be read.
    #[error("its {section} has a line that is not a checksum, a size and a name: {line:?}")]
    Line {
        /// The section's name.
        section: String,
        /// The line, cut at 200 characters.
        line: String,
    },
    /// Two promises for one patch.
    #[error("it names {name} twice, and differently")]
    Twice {
        /// The patch's name.
        name: String,
    },
    /// A list without end.
    #[error("it names more than {MOST_PATCHES} patches")]
    Many,
}

impl DiffIndex {
    /// Reads an index. It has no patches where only MD5 or SHA-1 vouch for them.
    ///
    /// # Errors
    ///
    /// [`DiffError`].
    pub fn parse(text: &[u8]) -> Result<Self, DiffError> {
        let (mut stanzas, mut stanza) = (Stanzas::new(text), Stanza::default());
        let mut index = Self::default();
        if !stanzas.read(&mut stanza)? {
            return Ok(index);
        }
        for (field, algorithm) in ALGORITHMS {
            if index.current.is_none() {
                let section = format!("{field}-Current");
                let line = stanza.get(&section).filter(|line| !line.is_empty());
                let promise = line.map(|line| entry(&section, line, algorithm)).transpose()?;
                index.current = promise.map(|(promise, _)| promise);
            }
            for prefix in ["", "X-Unmerged-"] {
                let section = |name: &str| format!("{prefix}{field}-{name}");
                let (download, patches) = (section("Download"), section("Patches"));
                match stanza.get(&download) {
                    Some(text) => index.read(text, (&download, algorithm, false))?,
                    None => index.read(stanza.get(&patches).unwrap_or_default(), (&patches, algorithm, true))?,
                }
            }
            if !index.patches.is_empty() {
                break;
            }
        }
        Ok(index)
    }

    fn read(&mut self, text: &str, of: (&str, &str, bool)) -> Result<(), DiffError> {
        let (section, algorithm, unpacked) = of;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (promise, name) = entry(section, line, algorithm)?;
            let bad = || DiffError::Line { section: section.to_owned(), line: line.chars().take(200).collect() };
            let name = name.filter(|name| is_name(name)).ok_or_else(bad)?;
            let name = if unpacked { format!("{name}.gz") } else { name.to_owned() };
            self.patches.push(Patch { name, promise, unpacked });
            if self.patches.len() > MOST_PATCHES {
                return Err(DiffError::Many);
            }
        }
        self.once()
    }

    /// Merged and unmerged patches are often the same files.
    fn once(&mut self) -> Result<(), DiffError> {
        let mut seen = std::collections::HashMap::<String, (Promise, bool)>::new();
        let mut twice = None;
        self.patches.retain(|patch| match seen.get(&patch.name) {
            Some(other) => {
                if *other != (patch.promise.clone(), patch.unpacked) {
                    twice = Some(patch.name.clone());
                }
                false
            }
            None => {
                seen.insert(patch.name.clone(), (patch.promise.clone(), patch.unpacked));
                true
            }
        });
        twice.map_or(Ok(()), |name| Err(DiffError::Twice { name }))
    }
}

fn entry<'a>(section: &str, line: &'a str, algorithm: &str) -> Result<(Promise, Option<&'a str>), DiffError> {
    let bad = || DiffError::Line { section: section.to_owned(), line: line.chars().take(200).collect() };
    let mut words = line.split_whitespace();
    let (Some(sum), Some(size), name, None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(bad());
    };
    let checksum = format!("{algorithm}:{}", sum.to_ascii_lowercase()).parse().map_err(|_| bad())?;
    Ok((Promise { checksum, size: size.parse().map_err(|_| bad())? }, name))
}

/// A name of a file beside the index.
fn is_name(text: &str) -> bool {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._+~-".contains(c));
    plain && !text.starts_with('.') && text.len() <= 200
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const B: &str = "3f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn patches_are_read_as_they_are_fetched() {
        let text = format!(
            "SHA1-Current: x\nSHA256-Current: {A} 12\nSHA256-History:\n {A} 3 one\nSHA256-Patches:\n {B} 5 one\n\
             SHA256-Download:\n {A} 7 one.gz\n {B} 8 two.gz\nX-Unmerged-SHA256-Download:\n {A} 7 one.gz\n {A} 9 u.gz\n"
        );
        let index = DiffIndex::parse(text.as_bytes()).expect("an index");
        assert_eq!(index.current.expect("a list").size, 12);
        let names: Vec<(&str, u64, bool)> =
            index.patches.iter().map(|patch| (&*patch.name, patch.promise.size, patch.unpacked)).collect();
        assert_eq!(names, [("one.gz", 7, false), ("two.gz", 8, false), ("u.gz", 9, false)]);
    }

    #[test]
    fn without_a_section_for_downloads_the_unpacked_patches_count() {
        let text = format!("SHA256-Patches:\n {B} 5 one\n");
        let index = DiffIndex::parse(text.as_bytes()).expect("an index");
        assert_eq!((&*index.patches[0].name, index.patches[0].unpacked), ("one.gz", true));
        let weak = format!("SHA1-Patches:\n {} 5 one\n", &A[..40]);
        assert_eq!(DiffIndex::parse(weak.as_bytes()).expect("an index"), DiffIndex::default());
    }

    #[test]
    fn hostile_indices_are_refused() {
        for (text, expected) in [
            (format!("SHA256-Download:\n {A} 5 ../../x.gz\n"), "not a checksum, a size and a name"),
            (format!("SHA256-Download:\n {A} 5 /x\n"), "not a checksum, a size and a name"),
            (format!("SHA256-Download:\n {A} 5 .x\n"), "not a checksum, a size and a name"),
            (format!("SHA256-Download:\n {A} -5 x\n"), "not a checksum, a size and a name"),
            (format!("SHA256-Download:\n {A} 5 x\n {B} 5 x\n"), "twice"),
            ("SHA256-Current: x 5\n".to_owned(), "not a checksum"),
            (format!("SHA256-Download:{}", format!("\n {A} 5 x").repeat(MOST_PATCHES + 1)), "more than 20000"),
        ] {
            let error = DiffIndex::parse(text.as_bytes()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(SHA256-(Current|Download|Patches):)?[ \n0-9a-f.]{0,80}") {
            let _ = DiffIndex::parse(text.as_bytes());
        }
    }
}
