//! Stanzas of fields: `Release`, `Packages`, `Sources` and `*.sources` files (deb822(5), Debian Policy chapter 5).
//!
//! The reader takes one stanza at a time into one buffer, so that a list of a million packages costs no more memory
//! than its longest stanza, of which [`LONGEST_STANZA`] bytes are accepted.

use std::io::{self, BufRead};
use std::ops::Range;

/// The most bytes of one stanza. A `Release` file of a large distribution has half a megabyte.
pub const LONGEST_STANZA: usize = 32 << 20;

/// A reader of stanzas.
pub struct Stanzas<R> {
    input: R,
    line: usize,
    comments: bool,
}

/// One stanza: names and values in the order of the text.
#[derive(Debug, Default)]
pub struct Stanza {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
    /// The line of the text at which it begins, from 1.
    pub line: usize,
}

/// A text that is no list of stanzas.
#[derive(Debug, thiserror::Error)]
pub enum Deb822Error {
    /// A line that is neither a field nor a continuation of one.
    #[error("line {line} is no field: {text:?}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// The line, cut at 100 characters.
        text: String,
    },
    /// A stanza that is longer than [`LONGEST_STANZA`].
    #[error("the stanza that begins at line {line} is longer than 32 MiB")]
    Long {
        /// The number of its first line, from 1.
        line: usize,
    },
    /// The text could not be read, or unpacked, to its end.
    #[error("it can't be read to its end")]
    Read {
        /// Why.
        source: io::Error,
    },
}

impl<R: BufRead> Stanzas<R> {
    /// Reads stanzas as machines write them, without comments.
    pub const fn new(input: R) -> Self {
        Self { input, line: 0, comments: false }
    }

    /// Reads stanzas as people write them, with comment lines.
    pub const fn with_comments(input: R) -> Self {
        Self { input, line: 0, comments: true }
    }

    /// Reads the next stanza into this buffer; false at the end.
    ///
    /// # Errors
    ///
    /// [`Deb822Error`].
    pub fn read(&mut self, into: &mut Stanza) -> Result<bool, Deb822Error> {
        into.text.clear();
        into.fields.clear();
        let mut bytes = std::mem::take(&mut into.text).into_bytes();
        into.line = self.line + 1;
        loop {
            let start = bytes.len();
            let most = (LONGEST_STANZA - start.min(LONGEST_STANZA)) as u64 + 1;
            let read = io::Read::take(&mut self.input, most).read_until(b'\n', &mut bytes);
            let read = read.map_err(|source| Deb822Error::Read { source })?;
            if bytes.len() > LONGEST_STANZA {
                return Err(Deb822Error::Long { line: into.line });
            }
            self.line += usize::from(read > 0);
            let blank = bytes[start..].iter().all(u8::is_ascii_whitespace);
            if self.comments && bytes[start..].first() == Some(&b'#') {
                bytes.truncate(start);
            } else if blank {
                bytes.truncate(start);
                if start > 0 || read == 0 {
                    break;
                }
                into.line = self.line + 1;
            }
        }
        // Old descriptions are Latin-1; of all that is used, nothing is.
        into.text =
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        into.index()?;
        Ok(!into.fields.is_empty())
    }
}

impl Stanza {
    fn index(&mut self) -> Result<(), Deb822Error> {
        let mut start = 0;
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            let end = start + line.len();
            if line.starts_with([' ', '\t']) {
                match self.fields.last_mut() {
                    Some((_, value)) => value.end = end,
                    None => return Err(self.no_field(number, line)),
                }
            } else {
                let colon = line.find(':').filter(|colon| *colon > 0).ok_or_else(|| self.no_field(number, line))?;
                self.fields.push((start..start + colon, start + colon + 1..end));
            }
            start = end;
        }
        Ok(())
    }

    fn no_field(&self, number: usize, line: &str) -> Deb822Error {
        Deb822Error::Line { line: self.line + number, text: line.trim_end().chars().take(100).collect() }
    }

    /// A field's value without white space around it; names are compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| self.text[field.clone()].eq_ignore_ascii_case(name));
        field.map(|(_, value)| self.text[value.clone()].trim())
    }

    /// Every field in the order of the text: its name, and its value without blanks around it. A value that begins on the
    /// line after its name begins with that line's end.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let value = |value: &Range<usize>| self.text[value.clone()].trim_end().trim_start_matches([' ', '\t']);
        self.fields.iter().map(move |(name, of)| (&self.text[name.clone()], value(of)))
    }

    /// A field's value as words.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).unwrap_or_default().split_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Vec<(String, String)>>, Deb822Error> {
        let (mut stanzas, mut stanza, mut found) = (Stanzas::with_comments(text.as_bytes()), Stanza::default(), vec![]);
        while stanzas.read(&mut stanza)? {
            let of = |range: &Range<usize>| stanza.text[range.clone()].trim().to_owned();
            found.push(stanza.fields.iter().map(|(name, value)| (of(name), of(value))).collect());
        }
        Ok(found)
    }

    #[test]
    fn stanzas_are_read() {
        let found = all("\n\nA: 1\n# a comment\nB:\n x\n y\n\n\n \nC: 2:3").expect("stanzas");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found, [vec![pair("A", "1"), pair("B", "x\n y")], vec![pair("C", "2:3")]]);
    }

    #[test]
    fn what_is_no_stanza_is_refused_with_its_line() {
        for (text, expected) in
            [("A: 1\nx\n", "line 2 is no field"), ("\n b\n", "line 2 is no field"), (":x\n", "line 1")]
        {
            let error = all(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_stanza_without_end_is_refused() {
        let endless = io::BufReader::new(io::repeat(b'a'));
        let error = Stanzas::new(endless).read(&mut Stanza::default()).expect_err("no end");
        assert!(matches!(error, Deb822Error::Long { line: 1 }), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[A-C:# \n\t\u{e4}]{0,60}") {
            let _ = all(&text);
        }
    }
}
