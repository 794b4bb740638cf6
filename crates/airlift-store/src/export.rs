//! Plain folders, for any web server, and an OCI layout where there are images.
//!
//! Nothing in the folder is trusted: symbolic links are refused, a file that is there is kept only when its bytes are
//! the right ones, and a new one gets its name when it is whole. The store's own files are never linked to, so that
//! nobody can damage the store by editing an export; further names of a blob are links to its first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use airlift_core::event::Task;
use airlift_core::{Digest, Time};
use bytes::Bytes;
use serde::Deserialize;

use crate::archive::Watch;
use crate::archive::header::MemberName;
use crate::archive::layout::blob_name;
use crate::archive::load::copy_verified;
use crate::blob::Blob;
use crate::error::StoreError;
use crate::folder::{Durability, remove, sync_folder, write_atomically};
use crate::snapshot::Snapshot;
use crate::space;
use crate::store::Store;
use crate::work::{Reporter, blocking, cores, parallel};

/// The largest manifest that is looked into for the blobs that it names.
const MAX_MANIFEST: u64 = 64 << 20;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Files of nodes.
    pub files: u64,
    /// Bytes of these files, as a listing shows them.
    pub bytes: u64,
    /// Blobs of the OCI layout; none where the snapshot has no image.
    pub layout: u64,
}

/// Writes every node to `dir/<path>` and, where there are images, an OCI layout into `dir`.
///
/// # Errors
///
/// [`StoreError::Overlap`] where one path lies below another, [`StoreError::InTheWay`] where something other than a
/// file or a folder stands in `dir`, [`StoreError::Space`], [`StoreError::Corrupt`]; I/O errors.
pub async fn export(store: &Store, snapshot: &Snapshot, dir: &Path, watch: Watch<'_>) -> Result<Exported, StoreError> {
    refuse_overlaps(snapshot)?;
    let images = images(store, snapshot).await?;
    let documents = match images.is_empty() {
        true => Vec::new(),
        false => {
            let marker = snapshot.member(&MemberName::OciLayout).await?;
            vec![("oci-layout", marker), ("index.json", snapshot.oci_index().await?)]
        }
    };
    let exported = Exported {
        files: snapshot.index.nodes().len() as u64,
        bytes: snapshot.index.nodes().iter().map(|node| node.size).sum(),
        layout: images.len() as u64,
    };
    let exporter = Exporter { store: store.clone(), dir: dir.to_owned() };
    let blobs = places(snapshot, &images);
    blocking(Task::Export, watch.observer, watch.cancel, move |reporter| exporter.all(&blobs, &documents, reporter))
        .await?;
    Ok(exported)
}

/// A path can't be a file and a folder at once.
fn refuse_overlaps(snapshot: &Snapshot) -> Result<(), StoreError> {
    for node in snapshot.index.nodes() {
        if let Some(below) = snapshot.index.below(node.path.as_str()).first() {
            return Err(StoreError::Overlap { file: node.path.clone(), below: below.path.clone() });
        }
    }
    Ok(())
}

/// A blob and everything that it becomes.
struct Copies {
    digest: Digest,
    size: u64,
    /// File names relative to the folder, each with its time.
    names: Vec<(String, Time)>,
}

/// Every blob once, with the names that it gets.
fn places(snapshot: &Snapshot, images: &BTreeSet<Digest>) -> Vec<Copies> {
    let mut names = HashMap::<Digest, Vec<(String, Time)>>::new();
    for node in snapshot.index.nodes() {
        let time = node.modified.unwrap_or(snapshot.header.created);
        names.entry(node.blob).or_default().push((node.path.as_str().to_owned(), time));
    }
    for digest in images {
        names.entry(*digest).or_default().push((blob_name(*digest), snapshot.header.created));
    }
    let blobs = snapshot.index.blobs().into_iter();
    blobs.map(|(digest, size)| Copies { digest, size, names: names.remove(&digest).unwrap_or_default() }).collect()
}

/// What is of interest in an image index or a manifest.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    blobs: Vec<Descriptor>,
    subject: Option<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default, rename = "mediaType")]
    media_type: String,
}

/// The blobs of the snapshot that its OCI index names, directly or through manifests.
async fn images(store: &Store, snapshot: &Snapshot) -> Result<BTreeSet<Digest>, StoreError> {
    let sizes: HashMap<Digest, u64> = snapshot.index.blobs().into_iter().collect();
    let mut found = BTreeSet::new();
    let mut waiting = vec![snapshot.oci_index().await?];
    while let Some(document) = waiting.pop() {
        for descriptor in descriptors(&document) {
            let Ok(digest) = descriptor.digest.parse::<Digest>() else { continue };
            let Some(&size) = sizes.get(&digest) else { continue };
            let is_manifest = ["manifest", "index"].iter().any(|word| descriptor.media_type.contains(word));
            if found.insert(digest) && is_manifest && size <= MAX_MANIFEST {
                let blob = store.blob(digest, size).await?;
                waiting.push(match blob {
                    Some(blob) => blob.bytes(MAX_MANIFEST).await?,
                    None => Bytes::new(),
                });
            }
        }
    }
    Ok(found)
}

/// Everything that a manifest names; nothing where it is none.
fn descriptors(document: &[u8]) -> impl Iterator<Item = Descriptor> {
    let manifest = serde_json::from_slice::<Manifest>(document).ok();
    manifest.into_iter().flat_map(|manifest| {
        let Manifest { manifests, config, layers, blobs, subject } = manifest;
        manifests.into_iter().chain(config).chain(layers).chain(blobs).chain(subject)
    })
}

struct Exporter {
    store: Store,
    dir: PathBuf,
}

impl Exporter {
    fn all(&self, blobs: &[Copies], documents: &[(&str, Bytes)], reporter: &Reporter) -> Result<(), StoreError> {
        let total: u64 = blobs.iter().map(|blob| blob.size).sum();
        space::require(&self.dir, total, "exporting")?;
        fs_err::create_dir_all(&self.dir).map_err(StoreError::io("make", &self.dir))?;
        let folders = self.make_folders(blobs)?;
        reporter.began(blobs.len() as u64, total);
        parallel(blobs, cores(), |blob| self.one(blob, reporter))?;
        for (name, bytes) in documents {
            let path = self.dir.join(name);
            refuse_links(&path)?;
            write_atomically(&path, bytes, Durability::Process)?;
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        reporter.ended();
        Ok(())
    }

    /// Makes every folder, one segment at a time, and refuses to go through a symbolic link.
    fn make_folders(&self, blobs: &[Copies]) -> Result<BTreeSet<PathBuf>, StoreError> {
        let mut made = BTreeSet::from([self.dir.clone()]);
        for (name, _) in blobs.iter().flat_map(|blob| &blob.names) {
            let mut path = self.dir.clone();
            let parents = name.rsplit_once('/').map_or("", |(parents, _)| parents);
            for segment in parents.split('/').filter(|segment| !segment.is_empty()) {
                path.push(segment);
                if !made.insert(path.clone()) {
                    continue;
                }
                match std::fs::create_dir(&path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    result => result.map_err(StoreError::io("make", &path))?,
                }
                if !path.symlink_metadata().map_err(StoreError::io("look at", &path))?.is_dir() {
                    return Err(StoreError::InTheWay { path, reason: "it is no folder" });
                }
            }
        }
        Ok(made)
    }

    /// Writes a blob to its first name of each time, and links the others to that.
    fn one(&self, copies: &Copies, reporter: &Reporter) -> Result<(), StoreError> {
        reporter.check()?;
        let blob = self.store.blob_blocking(copies.digest, copies.size, reporter.handle())?;
        let mut by_time = BTreeMap::<Time, Vec<&str>>::new();
        copies.names.iter().for_each(|(name, time)| by_time.entry(*time).or_default().push(name));
        let mut all_there = true;
        for (time, names) in by_time {
            let first = self.dir.join(names[0]);
            all_there &= self.file(&blob, &first, time, reporter)?;
            for name in &names[1..] {
                self.link(&blob, &first, (&self.dir.join(name), time), reporter)?;
            }
        }
        let name = copies.names.first().map(|(name, _)| name.clone()).unwrap_or_default();
        reporter.done(name, copies.size, all_there);
        Ok(())
    }

    /// Writes a file unless it is there with these bytes; tells whether it was.
    fn file(&self, blob: &Blob, path: &Path, time: Time, reporter: &Reporter) -> Result<bool, StoreError> {
        if refuse_links(path)? && is_same(path, blob)? {
            set_time(&File::open(path).map_err(StoreError::io("open", path))?, path, time)?;
            return Ok(true);
        }
        let partial = partial(path);
        remove(&partial)?;
        let file = File::options().read(true).write(true).create_new(true).open(&partial);
        let file = file.map_err(StoreError::io("make", &partial))?;
        copy_verified(blob, (&file, &partial), reporter)?;
        set_time(&file, &partial, time)?;
        file.sync_all().map_err(StoreError::io("write", &partial))?;
        std::fs::rename(&partial, path).map_err(StoreError::io("name", path))?;
        Ok(false)
    }

    /// Gives a file one more name; where the file system has no links, a copy.
    fn link(&self, blob: &Blob, first: &Path, to: (&Path, Time), reporter: &Reporter) -> Result<(), StoreError> {
        let (path, time) = to;
        refuse_links(path)?;
        let partial = partial(path);
        remove(&partial)?;
        match std::fs::hard_link(first, &partial) {
            // Renaming one name of a file to another of the same file does nothing, and leaves both.
            Ok(()) => {
                remove(path)?;
                std::fs::rename(&partial, path).map_err(StoreError::io("name", path))
            }
            Err(_) => self.file(blob, path, time, reporter).map(drop),
        }
    }
}

/// The name of a file until it is whole.
fn partial(path: &Path) -> PathBuf {
    // A digest of the name, so that the longest names have room as well.
    let name = path.file_name().unwrap_or(OsStr::new("")).as_bytes();
    path.with_file_name(format!(".{}.airlift-partial", &Digest::of(name).hex()[..16]))
}

/// Whether a file is there; refuses everything else that could be.
fn refuse_links(path: &Path) -> Result<bool, StoreError> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_file() => Ok(true),
        Ok(_) => Err(StoreError::InTheWay { path: path.to_owned(), reason: "it is no plain file" }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("look at", path)(error)),
    }
}

/// Whether a file has the bytes of a blob.
fn is_same(path: &Path, blob: &Blob) -> Result<bool, StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    let length = file.metadata().map_err(StoreError::io("open", path))?.len();
    if length != blob.size() {
        return Ok(false);
    }
    let mut hasher = HashingSink::default();
    io::copy(&mut &file, &mut hasher).map_err(StoreError::io("read", path))?;
    Ok(hasher.0.finish() == blob.digest())
}

/// Hashes what is written to it.
#[derive(Default)]
struct HashingSink(airlift_core::Hasher);

impl io::Write for HashingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Web servers tell the time of a file as `Last-Modified`.
fn set_time(file: &File, path: &Path, time: Time) -> Result<(), StoreError> {
    file.set_modified(time.system()).map_err(StoreError::io("set the time of", path))
}
