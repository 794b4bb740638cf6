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
use crate::work::{Reporter, blocking, briefly, cores, parallel};

/// Blobs of this size and more are copied inside the kernel; smaller ones are gathered into larger writes.
const COPIED: u64 = 64 * 1024;

/// How much is copied between two looks at the cancellation, and handed to the disk at once.
const STEP: u64 = 16 << 20;

/// How much of a file one thread writes before it takes the next piece.
const RUN: u64 = 4 << 20;

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
    unnamed(store, snapshot, target, watch).await?.name().await
}

/// The same into a file, which has its name only after [`Unnamed::name`], for whoever publishes the snapshot meanwhile: it
/// need not have an archive of what could not be published, and [`Store::publish`] looks for all blobs beforehand already.
///
/// # Errors
///
/// As [`pack`], but what is missing may be found on the way only.
pub async fn write(store: &Store, snapshot: &Snapshot, file: PathBuf, watch: Watch<'_>) -> Result<Unnamed, StoreError> {
    unnamed(store, snapshot, Target::File(file), watch).await
}

async fn unnamed(store: &Store, snapshot: &Snapshot, target: Target, watch: Watch<'_>) -> Result<Unnamed, StoreError> {
    let mut front = Vec::new();
    for name in snapshot.names() {
        front.push(snapshot.member(&name).await?);
    }
    let layout = snapshot.layout()?;
    let packed = Packed { snapshot: snapshot.id(), blobs: snapshot.header.blobs, bytes: layout.end };
    let job = Job { store: store.clone(), index: Arc::clone(&snapshot.index), front, layout };
    let partial = blocking(Task::Pack, watch.observer, watch.cancel, move |reporter| {
        reporter.began(job.layout.blobs.len() as u64, job.layout.end);
        let partial = match target {
            Target::File(path) => Some(job.to_file(path, reporter)?),
            Target::Writer(writer) => {
                job.to_stream(writer, reporter)?;
                None
            }
        };
        reporter.ended();
        Ok(partial)
    })
    .await?;
    Ok(Unnamed { packed, partial })
}

/// An archive that is whole and durable. Without a name it is gone when this is dropped; a stream needs none.
#[derive(Debug)]
#[must_use = "a file without a name is removed when this is dropped"]
pub struct Unnamed {
    packed: Packed,
    partial: Option<Partial>,
}

impl Unnamed {
    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub async fn name(self) -> Result<Packed, StoreError> {
        if let Some(partial) = self.partial {
            briefly(|| partial.name()).await?;
        }
        Ok(self.packed)
    }
}

/// A file that is written under another name, and removed when it does not get its own.
#[derive(Debug)]
struct Partial {
    /// It is locked as long as it is open.
    file: File,
    at: PathBuf,
    to: PathBuf,
    named: bool,
}

impl Partial {
    fn open(to: PathBuf) -> Result<Self, StoreError> {
        if to.is_dir() {
            return Err(StoreError::InTheWay { path: to, reason: "it is a folder, not a file" });
        }
        let mut at = to.as_os_str().to_owned();
        at.push(".partial");
        let at = PathBuf::from(at);
        let file = open_locked(&at, "another Airlift that packs the same archive", PATIENCE)?;
        Ok(Self { file, at, to, named: false })
    }

    fn folder(&self) -> &Path {
        match self.to.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    fn name(mut self) -> Result<(), StoreError> {
        std::fs::rename(&self.at, &self.to).map_err(StoreError::io("name", &self.to))?;
        self.named = true;
        sync_folder(self.folder())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.named {
            // The error that led here is what counts; a file that can't be removed is overwritten by the next attempt.
            let _ = std::fs::remove_file(&self.at);
        }
    }
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
    fn to_file(&self, path: PathBuf, reporter: &Reporter) -> Result<Partial, StoreError> {
        let partial = Partial::open(path)?;
        partial.file.set_len(0).map_err(StoreError::io("write", &partial.at))?;
        space::require(partial.folder(), self.layout.end, "packing")?;
        self.write(&partial, reporter).map_err(|error| name_it(error, &self.index))?;
        partial.file.sync_all().map_err(StoreError::io("write", &partial.at))?;
        Ok(partial)
    }

    /// Where every byte stands is known beforehand, so that all cores write at once.
    fn write(&self, partial: &Partial, reporter: &Reporter) -> Result<(), StoreError> {
        let from = |start| Out::new(Sink::File { file: &partial.file, path: &partial.at }, start);
        let mut out = from(0);
        self.write_fronts(&mut out, reporter)?;
        out.flush()?;
        parallel(&runs(&self.layout.blobs), cores(), |run| {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
            let mut out = from(first.start);
            self.write_blobs(run, &mut out, reporter)?;
            out.flush()?;
            begin_writing(&partial.file, first.start, last.end() - first.start);
            Ok(())
        })?;
        let mut out = from(self.layout.end - END);
        self.write_end(&mut out, reporter)?;
        out.flush()
    }

    fn to_stream(&self, stream: Box<dyn Write + Send>, reporter: &Reporter) -> Result<(), StoreError> {
        let mut out = Out::new(Sink::Stream(stream), 0);
        let written = self.write_fronts(&mut out, reporter).and_then(|()| {
            self.write_blobs(&self.layout.blobs, &mut out, reporter)?;
            self.write_end(&mut out, reporter)
        });
        written.map_err(|error| name_it(error, &self.index))?;
        out.finish()
    }

    fn write_fronts(&self, out: &mut Out<'_>, reporter: &Reporter) -> Result<(), StoreError> {
        for (front, bytes) in self.layout.front.iter().zip(&self.front) {
            self.write_front(front, bytes, out)?;
        }
        reporter.progress(out.position);
        Ok(())
    }

    fn write_blobs(&self, places: &[Place], out: &mut Out<'_>, reporter: &Reporter) -> Result<(), StoreError> {
        places.iter().try_for_each(|place| self.write_blob(place, out, reporter))
    }

    fn write_end(&self, out: &mut Out<'_>, reporter: &Reporter) -> Result<(), StoreError> {
        out.zeros(END)?;
        reporter.progress(END);
        debug_assert_eq!(out.position, self.layout.end);
        Ok(())
    }

    fn write_front(&self, front: &Front, bytes: &Bytes, out: &mut Out<'_>) -> Result<(), StoreError> {
        debug_assert_eq!(out.position, front.start);
        out.write(&front.header_blocks(self.layout.mtime))?;
        out.write(bytes)?;
        out.zeros(blocks(front.size) - front.size)
    }

    fn write_blob(&self, place: &Place, out: &mut Out<'_>, reporter: &Reporter) -> Result<(), StoreError> {
        debug_assert_eq!(out.position, place.start);
        reporter.check()?;
        let blob = self.store.blob_blocking(place.digest, place.size, reporter.handle())?;
        out.write(&place.header_blocks(self.layout.mtime))?;
        out.copy(&blob, reporter)?;
        out.zeros(blocks(place.size) - place.size)?;
        reporter.progress(place.end() - place.start - place.size);
        reporter.done(place.digest.to_string(), place.size, false);
        Ok(())
    }
}

/// Neighbours that are written one after the other by one thread.
fn runs(places: &[Place]) -> Vec<&[Place]> {
    let (mut runs, mut start) = (Vec::new(), 0);
    for (number, place) in places.iter().enumerate() {
        if place.end() - places[start].start >= RUN || number + 1 == places.len() {
            runs.push(&places[start..=number]);
            start = number + 1;
        }
    }
    runs
}

/// Where the bytes go, and where the next one stands.
struct Out<'a> {
    sink: Sink<'a>,
    /// What was not written yet.
    buffer: Vec<u8>,
    /// The end of what came so far, that in the buffer too.
    position: u64,
}

enum Sink<'a> {
    File { file: &'a File, path: &'a Path },
    Stream(Box<dyn Write + Send>),
}

impl<'a> Out<'a> {
    fn new(sink: Sink<'a>, position: u64) -> Self {
        Self { sink, buffer: Vec::with_capacity(2 * CHUNK), position }
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
        let Sink::File { file, path } = self.sink else { return self.copy_through_memory(blob, reporter) };
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

    /// Hands everything on.
    fn finish(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        match &mut self.sink {
            Sink::File { .. } => Ok(()),
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
