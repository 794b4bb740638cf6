//! An archive read in place: a few small reads open it, whatever its size.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlift_core::{Digest, Index};
use bytes::Bytes;
use object_store::ObjectStore;

use crate::archive::header::{Header, MAX_HEADER, MemberName};
use crate::archive::layout::{BLOCK, Front, Layout, Place, blocks, describe, read_first};
use crate::archive::source::Bytesource;
use crate::blob::LocalBytes;
use crate::error::StoreError;
use crate::snapshot::{SnapshotId, read_index};
use crate::work::briefly;

/// How much the first read takes. The header is in it, and the index of a small archive too.
const FIRST_READ: u64 = 64 * 1024;

/// An opened archive.
#[derive(Debug)]
pub(crate) struct Archive {
    source: Bytesource,
    name: String,
    header: Header,
    header_bytes: Bytes,
    index: Arc<Index>,
    layout: Layout,
    /// Positions in the layout in the order of the digests.
    by_digest: Vec<u32>,
    /// Whether the header blocks of the blob at a position were found where they have to be.
    checked: Vec<AtomicBool>,
}

impl Archive {
    /// Opens a local file.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, StoreError> {
        let (source, length) = Bytesource::file(path).await?;
        Self::read(source, length).await
    }

    /// Opens an object.
    pub(crate) async fn open_in(
        objects: Arc<dyn ObjectStore>,
        location: object_store::path::Path,
    ) -> Result<Self, StoreError> {
        let (source, length) = Bytesource::object(objects, location).await?;
        Self::read(source, length).await
    }

    async fn read(source: Bytesource, length: u64) -> Result<Self, StoreError> {
        let name = source.name();
        let damaged = |reason: String| StoreError::Damaged { place: name.clone(), reason };
        let begin = source.read(0..FIRST_READ.min(length)).await?;
        let front = FrontReader { source: &source, name: &name, length, begin };
        let (header, header_bytes) = front.header().await?;
        let members = Layout::front(&header, &header_bytes).map_err(damaged)?;
        let packed = front.member(&members[1], &header).await?;
        let (index, header) = {
            let (header, name) = (header, name.clone());
            briefly(move || Ok((read_index(&header, &packed, &name)?, header))).await?
        };
        let layout = Layout::new(&header, &header_bytes, &index).map_err(damaged)?;
        if layout.end != length {
            return Err(StoreError::Length { place: name, expected: layout.end, found: length });
        }
        let mut by_digest: Vec<u32> = (0..).take(layout.blobs.len()).collect();
        by_digest.sort_unstable_by_key(|&position| layout.blobs[position as usize].digest);
        let checked = layout.blobs.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Self { source, name, header, header_bytes, index: Arc::new(index), layout, by_digest, checked })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) const fn header_bytes(&self) -> &Bytes {
        &self.header_bytes
    }

    pub(crate) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index)
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) const fn source(&self) -> &Bytesource {
        &self.source
    }

    pub(crate) fn id(&self) -> SnapshotId {
        SnapshotId::new(self.layout.front[0].sha256)
    }

    /// The position of a blob.
    pub(crate) fn find(&self, digest: Digest) -> Option<usize> {
        let key = |position: &u32| self.layout.blobs[*position as usize].digest;
        let found = self.by_digest.binary_search_by_key(&digest, key).ok()?;
        Some(self.by_digest[found] as usize)
    }

    pub(crate) fn place(&self, position: usize) -> &Place {
        &self.layout.blobs[position]
    }

    /// Where a blob's bytes lie, where the archive is a local file.
    pub(crate) fn local(&self, position: usize) -> Option<LocalBytes> {
        let place = self.place(position);
        match &self.source {
            Bytesource::File { file, path } => Some(LocalBytes {
                file: Arc::clone(file),
                offset: place.data(),
                len: place.size,
                path: Arc::clone(path),
            }),
            Bytesource::Object { .. } => None,
        }
    }

    /// Refuses a blob before which there is not exactly its own header: then the archive was changed or shifted.
    pub(crate) async fn check_member(&self, position: usize) -> Result<(), StoreError> {
        if self.checked[position].load(Ordering::Relaxed) {
            return Ok(());
        }
        let place = self.place(position);
        let found = self.source.read(place.start..place.data()).await?;
        self.compare(place, &found)?;
        self.checked[position].store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Compares the bytes before a blob with those that have to stand there.
    pub(crate) fn compare(&self, place: &Place, found: &[u8]) -> Result<(), StoreError> {
        let expected = place.header_blocks(self.layout.mtime);
        mismatch(&place.name(), place.start, &expected, found)
            .map_or(Ok(()), |reason| Err(StoreError::Damaged { place: self.name.clone(), reason }))
    }

    /// The member of the front with a name.
    pub(crate) fn front(&self, name: &MemberName) -> Option<&Front> {
        self.layout.front.iter().find(|front| front.name == *name)
    }
}

/// Says how header blocks differ from those that have to stand there, where they do.
pub(crate) fn mismatch(name: &str, start: u64, expected: &[u8], found: &[u8]) -> Option<String> {
    let mut at = start;
    for (expected, found) in expected.as_chunks::<512>().0.iter().zip(found.as_chunks::<512>().0) {
        if expected != found {
            let instead = describe(found);
            return Some(format!("at byte {at} there should be {name} with its plain header, and {instead}"));
        }
        at += BLOCK;
    }
    match expected.len() == found.len() {
        true => None,
        false => Some(format!("it ends within the header of {name}")),
    }
}

/// Reads the members before the blobs out of the first read, and more where that was not enough.
struct FrontReader<'a> {
    source: &'a Bytesource,
    name: &'a str,
    length: u64,
    begin: Bytes,
}

impl FrontReader<'_> {
    /// The header, checked.
    async fn header(&self) -> Result<(Header, Bytes), StoreError> {
        let no_archive = |reason: String| StoreError::NotAnArchive { place: self.name.to_owned(), reason };
        let damaged = |reason: String| StoreError::Damaged { place: self.name.to_owned(), reason };
        let first = self.begin.first_chunk().ok_or_else(|| no_archive(format!("it has {} bytes", self.length)))?;
        let (size, mtime) = read_first(first).map_err(no_archive)?;
        if size > MAX_HEADER {
            return Err(damaged(format!("airlift/header.json has {size} bytes, and {MAX_HEADER} is the limit")));
        }
        let bytes = self.bytes(BLOCK, size, "airlift/header.json").await?;
        let header = Header::read(&bytes, self.name)?;
        match header.created == mtime {
            true => Ok((header, bytes)),
            false => Err(damaged(format!("its members are from {mtime}, and its header from {}", header.created))),
        }
    }

    /// The bytes of another member, behind exactly its own header block.
    async fn member(&self, front: &Front, header: &Header) -> Result<Bytes, StoreError> {
        let name = front.name.to_string();
        let block = self.bytes(front.start, BLOCK, &name).await?;
        if let Some(reason) = mismatch(&name, front.start, &front.header_blocks(header.created), &block) {
            return Err(StoreError::Damaged { place: self.name.to_owned(), reason });
        }
        self.bytes(front.data(), front.size, &name).await
    }

    async fn bytes(&self, start: u64, size: u64, member: &str) -> Result<Bytes, StoreError> {
        let end = start + size;
        if start + blocks(size) > self.length {
            let reason = format!("it has {} bytes, and {member} alone reaches to byte {end}: it was cut", self.length);
            return Err(StoreError::Damaged { place: self.name.to_owned(), reason });
        }
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(start), Ok(end)) if end <= self.begin.len() => Ok(self.begin.slice(start..end)),
            _ => self.source.read(start..end).await,
        }
    }
}
