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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use airlift_core::{Lock, LockEntry, Time};

    use super::*;
    use crate::snapshot::Snapshot;
    use crate::store::Store;

    /// An archive with blobs of these sizes, of which only the headers are written: the blobs are holes.
    async fn sparse(sizes: &[u64], path: &std::path::Path) -> Snapshot {
        let entries = sizes.iter().enumerate().map(|(number, &size)| LockEntry {
            path: format!("files/{number:06}").parse().expect("a path"),
            blob: Digest::of(&number.to_le_bytes()),
            size,
            media_type: "application/octet-stream".to_owned(),
            url: None,
            pinned: None,
            modified: None,
            purl: None,
            content: None,
        });
        let lock = Lock {
            version: 1,
            name: "sparse".to_owned(),
            created: Time::from_seconds(9),
            manifest: Digest::of(b""),
            entries: entries.collect(),
            omitted: Vec::new(),
            notices: Vec::new(),
        };
        let snapshot = Snapshot::new(&lock, |_| Bytes::from_static(b"{}")).expect("a snapshot");
        let layout = snapshot.layout().expect("a layout");
        let file = std::fs::File::create(path).expect("a file");
        file.set_len(layout.end).expect("a sparse file");
        for front in &layout.front {
            let bytes = snapshot.member(&front.name).await.expect("a member");
            file.write_all_at(&front.header_blocks(layout.mtime), front.start).expect("written");
            file.write_all_at(&bytes, front.data()).expect("written");
        }
        for place in &layout.blobs {
            file.write_all_at(&place.header_blocks(layout.mtime), place.start).expect("written");
        }
        snapshot
    }

    #[tokio::test]
    async fn fifty_gigabytes_open_as_fast_as_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tar");
        let sizes = [5, 9 << 30, (1 << 33) - 1, 1 << 33, 7, 25 << 30, 1];
        let snapshot = sparse(&sizes, &path).await;
        let store = Store::archive(&path).await.expect("an archive");
        assert_eq!(store.current_id().await.expect("readable"), Some(snapshot.id()));
        for (number, &size) in sizes.iter().enumerate() {
            let blob = store.blob(Digest::of(&number.to_le_bytes()), size).await.expect("readable").expect("a blob");
            let end = blob.range(size - 1..size).await.expect("readable");
            assert_eq!(end, [0].as_slice());
            assert!(size < 65_536 || blob.local().expect("local").offset.is_multiple_of(4096));
        }
    }

    #[tokio::test]
    async fn an_archive_that_was_cut_says_where() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tar");
        let snapshot = sparse(&[9 << 30], &path).await;
        let whole = crate::archive::size_of(&snapshot);
        std::fs::File::options().write(true).open(&path).expect("a file").set_len(5 << 30).expect("cut");
        let error = Store::archive(&path).await.expect_err("cut");
        assert_eq!(
            error.to_string(),
            format!(
                "the archive {} should have {whole} bytes and has 5368709120: the last {} are missing",
                path.display(),
                whole - (5 << 30)
            )
        );
    }

    #[tokio::test]
    async fn many_blobs_are_found_by_their_digests() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.tar");
        let sizes: Vec<u64> = (0..3000).map(|number| number % 97).collect();
        sparse(&sizes, &path).await;
        let archive = Archive::open(path).await.expect("an archive");
        for (number, size) in sizes.iter().enumerate() {
            let position = archive.find(Digest::of(&number.to_le_bytes())).expect("a blob");
            assert_eq!(archive.place(position).size, *size);
            archive.check_member(position).await.expect("its header");
        }
        assert!(archive.find(Digest::of(b"?")).is_none());
    }
}
