//! What is in the store, read on threads that may block.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use airlift_store::Blob;
use bytes::{Buf, Bytes};
use tokio::runtime::Handle;

use crate::error::FetchError;

/// How many bytes are read at a time.
const CHUNK: u64 = 256 << 10;

/// Something in the store, read from its beginning to its end. The errors have a [`FetchError`] inside.
#[derive(Clone)]
pub struct Reader {
    blob: Blob,
    runtime: Handle,
    at: u64,
    chunk: Bytes,
}

impl Reader {
    pub(crate) fn new(blob: Blob, runtime: &Handle) -> Self {
        Self { blob, runtime: runtime.clone(), at: 0, chunk: Bytes::new() }
    }

    /// The bytes of a range, cut at the end. What is read next is the same as before.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where they can't be read.
    pub fn range(&self, range: Range<u64>) -> Result<Bytes, FetchError> {
        self.blob.range_blocking(range, &self.runtime).map_err(FetchError::store)
    }

    /// Goes on at another place.
    pub fn seek(&mut self, at: u64) {
        (self.at, self.chunk) = (at, Bytes::new());
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            self.chunk = self.range(self.at..self.at.saturating_add(CHUNK)).map_err(io::Error::other)?;
            self.at += self.chunk.len() as u64;
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("blob", &self.blob.digest()).field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_store::Store;

    #[tokio::test]
    async fn all_of_it_is_read_whatever_the_store_is() {
        let folder = tempfile::tempdir().expect("a folder");
        for store in [Store::memory(), Store::folder(folder.path()).expect("a store")] {
            let bytes: Vec<u8> = (0..CHUNK * 2 + 7).map(|n| (n % 251) as u8).collect();
            let digest = store.put(bytes.clone().into()).await.expect("stored");
            let (runtime, size) = (Handle::current(), bytes.len() as u64);
            let read = tokio::task::spawn_blocking(move || {
                let mut reader = Reader::new(store.blob_blocking(digest, size, &runtime).expect("a blob"), &runtime);
                let mut all = Vec::new();
                reader.read_to_end(&mut all).expect("read");
                assert_eq!(reader.range(size - 3..size + 9).expect("read"), all[all.len() - 3..]);
                reader.seek(size - 1);
                let mut last = Vec::new();
                reader.read_to_end(&mut last).expect("read");
                assert_eq!(last, all[all.len() - 1..]);
                all
            });
            assert_eq!(read.await.expect("no panic"), bytes);
        }
    }
}
