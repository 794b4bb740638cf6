//! What the tests of this crate share: content, and the snapshot of it.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses a part of it")]

use airlift_core::event::Silent;
use airlift_core::{Digest, Lock, LockEntry, Time};
use airlift_store::archive::{self, Target, Watch};
use airlift_store::{Snapshot, Store};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub const OCI_INDEX: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

/// Paths and what is there.
pub type Files = Vec<(String, Vec<u8>)>;

/// Bytes that look random and are the same each time.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Files of all the sizes that matter to the layout.
pub fn files() -> Files {
    let sizes = [0, 1, 511, 512, 513, 4096, 65_535, 65_536, 65_537, 200_000, 3_000_000];
    let mut files: Files =
        sizes.iter().map(|&size| (format!("files/example.org/{size}.bin"), noise(size as u64 + 7, size))).collect();
    files.push(("files/again.bin".to_owned(), noise(200_007, 200_000)));
    files
}

pub fn lock(files: &Files) -> Lock {
    let mut entries: Vec<LockEntry> = files
        .iter()
        .map(|(path, bytes)| LockEntry {
            path: path.parse().expect("a path"),
            blob: Digest::of(bytes),
            size: bytes.len() as u64,
            media_type: "application/octet-stream".to_owned(),
            url: Some(format!("https://example.org/{path}").parse().expect("a URL")),
            pinned: None,
            modified: Some(Time::from_seconds(1_600_000_000)),
            purl: None,
            content: None,
        })
        .collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Lock {
        version: 1,
        name: "example".to_owned(),
        created: Time::from_seconds(1_700_000_000),
        manifest: Digest::of(b"the manifest"),
        entries,
        omitted: Vec::new(),
        notices: Vec::new(),
    }
}

/// Puts everything into a store, as collecting does.
pub async fn collect(store: &Store, files: &Files) -> Snapshot {
    for (_, bytes) in files {
        store.put(bytes.clone().into()).await.expect("stored");
    }
    Snapshot::new(&lock(files), |_| Bytes::from_static(OCI_INDEX)).expect("a snapshot")
}

/// The archive of these files.
pub async fn archive_of(files: &Files) -> Vec<u8> {
    let store = Store::memory();
    let snapshot = collect(&store, files).await;
    pack_to_memory(&store, &snapshot).await
}

pub async fn pack_to_memory(store: &Store, snapshot: &Snapshot) -> Vec<u8> {
    let written = Shared::default();
    let target = Target::Writer(Box::new(written.clone()));
    let packed = archive::pack(store, snapshot, target, Watch { observer: &Silent, cancel: &CancellationToken::new() })
        .await
        .expect("packed");
    let bytes = std::mem::take(&mut *written.0.lock().expect("a lock"));
    assert_eq!(packed.bytes, bytes.len() as u64);
    bytes
}

/// A pipe into memory.
#[derive(Clone, Default)]
pub struct Shared(pub std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn never() -> CancellationToken {
    CancellationToken::new()
}

/// Everything that a snapshot names is there, and is what it was.
pub async fn assert_content(store: &Store, files: &Files) {
    let snapshot = store.current().await.expect("readable").expect("a snapshot");
    assert_eq!(*snapshot.index, lock(files).index().expect("an index"));
    for (path, bytes) in files {
        let node = snapshot.index.get(path).expect(path);
        let blob = store.blob(node.blob, node.size).await.expect("readable").expect(path);
        assert_eq!(blob.bytes(u64::MAX).await.expect("readable"), *bytes, "{path}");
        blob.verify().await.expect(path);
    }
}
