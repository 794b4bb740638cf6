//! Checking every byte, on all cores.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use airlift_core::event::Task;
use airlift_core::{Digest, Index, Lock, Observer, TreePath};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::archive::header::{Header, MINOR, MemberName};
use crate::archive::layout::{END, blocks};
use crate::archive::reader::{Archive, mismatch};
use crate::archive::{Damage, Report};
use crate::error::StoreError;
use crate::snapshot::{Snapshot, SnapshotId};
use crate::store::Store;
use crate::work::{Reporter, blocking, cores, parallel};

/// Checks everything: every blob, the index, the lock and, in an archive, each byte between them.
///
/// Of a store, every snapshot that it keeps is checked.
///
/// # Errors
///
/// [`StoreError::Empty`] where there is no snapshot; otherwise only where verifying itself is impossible. What is
/// damaged stands in the [`Report`].
pub async fn verify(store: &Store, observer: &dyn Observer, cancel: &CancellationToken) -> Result<Report, StoreError> {
    let current = store.current_id().await?.ok_or_else(|| StoreError::Empty { place: store.describe() })?;
    let mut documents = Vec::new();
    let mut snapshots = Vec::new();
    for id in store.snapshot_ids().await? {
        match open(store, id).await {
            Ok(snapshot) => {
                check_documents(&snapshot, &mut documents).await?;
                snapshots.push(snapshot);
            }
            Err(error) => documents.push(damage_of(error)?),
        }
    }
    let mut blobs: Vec<(Digest, u64)> = snapshots.iter().flat_map(|snapshot| snapshot.index.blobs()).collect();
    if snapshots.len() > 1 {
        let mut seen = HashSet::new();
        blobs.retain(|blob| seen.insert(*blob));
    }
    let indexes = snapshots.iter().map(|snapshot| Arc::clone(&snapshot.index)).collect();
    let checker = Checker { store: store.clone(), indexes, names: OnceLock::new(), found: Mutex::new(Vec::new()) };
    let report = blocking(Task::Verify, observer, cancel, move |reporter| {
        let (count, bytes) = (blobs.len() as u64, blobs.iter().map(|(_, size)| size).sum());
        reporter.began(count, bytes);
        checker.check_all(&blobs, reporter)?;
        reporter.ended();
        documents.extend(checker.into_damages());
        Ok(Report { snapshot: current, blobs: count, bytes, damages: documents })
    });
    report.await
}

async fn open(store: &Store, id: SnapshotId) -> Result<Snapshot, StoreError> {
    let snapshot = store.snapshot(id).await?;
    snapshot.ok_or_else(|| store.damaged(format!("the snapshot {id} lacks its header")))
}

/// Checks the members of the front, and that lock, header and index tell the same.
async fn check_documents(snapshot: &Snapshot, damages: &mut Vec<Damage>) -> Result<(), StoreError> {
    for name in snapshot.names() {
        if let Err(error) = snapshot.member(&name).await {
            damages.push(damage_of(error)?);
        }
    }
    let agreed = match snapshot.lock().await {
        Ok(text) => agreement(&text, &snapshot.header, &snapshot.index),
        // It was named above.
        Err(_) => Ok(()),
    };
    if let Err(what) = agreed {
        damages.push(Damage { what, blob: None, names: Vec::new() });
    }
    Ok(())
}

/// Refuses a lock that tells something else than header and index.
pub(crate) fn agreement(lock: &str, header: &Header, index: &Index) -> Result<(), String> {
    if header.format.minor > MINOR {
        // A newer lock may describe its index in a way that is not known here.
        return Ok(());
    }
    match Lock::from_yaml(lock) {
        Err(error) => Err(format!("airlift/lock.yaml can't be used: {}", chain(&error))),
        Ok(lock) if lock.name != header.name || lock.created != header.created => {
            Err("airlift/lock.yaml and airlift/header.json tell another name or time".to_owned())
        }
        Ok(lock) if lock.index().ok().as_ref() != Some(index) => {
            Err("airlift/lock.yaml describes something else than the index".to_owned())
        }
        Ok(_) => Ok(()),
    }
}

/// What an error says about the thing that was verified; an error of this machine or a cancellation stays an error.
fn damage_of(error: StoreError) -> Result<Damage, StoreError> {
    match error {
        StoreError::Cancelled | StoreError::Version { .. } => Err(error),
        StoreError::Corrupt { digest, .. } => Ok(Damage { what: chain(&error), blob: Some(digest), names: Vec::new() }),
        _ => Ok(Damage { what: chain(&error), blob: None, names: Vec::new() }),
    }
}

/// An error and its causes in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What the threads share.
struct Checker {
    store: Store,
    indexes: Vec<Arc<Index>>,
    /// Who carries a blob; only made where something is damaged.
    names: OnceLock<HashMap<Digest, BTreeSet<TreePath>>>,
    found: Mutex<Vec<(u64, Damage)>>,
}

/// One thing to check.
enum Item {
    Front(usize),
    Blob(usize),
    End,
}

impl Checker {
    fn check_all(&self, blobs: &[(Digest, u64)], reporter: &Reporter) -> Result<(), StoreError> {
        let Some(archive) = self.store.as_archive() else {
            let items: Vec<usize> = (0..blobs.len()).collect();
            return parallel(&items, cores(), |&number| {
                let (digest, size) = blobs[number];
                let result = self.store.blob_blocking(digest, size, reporter.handle());
                let result = result.and_then(|blob| blob.verify_blocking(reporter.handle(), &mut progress(reporter)));
                self.note((number as u64, digest, size), result, reporter)
            });
        };
        let layout = archive.layout();
        let fronts = (0..layout.front.len()).map(Item::Front);
        let items: Vec<Item> = fronts.chain((0..blobs.len()).map(Item::Blob)).chain([Item::End]).collect();
        parallel(&items, cores(), |item| match item {
            Item::Front(number) => {
                let result = check_front(archive, *number, reporter.handle());
                self.note_front(layout.front[*number].start, result)
            }
            Item::Blob(position) => {
                let place = *archive.place(*position);
                let result = self.check_blob(archive, *position, reporter);
                self.note((place.start, place.digest, place.size), result, reporter)
            }
            Item::End => {
                let end = layout.end - END;
                self.note_front(end, zeros(archive, (end, layout.end), "its end", reporter.handle()))
            }
        })
    }

    fn check_blob(&self, archive: &Archive, position: usize, reporter: &Reporter) -> Result<(), StoreError> {
        let (place, handle) = (*archive.place(position), reporter.handle());
        let before = archive.source().read_blocking(place.start..place.data(), handle)?;
        archive.compare(&place, &before)?;
        self.store.archived(archive, position).verify_blocking(handle, &mut progress(reporter))?;
        zeros(archive, (place.data() + place.size, place.end()), &format!("the padding of {}", place.name()), handle)
    }

    fn note(
        &self,
        (order, digest, size): (u64, Digest, u64),
        result: Result<(), StoreError>,
        reporter: &Reporter,
    ) -> Result<(), StoreError> {
        match result {
            Ok(()) => reporter.done(digest.to_string(), size, false),
            Err(error) => {
                let mut damage = damage_of(error)?;
                damage.blob = Some(digest);
                damage.names = self.names_of(digest);
                self.found.lock().expect("no thread panics while it holds this").push((order, damage));
            }
        }
        Ok(())
    }

    fn note_front(&self, order: u64, result: Result<(), StoreError>) -> Result<(), StoreError> {
        if let Err(error) = result {
            let damage = damage_of(error)?;
            self.found.lock().expect("no thread panics while it holds this").push((order, damage));
        }
        Ok(())
    }

    fn names_of(&self, digest: Digest) -> Vec<TreePath> {
        let names = self.names.get_or_init(|| {
            let nodes = self.indexes.iter().flat_map(|index| index.nodes());
            let mut names = HashMap::<Digest, BTreeSet<TreePath>>::new();
            for node in nodes {
                names.entry(node.blob).or_default().insert(node.path.clone());
            }
            names
        });
        names.get(&digest).map(|names| names.iter().cloned().collect()).unwrap_or_default()
    }

    fn into_damages(self) -> impl Iterator<Item = Damage> {
        let mut found = self.found.into_inner().expect("no thread panics while it holds this");
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, damage)| damage)
    }
}

fn progress(reporter: &Reporter) -> impl FnMut(&[u8]) -> Result<(), StoreError> {
    |bytes| {
        reporter.progress(bytes.len() as u64);
        reporter.check()
    }
}

/// Checks the header block and the padding of a member before the blobs, and that its bytes are still those that were
/// read when the archive was opened.
fn check_front(archive: &Archive, number: usize, handle: &Handle) -> Result<(), StoreError> {
    let layout = archive.layout();
    let front = &layout.front[number];
    let name = front.name.to_string();
    let damaged = |reason: String| StoreError::Damaged { place: archive.name().to_owned(), reason };
    let found = archive.source().read_blocking(front.start..front.data(), handle)?;
    if let Some(reason) = mismatch(&name, front.start, &front.header_blocks(layout.mtime), &found) {
        return Err(damaged(reason));
    }
    if matches!(front.name, MemberName::Header | MemberName::Index) {
        let bytes = archive.source().read_blocking(front.data()..front.data() + front.size, handle)?;
        if Digest::of(&bytes) != front.sha256 {
            return Err(damaged(format!("{name} has changed since it was opened")));
        }
    }
    let end = front.data() + front.size;
    zeros(archive, (end, front.data() + blocks(front.size)), &format!("the padding of {name}"), handle)
}

/// Refuses anything but zeros.
fn zeros(archive: &Archive, (start, end): (u64, u64), what: &str, handle: &Handle) -> Result<(), StoreError> {
    let found = archive.source().read_blocking(start..end, handle)?;
    match found.iter().position(|&byte| byte != 0) {
        None => Ok(()),
        Some(at) => {
            let reason = format!("{what} is not zero at byte {}", start + at as u64);
            Err(StoreError::Damaged { place: archive.name().to_owned(), reason })
        }
    }
}
