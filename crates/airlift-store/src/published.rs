//! The snapshots that a store keeps: publish, rollback, prune.
//!
//! One small object says which snapshots there are and which one is current. It is replaced atomically, after all that
//! it names is durable and before anything that it no longer names is removed.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use airlift_core::{Digest, TreePath};
use bytes::Bytes;
use futures::future::try_join_all;
use futures::stream::TryStreamExt;
use object_store::UpdateVersion;
use serde::{Deserialize, Serialize};

use crate::archive::header::{self, Format, Header, MAX_HEADER, MemberName};
use crate::error::StoreError;
use crate::folder::{Folder, remove};
use crate::keys::{DAMAGED, Key, SNAPSHOTS};
use crate::snapshot::{Pruned, Snapshot, SnapshotId, SnapshotInfo, read_index};
use crate::store::Store;
use crate::work::briefly;

/// The longest list of snapshots in bytes.
const MAX_POINTER: u64 = 16 << 20;

/// What the object `current.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pointer {
    format: Format,
    /// The snapshot that is served.
    current: SnapshotId,
    /// All snapshots, the one that was published last at the end.
    snapshots: Vec<SnapshotId>,
}

impl Pointer {
    pub(crate) fn to_one(id: SnapshotId) -> Self {
        Self { format: Format::current(), current: id, snapshots: vec![id] }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        let text = serde_json::to_string(self).expect("plain data with string keys is always JSON");
        (text + "\n").into()
    }
}

impl Store {
    /// The current snapshot; none where nothing was published yet. An archive has its one snapshot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] and [`StoreError::Index`] where it can't be used; I/O errors.
    pub async fn current(&self) -> Result<Option<Snapshot>, StoreError> {
        match self.current_id().await? {
            Some(id) => self.snapshot(id).await,
            None => Ok(None),
        }
    }

    /// The current snapshot's name: one small read.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`], [`StoreError::Version`]; I/O errors.
    pub async fn current_id(&self) -> Result<Option<SnapshotId>, StoreError> {
        if let Some(archive) = self.as_archive() {
            return Ok(Some(archive.id()));
        }
        Ok(self.pointer().await?.map(|(pointer, _)| pointer.current))
    }

    /// A snapshot by its name; none where the store does not have it.
    ///
    /// # Errors
    ///
    /// As [`Store::current`].
    pub async fn snapshot(&self, id: SnapshotId) -> Result<Option<Snapshot>, StoreError> {
        if let Some(archive) = self.as_archive() {
            return match archive.id() == id {
                true => Snapshot::stored(self, archive.header_bytes().clone(), archive.index()).map(Some),
                false => Ok(None),
            };
        }
        let Some(bytes) = self.read(&Key::Front(id, MemberName::Header), MAX_HEADER).await? else { return Ok(None) };
        let header = self.header_of(id, &bytes)?;
        let packed = self.read(&Key::Front(id, MemberName::Index), header.index.size).await?;
        let packed = packed.ok_or_else(|| self.damaged(format!("the snapshot {id} lacks its index")))?;
        let place = self.describe();
        let index = briefly(move || read_index(&header, &packed, &place)).await?;
        Snapshot::stored(self, bytes, index.into()).map(Some)
    }

    /// All snapshots in the order in which they were published.
    ///
    /// # Errors
    ///
    /// As [`Store::current`].
    pub async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, StoreError> {
        if let Some(archive) = self.as_archive() {
            return Ok(vec![SnapshotInfo { id: archive.id(), header: archive.header().clone(), current: true }]);
        }
        let Some((pointer, _)) = self.pointer().await? else { return Ok(Vec::new()) };
        let mut infos = Vec::new();
        for id in pointer.snapshots {
            let bytes = self.read(&Key::Front(id, MemberName::Header), MAX_HEADER).await?;
            let bytes = bytes.ok_or_else(|| self.damaged(format!("the snapshot {id} lacks its header")))?;
            infos.push(SnapshotInfo { id, header: self.header_of(id, &bytes)?, current: id == pointer.current });
        }
        Ok(infos)
    }

    /// The names of all snapshots in the order in which they were published.
    pub(crate) async fn snapshot_ids(&self) -> Result<Vec<SnapshotId>, StoreError> {
        match self.as_archive() {
            Some(archive) => Ok(vec![archive.id()]),
            None => Ok(self.pointer().await?.map_or_else(Vec::new, |(pointer, _)| pointer.snapshots)),
        }
    }

    /// Makes a snapshot the current one, after everything in it is durable.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] where the store lacks one of its blobs, [`StoreError::ReadOnly`] for an archive,
    /// [`StoreError::Raced`]; I/O errors. The current snapshot stays then.
    pub async fn publish(&self, snapshot: &Snapshot) -> Result<SnapshotId, StoreError> {
        if self.as_archive().is_some() {
            return Err(StoreError::ReadOnly { place: self.describe() });
        }
        let (synced, missing) = tokio::join!(self.sync(), self.refuse_missing(snapshot));
        // What failed on the way is told rather than what is missing since then.
        synced.and(missing)?;
        let id = snapshot.id();
        let write = |name: MemberName| async move {
            let bytes = snapshot.member(&name).await?;
            self.write(&Key::Front(id, name), bytes).await
        };
        // At once, since each waits for the disk. The header goes last: where it is, the others are.
        try_join_all(snapshot.names().skip(1).map(write)).await?;
        write(MemberName::Header).await?;
        let (pointer, read) = match self.pointer().await? {
            None => (Pointer::to_one(id), None),
            Some((pointer, _)) if pointer.current == id => return Ok(id),
            Some((mut pointer, read)) => {
                pointer.snapshots.retain(|other| *other != id);
                pointer.snapshots.push(id);
                pointer.current = id;
                (pointer, Some(read))
            }
        };
        self.replace(&Key::Pointer, pointer.to_bytes(), read).await?;
        Ok(id)
    }

    /// Makes the snapshot that was published before the current one the current one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Empty`], [`StoreError::Oldest`], [`StoreError::ReadOnly`], [`StoreError::Missing`]; I/O errors.
    pub async fn rollback(&self) -> Result<SnapshotId, StoreError> {
        if self.as_archive().is_some() {
            return Err(StoreError::ReadOnly { place: self.describe() });
        }
        let empty = || StoreError::Empty { place: self.describe() };
        let (mut pointer, read) = self.pointer().await?.ok_or_else(empty)?;
        let position = pointer.snapshots.iter().position(|id| *id == pointer.current).unwrap_or_default();
        let oldest = || StoreError::Oldest { place: self.describe() };
        let id = pointer.snapshots[..position].last().copied().ok_or_else(oldest)?;
        let snapshot = self.snapshot(id).await?;
        let snapshot = snapshot.ok_or_else(|| self.damaged(format!("the snapshot {id} lacks its header")))?;
        self.refuse_missing(&snapshot).await?;
        pointer.current = id;
        self.replace(&Key::Pointer, pointer.to_bytes(), Some(read)).await?;
        Ok(id)
    }

    /// Keeps the current snapshot and as many of the newest as are asked for, and removes all that no kept snapshot
    /// names: snapshots, blobs, memos, unfinished downloads and what was damaged. The caller holds [`Store::lock_exclusive`].
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`]; as [`Store::current`]; I/O errors.
    pub async fn prune(&self, keep: usize, dry_run: bool) -> Result<Pruned, StoreError> {
        if self.as_archive().is_some() {
            return Err(StoreError::ReadOnly { place: self.describe() });
        }
        let mut kept = HashSet::new();
        if let Some((mut pointer, read)) = self.pointer().await? {
            let newest = pointer.snapshots.len().saturating_sub(keep);
            kept.extend(pointer.snapshots[newest..].iter().copied().chain([pointer.current]));
            let before = pointer.snapshots.len();
            pointer.snapshots.retain(|id| kept.contains(id));
            if pointer.snapshots.len() < before && !dry_run {
                self.replace(&Key::Pointer, pointer.to_bytes(), Some(read)).await?;
            }
        }
        let mut named = HashSet::new();
        for id in &kept {
            let snapshot = self.snapshot(*id).await?;
            let snapshot = snapshot.ok_or_else(|| self.damaged(format!("the snapshot {id} lacks its header")))?;
            named.extend(snapshot.index.nodes().iter().map(|node| node.blob));
        }
        let mut pruned = Pruned { snapshots: self.prune_snapshots(&kept, dry_run).await?, ..Pruned::default() };
        self.prune_blobs(&named, &mut pruned, dry_run).await?;
        self.prune_parts(&mut pruned, dry_run).await?;
        self.prune_damaged(&mut pruned, dry_run).await?;
        Ok(pruned)
    }

    /// Removes what lies below `snapshots/` and belongs to none that is kept; what a crash left there too.
    async fn prune_snapshots(&self, kept: &HashSet<SnapshotId>, dry_run: bool) -> Result<Vec<SnapshotId>, StoreError> {
        let prefix = object_store::path::Path::from(SNAPSHOTS);
        let listed: Vec<_> = self
            .as_objects()
            .list(Some(&prefix))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(|source| self.failed_at("list", SNAPSHOTS, source))?;
        let mut dropped = BTreeMap::<SnapshotId, Vec<Key>>::new();
        for key in listed.iter().filter_map(Key::parse) {
            match &key {
                Key::Front(id, _) if !kept.contains(id) => dropped.entry(*id).or_default().push(key),
                _ => {}
            }
        }
        let ids = dropped.keys().copied().collect();
        for (id, keys) in dropped.into_iter().filter(|_| !dry_run) {
            self.remove(keys).await?;
            if let Some(root) = self.root() {
                let folder = root.join(SNAPSHOTS).join(id.digest().hex());
                fs_err::remove_dir_all(&folder).map_err(StoreError::io("remove", &folder))?;
            }
        }
        Ok(ids)
    }

    /// Removes blobs, and what was remembered about them.
    async fn prune_blobs(&self, named: &HashSet<Digest>, pruned: &mut Pruned, dry_run: bool) -> Result<(), StoreError> {
        let (kept, unnamed): (Vec<_>, Vec<_>) =
            self.all_blobs().await?.into_iter().partition(|(digest, _)| named.contains(digest));
        pruned.blobs = unnamed.len() as u64;
        pruned.bytes += unnamed.iter().map(|(_, size)| size).sum::<u64>();
        if !dry_run {
            self.remove(unnamed.into_iter().map(|(digest, _)| Key::Blob(digest)).collect()).await?;
        }
        let kept: HashSet<Digest> = kept.into_iter().map(|(digest, _)| digest).collect();
        let store = self.clone();
        pruned.bytes += briefly(move || {
            let Some(memos) = store.as_folder().map(Folder::memos) else { return Ok(0) };
            Ok(memos.prune(&kept, dry_run)? + drop_files(&memos.strays(), dry_run)?)
        })
        .await?;
        Ok(())
    }

    async fn prune_parts(&self, pruned: &mut Pruned, dry_run: bool) -> Result<(), StoreError> {
        let store = self.clone();
        let (parts, bytes) = briefly(move || {
            let parts = store.as_folder().map_or(Ok(Vec::new()), |folder| folder.files(&folder.partial()))?;
            let stems: HashSet<_> = parts.iter().map(|(path, _)| path.file_stem()).collect();
            Ok((stems.len() as u64, drop_files(&parts, dry_run)?))
        })
        .await?;
        pruned.parts = parts;
        pruned.bytes += bytes;
        Ok(())
    }

    async fn prune_damaged(&self, pruned: &mut Pruned, dry_run: bool) -> Result<(), StoreError> {
        let prefix = object_store::path::Path::from(DAMAGED);
        let listed = self
            .as_objects()
            .list(Some(&prefix))
            .try_filter_map(|meta| async move { Ok(Key::parse(&meta.location).map(|key| (key, meta.size))) });
        let found: Vec<_> = listed.try_collect().await.map_err(|source| self.failed_at("list", DAMAGED, source))?;
        pruned.damaged = found.len() as u64;
        pruned.bytes += found.iter().map(|(_, size)| size).sum::<u64>();
        match dry_run {
            true => Ok(()),
            false => self.remove(found.into_iter().map(|(key, _)| key).collect()).await,
        }
    }

    async fn pointer(&self) -> Result<Option<(Pointer, UpdateVersion)>, StoreError> {
        let Some((bytes, version)) = self.read_versioned(&Key::Pointer, MAX_POINTER).await? else { return Ok(None) };
        let document = Key::Pointer.name();
        header::version(&bytes, &self.describe(), &document)?;
        let pointer = serde_json::from_slice(&bytes)
            .map_err(|error| self.damaged(format!("{document} can't be understood: {error}")))?;
        Ok(Some((pointer, version)))
    }

    fn header_of(&self, id: SnapshotId, bytes: &[u8]) -> Result<Header, StoreError> {
        if Digest::of(bytes) != id.digest() {
            return Err(self.damaged(format!("the header of the snapshot {id} does not have that digest")));
        }
        Header::read(bytes, &self.describe())
    }

    pub(crate) async fn refuse_missing(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let lacking = self.lacking(snapshot.index.blobs()).await?;
        let Some((digest, _)) = lacking.first() else { return Ok(()) };
        let name: Option<&TreePath> = snapshot.index.names_of(*digest).next();
        match name.cloned() {
            Some(name) => {
                let (place, count) = (self.describe(), lacking.len() as u64);
                Err(StoreError::Missing { place, count, digest: *digest, name })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged { place: self.describe(), reason }
    }
}

/// Removes files, unless it is only asked what they would free; tells how many bytes.
fn drop_files(files: &[(PathBuf, u64)], dry_run: bool) -> Result<u64, StoreError> {
    if !dry_run {
        files.iter().try_for_each(|(path, _)| remove(path))?;
    }
    Ok(files.iter().map(|(_, size)| size).sum())
}
