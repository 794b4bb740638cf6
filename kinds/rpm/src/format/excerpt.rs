//! Parts of a document, byte for byte.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::listing::Selected;

/// Copies a document with only some of the root's elements, each on its own line.
///
/// `input` is the whole document, read from its beginning. It must not have changed since the elements were found.
///
/// # Errors
///
/// Those of both sides; [`io::ErrorKind::InvalidData`] where an element is not at its place.
pub fn elements(input: impl Read, selected: &Selected, mut out: impl Write) -> io::Result<()> {
    out.write_all(selected.root.opened(selected.ranges.len() as u64).as_bytes())?;
    let mut parts = Parts { input, at: 0 };
    for range in &selected.ranges {
        parts.copy(range, &mut out)?;
        out.write_all(b"\n")?;
    }
    out.write_all(selected.root.closed().as_bytes())
}

/// What is left of a text when some parts, which may be inside of each other, are cut out.
pub fn without(text: &str, mut cuts: Vec<Range<u64>>) -> String {
    cuts.sort_by_key(|cut| (cut.start, cut.end));
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let (mut left, mut at) = (String::with_capacity(text.len()), 0);
    for cut in cuts {
        let (start, end) = (place(cut.start), place(cut.end));
        if start >= at {
            left.push_str(text.get(at..start).unwrap_or_default());
        }
        at = at.max(end);
    }
    left.push_str(text.get(at..).unwrap_or_default());
    left
}

struct Parts<R> {
    input: R,
    at: u64,
}

impl<R: Read> Parts<R> {
    fn copy(&mut self, range: &Range<u64>, out: &mut impl Write) -> io::Result<()> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "an element is not where it was");
        let skipped = range.start.checked_sub(self.at).ok_or_else(wrong)?;
        let size = range.end.checked_sub(range.start).ok_or_else(wrong)?;
        if io::copy(&mut self.input.by_ref().take(skipped), &mut io::sink())? != skipped {
            return Err(wrong());
        }
        let mut first = [0];
        self.input.read_exact(&mut first)?;
        if first != *b"<" {
            return Err(wrong());
        }
        out.write_all(&first)?;
        if io::copy(&mut self.input.by_ref().take(size - 1), out)? != size - 1 {
            return Err(wrong());
        }
        self.at = range.end;
        Ok(())
    }
}
