//! Finished files on their way to their names: many are made durable at once.
//!
//! To make a file durable is to wait for the disk, and a thousand files make it wait hardly longer than one. So whoever has
//! finished a small file, or has it in memory, hands it over and goes on. One thread takes all that have gathered, makes
//! them durable, gives them their names, and takes the next; meanwhile they are read where they lie, as if they had their
//! names.
//!
//! What a crash finds here has no name, and is fetched again: that is why what waits is bounded.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use airlift_core::Digest;
use bytes::Bytes;

use crate::error::StoreError;
use crate::folder::remove;

/// The most files that wait for their names. Where they can't be made durable as fast as they come, whoever brings one more
/// waits.
const MOST: usize = 8192;

/// The most bytes of these.
const MOST_BYTES: u64 = 64 << 20;

/// So few files are made durable one by one: all of a file system may be more than they are, where others write to it too.
const FEW: usize = 4;

/// Where finished files wait for their names.
#[derive(Debug)]
pub(crate) struct Landing {
    shared: Arc<Shared>,
    /// Started by the first file.
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    /// The folder in which they get their names.
    blobs: PathBuf,
    /// Where they lie before that.
    waiting_room: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Those that the thread has not taken yet.
    gathered: Vec<Digest>,
    /// Every file that has no name yet.
    lying: HashMap<Digest, Lying>,
    /// The bytes of these.
    bytes: u64,
    failed: Option<StoreError>,
    /// Nobody will bring more.
    closed: bool,
}

/// What has no name yet.
#[derive(Clone, Debug)]
pub(crate) enum Lying {
    /// A file, which may get its name at any time, and its size.
    File(PathBuf, u64),
    /// Bytes that are not written yet.
    Memory(Bytes),
}

impl Lying {
    pub(crate) const fn size(&self) -> u64 {
        match self {
            Self::File(_, size) => *size,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl Landing {
    pub(crate) fn new(blobs: PathBuf, waiting_room: PathBuf) -> Self {
        let shared = Shared { blobs, waiting_room, state: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Takes a finished file, whose content was verified and which nobody writes to any more.
    ///
    /// It leaves its path at once, so that another can be begun there. Waits while too many others wait for their names.
    pub(crate) fn add(&self, from: &Path, digest: Digest, size: u64) -> Result<(), StoreError> {
        let mut state = self.room()?;
        if state.lying.contains_key(&digest) {
            drop(state);
            return fs_err::remove_file(from).map_err(StoreError::io("remove", from));
        }
        let path = self.shared.path(digest);
        fs_err::rename(from, &path).map_err(StoreError::io("name", &path))?;
        state.bring(digest, Lying::File(path, size));
        drop(state);
        self.start()
    }

    /// The same for bytes in memory. Waits while too many others wait for their names.
    pub(crate) fn add_bytes(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.room()?.bring(digest, Lying::Memory(bytes));
        self.start()
    }

    /// The same without waiting; tells whether they were taken.
    pub(crate) fn try_add_bytes(&self, digest: Digest, bytes: &Bytes) -> Result<bool, StoreError> {
        let mut state = self.shared.state();
        state.refuse_after_failure()?;
        if state.is_full() {
            return Ok(false);
        }
        state.bring(digest, Lying::Memory(bytes.clone()));
        drop(state);
        self.start().map(|()| true)
    }

    /// Waits until one more may be brought.
    fn room(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.shared.state();
        while state.is_full() && state.failed.is_none() {
            state = self.shared.wait(state);
        }
        state.refuse_after_failure().map(|()| state)
    }

    /// A blob that has no name yet.
    pub(crate) fn find(&self, digest: Digest) -> Option<Lying> {
        self.shared.state().lying.get(&digest).cloned()
    }

    /// Waits until everything that was brought has its name.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        while !state.lying.is_empty() {
            state = self.shared.wait(state);
        }
        state.refuse_after_failure()
    }

    /// Has the thread see what was brought.
    fn start(&self) -> Result<(), StoreError> {
        self.shared.changed.notify_all();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("landing".to_owned()).spawn(move || shared.work());
            *thread = Some(started.map_err(StoreError::io("start a thread for", &self.shared.waiting_room))?);
        }
        Ok(())
    }
}

impl Drop for Landing {
    /// What was brought gets its name. Whoever has to know whether that went well has asked [`Landing::settle`].
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // It has no panic of its own that would be worth one here.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Names what comes until nothing comes any more.
    fn work(&self) {
        while let Some(batch) = self.next() {
            let named = self.name(&batch);
            let mut state = self.state();
            for (digest, lying) in &batch {
                state.lying.remove(digest);
                state.bytes -= lying.size();
            }
            if let Err(error) = named {
                state.failed.get_or_insert(error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// All that have gathered; none at the end.
    fn next(&self) -> Option<Vec<(Digest, Lying)>> {
        let mut state = self.state();
        while state.gathered.is_empty() {
            if state.closed {
                return None;
            }
            state = self.wait(state);
        }
        let gathered = std::mem::take(&mut state.gathered);
        let found = |digest| state.lying.get(&digest).map(|lying| (digest, lying.clone()));
        Some(gathered.into_iter().filter_map(found).collect())
    }

    fn name(&self, batch: &[(Digest, Lying)]) -> Result<(), StoreError> {
        let write = |(digest, lying): &(Digest, Lying)| match lying {
            Lying::File(path, _) => Ok((*digest, path.clone())),
            Lying::Memory(bytes) => self.write(*digest, bytes).map(|path| (*digest, path)),
        };
        let files = batch.iter().map(write).collect::<Result<Vec<_>, _>>()?;
        make_durable(&files)?;
        files.iter().try_for_each(|(digest, path)| {
            let to = self.blobs.join(digest.hex());
            fs_err::rename(path, &to).map_err(StoreError::io("name", &to))
        })
    }

    /// Where a file lies while it has no name.
    fn path(&self, digest: Digest) -> PathBuf {
        self.waiting_room.join(format!("{}.whole", digest.hex()))
    }

    fn write(&self, digest: Digest, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.path(digest);
        // What a crash has left there is not gone on with, and a link that somebody put there is not followed.
        remove(&path)?;
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        made.and_then(|mut file| file.write_all(bytes)).map_err(StoreError::io("write", &path))?;
        Ok(path)
    }
}

impl State {
    fn bring(&mut self, digest: Digest, lying: Lying) {
        if self.lying.contains_key(&digest) {
            return;
        }
        self.bytes += lying.size();
        self.gathered.push(digest);
        self.lying.insert(digest, lying);
    }

    fn is_full(&self) -> bool {
        self.lying.len() >= MOST || self.bytes >= MOST_BYTES
    }

    /// Once the disk refused something, nothing that comes later is told to be well.
    fn refuse_after_failure(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(StoreError::Io { action, path, source }) => {
                let source = io::Error::new(source.kind(), source.to_string());
                Err(StoreError::Io { action, path: path.clone(), source })
            }
            Some(_) => Err(StoreError::Cancelled),
            None => Ok(()),
        }
    }
}

/// Has the disk take the bytes of all these files.
fn make_durable(files: &[(Digest, PathBuf)]) -> Result<(), StoreError> {
    if files.len() <= FEW {
        let sync = |path: &Path| File::open(path)?.sync_all();
        return files.iter().try_for_each(|(_, path)| sync(path).map_err(StoreError::io("write", path)));
    }
    let Some((_, path)) = files.first() else { return Ok(()) };
    let sync = || rustix::fs::syncfs(File::open(path)?).map_err(io::Error::from);
    sync().map_err(StoreError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder for blobs and one to wait in.
    fn landing(root: &Path) -> Landing {
        let folders = ["blobs", "partial"].map(|name| root.join(name));
        folders.iter().for_each(|folder| fs_err::create_dir(folder).expect("a folder"));
        let [blobs, partial] = folders;
        Landing::new(blobs, partial)
    }

    /// Brings a file, or, where the number is odd, bytes.
    fn bring(landing: &Landing, root: &Path, number: usize) -> (Digest, Result<(), StoreError>) {
        let (path, bytes) = (root.join("file"), number.to_string());
        let digest = Digest::of(bytes.as_bytes());
        if number % 2 == 1 {
            return (digest, landing.add_bytes(digest, bytes.into()));
        }
        fs_err::write(&path, &bytes).expect("written");
        (digest, landing.add(&path, digest, bytes.len() as u64))
    }

    #[test]
    fn what_is_brought_is_found_at_every_moment_and_named_in_the_end() {
        let root = tempfile::tempdir().expect("a folder");
        let landing = landing(root.path());
        // More than may wait, all of them by the same path, and each of them twice.
        for number in (0..MOST + 500).flat_map(|number| [number, number]) {
            let (digest, brought) = bring(&landing, root.path(), number);
            brought.expect("taken");
            let lying = match landing.find(digest) {
                Some(Lying::File(path, _)) => path.exists(),
                Some(Lying::Memory(bytes)) => Digest::of(&bytes) == digest,
                None => false,
            };
            assert!(lying || root.path().join("blobs").join(digest.hex()).exists(), "{number} is nowhere");
        }
        landing.settle().expect("named");
        let named = fs_err::read_dir(root.path().join("blobs")).expect("a folder");
        let mut count = 0;
        for entry in named.map(|entry| entry.expect("an entry").path()) {
            let digest = Digest::of(&fs_err::read(&entry).expect("read"));
            assert!(entry.ends_with(digest.hex()), "{} has other bytes", entry.display());
            count += 1;
        }
        assert_eq!(count, MOST + 500);
        assert_eq!(fs_err::read_dir(root.path().join("partial")).expect("a folder").count(), 0);
    }

    #[test]
    fn what_was_brought_is_named_when_nobody_needs_it_any_more() {
        let root = tempfile::tempdir().expect("a folder");
        let landing = landing(root.path());
        let brought = [1, 2].map(|number| bring(&landing, root.path(), number));
        drop(landing);
        for (digest, brought) in brought {
            brought.expect("taken");
            assert!(root.path().join("blobs").join(digest.hex()).exists());
        }
    }

    #[test]
    fn a_failure_is_told_to_everybody_who_comes_later() {
        let root = tempfile::tempdir().expect("a folder");
        let landing = landing(root.path());
        fs_err::remove_dir(root.path().join("blobs")).expect("removed");
        bring(&landing, root.path(), 1).1.expect("taken, as nothing has failed yet");
        for _ in 0..2 {
            let error = landing.settle().expect_err("there is no such folder");
            assert!(matches!(error, StoreError::Io { action: "name", .. }), "{error}");
        }
        bring(&landing, root.path(), 2).1.expect_err("nothing can be named");
        bring(&landing, root.path(), 3).1.expect_err("nothing can be named");
        let more = landing.try_add_bytes(Digest::of(b"x"), &Bytes::from_static(b"x"));
        more.expect_err("nothing can be named");
    }
}
