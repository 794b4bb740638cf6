//! Checking every byte, on all cores.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use airlift_core::event::Task;
use airlift_core::failure::line;
use airlift_core::{Digest, Index, Lock, Observer, TreePath};
use object_store::ObjectStoreExt;
use rustix::io::Errno;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::archive::header::{Header, MINOR, MemberName};
use crate::archive::layout::{END, blocks};
use crate::archive::reader::{Archive, mismatch};
use crate::archive::{Damage, Report};
use crate::error::StoreError;
use crate::keys::Key;
use crate::snapshot::{Snapshot, SnapshotId};
use crate::store::Store;
use crate::work::{Reporter, blocking, briefly, cores, parallel};

/// Checks everything: every blob, the index, the lock and, in an archive, each byte between them.
///
/// Of a store, every snapshot that it keeps is checked, and damaged blobs are moved out of the way: what has their names
/// would otherwise be taken for them by whoever loads or collects next.
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
    let mut report = blocking(Task::Verify, observer, cancel, move |reporter| {
        let (count, bytes) = (blobs.len() as u64, blobs.iter().map(|(_, size)| size).sum());
        reporter.began(count, bytes);
        checker.check_all(&blobs, reporter)?;
        reporter.ended();
        documents.extend(checker.into_damages());
        Ok(Report { snapshot: current, blobs: count, bytes, damages: documents, moved: 0 })
    })
    .await?;
    if store.as_archive().is_none() {
        set_aside(store, &mut report).await?;
    }
    Ok(report)
}

/// Moves damaged blobs of a store out of the way, so that the next load or collect brings them, and says so of each.
async fn set_aside(store: &Store, report: &mut Report) -> Result<(), StoreError> {
    let Some(_) = report.damages.iter().find(|damage| damage.blob.is_some()) else { return Ok(()) };
    let locking = store.clone();
    let guard = briefly(move || locking.lock_exclusive()).await;
    let mut damages = Vec::new();
    for mut damage in std::mem::take(&mut report.damages) {
        let done = match (damage.blob, &guard) {
            (None, _) => Ok(Aside::Absent),
            (Some(_), Err(error)) => Err(line(error)),
            (Some(digest), Ok(_)) => match aside(store, digest).await {
                Err(StoreError::Cancelled) => return Err(StoreError::Cancelled),
                done => done.map_err(|error| line(&error)),
            },
        };
        match done {
            Ok(Aside::Well) => continue,
            Ok(Aside::Absent) => {}
            Ok(Aside::Moved(place)) => {
                report.moved += 1;
                damage.what.push_str(&format!("; it was moved to {place}"));
            }
            Err(reason) => damage.what.push_str(&format!("; it could not be moved out of the way: {reason}")),
        }
        damages.push(damage);
    }
    report.damages = damages;
    Ok(())
}

/// What became of a damaged blob.
enum Aside {
    /// It is well: somebody has brought it again.
    Well,
    /// There is none in its place.
    Absent,
    /// It lies there now.
    Moved(String),
}

/// Looks at a blob once more, while nobody else can change the store, and moves it where it is still damaged.
async fn aside(store: &Store, digest: Digest) -> Result<Aside, StoreError> {
    let Some(blob) = store.find(digest).await? else { return Ok(Aside::Absent) };
    match blob.verify().await {
        Ok(()) => return Ok(Aside::Well),
        Err(error) => drop(damage_of(error)?),
    }
    let (from, to) = (Key::Blob(digest), Key::Damaged(digest));
    let moved = store.as_objects().rename(&from.location(), &to.location()).await;
    moved.map_err(|source| store.failed("move", &from, source))?;
    Ok(Aside::Moved(to.name()))
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
        Err(error) => Err(format!("airlift/lock.yaml can't be used: {}", line(&error))),
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
///
/// A disk that can't read a sector any more is damage; that this user may not read is none.
pub(crate) fn damage_of(error: StoreError) -> Result<Damage, StoreError> {
    let unreadable = |source: &io::Error| source.raw_os_error() == Some(Errno::IO.raw_os_error());
    let machine = error.system().is_some_and(|source| !unreadable(source));
    match error {
        _ if machine => Err(error),
        StoreError::Objects { .. } if error.system().is_none() => Err(error),
        StoreError::Cancelled | StoreError::Version { .. } => Err(error),
        StoreError::Corrupt { digest, .. } => Ok(Damage { what: line(&error), blob: Some(digest), names: Vec::new() }),
        _ => Ok(Damage { what: line(&error), blob: None, names: Vec::new() }),
    }
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
