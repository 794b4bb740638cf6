//! One run on a host: the journal, and what is done to files beside it.

use std::io::Write;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use airlift_core::Digest;
use airlift_kind::client::{Change, ClientFile};
use rustix::fs::FlockOperation;

use crate::edit;
use crate::error::SetupError;
use crate::journal::{Deed, Entry, HEADING, Journal, STATE};
use crate::root::Root;
use crate::told::{Done, Told};

/// The client's name in lines that concern all of them.
const EVERYBODY: &str = "-";
/// What was there before, beside what was changed by hand since.
const BEFORE: &str = ".before-airlift";
/// What was changed by hand, beside what takes its place.
const BY_HAND: &str = ".by-hand";

/// One run.
pub(crate) struct Session<'a> {
    pub(crate) root: &'a Root,
    pub(crate) journal: Journal,
    /// Whether nothing is written.
    dry: bool,
    /// The journal's file, once there is one.
    file: Option<fs_err::File>,
    tell: &'a mut dyn FnMut(Told),
    /// Held for as long as something may be written.
    _lock: Option<fs_err::File>,
    /// How many files were changed.
    pub(crate) changes: usize,
    /// How many files could not be put back, since they were changed by hand.
    pub(crate) by_hand: usize,
}

fn journal_path() -> String {
    format!("{STATE}/journal")
}

/// What a link led to that is kept.
fn bytes_path(number: u32) -> String {
    format!("{STATE}/kept/{number}.bytes")
}

fn kept_path(number: u32) -> String {
    format!("{STATE}/kept/{number}")
}

impl<'a> Session<'a> {
    /// Reads what was done before.
    pub(crate) fn open(root: &'a Root, dry: bool, tell: &'a mut dyn FnMut(Told)) -> Result<Self, SetupError> {
        root.guard(STATE)?;
        // What is read before it is locked may not be so any more.
        let lock = if dry { None } else { Some(lock(root)?) };
        let path = journal_path();
        let (mut journal, mut file) = (Journal::default(), None);
        if let Some(bytes) = root.read(&path)? {
            let read = String::from_utf8_lossy(&bytes).parse();
            journal =
                read.map_err(|source| SetupError::Journal { path: root.at(&path).display().to_string(), source })?;
            if !dry {
                if bytes.last() != Some(&b'\n') {
                    root.write(&path, journal.to_string().as_bytes(), 0o600)?;
                }
                file = Some(fs_err::OpenOptions::new().append(true).open(root.at(&path))?);
            }
        }
        Ok(Self { root, journal, dry, file, tell, _lock: lock, changes: 0, by_hand: 0 })
    }

    pub(crate) fn tell(&mut self, client: &str, path: &str, done: Done) {
        (self.tell)(Told { client: client.to_owned(), path: path.to_owned(), done });
    }

    /// Writes a line of the journal, before what it says is done.
    fn record(&mut self, entry: Entry) -> Result<(), SetupError> {
        if !self.dry {
            if self.file.is_none() {
                self.begin()?;
            }
            if let Some(file) = &mut self.file {
                file.write_all(format!("{entry}\n").as_bytes())?;
                file.sync_data()?;
            }
        }
        self.journal.entries.push(entry);
        Ok(())
    }

    /// Makes the place where things are kept.
    fn begin(&mut self) -> Result<(), SetupError> {
        let mut text = format!("{HEADING}\n");
        for path in missing_folders(self.root, &kept_path(0)) {
            self.root.make_folder(&path)?;
            let entry = Entry { deed: Deed::Folder, client: EVERYBODY.to_owned(), path, kept: None, digest: None };
            text.push_str(&format!("{entry}\n"));
            self.journal.entries.push(entry);
        }
        // What is kept may be secret.
        fs_err::set_permissions(self.root.at(STATE), std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        self.root.write(&journal_path(), text.as_bytes(), 0o600)?;
        self.file = Some(fs_err::OpenOptions::new().append(true).open(self.root.at(&journal_path()))?);
        Ok(())
    }

    /// Remembers which mirror it is.
    pub(crate) fn name_mirror(&mut self, mirror: &str) -> Result<(), SetupError> {
        if self.journal.mirror() == Some(mirror) {
            return Ok(());
        }
        let (client, path) = (EVERYBODY.to_owned(), mirror.to_owned());
        self.record(Entry { deed: Deed::Mirror, client, path, kept: None, digest: None })
    }

    /// Keeps a file as it is, and writes down why.
    fn keep(&mut self, deed: Deed, (client, path): (&str, &str), digest: Option<Digest>) -> Result<(), SetupError> {
        let kept = self.journal.next_kept();
        if !self.dry {
            if self.file.is_none() {
                self.begin()?;
            }
            self.root.copy(path, &kept_path(kept))?;
            // A link leads elsewhere from where it is kept.
            if let Some(bytes) = self.root.read(path)?.filter(|_| self.root.is_link(path)) {
                self.root.write(&bytes_path(kept), &bytes, 0o600)?;
            }
        }
        let (client, path) = (client.to_owned(), path.to_owned());
        self.record(Entry { deed, client, path, kept: Some(kept), digest })
    }

    /// Whether somebody else has changed a file since: it is neither what we put there nor what it was before.
    fn is_by_hand(&self, path: &str, current: Option<&[u8]>) -> bool {
        let before = self.journal.origin(path).and_then(|origin| origin.kept);
        // It is still what it was where a run was cut off just there.
        let is_before = || before.is_some_and(|kept| self.root.same(&kept_path(kept), path));
        current.is_some_and(|bytes| !self.journal.is_ours(path, bytes) && !is_before())
    }

    /// What a file was without us: what it is, or, where that is ours, what it was before.
    fn without_us(&self, path: &str, current: Option<&[u8]>) -> Result<Option<Vec<u8>>, SetupError> {
        let ours = !self.is_by_hand(path, current);
        let Some(origin) = self.journal.origin(path).filter(|_| ours) else {
            return Ok(current.map(<[u8]>::to_vec));
        };
        match origin.kept {
            Some(kept) if self.root.is_link(&kept_path(kept)) => self.root.read(&bytes_path(kept)),
            Some(kept) => self.root.read(&kept_path(kept)),
            None => Ok(None),
        }
    }

    /// Puts a file in; whether it is one that this host gets.
    pub(crate) fn put(&mut self, client: &str, file: &ClientFile) -> Result<bool, SetupError> {
        let path = file.path.as_str();
        self.root.guard(path)?;
        let current = self.root.read(path)?;
        let before = self.without_us(path, current.as_deref())?;
        if let Err(otherwise) = edit::meets(&file.only_if, before.as_deref()) {
            if let Some(reason) = otherwise {
                self.tell(client, path, Done::Skipped { reason });
            }
            return Ok(false);
        }
        let wanted = edit::apply(&file.change, before.as_deref())
            .map_err(|source| SetupError::Edit { path: path.to_owned(), source })?;
        if current.as_ref() == Some(&wanted) {
            self.tell(client, path, Done::Unchanged);
            return Ok(true);
        }
        let digest = Some(Digest::of(&wanted));
        let done = if self.journal.origin(path).is_some() {
            if let Some(current) = current.filter(|bytes| self.is_by_hand(path, Some(bytes))) {
                self.set_beside(client, file, &current)?;
            }
            if !self.journal.is_ours(path, &wanted) {
                let (client, path) = (client.to_owned(), path.to_owned());
                self.record(Entry { deed: Deed::Ours, client, path, kept: None, digest })?;
            }
            Done::Updated
        } else if self.root.has(path) {
            self.keep(Deed::Replaced, (client, path), digest)?;
            Done::Replaced
        } else {
            self.make_folders(client, path)?;
            let (client, path) = (client.to_owned(), path.to_owned());
            self.record(Entry { deed: Deed::New, client, path, kept: None, digest })?;
            Done::New
        };
        if !self.dry {
            self.make_folders(client, path)?;
            self.root.write(path, &wanted, file.mode)?;
        }
        self.changes += 1;
        self.tell(client, path, done);
        Ok(true)
    }

    /// What was changed by hand goes beside what takes its place; a file that is only changed here keeps it anyway.
    fn set_beside(&mut self, client: &str, file: &ClientFile, bytes: &[u8]) -> Result<(), SetupError> {
        if !matches!(file.change, Change::Whole { .. }) {
            return Ok(());
        }
        let beside = beside(self.root, &file.path, (&file.path, BY_HAND));
        if !self.dry {
            self.root.write(&beside, bytes, file.mode)?;
        }
        self.tell(client, &file.path, Done::ByHand { beside });
        Ok(())
    }

    fn make_folders(&mut self, client: &str, path: &str) -> Result<(), SetupError> {
        for path in missing_folders(self.root, path) {
            if self.journal.entries.iter().any(|entry| entry.deed == Deed::Folder && entry.path == path) && self.dry {
                continue;
            }
            let client = client.to_owned();
            self.record(Entry { deed: Deed::Folder, client, path: path.clone(), kept: None, digest: None })?;
            if !self.dry {
                self.root.make_folder(&path)?;
            }
        }
        Ok(())
    }

    /// Sets a file aside.
    pub(crate) fn set_aside(&mut self, client: &str, path: &str) -> Result<(), SetupError> {
        self.root.guard(path)?;
        let kept = |entry: &Entry| entry.deed == Deed::Aside && entry.path == path;
        let number = self.journal.entries.iter().rev().find(|entry| kept(entry)).and_then(|entry| entry.kept);
        // It was kept already where a run was cut off just there.
        if !number.is_some_and(|number| self.root.same(&kept_path(number), path)) {
            self.keep(Deed::Aside, (client, path), None)?;
        }
        if !self.dry {
            self.root.remove(path)?;
        }
        self.changes += 1;
        self.tell(client, path, Done::Aside);
        Ok(())
    }

    /// Takes back what the chosen lines say, the last first.
    pub(crate) fn take_back(&mut self, chosen: &dyn Fn(&Entry) -> bool) -> Result<(), SetupError> {
        let (mut stay, mut free) = (Vec::new(), Vec::new());
        for entry in self.journal.entries.clone().into_iter().rev() {
            if !chosen(&entry) {
                stay.push(entry);
                continue;
            }
            match entry.deed {
                Deed::Folder if self.dry || self.root.remove_folder(&entry.path) => {}
                // Somebody else's files are in it, or those of another client.
                Deed::Folder => stay.push(entry),
                Deed::New => self.take_away(&entry)?,
                Deed::Replaced | Deed::Aside => {
                    self.put_back(&entry)?;
                    free.extend(entry.kept);
                }
                Deed::Ours | Deed::Mirror => {}
            }
        }
        stay.reverse();
        self.journal.entries = stay;
        if self.dry {
            return Ok(());
        }
        if !self.journal.entries.iter().any(|entry| !matches!(entry.deed, Deed::Folder | Deed::Mirror)) {
            return self.end();
        }
        self.root.write(&journal_path(), self.journal.to_string().as_bytes(), 0o600)?;
        self.file = Some(fs_err::OpenOptions::new().append(true).open(self.root.at(&journal_path()))?);
        free.into_iter().try_for_each(|number| {
            self.root.remove(&bytes_path(number))?;
            self.root.remove(&kept_path(number))
        })
    }

    /// Nothing is left to be taken back: what was kept goes, and the folders that were made for it.
    fn end(&mut self) -> Result<(), SetupError> {
        self.file = None;
        let state = self.root.at(STATE);
        if fs_err::symlink_metadata(&state).is_ok() {
            fs_err::remove_dir_all(state)?;
        }
        let entries = std::mem::take(&mut self.journal.entries);
        for entry in entries.iter().rev().filter(|entry| entry.deed == Deed::Folder) {
            // One that somebody uses stays.
            self.root.remove_folder(&entry.path);
        }
        Ok(())
    }

    fn take_away(&mut self, entry: &Entry) -> Result<(), SetupError> {
        let path = entry.path.as_str();
        self.root.guard(path)?;
        self.tidy(path)?;
        match self.root.read(path)? {
            None => return Ok(()),
            Some(bytes) if self.journal.is_ours(path, &bytes) => {
                if !self.dry {
                    self.root.remove(path)?;
                }
                self.tell(&entry.client, path, Done::Removed);
            }
            Some(_) => {
                self.by_hand += 1;
                self.tell(&entry.client, path, Done::Stays);
            }
        }
        self.changes += 1;
        Ok(())
    }

    fn put_back(&mut self, entry: &Entry) -> Result<(), SetupError> {
        let (path, kept) = (entry.path.as_str(), kept_path(entry.kept.unwrap_or_default()));
        self.root.guard(path)?;
        self.tidy(path)?;
        if self.root.same(&kept, path) {
            return Ok(());
        }
        let current = self.root.read(path)?;
        let ours = current.as_deref().is_none_or(|bytes| self.journal.is_ours(path, bytes));
        let to = if ours { path.to_owned() } else { beside(self.root, &kept, (path, BEFORE)) };
        if !self.dry {
            if let Some(folder) = self.root.at(path).parent() {
                fs_err::create_dir_all(folder)?;
            }
            self.root.copy(&kept, &to)?;
        }
        self.changes += 1;
        match ours {
            true => self.tell(&entry.client, path, Done::PutBack),
            false => {
                self.by_hand += 1;
                self.tell(&entry.client, path, Done::ByHand { beside: to });
            }
        }
        Ok(())
    }

    fn tidy(&self, path: &str) -> Result<(), SetupError> {
        if self.dry { Ok(()) } else { self.root.tidy(path) }
    }
}

/// The folders above a path that are not there, the upper ones first.
fn missing_folders(root: &Root, path: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut rest = path;
    while let Some((folder, _)) = rest.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
        if root.has(folder) {
            break;
        }
        missing.push(folder.to_owned());
        rest = folder;
    }
    missing.reverse();
    missing
}

/// A name beside a file under which nothing is yet, or just this.
fn beside(root: &Root, what: &str, (path, suffix): (&str, &str)) -> String {
    let name = |number: u32| if number == 1 { format!("{path}{suffix}") } else { format!("{path}{suffix}.{number}") };
    let free = |name: &String| !root.has(name) || root.same(what, name);
    (1..).map(name).find(free).unwrap_or_default()
}

/// Locks the root folder itself, as the script does: nothing is left behind, and the kernel opens it after a crash.
///
/// It waits for a second: a program that was just being started may hold what its parent has let go of.
fn lock(root: &Root) -> Result<fs_err::File, SetupError> {
    let folder = fs_err::File::open(root.at("/"))?;
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        match rustix::fs::flock(folder.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(folder),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(SetupError::Busy),
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
}
