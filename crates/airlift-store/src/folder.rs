//! A store in a folder: the part of it that only a file system can do.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use airlift_core::Digest;
use bytes::Bytes;
use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;

use crate::archive::header::{self, Format};
use crate::blob::{Blob, LocalBytes};
use crate::error::StoreError;
use crate::keys::{BLOBS, Key, MARKER, MEMOS, PARTIAL, SNAPSHOTS};
use crate::landing::{Landing, Lying};
use crate::memo::Memos;
use crate::work::{cores, parallel};

/// How long to wait for another process. One that was killed holds its locks until the disk has taken what it was just
/// writing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait between two attempts.
const RETRY: Duration = Duration::from_millis(5);

/// Larger files are made durable by whoever brings them: their bytes take longer than that, and are too many to be fetched
/// again after a crash.
const LARGE: u64 = 8 << 20;

/// How many blobs a thread looks for at a time.
const LOOKED_FOR: usize = 512;

/// What is not larger is kept in memory until it is written together with others.
const SMALL: usize = 256 << 10;

/// The folders and files of a store.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    landing: Landing,
    memos: Box<Memos>,
}

impl Folder {
    /// Opens a store, or makes one of a folder that is empty or not there.
    pub(crate) fn create(root: &Path) -> Result<Self, StoreError> {
        fs_err::create_dir_all(root).map_err(StoreError::io("make", root))?;
        let root = root.canonicalize().map_err(StoreError::io("open", root))?;
        if !root.join(MARKER).exists() {
            refuse_strangers(&root)?;
            let marker = serde_json::json!({ "format": Format::current() }).to_string() + "\n";
            write_atomically(&root.join(MARKER), marker.as_bytes(), Durability::Full)?;
        }
        check_marker(&root)?;
        let folders = [BLOBS, SNAPSHOTS, PARTIAL].map(|folder| root.join(folder));
        if !folders.iter().all(|folder| folder.is_dir()) {
            for path in &folders {
                fs_err::create_dir_all(path).map_err(StoreError::io("make", path))?;
            }
            // The folders between a blob and what was there before have to survive as well.
            let above = [Some(folders[0].as_path()), folders[0].parent(), Some(&*root), root.parent()];
            above.into_iter().flatten().try_for_each(sync_folder)?;
        }
        Ok(Self::at(root))
    }

    /// Opens a store that is there, and writes nothing.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let root = root.canonicalize().map_err(StoreError::io("open", root))?;
        if !root.join(MARKER).exists() {
            let reason = format!("there is no {MARKER} in it");
            return Err(StoreError::NotAStore { path: root, reason });
        }
        check_marker(&root)?;
        Ok(Self::at(root))
    }

    fn at(root: PathBuf) -> Self {
        let landing = Landing::new(root.join(BLOBS), root.join(PARTIAL));
        let memos = Box::new(Memos::new(root.join(MEMOS)));
        Self { root, landing, memos }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.root.join(PARTIAL)
    }

    pub(crate) fn memos(&self) -> &Memos {
        &self.memos
    }

    pub(crate) fn blob_path(&self, digest: Digest) -> PathBuf {
        self.root.join(Key::Blob(digest).name())
    }

    /// The size of a blob that is here.
    pub(crate) fn size_of(&self, digest: Digest) -> Option<u64> {
        self.size(digest, || size_at(rustix::fs::CWD, self.blob_path(digest)))
    }

    /// The size of a blob that lands, or of what has its name.
    fn size(&self, digest: Digest, named: impl FnOnce() -> Option<u64>) -> Option<u64> {
        // In this order: one that gets its name in between is seen in the second place.
        self.landing.find(digest).map(|lying| lying.size()).or_else(named)
    }

    /// Whether a blob is there with this size.
    pub(crate) fn has(&self, digest: Digest, size: u64) -> bool {
        self.size_of(digest) == Some(size)
    }

    /// Those of these blobs that are not here with their size, in their order.
    pub(crate) fn lacking(&self, blobs: &[(Digest, u64)]) -> Result<Vec<(Digest, u64)>, StoreError> {
        let path = self.root.join(BLOBS);
        // Where they lie is found once, and not for each of them.
        let folder = File::open(&path).map_err(StoreError::io("open", &path))?;
        let names = self.few_names(blobs.len() / 2);
        let named = |digest: Digest| names.as_ref().is_none_or(|names| names.contains(&digest));
        let has = |digest: Digest| self.size(digest, || size_at(&folder, digest.hex()));
        let lacks = |(digest, size): &&(Digest, u64)| !named(*digest) || has(*digest) != Some(*size);
        let found = Mutex::new(Vec::new());
        let places: Vec<usize> = (0..blobs.len()).step_by(LOOKED_FOR).collect();
        parallel(&places, cores(), |&place| {
            let some = &blobs[place..blobs.len().min(place + LOOKED_FOR)];
            let lacking: Vec<_> = some.iter().filter(lacks).copied().collect();
            found.lock().unwrap_or_else(PoisonError::into_inner).push((place, lacking));
            Ok(())
        })?;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(place, _)| *place);
        Ok(found.into_iter().flat_map(|(_, lacking)| lacking).collect())
    }

    /// The names of all blobs, where they are no more than these: a short list is read in less time than it takes to look for
    /// thousands of files that are not there.
    fn few_names(&self, most: usize) -> Option<HashSet<Digest>> {
        // In this order: one that gets its name in between is seen in the second place.
        let mut names = self.landing.digests();
        for entry in std::fs::read_dir(self.root.join(BLOBS)).ok()? {
            if names.len() > most {
                return None;
            }
            names.extend(entry.ok()?.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()));
        }
        Some(names)
    }

    /// Opens a blob; none where there is none of this size.
    pub(crate) fn blob(&self, digest: Digest, size: u64) -> Result<Option<Blob>, StoreError> {
        let path = self.blob_path(digest);
        let lying = match self.landing.find(digest) {
            Some(Lying::Memory(bytes)) => {
                return Ok((bytes.len() as u64 == size).then(|| Blob::in_memory(digest, bytes)));
            }
            // One that has got its name meanwhile is no longer where it lay.
            Some(Lying::File(lying, _)) => File::open(lying).ok(),
            None => None,
        };
        let file = match lying.map_or_else(|| File::open(&path), Ok) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let meta = file.metadata().map_err(StoreError::io("open", &path))?;
        if !meta.is_file() || meta.len() != size {
            return Ok(None);
        }
        let local = LocalBytes { file: Arc::new(file), offset: 0, len: size, path: path.into() };
        Ok(Some(Blob::in_file(digest, local)))
    }

    /// Has a finished file, whose content was verified, get its name: first its bytes are made durable, then the name
    /// appears. That is so after [`Folder::settle`], and the name itself is durable after [`Folder::sync`]; the blob can be
    /// read at once.
    pub(crate) fn land(&self, file: &File, from: &Path, (digest, size): (Digest, u64)) -> Result<(), StoreError> {
        if size < LARGE {
            return self.landing.add(from, digest, size);
        }
        file.sync_all().map_err(StoreError::io("write", from))?;
        let to = self.blob_path(digest);
        fs_err::rename(from, &to).map_err(StoreError::io("name", &to))
    }

    /// Has all that has landed get its name without waiting for more.
    pub(crate) fn hurry(&self) {
        self.landing.hurry();
    }

    /// Waits until everything that has landed has its name, and writes what is to be remembered of it.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        self.landing.settle()?;
        // Memos are a convenience: a collection does not fail for them.
        self.memos.write();
        Ok(())
    }

    /// Makes the names of all blobs durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.settle()?;
        sync_folder(&self.root.join(BLOBS))
    }

    /// Takes a new blob whose bytes are in memory, where that takes no time; tells whether it did.
    pub(crate) fn try_put(&self, digest: Digest, bytes: &Bytes) -> Result<bool, StoreError> {
        Ok(bytes.len() <= SMALL && self.landing.try_add_bytes(digest, bytes)?)
    }

    /// Takes or writes a new blob whose bytes are in memory.
    pub(crate) fn put(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.len() <= SMALL {
            return self.landing.add_bytes(digest, bytes);
        }
        let partial = self.partial();
        let mut file = tempfile::Builder::new()
            .suffix(".put")
            .tempfile_in(&partial)
            .map_err(StoreError::io("write in", &partial))?;
        file.write_all(&bytes).map_err(StoreError::io("write", file.path()))?;
        make_readable(file.as_file(), file.path())?;
        self.land(file.as_file(), file.path(), (digest, bytes.len() as u64))?;
        // The name is gone; there is nothing left to remove.
        file.disable_cleanup(true);
        Ok(())
    }

    /// Locks the whole store for this process.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        let path = self.root.join("lock");
        let mut file = open_or_make(&path)?;
        if !try_lock(&file, &path, PATIENCE)? {
            return Err(StoreError::Busy { path: self.root.clone(), holder: holder(&file) });
        }
        let note = format!("process {}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(StoreError::io("write", &path))?;
        Ok(file)
    }

    /// What lies in a folder of the store: paths and sizes.
    pub(crate) fn files(&self, folder: &Path) -> Result<Vec<(PathBuf, u64)>, StoreError> {
        let failed = || StoreError::io("list", folder);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let size = entry.metadata().map_err(StoreError::io("look at", &entry.path()))?.len();
            found.push((entry.path(), size));
        }
        Ok(found)
    }
}

/// Refuses a folder that has other things in it, so that a mistyped path never mixes a store into them.
fn refuse_strangers(root: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(root).map_err(StoreError::io("list", root))? {
        let name = entry.map_err(StoreError::io("list", root))?.file_name();
        let name = name.to_string_lossy();
        if name != "lost+found" && !name.starts_with(MARKER) {
            let reason = format!("it has other things in it, such as {}, and no {MARKER}", name.escape_debug());
            return Err(StoreError::NotAStore { path: root.to_owned(), reason });
        }
    }
    Ok(())
}

fn check_marker(root: &Path) -> Result<(), StoreError> {
    let path = root.join(MARKER);
    let file = File::open(&path).map_err(StoreError::io("open", &path))?;
    let mut bytes = Vec::new();
    file.take(header::MAX_HEADER).read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
    header::version(&bytes, &format!("the store {}", root.display()), MARKER)
}

/// Who holds a lock, as the holder wrote it into the file. A courtesy: where it can't be read, the answer is the same.
fn holder(file: &File) -> String {
    let mut note = String::new();
    let _ = file.take(100).read_to_string(&mut note);
    match note.trim() {
        "" => "another Airlift".to_owned(),
        holder => format!("another Airlift ({})", holder.escape_debug()),
    }
}

/// Tries to lock a file for a while; tells whether that went well.
fn try_lock(file: &File, path: &Path, patience: Duration) -> Result<bool, StoreError> {
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if begin.elapsed() < patience => std::thread::sleep(RETRY),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
    }
}

/// Opens an unfinished file, or makes it, and locks it.
///
/// Between the two another holder may finish it: then it has got its final name, and another has to be made.
pub(crate) fn open_locked(path: &Path, holder: &str, patience: Duration) -> Result<File, StoreError> {
    loop {
        let file = open_or_make(path)?;
        if !try_lock(&file, path, patience)? {
            return Err(StoreError::Busy { path: path.to_owned(), holder: holder.to_owned() });
        }
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// Opens a file for reading and writing, or makes it. A symbolic link is not followed: somebody else may have made it.
fn open_or_make(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let in_the_way = |reason| StoreError::InTheWay { path: path.to_owned(), reason };
    match options.open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            Err(in_the_way("it is a symbolic link, and those are not followed here"))
        }
        Err(error) => Err(StoreError::io("open", path)(error)),
        Ok(file) if file.metadata().is_ok_and(|meta| meta.is_file()) => Ok(file),
        Ok(_) => Err(in_the_way("it is not a file")),
    }
}

/// Whether an opened file is the one that lies at a path now.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(opened), Ok(found)) => (opened.dev(), opened.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

/// What a file has to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The death of this process.
    Process,
    /// A power cut.
    Full,
}

/// Writes a file so that either its old or its new content is there, whatever happens.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let prefix = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
    let mut file =
        tempfile::Builder::new().prefix(&prefix).tempfile_in(parent).map_err(StoreError::io("write in", parent))?;
    file.write_all(bytes).map_err(StoreError::io("write", path))?;
    make_readable(file.as_file(), path)?;
    if durability == Durability::Full {
        file.as_file().sync_all().map_err(StoreError::io("write", path))?;
    }
    file.persist(path).map_err(|error| StoreError::io("name", path)(error.error))?;
    match durability {
        Durability::Process => Ok(()),
        Durability::Full => sync_folder(parent),
    }
}

/// Removes a file; one that is not there is as good as removed.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The size of a regular file; none where there is none.
fn size_at(folder: impl AsFd, name: impl rustix::path::Arg) -> Option<u64> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let size = u64::try_from(stat.st_size).ok()?;
    FileType::from_raw_mode(stat.st_mode).is_file().then_some(size)
}

/// Makes what was named in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::io("write", path))
}

/// Temporary files are made for their owner alone; others may read what they become.
fn make_readable(file: &File, path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(StoreError::io("write", path))
}
