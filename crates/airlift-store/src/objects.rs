//! A store as named objects: read whole, written atomically, replaced conditionally, removed, uploaded.

use std::path::Path;

use airlift_core::Digest;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutMode, PutOptions, UpdateVersion, WriteMultipart};
use tokio::io::AsyncReadExt;

use crate::copy::CHUNK;
use crate::error::StoreError;
use crate::keys::Key;
use crate::store::Store;

/// Requests to an object store at once.
const REQUESTS: usize = 32;

/// Uploads of parts of one blob at once.
const UPLOADS: usize = 8;

impl Store {
    /// An object, which may not be longer than a limit; none where it is not there.
    pub(crate) async fn read(&self, key: &Key, limit: u64) -> Result<Option<Bytes>, StoreError> {
        Ok(self.read_versioned(key, limit).await?.map(|(bytes, _)| bytes))
    }

    pub(crate) async fn read_versioned(
        &self,
        key: &Key,
        limit: u64,
    ) -> Result<Option<(Bytes, UpdateVersion)>, StoreError> {
        let result = match self.as_objects().get(&key.location()).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            result => result.map_err(|source| self.failed("read", key, source))?,
        };
        if result.meta.size > limit {
            let what = format!("{} in {}", key.name(), self.describe());
            return Err(StoreError::Limit { what, size: result.meta.size, limit });
        }
        let version = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let bytes = result.bytes().await.map_err(|source| self.failed("read", key, source))?;
        Ok(Some((bytes, version)))
    }

    /// Writes an object, durably, so that its old or its new content is there, whatever happens.
    pub(crate) async fn write(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.as_objects()
            .put(&key.location(), bytes.into())
            .await
            .map_err(|source| self.failed("write", key, source))?;
        Ok(())
    }

    /// As [`Store::write`], and refuses where somebody else wrote since it was read.
    pub(crate) async fn replace(&self, key: &Key, bytes: Bytes, read: Option<UpdateVersion>) -> Result<(), StoreError> {
        if self.as_folder().is_some() {
            // A folder has a lock, and its object store does not know conditional writes.
            return self.write(key, bytes).await;
        }
        let mode = read.map_or(PutMode::Create, PutMode::Update);
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.as_objects().put_opts(&key.location(), bytes.clone().into(), options).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Err(StoreError::Raced { place: self.describe() })
            }
            Err(object_store::Error::NotImplemented { .. }) => self.write(key, bytes).await,
            Err(source) => Err(self.failed("write", key, source)),
        }
    }

    /// Removes objects; one that is not there is as good as removed.
    pub(crate) async fn remove(&self, keys: Vec<Key>) -> Result<(), StoreError> {
        let removed = stream::iter(keys).map(|key| async move {
            match self.as_objects().delete(&key.location()).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(self.failed("remove", &key, source)),
            }
        });
        removed.buffer_unordered(REQUESTS).try_collect().await
    }

    /// Copies a local file, whose content was verified, into the object store as a blob.
    pub(crate) async fn upload(&self, digest: Digest, from: &Path) -> Result<(), StoreError> {
        let key = Key::Blob(digest);
        let failed = |source| self.failed("write", &key, source);
        let mut file = tokio::fs::File::open(from).await.map_err(StoreError::io("open", from))?;
        let upload = self.as_objects().put_multipart(&key.location()).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, 8 * CHUNK);
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer).await.map_err(StoreError::io("read", from))? {
                0 => break,
                read => {
                    upload.wait_for_capacity(UPLOADS).await.map_err(failed)?;
                    upload.write(&buffer[..read]);
                }
            }
        }
        upload.finish().await.map_err(failed)?;
        Ok(())
    }

    pub(crate) fn failed(&self, action: &'static str, key: &Key, source: object_store::Error) -> StoreError {
        self.failed_at(action, &key.name(), source)
    }

    pub(crate) fn failed_at(&self, action: &'static str, name: &str, source: object_store::Error) -> StoreError {
        StoreError::Objects { action, key: name.to_owned(), place: self.describe(), source: Box::new(source) }
    }
}
