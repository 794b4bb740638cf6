//! Files, stores and archives to measure with.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use airlift_core::event::Silent;
use airlift_core::{Digest, Hasher, Lock, LockEntry};
use airlift_store::archive::{self, Target, Watch};
use airlift_store::{Snapshot, Store};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::Outcome;

/// The size of the large file.
pub(crate) const LARGE: usize = 100 << 20;
/// The size of a small file.
const SMALL: usize = 4096;
/// How many small files there are.
pub(crate) const SMALL_FILES: usize = 1000;

/// Runs something that waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Outcome<T> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(future))
}

/// Bytes that no file system and no network compresses.
pub(crate) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The name of a small file below the root.
pub(crate) fn small_name(number: usize) -> String {
    format!("small/{number:04}.bin")
}

/// The same files in a plain folder, in a store and in an archive.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) store: PathBuf,
    pub(crate) archive: PathBuf,
}

impl Files {
    pub(crate) fn make(work: &Path) -> Outcome<Self> {
        let files = Self { folder: work.join("folder"), store: work.join("store"), archive: work.join("files.tar") };
        fs_err::create_dir_all(files.folder.join("small"))?;
        let mut contents = vec![("large.bin".to_owned(), noise(0, LARGE))];
        contents.extend((0..SMALL_FILES).map(|number| (small_name(number), noise(1 + number as u64, SMALL))));
        for (name, bytes) in &contents {
            fs_err::write(files.folder.join(name), bytes)?;
        }
        block_on(files.store_and_pack(contents))??;
        Ok(files)
    }

    async fn store_and_pack(&self, contents: Vec<(String, Vec<u8>)>) -> Outcome<()> {
        let store = Store::folder(&self.store)?;
        let mut entries = Vec::new();
        for (name, bytes) in contents {
            let size = bytes.len() as u64;
            entries.push(entry(&name, store.put(bytes.into()).await?, size)?);
        }
        let snapshot = publish(&store, entries).await?;
        archive::pack(
            &store,
            &snapshot,
            Target::File(self.archive.clone()),
            Watch { observer: &Silent, cancel: &CancellationToken::new() },
        )
        .await?;
        Ok(())
    }
}

/// A store with so many files of noise.
pub(crate) async fn noisy_store(root: &Path, count: u64, size: usize) -> Outcome<()> {
    let store = Store::folder(root)?;
    let mut entries = Vec::new();
    for number in 0..count {
        let digest = store.put(noise(1_000_000 + number, size).into()).await?;
        entries.push(entry(&format!("noise/{number}"), digest, size as u64)?);
    }
    publish(&store, entries).await?;
    Ok(())
}

/// An archive of so many GiB that takes hardly any room: a small file, and files of zeros with holes for them.
pub(crate) async fn sparse_archive(work: &Path, gigabytes: u64) -> Outcome<PathBuf> {
    const GIB: u64 = 1 << 30;
    let root = work.join(format!("sparse-{gigabytes}"));
    let store = Store::folder(&root)?;
    let small = noise(7, SMALL);
    let mut entries = vec![entry("small.bin", store.put(small.into()).await?, SMALL as u64)?];
    // Blobs of different sizes, so that each has a digest of its own, all from hashing once.
    let mut hasher = Hasher::new();
    let zeros = vec![0; 1 << 20];
    (0..(GIB >> 20) - 1).for_each(|_| hasher.update(&zeros));
    for number in 0..gigabytes {
        hasher.update(&zeros[..4096]);
        let size = GIB - (1 << 20) + 4096 * (number + 1);
        let digest = hasher.clone().finish();
        let part = store.part(&format!("zeros {size}"))?;
        part.file().set_len(size)?;
        part.commit(digest, size).await?;
        entries.push(entry(&format!("zeros/{number}"), digest, size)?);
    }
    let snapshot = publish(&store, entries).await?;
    let path = work.join(format!("sparse-{gigabytes}.tar"));
    let target = Target::Writer(Box::new(Sparse(fs_err::File::create(&path)?)));
    archive::pack(&store, &snapshot, target, Watch { observer: &Silent, cancel: &CancellationToken::new() }).await?;
    let size = archive::size_of(&snapshot);
    fs_err::OpenOptions::new().write(true).open(&path)?.set_len(size)?;
    fs_err::remove_dir_all(root)?;
    Ok(path)
}

/// Leaves holes where zeros are written.
struct Sparse(fs_err::File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let zeros = bytes.iter().all(|byte| *byte == 0);
        match zeros {
            true => self.0.seek(SeekFrom::Current(bytes.len() as i64)).map(|_| bytes.len()),
            false => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn entry(name: &str, blob: Digest, size: u64) -> Outcome<LockEntry> {
    Ok(LockEntry {
        path: format!("files/{name}").parse()?,
        blob,
        size,
        media_type: "application/octet-stream".to_owned(),
        url: Some(format!("https://bench.example/{name}").parse()?),
        pinned: None,
        modified: None,
        purl: None,
        content: None,
    })
}

async fn publish(store: &Store, mut entries: Vec<LockEntry>) -> Outcome<Snapshot> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let lock = Lock::new("bench", Digest::of(b""), entries, Vec::new());
    let oci_index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let snapshot = Snapshot::new(&lock, |_| Bytes::from_static(oci_index.as_bytes()))?;
    store.publish(&snapshot).await?;
    Ok(snapshot)
}
