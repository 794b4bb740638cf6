//! Finished files on their way to their names: many are made durable at once.
//!
//! To make a file durable is to wait for the disk, and a thousand files make it wait hardly longer than one. So whoever has
//! finished a small file, or has it in memory, hands it over and goes on. One thread takes all that have gathered, makes
//! them durable, gives them their names, and takes the next; meanwhile they are read where they lie, as if they had their
//! names.
//!
//! What a crash finds here has no name, and is fetched again: that is why what waits is bounded.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use airlift_core::Digest;
use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::error::StoreError;
use crate::folder::remove;

/// The most files that wait for their names. Where they can't be made durable as fast as they come, whoever brings one more
/// waits.
const MOST: usize = 8192;

/// The most bytes of these.
const MOST_BYTES: u64 = 64 << 20;

/// The most files that are open at once, since a process may have a thousand, and others need some.
const MOST_OPEN: usize = 512;

/// So many are made durable without waiting for more, as many as may be open.
const ENOUGH: usize = MOST_OPEN;

/// How long the first waits for others that come with it: the disk takes one hardly sooner than hundreds.
const MOMENT: Duration = Duration::from_millis(100);

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
    /// Tells the thread that something was brought.
    came: Condvar,
    /// Tells it not to wait for more.
    hurry: Condvar,
    /// Tells everybody else that something got its name.
    named: Condvar,
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
    /// How many wait until all have their names.
    settling: usize,
    /// Nothing comes soon that could be waited for.
    hurried: bool,
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
        let [came, hurry, named] = [(); 3].map(|()| Condvar::new());
        let shared = Shared { blobs, waiting_room, state: Mutex::default(), came, hurry, named };
        Self { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Takes a finished file, whose content was verified and which nobody writes to any more.
    ///
    /// It leaves its path at once, so that another can be begun there. Waits while too many others wait for their names.
    pub(crate) fn add(&self, from: &Path, digest: Digest, size: u64) -> Result<(), StoreError> {
        let state = self.room()?;
        if state.lying.contains_key(&digest) {
            drop(state);
            return fs_err::remove_file(from).map_err(StoreError::io("remove", from));
        }
        let path = self.shared.path(digest);
        fs_err::rename(from, &path).map_err(StoreError::io("name", &path))?;
        self.bring(state, digest, Lying::File(path, size))
    }

    /// The same for bytes in memory. Waits while too many others wait for their names.
    pub(crate) fn add_bytes(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        let state = self.room()?;
        self.bring(state, digest, Lying::Memory(bytes))
    }

    /// The same without waiting; tells whether they were taken.
    pub(crate) fn try_add_bytes(&self, digest: Digest, bytes: &Bytes) -> Result<bool, StoreError> {
        let state = self.shared.state();
        state.refuse_after_failure()?;
        if state.is_full() {
            return Ok(false);
        }
        self.bring(state, digest, Lying::Memory(bytes.clone())).map(|()| true)
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

    /// All blobs that have no name yet.
    pub(crate) fn digests(&self) -> HashSet<Digest> {
        self.shared.state().lying.keys().copied().collect()
    }

    /// Has what was brought get its name without waiting for more.
    pub(crate) fn hurry(&self) {
        self.shared.state().hurried = true;
        self.shared.hurry.notify_all();
    }

    /// Waits until everything that was brought has its name.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state();
        state.settling += 1;
        self.shared.hurry.notify_all();
        while !state.lying.is_empty() {
            state = self.shared.wait(state);
        }
        state.settling -= 1;
        state.refuse_after_failure()
    }

    /// Adds one, and wakes the thread where it waits for this one: to wake nobody takes as long as to take a small file.
    fn bring(&self, mut state: MutexGuard<'_, State>, digest: Digest, lying: Lying) -> Result<(), StoreError> {
        let waited = (state.gathered.is_empty(), state.is_enough());
        state.bring(digest, lying);
        let enough = state.is_enough();
        drop(state);
        if waited.0 {
            self.shared.came.notify_all();
        }
        if enough && !waited.1 {
            self.shared.hurry.notify_all();
        }
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
        self.shared.came.notify_all();
        self.shared.hurry.notify_all();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // It has no panic of its own that would be worth one here.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something got its name.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.named.wait(state).unwrap_or_else(PoisonError::into_inner)
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
            self.named.notify_all();
        }
    }

    /// All that have gathered within a moment; none at the end.
    fn next(&self) -> Option<Vec<(Digest, Lying)>> {
        let mut state = self.state();
        while state.gathered.is_empty() {
            if state.closed {
                return None;
            }
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.hurry.wait_timeout_while(state, MOMENT, |state| !state.is_enough());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurried = false;
        let gathered = std::mem::take(&mut state.gathered);
        let found = |digest| state.lying.get(&digest).map(|lying| (digest, lying.clone()));
        Some(gathered.into_iter().filter_map(found).collect())
    }

    fn name(&self, batch: &[(Digest, Lying)]) -> Result<(), StoreError> {
        // Names are looked up from here: the way to the folder is walked once, and not twice for each file.
        let folder = File::open(&self.blobs).map_err(StoreError::io("name", &self.blobs))?;
        let mut files = Vec::with_capacity(batch.len());
        for (digest, lying) in batch {
            files.push(match lying {
                Lying::File(path, _) => (*digest, Durable::Named(path.clone())),
                Lying::Memory(bytes) => match self.unnamed(&folder, files.len(), bytes)? {
                    Some(file) => (*digest, Durable::Unnamed(file, bytes)),
                    None => (*digest, Durable::Named(self.write(*digest, bytes)?)),
                },
            });
        }
        make_durable(&files).map_err(StoreError::io("write in", &self.waiting_room))?;
        files.into_iter().try_for_each(|(digest, file)| self.give(&folder, digest, file))
    }

    /// Gives a file its name in the folder of the blobs.
    fn give(&self, folder: &File, digest: Digest, file: Durable<'_>) -> Result<(), StoreError> {
        let name = digest.hex();
        let path = match file {
            Durable::Named(path) => path,
            Durable::Unnamed(file, _) if link(&file, folder, &name).is_ok() => return Ok(()),
            // Something of another size has its name, which a link does not replace; or there is no /proc.
            Durable::Unnamed(_, bytes) => {
                let path = self.write(digest, bytes)?;
                File::open(&path).and_then(|file| file.sync_all()).map_err(StoreError::io("write", &path))?;
                path
            }
        };
        let to = self.blobs.join(name);
        fs_err::rename(path, &to).map_err(StoreError::io("name", &to))
    }

    /// Where a file lies while it has no name.
    fn path(&self, digest: Digest) -> PathBuf {
        self.waiting_room.join(format!("{}.whole", digest.hex()))
    }

    /// Writes a file that has no name at all (open(2), `O_TMPFILE`): to make one, and then another, takes half as long again.
    /// None where the file system can't, or so many are open already.
    fn unnamed(&self, folder: &File, open: usize, bytes: &[u8]) -> Result<Option<File>, StoreError> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(folder, ".", flags, Mode::from_raw_mode(0o666));
        let Some(file) = (open < MOST_OPEN).then(make).and_then(Result::ok) else { return Ok(None) };
        let mut file = File::from(file);
        file.write_all(bytes).map_err(StoreError::io("write in", &self.blobs))?;
        Ok(Some(file))
    }

    fn write(&self, digest: Digest, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.path(digest);
        let make = || OpenOptions::new().write(true).create_new(true).open(&path);
        // What a crash has left there is not gone on with, and a link that somebody put there is not followed.
        let made = match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove(&path).map(|()| make())?,
            made => made,
        };
        made.and_then(|mut file| file.write_all(bytes)).map_err(StoreError::io("write", &path))?;
        Ok(path)
    }
}

/// What is about to be named.
enum Durable<'a> {
    Named(PathBuf),
    Unnamed(File, &'a Bytes),
}

impl Durable<'_> {
    /// Does something with the file.
    fn with(&self, work: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Named(path) => work(&File::open(path)?),
            Self::Unnamed(file, _) => work(file),
        }
    }
}

/// Names a file that has none.
fn link(file: &File, folder: &File, name: &str) -> io::Result<()> {
    // Before Linux 6.10 the first way is for the privileged (linkat(2), `AT_EMPTY_PATH`).
    rustix::fs::linkat(file, "", folder, name, AtFlags::EMPTY_PATH).or_else(|error| match error {
        Errno::NOENT | Errno::PERM => {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::linkat(rustix::fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
        }
        error => Err(error),
    })?;
    Ok(())
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

    /// Whether nothing is gained by waiting for more.
    fn is_enough(&self) -> bool {
        self.gathered.len() >= ENOUGH || self.is_full() || self.settling > 0 || self.hurried || self.closed
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
fn make_durable(files: &[(Digest, Durable<'_>)]) -> io::Result<()> {
    if files.len() <= FEW {
        return files.iter().try_for_each(|(_, file)| file.with(File::sync_all));
    }
    let Some((_, first)) = files.first() else { return Ok(()) };
    first.with(|file| rustix::fs::syncfs(file).map_err(io::Error::from))
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
    fn what_a_crash_left_is_written_anew_and_no_link_is_followed() {
        let root = tempfile::tempdir().expect("a folder");
        let landing = landing(root.path());
        let elsewhere = root.path().join("elsewhere");
        fs_err::write(&elsewhere, "not ours").expect("written");
        for number in [1, 3] {
            let digest = Digest::of(number.to_string().as_bytes());
            let path = landing.shared.path(digest);
            match number {
                1 => fs_err::write(path, "half of it, or more").expect("written"),
                _ => std::os::unix::fs::symlink(&elsewhere, path).expect("linked"),
            }
            // What is in the way of the name has both ways taken: without a name, and with one before.
            fs_err::write(root.path().join("blobs").join(digest.hex()), "of another size").expect("written");
            bring(&landing, root.path(), number).1.expect("taken");
            landing.settle().expect("named");
            let named = fs_err::read(root.path().join("blobs").join(digest.hex())).expect("read");
            assert_eq!(named, number.to_string().as_bytes());
        }
        assert_eq!(fs_err::read(elsewhere).expect("read"), b"not ours");
        assert_eq!(fs_err::read_dir(root.path().join("partial")).expect("a folder").count(), 0);
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
