//! The outer archive of a `.deb`: where its control archive lies (deb(5), "Format"; ar(5)).
//!
//! A `.deb` is an `ar` archive whose members are `debian-binary`, then `control.tar` in some compression, then the data.
//! Members whose names begin with `_` may stand between them. The data may have gigabytes, so that only the beginning is
//! looked at: [`control`] says which bytes of the file to read next.

use std::ops::Range;

use airlift_unpack::Format;

/// How many bytes of the beginning [`control`] needs at most; files may be shorter.
pub const BEGINNING: u64 = 64 << 10;

/// The most bytes of a packed control archive.
pub const LARGEST_CONTROL: u64 = 64 << 20;

const MAGIC: &[u8] = b"!<arch>\n";

/// The bytes of a member's header.
const HEADER: usize = 60;

/// Where the control archive of a `.deb` lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlAt {
    /// Its bytes in the file.
    pub range: Range<u64>,
    /// Its compression.
    pub format: Format,
}

/// A file that is no `.deb`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArError {
    /// Not an `ar` archive at all.
    #[error("it is no Debian package: it does not begin with '!<arch>'")]
    Magic,
    /// The file ends, or its first [`BEGINNING`] bytes do, before the control archive is found.
    #[error("its control archive is not at its beginning, or the file is cut off")]
    Short,
    /// A header that can't be read.
    #[error("it has a damaged header at byte {at}")]
    Header {
        /// Where, in bytes from the file's beginning.
        at: u64,
    },
    /// A version of the format that nobody has seen yet.
    #[error("it is of the format {found:?}, not of 2.0")]
    Version {
        /// What it says, cut at 20 characters.
        found: String,
    },
    /// Another member where the control archive has to be.
    #[error("it has {found:?} where its control archive has to be")]
    Member {
        /// The member's name.
        found: String,
    },
    /// A control archive without bounds.
    #[error("its control archive is said to have {size} bytes")]
    Size {
        /// The size in bytes.
        size: u64,
    },
}

struct Member<'a> {
    name: &'a str,
    start: usize,
    size: u64,
}

/// Finds the control archive. `beginning` is the file's first [`BEGINNING`] bytes, or all of it; `total` is its size in
/// bytes.
///
/// # Errors
///
/// [`ArError`].
pub fn control(beginning: &[u8], total: u64) -> Result<ControlAt, ArError> {
    if !beginning.starts_with(MAGIC) {
        return Err(ArError::Magic);
    }
    let first = member(beginning, MAGIC.len())?;
    if first.name != "debian-binary" {
        return Err(ArError::Member { found: first.name.to_owned() });
    }
    let mut at = end(&first)?;
    let version = String::from_utf8_lossy(beginning.get(first.start..at).ok_or(ArError::Short)?);
    if !version.starts_with("2.") {
        return Err(ArError::Version { found: version.trim().chars().take(20).collect() });
    }
    loop {
        let member = member(beginning, at + at % 2)?;
        if member.name.starts_with('_') {
            at = end(&member)?;
            continue;
        }
        let format = match member.name {
            "control.tar" => Format::Plain,
            "control.tar.gz" => Format::Gzip,
            "control.tar.xz" => Format::Xz,
            "control.tar.zst" => Format::Zstd,
            other => return Err(ArError::Member { found: other.to_owned() }),
        };
        if member.size > LARGEST_CONTROL {
            return Err(ArError::Size { size: member.size });
        }
        let start = member.start as u64;
        let range = start..start + member.size;
        return if range.end > total { Err(ArError::Short) } else { Ok(ControlAt { range, format }) };
    }
}

/// The member whose header stands here: name in 16 bytes, dates and owners in 32, size in 10 decimal digits, two of end.
fn member(bytes: &[u8], at: usize) -> Result<Member<'_>, ArError> {
    let header = bytes.get(at..at + HEADER).ok_or(ArError::Short)?;
    let bad = || ArError::Header { at: at as u64 };
    let text = std::str::from_utf8(header).ok().filter(|text| text.is_ascii()).ok_or_else(bad)?;
    if &text[58..] != "`\n" {
        return Err(bad());
    }
    let size = text[48..58].trim_end();
    let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let size = Some(size).filter(|_| digits).and_then(|size| size.parse().ok()).ok_or_else(bad)?;
    // Some programs end a name with a slash.
    let name = text[..16].trim_end();
    Ok(Member { name: name.strip_suffix('/').unwrap_or(name), start: at + HEADER, size })
}

/// Where a member's bytes end; it must be within what there is.
fn end(member: &Member<'_>) -> Result<usize, ArError> {
    let size = usize::try_from(member.size).ok().filter(|size| *size as u64 <= BEGINNING).ok_or(ArError::Short)?;
    Ok(member.start + size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: &str) -> String {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644)
    }

    fn start() -> String {
        format!("!<arch>\n{}2.0\n", header("debian-binary", "4"))
    }

    #[test]
    fn the_control_archive_is_found() {
        for (name, format) in [("control.tar.xz", Format::Xz), ("control.tar/", Format::Plain)] {
            let file = start() + &header(name, "10") + "0123456789";
            let found = control(file.as_bytes(), file.len() as u64).expect("a package");
            assert_eq!(found, ControlAt { range: 132..142, format });
        }
        let file = start() + &header("_gpg", "3") + "abc\n" + &header("control.tar.zst", "5") + "01234";
        assert_eq!(control(file.as_bytes(), file.len() as u64).expect("a package").range, 196..201);
        // Where the rest was not read, only the file's size counts.
        let beginning = start() + &header("control.tar.gz", "9999");
        assert_eq!(control(beginning.as_bytes(), 1 << 20).expect("a package").range, 132..10131);
    }

    #[test]
    fn what_is_no_package_is_refused() {
        for (file, expected) in [
            ("PK\x03\x04".to_owned(), "does not begin with"),
            ("!<arch>\n".to_owned(), "cut off"),
            (format!("!<arch>\n{}", header("x.o", "4")), "has \"x.o\" where"),
            (format!("!<arch>\n{}3.0\n", header("debian-binary", "4")), "of the format \"3.0\""),
            (start() + &header("data.tar.xz", "4"), "has \"data.tar.xz\" where"),
            (start() + &header("control.tar.xz", "-4"), "damaged header at byte 72"),
            (start() + &header("control.tar.xz", "+4"), "damaged header at byte 72"),
            (start() + &header("control.tar.xz", "9999999999"), "said to have 9999999999 bytes"),
            (start() + &header("control.tar.xz", "99"), "cut off"),
            (start() + &header("_x", "9999999999"), "cut off"),
            (start() + &header("control.tar.xz", "4").replace('`', "'"), "damaged header"),
        ] {
            let error = control(file.as_bytes(), file.len() as u64).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(rest in proptest::collection::vec(0_u8..128, 0..200), total in 0..400_u64) {
            let file = [start().as_bytes(), &rest].concat();
            let _ = control(&file, total);
            let _ = control(&rest, total);
        }
    }
}
