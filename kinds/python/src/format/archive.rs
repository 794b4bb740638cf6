//! Files out of zip archives of strangers, of which only the end may be there.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;

/// The most entries that a zip's directory may have.
const ENTRIES: usize = 200_000;

/// The end of a file.
#[derive(Clone, Copy, Debug)]
pub struct Tail<'a> {
    /// The size of the whole file in bytes.
    pub size: u64,
    /// Its last bytes, or all of them.
    pub bytes: &'a [u8],
}

/// Why there is no such file in a zip.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// What is needed lies before the bytes that are there. As many of the last bytes have to be there to come further, as
    /// far as the zip says so.
    #[error("more of it is needed")]
    More(u64),
    /// It is no zip, or a damaged one.
    #[error("it is no intact zip: {0}")]
    Damaged(String),
    /// There is no such file, or more than one.
    #[error("it has {0} files of that name where there should be one")]
    Count(usize),
    /// The file unpacks to more than is accepted.
    #[error("it has a file that unpacks to more than the {0} bytes that are accepted")]
    TooLarge(u64),
}

/// Marks the error of a reader that was asked for what is not there.
#[derive(Debug, thiserror::Error)]
#[error("more is needed")]
struct Missing;

/// A [`Tail`] that can be read from.
struct TailReader<'a> {
    tail: Tail<'a>,
    position: u64,
    /// How many of the last bytes would have had to be there.
    needed: &'a Cell<u64>,
}

impl Read for TailReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begin = self.tail.size - self.tail.bytes.len() as u64;
        let Some(offset) = self.position.checked_sub(begin) else {
            self.needed.set(self.needed.get().max(self.tail.size - self.position));
            return Err(io::Error::other(Missing));
        };
        let rest = usize::try_from(offset).ok().and_then(|offset| self.tail.bytes.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for TailReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.tail.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// The one file of a zip whose name is wanted.
///
/// # Errors
///
/// [`ArchiveError::More`] where a longer tail could have it; any other error is final.
pub fn zip_member(tail: Tail<'_>, wanted: impl Fn(&str) -> bool, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    if tail.bytes.len() as u64 > tail.size {
        return Err(ArchiveError::Damaged("it is larger than it should be".to_owned()));
    }
    let needed = Cell::new(tail.bytes.len() as u64);
    let of_zip = |error| of_zip((tail, needed.get()), error);
    let mut archive = ZipArchive::new(TailReader { tail, position: 0, needed: &needed }).map_err(of_zip)?;
    if archive.len() > ENTRIES {
        return Err(ArchiveError::Damaged(format!("it has more than {ENTRIES} entries")));
    }
    let names = archive.file_names().filter_map(|name| name.ok().map(|name| name.into_owned()));
    let names: Vec<String> = names.filter(|name| wanted(name)).collect();
    let [name] = names.as_slice() else { return Err(ArchiveError::Count(names.len())) };
    let member = archive.by_name(name).map_err(of_zip)?;
    let mut bytes = Vec::new();
    member.take(limit + 1).read_to_end(&mut bytes).map_err(|error| of_zip(error.into()))?;
    match bytes.len() as u64 > limit {
        true => Err(ArchiveError::TooLarge(limit)),
        false => Ok(bytes),
    }
}

fn of_zip((tail, needed): (Tail<'_>, u64), error: zip::result::ZipError) -> ArchiveError {
    let is_missing = match &error {
        zip::result::ZipError::Io(error) => {
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Missing>)
        }
        // The library looks for the end of the directory backwards, and gives up where it can't read on.
        _ => true,
    };
    match is_missing && (tail.bytes.len() as u64) < tail.size {
        true => ArchiveError::More(needed),
        false => ArchiveError::Damaged(super::plain(&error.to_string(), 200)),
    }
}

/// Whether this is a wheel's core metadata: the file `METADATA` in a folder `.dist-info` at the top.
pub fn is_wheel_metadata(name: &str) -> bool {
    name.strip_suffix(".dist-info/METADATA").is_some_and(|stem| !stem.contains('/'))
}

/// Whether this is the file of this path in the one folder that a source distribution consists of.
pub fn is_sdist_file(name: &str, wanted: &str) -> bool {
    let below = name.trim_start_matches("./").split_once('/');
    below.is_some_and(|(folder, file)| !folder.is_empty() && file == wanted)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn made(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).expect("a file");
            writer.write_all(bytes).expect("bytes");
        }
        writer.finish().expect("a zip").into_inner()
    }

    fn look(zip: &[u8], last: usize) -> Result<Vec<u8>, ArchiveError> {
        let bytes = &zip[zip.len() - last.min(zip.len())..];
        zip_member(Tail { size: zip.len() as u64, bytes }, is_wheel_metadata, 1000)
    }

    #[test]
    fn the_end_of_a_wheel_is_enough() {
        let noise: Vec<u8> =
            (0..100_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let zip = made(&[("foo/data", &noise), ("foo-1.dist-info/METADATA", b"Name: foo\n")]);
        assert_eq!(look(&zip, 2000).expect("metadata"), b"Name: foo\n");
        assert_eq!(look(&zip, zip.len()).expect("metadata"), b"Name: foo\n");
        assert!(matches!(look(&zip, 30), Err(ArchiveError::More(_))));
        let zip = made(&[("foo-1.dist-info/METADATA", b"Name: foo\n"), ("foo/data", &noise)]);
        let Err(ArchiveError::More(needed)) = look(&zip, 2000) else { panic!("the file is not there") };
        assert_eq!(needed, zip.len() as u64, "the file comes first");
    }

    #[test]
    fn a_directory_that_is_not_there_as_a_whole_is_asked_for_exactly() {
        let names: Vec<String> = (0..200).map(|number| format!("foo/{number:060}")).collect();
        let mut files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
        files.push(("foo-1.dist-info/METADATA", b"Name: foo\n"));
        let zip = made(&files);
        let Err(ArchiveError::More(needed)) = look(&zip, 4096) else { panic!("its directory has 20 KB") };
        let directory = usize::try_from(needed).expect("a small zip");
        assert!(zip[zip.len() - directory..].starts_with(b"PK\x01\x02"), "the directory begins there");
        assert!(matches!(look(&zip, directory), Err(ArchiveError::More(more)) if more > needed));
        assert_eq!(look(&zip, directory + directory / 2).expect("metadata"), b"Name: foo\n");
    }

    #[test]
    fn bombs_and_doubles_are_refused() {
        let bomb = made(&[("foo-1.dist-info/METADATA", &vec![b'a'; 5_000_000])]);
        assert!(bomb.len() < 20_000);
        assert!(matches!(look(&bomb, bomb.len()), Err(ArchiveError::TooLarge(1000))));
        let none = made(&[("foo/foo-1.dist-info/METADATA", b"x")]);
        assert!(matches!(look(&none, none.len()), Err(ArchiveError::Count(0))));
        let double = made(&[("a-1.dist-info/METADATA", b"x"), ("b-1.dist-info/METADATA", b"y")]);
        assert!(matches!(look(&double, double.len()), Err(ArchiveError::Count(2))));
        assert!(matches!(look(b"no zip at all", 13), Err(ArchiveError::Damaged(_))));
    }
}
