//! A download that survives being killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airlift_core::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::error::StoreError;
use crate::folder::{Durability, Folder, open_locked, remove, write_atomically};
use crate::store::Store;
use crate::work::briefly;

/// How long to wait for another user of the same part, which may just be ending. Other processes don't count: they
/// are kept out by the lock of the store.
const PATIENCE: Duration = Duration::from_millis(500);

/// An unfinished blob: its data so far, and notes about them.
///
/// In a folder store it lies in `partial/` and is found again by its key; elsewhere it is a temporary file. It is
/// locked: nobody else writes the same part. Data and notes survive the death of the process. After a power cut either
/// may be older than the other, and the data may have holes: [`Part::is_safe`] tells whether that can be.
#[derive(Debug)]
pub struct Part {
    data: PathBuf,
    notes: PathBuf,
    file: File,
    store: Store,
    /// Where the store has no folder; removed when dropped.
    _temporary: Option<TempDir>,
}

impl Part {
    /// Opens or makes the part of a key.
    pub(crate) fn open(store: &Store, key: &str) -> Result<Self, StoreError> {
        let name = Digest::of(key.as_bytes()).hex();
        let (folder, temporary) = match store.as_folder() {
            Some(folder) => (folder.partial(), None),
            None => {
                let temporary = TempDir::new().map_err(StoreError::io("make a folder in", Path::new("/tmp")))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let data = folder.join(format!("{name}.data"));
        let file = open_locked(&data, "another download of the same thing", PATIENCE)?;
        let notes = folder.join(format!("{name}.json"));
        Ok(Self { data, notes, file, store: store.clone(), _temporary: temporary })
    }

    /// Where the data lies.
    pub fn path(&self) -> &Path {
        &self.data
    }

    /// The data, opened for reading and writing.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes there are so far.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether a part is empty")]
    pub fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }

    /// The notes, where there are any that can be understood.
    pub fn notes<T: DeserializeOwned>(&self) -> Option<T> {
        self.written().map(|written| written.notes)
    }

    /// Whether all the data are there of which the notes tell: the machine runs without a break since they were written.
    ///
    /// Otherwise a power cut may have left holes. Whoever has no checksum to find them with starts over.
    pub fn is_safe(&self) -> bool {
        let written = self.written::<serde::de::IgnoredAny>().and_then(|written| written.boot);
        written.is_some() && written == boot()
    }

    fn written<T: DeserializeOwned>(&self) -> Option<Written<T>> {
        serde_json::from_slice(&std::fs::read(&self.notes).ok()?).ok()
    }

    /// Replaces the notes atomically.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn set_notes<T: Serialize>(&self, notes: &T) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(&Written { boot: boot(), notes })
            .map_err(|error| StoreError::io("write", &self.notes)(std::io::Error::other(error)))?;
        write_atomically(&self.notes, &bytes, Durability::Process)
    }

    /// Cuts the data, or extends it with zeros, to so many bytes.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn truncate(&self, len: u64) -> Result<(), StoreError> {
        self.file.set_len(len).map_err(StoreError::io("cut", &self.data))
    }

    /// Makes the data a blob of the store. The caller has verified that they have this digest.
    ///
    /// It can be read when this returns. Its bytes are durable before it has its name, and the name is durable when the
    /// snapshot is published.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] where there are more or fewer bytes than `size`; I/O errors.
    pub async fn commit(self, digest: Digest, size: u64) -> Result<(), StoreError> {
        self.refuse_other_size(digest, size)?;
        if self.store.as_folder().is_none() {
            return self.store.upload(digest, &self.data).await;
        }
        briefly(move || match self.store.as_folder() {
            Some(folder) => self.land(folder, (digest, size)),
            None => Ok(()),
        })
        .await
    }

    /// The same on this thread, which must not be one of the runtime's.
    pub(crate) fn commit_blocking(self, digest: Digest, size: u64, handle: &Handle) -> Result<(), StoreError> {
        self.refuse_other_size(digest, size)?;
        match self.store.as_folder() {
            Some(folder) => self.land(folder, (digest, size)),
            None => handle.block_on(self.store.upload(digest, &self.data)),
        }
    }

    fn refuse_other_size(&self, digest: Digest, size: u64) -> Result<(), StoreError> {
        if self.len() != size {
            let reason = format!("{} bytes were written, and it has {size}", self.len());
            return Err(StoreError::Corrupt { digest, place: self.data.display().to_string(), reason });
        }
        Ok(())
    }

    fn land(&self, folder: &Folder, blob: (Digest, u64)) -> Result<(), StoreError> {
        folder.land(&self.file, &self.data, blob)?;
        remove(&self.notes)
    }

    /// Throws data and notes away.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn discard(self) -> Result<(), StoreError> {
        remove(&self.notes)?;
        remove(&self.data)
    }
}

/// Notes as they lie on the disk.
#[derive(Serialize, Deserialize)]
struct Written<T> {
    /// When the machine was started, where it tells.
    boot: Option<String>,
    notes: T,
}

/// What is another after each start of the machine (random(4)).
fn boot() -> Option<String> {
    fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}
