//! Address ranges that stand for bytes of a file: the one place with unsafe code.
//!
//! [`map`] turns a region of an open file into [`Bytes`]. They travel through HTTP code like any others; the writer at
//! the end asks [`locate`] what a buffer stands for and has the kernel send it straight from the file (`sendfile(2)`).
//! On that path the mapped pages are never touched: they are not faulted in and cost no resident memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

/// Every live map, by the address at which it begins.
static MAPS: RwLock<BTreeMap<usize, Region>> = RwLock::new(BTreeMap::new());

/// The lowest address of any map that ever was, and the first one above all of them. Ordinary memory mostly lies
/// elsewhere, and is told from maps without the lock.
static LOWEST: AtomicUsize = AtomicUsize::new(usize::MAX);
static ABOVE: AtomicUsize = AtomicUsize::new(0);

struct Region {
    len: usize,
    file: Arc<File>,
    offset: u64,
}

/// Where mapped bytes lie.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<File>,
    /// The offset of the first byte in it.
    pub offset: u64,
}

/// Maps a region of a file read-only. The map lives as long as any slice of the bytes.
///
/// The file must be one that is never written again: a blob, or an archive that was given its name when it was complete.
///
/// # Errors
///
/// Where the region does not lie inside the file, or the kernel refuses.
pub fn map(file: &Arc<File>, region: Range<u64>) -> io::Result<Bytes> {
    let outside = || io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before the bytes that it should have");
    let size = file.metadata()?.len();
    let len = region.end.checked_sub(region.start).filter(|_| region.end <= size).ok_or_else(outside)?;
    if len == 0 {
        return Ok(Bytes::new());
    }
    let len = usize::try_from(len).map_err(|_| outside())?;
    let mapped = map_region(file, region.start, len)?;
    let owner = Owner { start: mapped.as_ptr() as usize, mapped };
    let entry = Region { len, file: Arc::clone(file), offset: region.start };
    MAPS.write().unwrap_or_else(PoisonError::into_inner).insert(owner.start, entry);
    // Whoever gets hold of the bytes sees these too, since it gets them after this.
    LOWEST.fetch_min(owner.start, Ordering::Relaxed);
    ABOVE.fetch_max(owner.start + len, Ordering::Relaxed);
    Ok(Bytes::from_owner(owner))
}

/// What a buffer stands for: none where it is ordinary memory.
///
/// The answer is right for as long as the buffer is borrowed: a buffer inside a map keeps that map alive, maps that are
/// alive don't overlap, and a map leaves the list before its addresses are free for others.
pub fn locate(buffer: &[u8]) -> Option<Place> {
    let start = buffer.as_ptr() as usize;
    if start < LOWEST.load(Ordering::Relaxed) || start >= ABOVE.load(Ordering::Relaxed) {
        return None;
    }
    let maps = MAPS.read().unwrap_or_else(PoisonError::into_inner);
    let (&first, region) = maps.range(..=start).next_back()?;
    let skipped = start - first;
    let inside = skipped.checked_add(buffer.len()).is_some_and(|end| end <= region.len);
    (inside && !buffer.is_empty())
        .then(|| Place { file: Arc::clone(&region.file), offset: region.offset + skipped as u64 })
}

/// Keeps a map alive, and on the list.
struct Owner {
    start: usize,
    mapped: Mmap,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.mapped
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Before the field `mapped` is dropped, which frees the addresses.
        MAPS.write().unwrap_or_else(PoisonError::into_inner).remove(&self.start);
    }
}

#[expect(unsafe_code, reason = "the kernel can't promise that nobody writes to the file; the store does")]
fn map_region(file: &File, offset: u64, len: usize) -> io::Result<Mmap> {
    // SAFETY: a shared slice must not change while it is borrowed, and must be readable.
    // * Nobody changes it: blobs are immutable. The store and the archive writer fill a temporary file and rename it
    //   when it is complete, and never write to a file that has its name; a prune unlinks, which leaves open files be.
    // * It is readable: the caller has checked that the region lies inside the file. If a person truncates the file by
    //   hand afterwards, touching the lost pages raises SIGBUS, which ends the process; it never reads other memory.
    //   The serving path does not touch them at all: sendfile reads the file, not the addresses, and says that it ended;
    //   write reads the addresses inside the kernel, which answers EFAULT.
    // * Files are opened read-only and the map is read-only, so that nothing can be written through it.
    unsafe { MmapOptions::new().offset(offset).len(len).map(file) }
}
