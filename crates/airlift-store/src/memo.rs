//! Memos: what a caller wants to remember of a blob, so that the next run need not ask for it again.

use std::path::PathBuf;

use airlift_core::Digest;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::folder::Folder;
use crate::store::Store;

/// A memo as it lies on the disk.
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
        let bytes = std::fs::read(self.as_folder()?.memo(key)).ok()?;
        serde_json::from_slice::<Written<T>>(&bytes).ok().map(|written| written.memo)
    }

    /// Remembers something about a blob under a key. Pruning forgets it together with the blob.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn set_memo<T: Serialize>(&self, key: &str, blob: Digest, memo: &T) -> Result<(), StoreError> {
        let Some(folder) = self.as_folder() else { return Ok(()) };
        let path = folder.memo(key);
        let bytes = serde_json::to_vec(&Written { blob, memo })
            .map_err(|error| StoreError::io("write", &path)(std::io::Error::other(error)))?;
        // Half a memo can't be understood, and so is none: it need not be written with more care.
        match std::fs::write(&path, &bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let parent = folder.memos();
                fs_err::create_dir_all(&parent).map_err(StoreError::io("make", &parent))?;
                std::fs::write(&path, &bytes)
            }
            written => written,
        }
        .map_err(StoreError::io("write", &path))
    }
}

impl Folder {
    fn memo(&self, key: &str) -> PathBuf {
        self.memos().join(format!("{}.json", Digest::of(key.as_bytes()).hex()))
    }

    /// The memos: path, size, and the blob where the memo can be understood.
    pub(crate) fn all_memos(&self) -> Result<Vec<(PathBuf, u64, Option<Digest>)>, StoreError> {
        let memos = self.memos();
        if !memos.is_dir() {
            return Ok(Vec::new());
        }
        let read = |(path, size): (PathBuf, u64)| {
            let written = std::fs::read(&path).ok();
            let written = written.and_then(|bytes| serde_json::from_slice::<Written<IgnoredAny>>(&bytes).ok());
            (path, size, written.map(|written| written.blob))
        };
        Ok(self.files(&memos)?.into_iter().map(read).collect())
    }
}
