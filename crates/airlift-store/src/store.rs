//! Where blobs and snapshots live: a folder, an object store, or an archive read in place.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlift_core::Digest;
use bytes::Bytes;
use futures::stream::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::archive::objects::ArchiveObjects;
use crate::archive::reader::Archive;
use crate::blob::Blob;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::keys::{BLOBS, Key};
use crate::part::Part;
use crate::work::briefly;

/// A store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Everything but the hot paths goes through this.
    objects: Arc<dyn ObjectStore>,
    place: Place,
    name: String,
}

#[derive(Debug)]
enum Place {
    Objects,
    Folder(Folder),
    Archive(Arc<Archive>),
}

/// Keeps other programs from changing a store until it is dropped. Before that everything that was stored gets its name.
#[derive(Debug)]
#[must_use = "the store is unlocked when this is dropped"]
pub struct StoreGuard {
    store: Store,
    _file: Option<File>,
}

impl Drop for StoreGuard {
    fn drop(&mut self) {
        // Publishing has told what failed; where nothing was published, nobody was told that anything is here.
        let _ = self.store.as_folder().map(Folder::settle);
    }
}

impl Store {
    /// A store in memory.
    pub fn memory() -> Self {
        Self::with("the store in memory".to_owned(), Arc::new(InMemory::new()), Place::Objects)
    }

    /// A store in any object store.
    pub fn objects(objects: Arc<dyn ObjectStore>) -> Self {
        Self::with(format!("the store {objects}"), objects, Place::Objects)
    }

    /// A store in a folder, which is made where it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotAStore`] where the folder has other things in it, [`StoreError::Version`] where a newer
    /// Airlift made it; I/O errors.
    pub fn folder(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Folder::create(&root.into()).and_then(Self::in_folder)
    }

    /// An archive, read in place with a few small reads.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotAnArchive`], [`StoreError::Damaged`], [`StoreError::Index`], [`StoreError::Length`] where it
    /// is not a whole archive, [`StoreError::Version`] where a newer Airlift made it; I/O errors.
    pub async fn archive(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Archive::open(path.into()).await.map(Self::in_archive)
    }

    /// An archive that lies in an object store, read in place.
    ///
    /// # Errors
    ///
    /// As [`Store::archive`].
    pub async fn archive_in(
        objects: Arc<dyn ObjectStore>,
        location: object_store::path::Path,
    ) -> Result<Self, StoreError> {
        Archive::open_in(objects, location).await.map(Self::in_archive)
    }

    /// What is there: a folder store or an archive. Nothing is written.
    ///
    /// # Errors
    ///
    /// As [`Store::folder`] and [`Store::archive`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let meta = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::Nothing { path: path.to_owned() });
            }
            meta => meta.map_err(StoreError::io("open", path))?,
        };
        match meta.is_dir() {
            true => Folder::open(path).and_then(Self::in_folder),
            false => Self::archive(path).await,
        }
    }

    fn in_folder(folder: Folder) -> Result<Self, StoreError> {
        let name = format!("the store {}", folder.root().display());
        let objects = LocalFileSystem::new_with_prefix(folder.root()).map_err(|source| StoreError::Objects {
            action: "open",
            key: String::new(),
            place: name.clone(),
            source: Box::new(source),
        })?;
        Ok(Self::with(name, Arc::new(objects.with_fsync(true)), Place::Folder(folder)))
    }

    fn in_archive(archive: Archive) -> Self {
        let archive = Arc::new(archive);
        let objects = Arc::new(ArchiveObjects::new(Arc::clone(&archive)));
        Self::with(archive.name().to_owned(), objects, Place::Archive(archive))
    }

    fn with(name: String, objects: Arc<dyn ObjectStore>, place: Place) -> Self {
        Self(Arc::new(Inner { objects, place, name }))
    }

    /// What it is, for a person: `the archive /tmp/deepops-archive.tar`.
    pub fn describe(&self) -> String {
        self.0.name.clone()
    }

    /// The folder, where the store is one.
    pub fn root(&self) -> Option<&Path> {
        self.as_folder().map(Folder::root)
    }

    /// Everything as objects; the keys are those of `docs/archive-format.md`.
    pub fn as_objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.0.objects)
    }

    pub(crate) fn as_folder(&self) -> Option<&Folder> {
        match &self.0.place {
            Place::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    pub(crate) fn as_archive(&self) -> Option<&Arc<Archive>> {
        match &self.0.place {
            Place::Archive(archive) => Some(archive),
            _ => None,
        }
    }

    /// Opens a blob; none where it is not here, or has another size.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where an archive has something else in its place; I/O errors.
    pub async fn blob(&self, digest: Digest, size: u64) -> Result<Option<Blob>, StoreError> {
        let store = self.clone();
        match &self.0.place {
            Place::Folder(_) => {
                briefly(move || match store.as_folder() {
                    Some(folder) => folder.blob(digest, size),
                    None => Ok(None),
                })
                .await
            }
            Place::Archive(archive) => match archive.find(digest) {
                Some(position) if archive.place(position).size == size => {
                    archive.check_member(position).await?;
                    Ok(Some(self.archived(archive, position)))
                }
                _ => Ok(None),
            },
            Place::Objects => {
                let location = Key::Blob(digest).location();
                match self.0.objects.head(&location).await {
                    Ok(meta) if meta.size == size => Ok(Some(self.in_objects(digest, size))),
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(source) => Err(self.failed("look at", &Key::Blob(digest), source)),
                }
            }
        }
    }

    /// Opens a blob whose size is not known; none where it is not here.
    ///
    /// # Errors
    ///
    /// As [`Store::blob`].
    pub async fn find(&self, digest: Digest) -> Result<Option<Blob>, StoreError> {
        let size = match &self.0.place {
            Place::Folder(_) => {
                let store = self.clone();
                briefly(move || Ok(store.as_folder().and_then(|folder| folder.size_of(digest)))).await?
            }
            Place::Archive(archive) => archive.find(digest).map(|position| archive.place(position).size),
            Place::Objects => match self.0.objects.head(&Key::Blob(digest).location()).await {
                Ok(meta) => return Ok(Some(self.in_objects(digest, meta.size))),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(source) => return Err(self.failed("look at", &Key::Blob(digest), source)),
            },
        };
        match size {
            Some(size) => self.blob(digest, size).await,
            None => Ok(None),
        }
    }

    /// As [`Store::blob`] on this thread, which must not be one of the runtime's; it has to be there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] where it is not here; as [`Store::blob`].
    pub fn blob_blocking(&self, digest: Digest, size: u64, handle: &Handle) -> Result<Blob, StoreError> {
        let found = match self.as_folder() {
            Some(folder) => folder.blob(digest, size)?,
            None => handle.block_on(self.blob(digest, size))?,
        };
        let reason = || format!("there is no blob of {size} bytes any more");
        found.ok_or_else(|| StoreError::Corrupt { digest, place: self.describe(), reason: reason() })
    }

    /// A blob of an archive, without a look at its header block.
    pub(crate) fn archived(&self, archive: &Archive, position: usize) -> Blob {
        let place = archive.place(position);
        match archive.local(position) {
            Some(local) => Blob::in_file(place.digest, local),
            None => self.in_objects(place.digest, place.size),
        }
    }

    fn in_objects(&self, digest: Digest, size: u64) -> Blob {
        Blob::in_objects((digest, size), self.as_objects(), Key::Blob(digest).location(), self.describe())
    }

    /// Stores bytes as a blob. It can be read when this returns, and is durable when the snapshot is published.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] for an archive; I/O errors.
    pub async fn put(&self, bytes: Bytes) -> Result<Digest, StoreError> {
        let hashed = bytes.clone();
        let digest = briefly(move || Ok(Digest::of(&hashed))).await?;
        self.keep(digest, bytes).await?;
        Ok(digest)
    }

    /// The same where the caller has verified that the bytes have this digest.
    ///
    /// # Errors
    ///
    /// As [`Store::put`].
    pub async fn keep(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        match &self.0.place {
            Place::Archive(_) => Err(StoreError::ReadOnly { place: self.describe() }),
            Place::Folder(_) => {
                let (store, handle) = (self.clone(), Handle::current());
                briefly(move || store.keep_blocking(digest, bytes, &handle)).await
            }
            Place::Objects => match self.blob(digest, bytes.len() as u64).await? {
                Some(_) => Ok(()),
                None => self.write(&Key::Blob(digest), bytes).await,
            },
        }
    }

    /// As [`Store::keep`] for a blob that was just seen not to be here: nobody looks for it again, and what is small is
    /// taken at once.
    ///
    /// # Errors
    ///
    /// As [`Store::put`].
    pub async fn keep_new(&self, digest: Digest, bytes: Bytes) -> Result<(), StoreError> {
        match &self.0.place {
            Place::Archive(_) => Err(StoreError::ReadOnly { place: self.describe() }),
            Place::Folder(folder) if folder.try_put(digest, &bytes)? => Ok(()),
            Place::Folder(_) => {
                let store = self.clone();
                briefly(move || store.as_folder().map_or(Ok(()), |folder| folder.put(digest, bytes))).await
            }
            Place::Objects => self.write(&Key::Blob(digest), bytes).await,
        }
    }

    /// As [`Store::keep`] on this thread, which must not be one of the runtime's.
    ///
    /// # Errors
    ///
    /// As [`Store::put`].
    pub fn keep_blocking(&self, digest: Digest, bytes: Bytes, handle: &Handle) -> Result<(), StoreError> {
        match self.as_folder() {
            Some(folder) if folder.has(digest, bytes.len() as u64) => Ok(()),
            Some(folder) => folder.put(digest, bytes),
            None => handle.block_on(self.keep(digest, bytes)),
        }
    }

    /// Opens the unfinished download with this key, or begins it.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] for an archive, [`StoreError::Busy`] where it is open already; I/O errors.
    pub fn part(&self, key: &str) -> Result<Part, StoreError> {
        match self.as_archive() {
            Some(_) => Err(StoreError::ReadOnly { place: self.describe() }),
            None => Part::open(self, key),
        }
    }

    /// Locks the store for this process, where it is a folder. Whoever writes to it holds this.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] names the process that holds it; I/O errors.
    pub fn lock_exclusive(&self) -> Result<StoreGuard, StoreError> {
        let file = self.as_folder().map(Folder::lock).transpose()?;
        Ok(StoreGuard { store: self.clone(), _file: file })
    }

    /// Those of these blobs that are not here with their size, in their order.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub async fn lacking(&self, blobs: Vec<(Digest, u64)>) -> Result<Vec<(Digest, u64)>, StoreError> {
        let store = self.clone();
        match &self.0.place {
            Place::Folder(_) => {
                briefly(move || match store.as_folder() {
                    Some(folder) => folder.lacking(&blobs),
                    None => Ok(blobs),
                })
                .await
            }
            Place::Archive(archive) => {
                let has = |digest, size| archive.find(digest).is_some_and(|at| archive.place(at).size == size);
                Ok(blobs.into_iter().filter(|(digest, size)| !has(*digest, *size)).collect())
            }
            Place::Objects => {
                let here: std::collections::HashMap<Digest, u64> = self.all_blobs().await?.into_iter().collect();
                Ok(blobs.into_iter().filter(|(digest, size)| here.get(digest) != Some(size)).collect())
            }
        }
    }

    /// Every blob that is here, with its size.
    pub(crate) async fn all_blobs(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        self.briefly_in_folder(Folder::settle).await?;
        let prefix = object_store::path::Path::from(BLOBS);
        let listed = self.0.objects.list(Some(&prefix)).try_filter_map(|meta| async move {
            Ok(match Key::parse(&meta.location) {
                Some(Key::Blob(digest)) => Some((digest, meta.size)),
                _ => None,
            })
        });
        listed.try_collect().await.map_err(|source| self.failed_at("list", BLOBS, source))
    }

    /// Tells the store that no more comes soon: what it has gathered to make it durable together is not worth waiting any more.
    pub fn hurry(&self) {
        if let Some(folder) = self.as_folder() {
            folder.hurry();
        }
    }

    /// Makes everything that was stored durable.
    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        self.briefly_in_folder(Folder::sync).await
    }

    /// Does a short blocking thing with the folder, where there is one.
    async fn briefly_in_folder(&self, work: fn(&Folder) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let store = self.clone();
        briefly(move || store.as_folder().map_or(Ok(()), work)).await
    }
}
