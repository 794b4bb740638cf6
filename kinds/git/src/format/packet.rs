//! The lines of git's protocol (gitprotocol-common): four hexadecimal characters of length, and bytes.

use gix_packetline::PacketLineRef;
use gix_packetline::decode::{self, Stream};

use super::FormatError;

/// The most bytes that a line carries besides its length (gitprotocol-common, `LARGE_PACKET_DATA_MAX`).
pub const MOST: usize = 65516;

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// `0002`: the end of an answer.
    End,
}

impl<'a> Line<'a> {
    /// The bytes without the line break at their end; none where the line ends something.
    pub fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Data(bytes) => Some(bytes.strip_suffix(b"\n").unwrap_or(bytes)),
            Self::Flush | Self::Delimiter | Self::End => None,
        }
    }
}

/// The first line of these bytes, and how many of them it takes; none where it is not there as a whole.
///
/// # Errors
///
/// [`FormatError`] where the length is none.
pub fn first(bytes: &[u8]) -> Result<Option<(Line<'_>, usize)>, FormatError> {
    let line =
        decode::streaming(bytes).map_err(|error| FormatError::new(format!("a line of the protocol: {error}")))?;
    Ok(match line {
        Stream::Incomplete { .. } => None,
        Stream::Complete { line, bytes_consumed } => Some((
            match line {
                PacketLineRef::Data(data) => Line::Data(data),
                PacketLineRef::Flush => Line::Flush,
                PacketLineRef::Delimiter => Line::Delimiter,
                PacketLineRef::ResponseEnd => Line::End,
            },
            bytes_consumed,
        )),
    })
}

/// The lines of a message that is there as a whole.
pub struct Lines<'a>(pub &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let found = first(self.0).and_then(|found| found.ok_or_else(|| FormatError::new("the message ends in a line")));
        match found {
            Ok((line, length)) => {
                self.0 = &self.0[length..];
                Some(Ok(line))
            }
            Err(error) => {
                self.0 = &[];
                Some(Err(error))
            }
        }
    }
}

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Adds a line of text; the line break at its end is added.
    #[must_use]
    pub fn line(mut self, text: impl AsRef<[u8]>) -> Self {
        self.push(text);
        self
    }

    /// Adds a line of text; the line break at its end is added.
    pub fn push(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        self.0.extend_from_slice(&header(text.len() + 1));
        self.0.extend_from_slice(text);
        self.0.push(b'\n');
    }

    /// Ends a section.
    #[must_use]
    pub fn delimiter(mut self) -> Self {
        self.0.extend_from_slice(b"0001");
        self
    }

    /// Ends the message.
    #[must_use]
    pub fn flush(mut self) -> Self {
        self.0.extend_from_slice(b"0000");
        self
    }

    /// What was written.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What stands before a line of so many bytes.
///
/// # Panics
///
/// Where a line can't carry so many.
pub fn header(length: usize) -> [u8; 4] {
    assert!(length <= MOST, "a line carries {MOST} bytes, not {length}");
    let mut hex = [0; 4];
    let digits = format!("{:04x}", length + 4);
    hex.copy_from_slice(digits.as_bytes());
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_are_none_are_refused() {
        for bytes in [&b"zzzz"[..], b"0003", b"0004", b"fffg"] {
            assert!(Lines(bytes).next().expect("something").is_err(), "{bytes:?}");
        }
        assert!(Lines(b"0008ab").next().expect("something").is_err(), "cut");
        assert_eq!(first(b"00"), Ok(None));
    }

    proptest! {
        #[test]
        fn messages_survive_being_written_and_read(texts in proptest::collection::vec("[ -~]{0,30}", 0..9)) {
            let writer = texts.iter().fold(Writer::default(), |writer, text| writer.line(text));
            let bytes = writer.delimiter().flush().bytes();
            let read: Vec<Line<'_>> = Lines(&bytes).collect::<Result<_, _>>().expect("lines");
            let lines: Vec<&[u8]> = read.iter().filter_map(|line| line.text()).collect();
            prop_assert_eq!(lines, texts.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
            prop_assert_eq!(&read[read.len() - 2..], [Line::Delimiter, Line::Flush]);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(Lines(&bytes).count() <= bytes.len());
        }
    }
}
