//! What was done to a host, so that it can be taken back: `journal` below `/var/lib/airlift/setup`.
//!
//! It is text, since a shell reads and writes it too. The first line is the version; every other one has five fields with
//! tabs between them: what was done, for which client, the path, the number of what was kept (`-` where there was nothing),
//! and the SHA-256 of what was put there (`-` likewise). A line is written before what it says is done, so that whatever
//! was done is in it. What was replaced is kept as `kept/<number>`.

use std::fmt;
use std::str::FromStr;

use airlift_core::Digest;

/// The first line.
pub const HEADING: &str = "airlift-setup 1";
/// Where it is, with what was kept.
pub const STATE: &str = "/var/lib/airlift/setup";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A folder was made.
    Folder,
    /// A file was put where there was none.
    New,
    /// A file took the place of another one, which is kept.
    Replaced,
    /// A file that is ours already got other content.
    Ours,
    /// A file was set aside, and is kept.
    Aside,
    /// Which mirror it was: in the place of the path.
    Mirror,
}

const DEEDS: [(Deed, &str); 6] = [
    (Deed::Folder, "folder"),
    (Deed::New, "new"),
    (Deed::Replaced, "replaced"),
    (Deed::Ours, "ours"),
    (Deed::Aside, "aside"),
    (Deed::Mirror, "mirror"),
];

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was done.
    pub deed: Deed,
    /// For which client; `-` for what all of them share.
    pub client: String,
    /// The path on the client.
    pub path: String,
    /// The number of what was kept.
    pub kept: Option<u32>,
    /// What was put there.
    pub digest: Option<Digest>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DEEDS.iter().find(|(deed, _)| *deed == self.deed).map_or("-", |(_, name)| name);
        let kept = self.kept.map_or_else(|| "-".to_owned(), |kept| kept.to_string());
        let digest = self.digest.map_or_else(|| "-".to_owned(), |digest| digest.hex());
        write!(f, "{name}\t{}\t{}\t{kept}\t{digest}", self.client, self.path)
    }
}

/// Everything that was done, in that order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The lines.
    pub entries: Vec<Entry>,
}

/// Why a journal can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another version wrote it.
    #[error("it begins with '{0}', and this version of Airlift reads '{HEADING}'")]
    Version(String),
    /// A line of it is none.
    #[error("line {0} is damaged")]
    Line(usize),
}

impl FromStr for Journal {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        if heading != HEADING {
            return Err(JournalError::Version(heading.to_owned()));
        }
        // A last line without its end was never acted upon.
        let whole = text.matches('\n').count().saturating_sub(1);
        let entries =
            lines.take(whole).enumerate().map(|(number, line)| entry(line).ok_or(JournalError::Line(number + 2)));
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }
}

fn entry(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [deed, client, path, kept, digest] = fields.as_slice() else { return None };
    let (deed, _) = DEEDS.iter().find(|(_, name)| name == deed)?;
    let kept = if *kept == "-" { None } else { Some(kept.parse().ok()?) };
    let digest = if *digest == "-" { None } else { Some(Digest::from_hex(digest).ok()?) };
    let missing = match deed {
        Deed::Replaced => kept.is_none() || digest.is_none(),
        Deed::New | Deed::Ours => digest.is_none(),
        Deed::Aside => kept.is_none(),
        Deed::Folder | Deed::Mirror => false,
    };
    let (client, path) = ((*client).to_owned(), (*path).to_owned());
    (!missing).then_some(Entry { deed: *deed, client, path, kept, digest })
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl Journal {
    /// The mirror that this host was pointed at last.
    pub fn mirror(&self) -> Option<&str> {
        self.entries.iter().rev().find(|entry| entry.deed == Deed::Mirror).map(|entry| entry.path.as_str())
    }

    /// How a file of ours came to be.
    pub fn origin(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path && matches!(entry.deed, Deed::New | Deed::Replaced))
    }

    /// Whether we put these bytes there.
    pub fn is_ours(&self, path: &str, bytes: &[u8]) -> bool {
        let digest = Some(Digest::of(bytes));
        let put = |entry: &Entry| matches!(entry.deed, Deed::New | Deed::Replaced | Deed::Ours);
        self.entries.iter().any(|entry| entry.path == path && put(entry) && entry.digest == digest)
    }

    /// The next number under which something can be kept.
    pub fn next_kept(&self) -> u32 {
        self.entries.iter().filter_map(|entry| entry.kept).max().map_or(1, |kept| kept + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_as_it_was_written() {
        let entry = |deed, path: &str, kept, digest: Option<&[u8]>| Entry {
            deed,
            client: "apt".into(),
            path: path.into(),
            kept,
            digest: digest.map(Digest::of),
        };
        let entries = vec![
            entry(Deed::Mirror, "http://m:8000", None, None),
            entry(Deed::Folder, "/etc/a", None, None),
            entry(Deed::New, "/etc/a/b", None, Some(b"b")),
            entry(Deed::Replaced, "/etc/c d", Some(7), Some(b"c")),
            entry(Deed::Ours, "/etc/c d", None, Some(b"d")),
            entry(Deed::Aside, "/etc/e", Some(8), None),
        ];
        let journal = Journal { entries };
        let text = journal.to_string();
        assert_eq!(text.parse(), Ok(journal.clone()));
        assert_eq!(format!("{text}new\tapt\t/etc/x").parse(), Ok(journal.clone()), "a line that was being written");
        assert!(journal.is_ours("/etc/c d", b"d") && journal.is_ours("/etc/c d", b"c"));
        assert!(!journal.is_ours("/etc/c d", b"e"));
        assert_eq!((journal.next_kept(), journal.mirror()), (9, Some("http://m:8000")));
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        assert!(matches!("airlift-setup 2\n".parse::<Journal>(), Err(JournalError::Version(_))));
        for line in ["new\tapt\t/etc/x\t-\t-", "x\tapt\t/etc/x\t-\t-", "new\tapt", "aside\ta\t/b\t-\t-"] {
            assert_eq!(format!("{HEADING}\n{line}\n").parse::<Journal>(), Err(JournalError::Line(2)), "{line}");
        }
    }
}
