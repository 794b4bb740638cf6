//! One opened blob: its bytes, and where they lie.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use airlift_core::{Digest, Hasher};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::{GetOptions, ObjectStore};
use tokio::runtime::Handle;

use crate::copy::CHUNK;
use crate::error::StoreError;
use crate::work::briefly;

/// The least that a stream gives at once, unless it ends.
const LEAST: usize = 256 * 1024;

/// Where the bytes of a blob lie in a local file: the hot path of serving.
#[derive(Clone, Debug)]
pub struct LocalBytes {
    /// The opened file. It is shared: read with offsets, never with the file's own position.
    pub file: Arc<File>,
    /// Where the blob begins in it, in bytes.
    pub offset: u64,
    /// The blob's size in bytes.
    pub len: u64,
    /// The file's path.
    pub path: Arc<Path>,
}

/// One opened blob; cheap to clone. It stays readable when the store drops or replaces it.
#[derive(Clone, Debug)]
pub struct Blob {
    digest: Digest,
    size: u64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Memory(Bytes),
    Local(LocalBytes),
    Object(Arc<Object>),
}

/// A blob in an object store.
#[derive(Debug)]
struct Object {
    objects: Arc<dyn ObjectStore>,
    location: object_store::path::Path,
    place: String,
}

impl Blob {
    pub(crate) fn in_file(digest: Digest, local: LocalBytes) -> Self {
        Self { digest, size: local.len, source: Source::Local(local) }
    }

    pub(crate) const fn in_memory(digest: Digest, bytes: Bytes) -> Self {
        Self { digest, size: bytes.len() as u64, source: Source::Memory(bytes) }
    }

    pub(crate) fn in_objects(
        (digest, size): (Digest, u64),
        objects: Arc<dyn ObjectStore>,
        location: object_store::path::Path,
        place: String,
    ) -> Self {
        Self { digest, size, source: Source::Object(Arc::new(Object { objects, location, place })) }
    }

    /// Its name.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Its size in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the bytes lie in a local file, where they do.
    pub const fn local(&self) -> Option<&LocalBytes> {
        match &self.source {
            Source::Local(local) => Some(local),
            Source::Memory(_) | Source::Object(_) => None,
        }
    }

    /// All bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Limit`] where it has more than `limit` bytes; as [`Blob::range`].
    pub async fn bytes(&self, limit: u64) -> Result<Bytes, StoreError> {
        if self.size > limit {
            return Err(StoreError::Limit { what: format!("the blob {}", self.digest), size: self.size, limit });
        }
        self.range(0..self.size).await
    }

    /// The bytes of a range, which is cut at the blob's end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] where the bytes end before the blob does; I/O errors.
    pub async fn range(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let range = self.cut(&range);
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        match &self.source {
            Source::Memory(bytes) => Ok(slice(bytes, &range)),
            Source::Local(local) => {
                let (digest, local) = (self.digest, local.clone());
                briefly(move || read_range(digest, &local, &range)).await
            }
            Source::Object(object) => {
                let expected = range.end - range.start;
                let chunks = object_stream(self.digest, Arc::clone(object), range).try_collect::<Vec<_>>().await?;
                let mut all = BytesMut::with_capacity(usize::try_from(expected).unwrap_or_default());
                chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
                Ok(all.freeze())
            }
        }
    }

    /// As [`Blob::range`] on this thread, which must not be one of the runtime's.
    ///
    /// # Errors
    ///
    /// As [`Blob::range`].
    pub fn range_blocking(&self, range: Range<u64>, handle: &Handle) -> Result<Bytes, StoreError> {
        match &self.source {
            Source::Memory(bytes) => Ok(slice(bytes, &self.cut(&range))),
            Source::Local(local) => read_range(self.digest, local, &self.cut(&range)),
            Source::Object(_) => handle.block_on(self.range(range)),
        }
    }

    /// The bytes of a range, which is cut at the blob's end, in chunks of 256 KiB and more.
    ///
    /// The items are errors as in [`Blob::range`]; nothing follows an error.
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let range = self.cut(&range);
        match &self.source {
            Source::Memory(bytes) => {
                let bytes = Some(slice(bytes, &range)).filter(|bytes| !bytes.is_empty());
                stream::iter(bytes.map(Ok)).boxed()
            }
            Source::Local(_) => {
                let blob = self.clone();
                let next = move |(blob, range): (Self, Range<u64>)| async move {
                    if range.is_empty() {
                        return Ok(None);
                    }
                    let end = range.end.min(range.start + CHUNK as u64);
                    let bytes = blob.range(range.start..end).await?;
                    Ok(Some((bytes, (blob, end..range.end))))
                };
                stream::try_unfold((blob, range), next).boxed()
            }
            Source::Object(object) => object_stream(self.digest, Arc::clone(object), range),
        }
    }

    /// Hashes the blob again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] where its bytes don't have its digest; as [`Blob::range`].
    pub async fn verify(&self) -> Result<(), StoreError> {
        let (blob, handle) = (self.clone(), Handle::current());
        briefly(move || blob.verify_blocking(&handle, &mut |_| Ok(()))).await
    }

    /// Hashes the blob on this thread and shows its bytes as they pass by.
    pub(crate) fn verify_blocking(
        &self,
        handle: &Handle,
        seen: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut hasher = Hasher::new();
        self.read_blocking(handle, &mut |bytes| {
            hasher.update(bytes);
            seen(bytes)
        })?;
        let found = hasher.finish();
        match found == self.digest {
            true => Ok(()),
            false => Err(self.corrupt(format!("its bytes have the digest {found}"))),
        }
    }

    /// Shows all bytes in order, on this thread, which must not be one of the runtime's.
    pub(crate) fn read_blocking(
        &self,
        handle: &Handle,
        seen: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &self.source {
            Source::Memory(bytes) => seen(bytes),
            Source::Local(local) => {
                let mut buffer = vec![0; length(&(0..self.size.min(CHUNK as u64)))];
                let mut done = 0;
                while done < self.size {
                    let chunk = buffer.len().min(length(&(done..self.size)));
                    read_at(self.digest, local, &mut buffer[..chunk], done)?;
                    seen(&buffer[..chunk])?;
                    done += chunk as u64;
                }
                Ok(())
            }
            Source::Object(_) => {
                let mut stream = self.stream(0..self.size);
                while let Some(bytes) = handle.block_on(stream.try_next())? {
                    seen(&bytes)?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn corrupt(&self, reason: String) -> StoreError {
        let place = match &self.source {
            Source::Memory(_) => "memory".to_owned(),
            Source::Local(local) => local.path.display().to_string(),
            Source::Object(object) => object.place.clone(),
        };
        StoreError::Corrupt { digest: self.digest, place, reason }
    }

    fn cut(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.min(self.size);
        range.start.min(end)..end
    }
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let end = length(&(0..range.end)).min(bytes.len());
    bytes.slice(length(&(0..range.start)).min(end)..end)
}

/// A length in memory; what does not fit there fails when it is allocated.
fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

fn read_range(digest: Digest, local: &LocalBytes, range: &Range<u64>) -> Result<Bytes, StoreError> {
    let mut buffer = BytesMut::zeroed(length(range));
    read_at(digest, local, &mut buffer, range.start)?;
    Ok(buffer.freeze())
}

fn read_at(digest: Digest, local: &LocalBytes, buffer: &mut [u8], position: u64) -> Result<(), StoreError> {
    local.file.read_exact_at(buffer, local.offset + position).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => StoreError::Corrupt {
            digest,
            place: local.path.display().to_string(),
            reason: format!("the file ends before its {} bytes do", local.len),
        },
        _ => StoreError::io("read", &local.path)(error),
    })
}

/// A range out of an object store, regrouped into larger chunks and counted.
fn object_stream(
    digest: Digest,
    object: Arc<Object>,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    if range.is_empty() {
        return stream::empty().boxed();
    }
    let expected = range.end - range.start;
    let opened = async move {
        let failed = failing(&object);
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let result = object.objects.get_opts(&object.location, options).await.map_err(&failed)?;
        let chunks = result.into_stream().map_err(failed);
        Ok(regroup(chunks.boxed(), digest, object.place.clone(), expected))
    };
    stream::once(opened).try_flatten().boxed()
}

fn failing(object: &Object) -> impl Fn(object_store::Error) -> StoreError + Send + 'static {
    let (key, place) = (object.location.to_string(), object.place.clone());
    move |source| StoreError::Objects {
        action: "read",
        key: key.clone(),
        place: place.clone(),
        source: Box::new(source),
    }
}

/// Gathers small chunks into chunks of [`LEAST`] bytes, and refuses a stream of another length.
fn regroup(
    chunks: BoxStream<'static, Result<Bytes, StoreError>>,
    digest: Digest,
    place: String,
    expected: u64,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let next = move |(mut chunks, mut seen): (BoxStream<'static, Result<Bytes, StoreError>>, u64)| {
        let place = place.clone();
        async move {
            let mut gathered = BytesMut::new();
            while gathered.len() < LEAST {
                match chunks.try_next().await? {
                    Some(chunk) if gathered.is_empty() && chunk.len() >= LEAST => {
                        seen += chunk.len() as u64;
                        return Ok(Some((chunk, (chunks, seen))));
                    }
                    Some(chunk) => gathered.extend_from_slice(&chunk),
                    None => break,
                }
            }
            seen += gathered.len() as u64;
            match gathered.is_empty() {
                false => Ok(Some((gathered.freeze(), (chunks, seen)))),
                true if seen == expected => Ok(None),
                true => {
                    let reason = format!("{seen} bytes came where {expected} were asked for");
                    Err(StoreError::Corrupt { digest, place, reason })
                }
            }
        }
    };
    stream::try_unfold((chunks, 0_u64), next).boxed()
}
