//! Copying an archive into a store: verified on the way, resumable, switched at the end.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use airlift_core::event::Task;
use airlift_core::{Digest, Hasher, Observer};
use tokio_util::sync::CancellationToken;

use crate::archive::stream::load_stream;
use crate::archive::verify::agreement;
use crate::archive::{Loaded, Source};
use crate::blob::{Blob, LocalBytes};
use crate::copy::{CHUNK, copy_range};
use crate::error::StoreError;
use crate::part::Part;
use crate::snapshot::Snapshot;
use crate::space;
use crate::store::Store;
use crate::work::{Reporter, blocking, cores, parallel};

/// The fewest blobs at once. More than the cores, since making a blob durable is waiting, and a disk makes many
/// durable in the time of one.
const AT_ONCE: usize = 8;

/// How much is copied before it is hashed, while the processor's caches still have it.
const STEP: u64 = 1 << 20;

/// Copies an archive into a store, verifying each blob, and makes its snapshot the current one at the end.
///
/// What an interrupted load left behind is used.
///
/// # Errors
///
/// [`StoreError::Space`] before a blob is written; [`StoreError::Corrupt`], [`StoreError::Damaged`] and
/// [`StoreError::Length`] where the archive is not what it says; I/O errors. The store's current snapshot stays then.
pub async fn load(
    source: Source,
    store: &Store,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Loaded, StoreError> {
    if store.as_archive().is_some() {
        return Err(StoreError::ReadOnly { place: store.describe() });
    }
    let (snapshot, loaded) = match source {
        Source::File(path) => load_file(path, store, observer, cancel).await?,
        Source::Reader(reader) => {
            let store = store.clone();
            blocking(Task::Load, observer, cancel, move |reporter| load_stream(reader, &store, reporter)).await?
        }
    };
    store.publish(&snapshot).await?;
    Ok(loaded)
}

async fn load_file(
    path: PathBuf,
    store: &Store,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<(Snapshot, Loaded), StoreError> {
    let archive = Store::archive(path).await?;
    let snapshot = archive.current().await?.ok_or_else(|| StoreError::Empty { place: archive.describe() })?;
    let lock = snapshot.lock().await?;
    let damaged = |reason| StoreError::Damaged { place: archive.describe(), reason };
    agreement(&lock, &snapshot.header, &snapshot.index).map_err(damaged)?;
    let lacking = store.lacking(snapshot.index.blobs()).await?;
    let loaded = Loaded::of(&snapshot, &lacking);
    let (target, index) = (store.clone(), snapshot.index.clone());
    blocking(Task::Load, observer, cancel, move |reporter| {
        require_space(&target, &lacking)?;
        reporter.began(lacking.len() as u64, lacking.iter().map(|(_, size)| size).sum());
        parallel(&lacking, cores().max(AT_ONCE), |&(digest, size)| {
            let blob = archive.blob_blocking(digest, size, reporter.handle())?;
            let part = begin(&target, digest)?;
            copy_verified(&blob, (part.file(), part.path()), reporter).map_err(|error| name_it(error, &index))?;
            part.commit_blocking(digest, size, reporter.handle())?;
            reporter.done(digest.to_string(), size, false);
            Ok(())
        })?;
        reporter.ended();
        Ok(())
    })
    .await?;
    Ok((snapshot, loaded))
}

impl Loaded {
    pub(crate) fn of(snapshot: &Snapshot, lacking: &[(Digest, u64)]) -> Self {
        let copied = lacking.len() as u64;
        Self {
            snapshot: snapshot.id(),
            copied,
            present: snapshot.header.blobs - copied,
            bytes: lacking.iter().map(|(_, size)| size).sum(),
        }
    }
}

/// Refuses to begin what would not fit.
pub(crate) fn require_space(store: &Store, lacking: &[(Digest, u64)]) -> Result<(), StoreError> {
    let Some(root) = store.root() else { return Ok(()) };
    // Files fill whole pages, and each name takes some room as well.
    let needed = lacking.iter().map(|(_, size)| size.next_multiple_of(4096) + 512).sum();
    space::require(root, needed, "loading")
}

/// An empty part for a blob.
pub(crate) fn begin(store: &Store, digest: Digest) -> Result<Part, StoreError> {
    let part = store.part(&format!("load {digest}"))?;
    part.truncate(0)?;
    Ok(part)
}

/// Adds a path that carries the blob to an error about it.
pub(crate) fn name_it(error: StoreError, index: &airlift_core::Index) -> StoreError {
    match error {
        StoreError::Corrupt { digest, place, reason } => {
            let name = index.names_of(digest).next().map(|name| format!("; it is {name}")).unwrap_or_default();
            StoreError::Corrupt { digest, place, reason: reason + &name }
        }
        error => error,
    }
}

/// Copies a blob into a new file and refuses it where its bytes don't have its digest.
pub(crate) fn copy_verified(blob: &Blob, to: (&File, &Path), reporter: &Reporter) -> Result<(), StoreError> {
    if let Some(local) = blob.local() {
        return copy_in_kernel(blob, local, to, reporter);
    }
    let mut position = 0;
    blob.verify_blocking(reporter.handle(), &mut |bytes| {
        reporter.check()?;
        to.0.write_all_at(bytes, position).map_err(StoreError::io("write", to.1))?;
        position += bytes.len() as u64;
        reporter.progress(bytes.len() as u64);
        Ok(())
    })
}

/// The same between local files: the kernel copies, or shares, and what arrived is hashed.
fn copy_in_kernel(
    blob: &Blob,
    local: &LocalBytes,
    (file, path): (&File, &Path),
    reporter: &Reporter,
) -> Result<(), StoreError> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK.min(usize::try_from(local.len).unwrap_or(CHUNK))];
    let mut done = 0;
    while done < local.len {
        reporter.check()?;
        let step = STEP.min(local.len - done);
        copy_range((&local.file, local.offset + done), (file, done), step).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => blob.corrupt("the file ends before it should".to_owned()),
            _ => StoreError::io("copy a blob to", path)(error),
        })?;
        let copied = &mut buffer[..usize::try_from(step).unwrap_or(CHUNK)];
        file.read_exact_at(copied, done).map_err(StoreError::io("read", path))?;
        hasher.update(copied);
        reporter.progress(step);
        done += step;
    }
    let found = hasher.finish();
    match found == blob.digest() {
        true => Ok(()),
        false => Err(blob.corrupt(format!("its bytes have the digest {found}"))),
    }
}
