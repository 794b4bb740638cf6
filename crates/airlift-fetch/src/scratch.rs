//! Files for what is neither fetched as it is nor small: an answer that has to be taken apart, or a blob that a kind makes.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use airlift_core::{Digest, Hasher};
use airlift_store::{Part, Store};

use crate::error::FetchError;

/// So many bytes are gathered before they are written.
const BUFFER: usize = 256 << 10;

/// A temporary file that only grows, and that can become a blob of the store. It is removed when it is dropped.
///
/// Its functions may block: they are called off the runtime.
pub struct Scratch {
    part: Option<Part>,
    file: File,
    path: PathBuf,
    hasher: Hasher,
    written: u64,
    buffer: Vec<u8>,
}

impl Scratch {
    /// An empty one. The key tells it from others that are in use.
    pub(crate) fn open(store: &Store, key: &str) -> Result<Self, FetchError> {
        let part = store.part(&format!("scratch {key}")).map_err(FetchError::store)?;
        part.truncate(0).map_err(FetchError::store)?;
        let path = part.path().to_owned();
        let file = part.file().try_clone().map_err(|source| FetchError::file("open", &path, source))?;
        Ok(Self { part: Some(part), file, path, hasher: Hasher::new(), written: 0, buffer: Vec::new() })
    }

    /// How many bytes are in it.
    pub const fn len(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes behind what is there.
    ///
    /// # Errors
    ///
    /// [`FetchError::File`] where it can't be written, as when the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Reads exactly as many bytes as the buffer has.
    ///
    /// # Errors
    ///
    /// [`FetchError::File`] where it can't be read, or ends before.
    pub fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), FetchError> {
        if !self.buffer.is_empty() && at + into.len() as u64 > self.written {
            self.flush()?;
        }
        self.file.read_exact_at(into, at).map_err(|source| FetchError::file("read", &self.path, source))
    }

    /// Throws away what is there.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where it can't be cut.
    pub fn clear(&mut self) -> Result<(), FetchError> {
        self.buffer.clear();
        self.written = 0;
        self.hasher = Hasher::new();
        self.part.as_ref().map_or(Ok(()), |part| part.truncate(0)).map_err(FetchError::store)
    }

    /// Makes a blob of it.
    ///
    /// # Errors
    ///
    /// [`FetchError`] where the store can't take it.
    pub async fn keep(mut self) -> Result<(Digest, u64), FetchError> {
        self.flush()?;
        let (digest, size) = (std::mem::replace(&mut self.hasher, Hasher::new()).finish(), self.written);
        if let Some(part) = self.part.take() {
            part.commit(digest, size).await.map_err(FetchError::store)?;
        }
        Ok((digest, size))
    }

    fn flush(&mut self) -> Result<(), FetchError> {
        let failed = |source| FetchError::file("write", &self.path, source);
        self.file.write_all_at(&self.buffer, self.written).map_err(failed)?;
        self.hasher.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("path", &self.path).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(part) = self.part.take()
            && let Err(error) = part.discard()
        {
            tracing::debug!("a temporary file is left: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_and_kept() {
        let store = Store::memory();
        let mut scratch = Scratch::open(&store, "x").expect("a file");
        scratch.append(b"thrown away").expect("written");
        scratch.clear().expect("cut");
        scratch.append(&vec![1; BUFFER]).expect("written");
        scratch.append(b"end").expect("written");
        let mut read = [0; 4];
        scratch.read(BUFFER as u64 - 1, &mut read).expect("read");
        assert_eq!(&read, b"\x01end");
        assert!(scratch.read(BUFFER as u64, &mut [0; 4]).is_err(), "behind the end");
        let (digest, size) = scratch.keep().await.expect("kept");
        let mut whole = vec![1; BUFFER];
        whole.extend_from_slice(b"end");
        assert_eq!((digest, size), (Digest::of(&whole), whole.len() as u64));
        assert!(store.blob(digest, size).await.expect("looked for").is_some());
    }
}
