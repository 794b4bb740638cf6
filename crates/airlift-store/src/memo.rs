//! Memos: what a caller wants to remember of a blob, so that the next run need not ask for it again.
//!
//! All of them are lines of one file: making a file for each of ten thousand small blobs costs as much as storing the blobs
//! does. A line is only ever appended, and the last one of a key counts. What is not written yet when the program dies is
//! lost, as memos may be.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use airlift_core::Digest;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::store::Store;

/// The file in the folder of memos.
const LINES: &str = "lines";

/// How many bytes are gathered before they are written.
const BATCH: usize = 64 << 10;

/// The digest of its key, in hexadecimal, begins a line.
const KEY: usize = 64;

/// What follows the key and a space in a line.
#[derive(Serialize, Deserialize)]
struct Written<T> {
    /// What it is about: without this blob nobody needs it.
    blob: Digest,
    memo: T,
}

impl Store {
    /// What was remembered under a key, where that can be understood. Only a store in a folder remembers.
    ///
    /// Memos are a convenience: nothing is lost when one is. Nobody says that the blob is still there.
    pub fn memo<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let line = self.as_folder()?.memos().get(Digest::of(key.as_bytes()))?;
        serde_json::from_slice::<Written<T>>(line.get(KEY..)?).ok().map(|written| written.memo)
    }

    /// Remembers something about a blob under a key, where that can be written. Pruning forgets it together with the blob.
    pub fn set_memo<T: Serialize>(&self, key: &str, blob: Digest, memo: &T) {
        if let (Some(folder), Ok(json)) = (self.as_folder(), serde_json::to_string(&Written { blob, memo })) {
            folder.memos().set(Digest::of(key.as_bytes()), &json);
        }
    }
}

/// The memos of a folder.
#[derive(Debug)]
pub(crate) struct Memos {
    folder: PathBuf,
    path: PathBuf,
    /// None until it is needed, and where nothing was ever remembered.
    lines: Mutex<Option<Lines>>,
}

#[derive(Debug)]
struct Lines {
    file: File,
    /// Where the last line of a key is, without its end: offset and length.
    places: HashMap<Digest, (u64, usize)>,
    /// Lines that are not written yet.
    waiting: Vec<u8>,
    /// Where these begin in there, and how long they are.
    unwritten: Vec<(Digest, (usize, usize))>,
}

impl Memos {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { path: folder.join(LINES), folder, lines: Mutex::default() }
    }

    fn lines(&self) -> MutexGuard<'_, Option<Lines>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of a key.
    fn get(&self, key: Digest) -> Option<Vec<u8>> {
        let mut lines = self.lines();
        if lines.is_none() {
            *lines = Lines::open(&self.path, false).ok();
        }
        let lines = lines.as_mut()?;
        lines.write().ok()?;
        lines.read(*lines.places.get(&key)?).ok()
    }

    /// A file that can't be written, as another user's, is none: the next run asks again.
    fn set(&self, key: Digest, json: &str) {
        let mut lines = self.lines();
        if lines.is_none() {
            let made = std::fs::create_dir_all(&self.folder);
            *lines = made.and_then(|()| Lines::open(&self.path, true)).ok();
        }
        lines.take_if(|lines| lines.add(key, json).is_err());
    }

    /// Writes what was not written yet. Where that fails, the next one looks at the file anew.
    pub(crate) fn write(&self) {
        self.lines().take_if(|lines| lines.write().is_err());
    }

    /// What else lies in the folder: the memos of earlier versions, a file each, and what was left where copying was cut off.
    pub(crate) fn strays(&self) -> Vec<(PathBuf, u64)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let strays = entries.filter(|entry| entry.file_name() != LINES).filter_map(|entry| {
            let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.path(), meta.len()))
        });
        strays.collect()
    }

    /// Forgets what is about other blobs than these, unless it is only asked what that would free; tells how many bytes.
    pub(crate) fn prune(&self, blobs: &HashSet<Digest>, dry_run: bool) -> Result<u64, StoreError> {
        self.write();
        let mut open = self.lines();
        let mut lines = match Lines::open(&self.path, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            lines => lines.map_err(StoreError::io("read", &self.path))?,
        };
        let mut kept = Vec::new();
        for place in std::mem::take(&mut lines.places).into_values() {
            let line = lines.read(place).map_err(StoreError::io("read", &self.path))?;
            let written = line.get(KEY..).and_then(|json| serde_json::from_slice::<Written<IgnoredAny>>(json).ok());
            if written.is_some_and(|written| blobs.contains(&written.blob)) {
                kept.push(place);
            }
        }
        let all = lines.file.metadata().map_err(StoreError::io("read", &self.path))?.len();
        let freed = all.saturating_sub(kept.iter().map(|(_, length)| *length as u64 + 1).sum());
        if freed > 0 && !dry_run {
            kept.sort_unstable();
            lines.copy(&kept, &self.path).map_err(StoreError::io("write", &self.path))?;
            *open = None;
        }
        Ok(freed)
    }
}

impl Drop for Memos {
    fn drop(&mut self) {
        self.write();
    }
}

impl Lines {
    fn open(path: &Path, make: bool) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(make).open(path)?;
        let mut reader = BufReader::with_capacity(BATCH, &file);
        let (mut places, mut line, mut offset, mut whole) = (HashMap::new(), Vec::new(), 0, true);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            whole = line.last() == Some(&b'\n');
            let key = line.get(..KEY).and_then(|key| std::str::from_utf8(key).ok());
            // What can't be understood is no memo: the end of what was being written when the machine stopped.
            if let Some(key) = key.and_then(|key| Digest::from_hex(key).ok()).filter(|_| whole) {
                places.insert(key, (offset, length - 1));
            }
            offset += length as u64;
        }
        // A line that has no end would swallow the next one.
        let waiting = if whole { Vec::new() } else { b"\n".to_vec() };
        Ok(Self { file, places, waiting, unwritten: Vec::new() })
    }

    fn add(&mut self, key: Digest, json: &str) -> io::Result<()> {
        let start = self.waiting.len();
        self.waiting.extend_from_slice(key.hex().as_bytes());
        self.waiting.push(b' ');
        self.waiting.extend_from_slice(json.as_bytes());
        self.unwritten.push((key, (start, self.waiting.len() - start)));
        self.waiting.push(b'\n');
        if self.waiting.len() < BATCH { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let (waiting, unwritten) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.unwritten));
        self.file.write_all(&waiting)?;
        // Another process may have appended to the same file.
        let start = self.file.stream_position()? - waiting.len() as u64;
        self.places.extend(unwritten.into_iter().map(|(key, (at, length))| (key, (start + at as u64, length))));
        Ok(())
    }

    fn read(&self, (offset, length): (u64, usize)) -> io::Result<Vec<u8>> {
        let mut line = vec![0; length];
        self.file.read_exact_at(&mut line, offset)?;
        Ok(line)
    }

    /// Puts some of the lines into the place of all, for the same owner: whoever prunes may be another than who collects.
    fn copy(&self, places: &[(u64, usize)], path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
        for place in places {
            file.write_all(&self.read(*place)?)?;
            file.write_all(b"\n")?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let owner = self.file.metadata()?;
        // Only root may give files away.
        let _ = fchown(file.as_file(), Some(owner.uid()), Some(owner.gid()));
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::of(number.to_string().as_bytes())
    }

    fn memo(of: usize) -> String {
        format!("{{\"blob\":\"{}\",\"memo\":{of}}}", digest(of))
    }

    /// What is remembered and can be understood.
    fn got(memos: &Memos, key: usize) -> Option<String> {
        let line = String::from_utf8(memos.get(digest(key))?).expect("text");
        let json = &line[KEY + 1..];
        serde_json::from_str::<Written<usize>>(json).ok().map(|_| json.to_owned())
    }

    #[test]
    fn the_last_line_of_a_key_counts_in_this_run_and_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("memos");
        let memos = Memos::new(path.clone());
        assert_eq!(got(&memos, 1), None);
        assert!(!path.exists(), "asking makes nothing");
        // More than are gathered.
        for key in 0..2000 {
            memos.set(digest(key), &memo(key));
        }
        memos.set(digest(7), &memo(8));
        let other = Memos::new(path.clone());
        other.set(digest(3000), &memo(3000));
        drop(other);
        memos.set(digest(9), &memo(10));
        for memos in [&memos, &Memos::new(path)] {
            for (key, of) in [(0, 0), (1999, 1999), (7, 8), (9, 10)] {
                assert_eq!(got(memos, key), Some(memo(of)), "{key}");
            }
        }
    }

    #[test]
    fn half_a_line_is_no_memo_and_spoils_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let memos = Memos::new(folder.path().to_owned());
        memos.set(digest(1), &memo(1));
        memos.set(digest(2), &memo(2));
        drop(memos);
        let file = OpenOptions::new().write(true).open(folder.path().join(LINES)).expect("a file");
        file.set_len(file.metadata().expect("a file").len() - 5).expect("cut");
        let memos = Memos::new(folder.path().to_owned());
        assert_eq!((got(&memos, 1), got(&memos, 2)), (Some(memo(1)), None));
        memos.set(digest(3), &memo(3));
        drop(memos);
        let memos = Memos::new(folder.path().to_owned());
        assert_eq!((got(&memos, 1), got(&memos, 2), got(&memos, 3)), (Some(memo(1)), None, Some(memo(3))));
    }

    #[test]
    fn what_can_not_be_written_is_not_remembered_and_harms_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(LINES);
        std::fs::create_dir(&path).expect("something in its place");
        let memos = Memos::new(folder.path().to_owned());
        memos.set(digest(1), &memo(1));
        memos.write();
        assert_eq!(got(&memos, 1), None);
        std::fs::remove_dir(&path).expect("removed");
        memos.set(digest(1), &memo(1));
        assert_eq!(got(&memos, 1), Some(memo(1)));
    }

    #[test]
    fn pruning_leaves_the_file_to_its_owner_and_removes_what_nothing_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, old) = (folder.path().join(LINES), folder.path().join("0a.json"));
        let memos = Memos::new(folder.path().to_owned());
        memos.set(digest(1), &memo(1));
        memos.set(digest(2), &memo(2));
        memos.write();
        std::fs::write(&old, "{}").expect("written");
        // Only root can make it another's; anybody keeps it their own.
        let _ = std::os::unix::fs::chown(&path, Some(4711), Some(4712));
        let before = std::fs::metadata(&path).expect("a file");
        assert!(memos.prune(&HashSet::from([digest(1)]), false).expect("pruned") > 0);
        let after = std::fs::metadata(&path).expect("a file");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(after.permissions().mode() & 0o777, 0o644);
        assert_eq!(memos.strays(), [(old, 2)]);
    }

    #[test]
    fn pruning_forgets_what_is_about_other_blobs() {
        let folder = tempfile::tempdir().expect("a folder");
        let memos = Memos::new(folder.path().to_owned());
        assert_eq!(memos.prune(&HashSet::new(), false).expect("pruned"), 0);
        for (key, of) in [(1, 1), (2, 2), (3, 1), (3, 3), (4, 1)] {
            memos.set(digest(key), &memo(of));
        }
        let blobs = HashSet::from([digest(1)]);
        // Of five lines those of 1 and 4 stay: 3 is about another blob now.
        let freed = memos.prune(&blobs, true).expect("asked");
        assert_eq!(got(&memos, 2), Some(memo(2)));
        assert_eq!(memos.prune(&blobs, false).expect("pruned"), freed);
        assert_eq!(freed, 3 * (KEY + 1 + memo(1).len() + 1) as u64);
        assert_eq!(memos.prune(&blobs, false).expect("pruned"), 0);
        for memos in [&memos, &Memos::new(folder.path().to_owned())] {
            let all = [1, 2, 3, 4].map(|key| got(memos, key));
            assert_eq!(all, [Some(memo(1)), None, None, Some(memo(1))]);
        }
        memos.set(digest(5), &memo(1));
        assert_eq!(got(&memos, 5), Some(memo(1)));
    }
}
