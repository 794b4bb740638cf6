//! Writing an archive: to a file, which gets its name at the end, or into a pipe.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlift_core::Index;
use airlift_core::event::Task;
use bytes::Bytes;
use rustix::fs::{Advice, fadvise};

use crate::archive::layout::{END, Front, Layout, Place, blocks};
use crate::archive::load::name_it;
use crate::archive::{Packed, Target, Watch};
use crate::blob::Blob;
use crate::copy::{CHUNK, copy_range};
use crate::error::StoreError;
use crate::folder::{PATIENCE, open_locked, sync_folder};
use crate::snapshot::Snapshot;
use crate::space;
use crate::store::Store;
use crate::work::{Reporter, blocking};

/// Blobs of this size and more are copied inside the kernel; smaller ones are gathered into larger writes.
const COPIED: u64 = 64 * 1024;

/// How much is copied between two looks at the cancellation, and handed to the disk at once.
const STEP: u64 = 16 << 20;

/// Writes a snapshot as an archive. The same snapshot gives the same bytes.
///
/// What goes through memory is hashed: all blobs into a pipe, and the small ones into a file. Large blobs are copied inside
/// the kernel and are not: measured on two cores, hashing them beside the copying took twice as long as `cp`. The store
/// verified them when they came, and [`verify`](super::verify()) finds what the disk has spoilt since.
///
/// # Errors
///
/// [`StoreError::Space`] before a byte is written, where a file would not fit; [`StoreError::Missing`] and
/// [`StoreError::Corrupt`] where a blob is not there as the index names it; I/O errors. Nothing has the archive's name
/// then.
pub async fn pack(store: &Store, snapshot: &Snapshot, target: Target, watch: Watch<'_>) -> Result<Packed, StoreError> {
    store.refuse_missing(snapshot).await?;
    let mut front = Vec::new();
    for name in snapshot.names() {
        front.push(snapshot.member(&name).await?);
    }
    let layout = snapshot.layout()?;
    let packed = Packed { snapshot: snapshot.id(), blobs: snapshot.header.blobs, bytes: layout.end };
    let job = Job { store: store.clone(), index: Arc::clone(&snapshot.index), front, layout };
    blocking(Task::Pack, watch.observer, watch.cancel, move |reporter| {
        reporter.began(job.layout.blobs.len() as u64, job.layout.end);
        match target {
            Target::File(path) => job.to_file(&path, reporter)?,
            Target::Writer(writer) => {
                let mut out = Out::new(Sink::Stream(writer));
                job.write(&mut out, reporter).map_err(|error| name_it(error, &job.index))?;
                out.finish()?;
            }
        }
        reporter.ended();
        Ok(())
    })
    .await?;
    Ok(packed)
}

/// Everything that a writer needs to know.
struct Job {
    store: Store,
    /// Which paths carry a blob.
    index: Arc<Index>,
    /// The bytes of the members before the blobs.
    front: Vec<Bytes>,
    layout: Layout,
}

impl Job {
    /// Writes to another name first.
    fn to_file(&self, path: &Path, reporter: &Reporter) -> Result<(), StoreError> {
        if path.is_dir() {
            return Err(StoreError::InTheWay { path: path.to_owned(), reason: "it is a folder, not a file" });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = open_locked(&partial, "another Airlift that packs the same archive", PATIENCE)?;
        let written = self.to_partial(file, &partial, path, reporter);
        if written.is_err() {
            // The error is what counts; a file that can't be removed is overwritten by the next attempt.
            let _ = std::fs::remove_file(&partial);
        }
        written
    }

    fn to_partial(&self, file: File, partial: &Path, path: &Path, reporter: &Reporter) -> Result<(), StoreError> {
        file.set_len(0).map_err(StoreError::io("write", partial))?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        space::require(folder, self.layout.end, "packing")?;
        let mut out = Out::new(Sink::File { file, path: partial.to_owned() });
        self.write(&mut out, reporter).map_err(|error| name_it(error, &self.index))?;
        out.finish()?;
        std::fs::rename(partial, path).map_err(StoreError::io("name", path))?;
        sync_folder(folder)
    }

    fn write(&self, out: &mut Out, reporter: &Reporter) -> Result<(), StoreError> {
        for (front, bytes) in self.layout.front.iter().zip(&self.front) {
            self.write_front(front, bytes, out)?;
        }
        reporter.progress(out.position);
        for place in &self.layout.blobs {
            self.write_blob(place, out, reporter)?;
        }
        out.zeros(END)?;
        reporter.progress(END);
        debug_assert_eq!(out.position, self.layout.end);
        Ok(())
    }

    fn write_front(&self, front: &Front, bytes: &Bytes, out: &mut Out) -> Result<(), StoreError> {
        debug_assert_eq!(out.position, front.start);
        out.write(&front.header_blocks(self.layout.mtime))?;
        out.write(bytes)?;
        out.zeros(blocks(front.size) - front.size)
    }

    fn write_blob(&self, place: &Place, out: &mut Out, reporter: &Reporter) -> Result<(), StoreError> {
        debug_assert_eq!(out.position, place.start);
        reporter.check()?;
        let blob = self.store.blob_blocking(place.digest, place.size, reporter.handle())?;
        out.write(&place.header_blocks(self.layout.mtime))?;
        reporter.progress(place.data() - place.start);
        out.copy(&blob, reporter)?;
        out.zeros(blocks(place.size) - place.size)?;
        reporter.progress(blocks(place.size) - place.size);
        reporter.done(place.digest.to_string(), place.size, false);
        Ok(())
    }
}

/// Where the bytes go, and how many there were.
struct Out {
    sink: Sink,
    /// What was not written yet.
    buffer: Vec<u8>,
    /// Bytes so far, those in the buffer too.
    position: u64,
}

enum Sink {
    File { file: File, path: PathBuf },
    Stream(Box<dyn Write + Send>),
}

impl Out {
    fn new(sink: Sink) -> Self {
        Self { sink, buffer: Vec::with_capacity(2 * CHUNK), position: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(bytes);
        self.position += bytes.len() as u64;
        match self.buffer.len() < CHUNK {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn zeros(&mut self, count: u64) -> Result<(), StoreError> {
        self.write(&[0; 1024][..usize::try_from(count).unwrap_or(usize::MAX)])
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        match &mut self.sink {
            Sink::File { file, path } => file
                .write_all_at(&self.buffer, self.position - self.buffer.len() as u64)
                .map_err(StoreError::io("write", path))?,
            Sink::Stream(stream) => stream.write_all(&self.buffer).map_err(failed)?,
        }
        self.buffer.clear();
        Ok(())
    }

    fn copy(&mut self, blob: &Blob, reporter: &Reporter) -> Result<(), StoreError> {
        let Some(local) = blob.local().filter(|local| local.len >= COPIED) else {
            return self.copy_through_memory(blob, reporter);
        };
        self.flush()?;
        let Sink::File { file, path } = &self.sink else { return self.copy_through_memory(blob, reporter) };
        let mut done = 0;
        while done < local.len {
            reporter.check()?;
            let step = STEP.min(local.len - done);
            copy_range((&local.file, local.offset + done), (file, self.position + done), step).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => blob.corrupt("the file ends before it should".to_owned()),
                    _ => StoreError::io("copy a blob to", path)(error),
                }
            })?;
            begin_writing(file, self.position + done, step);
            reporter.progress(step);
            done += step;
        }
        self.position += local.len;
        Ok(())
    }

    fn copy_through_memory(&mut self, blob: &Blob, reporter: &Reporter) -> Result<(), StoreError> {
        blob.verify_blocking(reporter.handle(), &mut |bytes| {
            reporter.check()?;
            self.write(bytes)?;
            reporter.progress(bytes.len() as u64);
            Ok(())
        })
    }

    /// Makes all that was written durable.
    fn finish(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        match &mut self.sink {
            Sink::File { file, path } => file.sync_all().map_err(StoreError::io("write", path)),
            Sink::Stream(stream) => stream.flush().map_err(failed),
        }
    }
}

/// Has the disk write these bytes while the next ones are copied, so that little is left when all have to be durable.
///
/// Linux begins to write dirty pages when it hears that nobody needs them; it forgets only what is written. Where it
/// does not, nothing is lost but time.
fn begin_writing(file: &File, offset: u64, length: u64) {
    let _ = fadvise(file, offset, NonZeroU64::new(length), Advice::DontNeed);
}

fn failed(source: io::Error) -> StoreError {
    StoreError::Stream { action: "write", source }
}
