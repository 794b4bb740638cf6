//! Archives: written, read in place, loaded, and read by another tar.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::io::Read;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Digest, Failure};
use airlift_store::archive::{self, Source, Target, Watch};
use airlift_store::{Snapshot, Store, StoreError};
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::prelude::*;

use common::{Files, archive_of, assert_content, collect, files, lock, never, noise, pack_to_memory};

#[tokio::test]
async fn the_same_snapshot_gives_the_same_bytes_everywhere() {
    let files = files();
    let folder = tempfile::tempdir().expect("a folder");
    let (memory, disk) = (Store::memory(), Store::folder(folder.path().join("store")).expect("a store"));
    let first = pack_to_memory(&memory, &collect(&memory, &files).await).await;
    let snapshot = collect(&disk, &files).await;
    assert_eq!(archive::size_of(&snapshot), first.len() as u64);
    disk.publish(&snapshot).await.expect("published");

    let path = folder.path().join("a.tar");
    archive::pack(&disk, &snapshot, Target::File(path.clone()), Watch { observer: &Silent, cancel: &never() })
        .await
        .expect("packed");
    assert!(std::fs::read(&path).expect("readable") == first, "a file and a pipe differ");
    assert!(!folder.path().join("a.tar.partial").exists());

    // From the published snapshot, from the archive in place, and from a store that it was loaded into.
    let published = disk.current().await.expect("readable").expect("a snapshot");
    assert_eq!(published.id(), snapshot.id());
    assert!(pack_to_memory(&disk, &published).await == first, "the published snapshot differs");
    let in_place = Store::archive(&path).await.expect("an archive");
    let again = in_place.current().await.expect("readable").expect("a snapshot");
    assert!(pack_to_memory(&in_place, &again).await == first, "the archive in place differs");
    let loaded = Store::folder(folder.path().join("loaded")).expect("a store");
    archive::load(Source::File(path), &loaded, &Silent, &never()).await.expect("loaded");
    let again = loaded.current().await.expect("readable").expect("a snapshot");
    assert!(pack_to_memory(&loaded, &again).await == first, "the loaded store differs");
}

#[tokio::test]
async fn another_tar_reads_every_member_where_the_layout_says() {
    let files = files();
    let bytes = archive_of(&files).await;
    let mut names = Vec::new();
    let mut archive = tar::Archive::new(bytes.as_slice());
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let at = entry.raw_file_position();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("readable");
        assert_eq!(entry.header().mtime().expect("a time"), 1_700_000_000);
        if let Some(hex) = name.strip_prefix("blobs/sha256/") {
            assert_eq!(Digest::of(&content).hex(), hex);
            assert!(content.len() < 65_536 || at % 4096 == 0, "{name} begins at {at}");
        }
        names.push(name);
    }
    assert_eq!(
        names[..5],
        ["airlift/header.json", "airlift/index.jsonl.zst", "airlift/lock.yaml", "oci-layout", "index.json"]
    );
    assert_eq!(names.len(), 5 + 11, "each blob once");
    assert_eq!(bytes[bytes.len() - 1024..], [0; 1024]);
}

#[tokio::test]
async fn an_archive_is_read_in_place_from_a_file_and_from_an_object() {
    let files = files();
    let bytes = archive_of(&files).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, &bytes).expect("written");
    let local = Store::open(&path).await.expect("an archive");
    assert_content(&local, &files).await;
    let objects = Arc::new(InMemory::new());
    let location = object_store::path::Path::from("in/a.tar");
    objects.put(&location, bytes.into()).await.expect("stored");
    let remote = Store::archive_in(objects, location).await.expect("an archive");
    assert_content(&remote, &files).await;

    let node = lock(&files).entries[3].clone();
    let blob = local.blob(node.blob, node.size).await.expect("readable").expect("a blob");
    let place = blob.local().expect("a local file");
    assert_eq!((place.len, &*place.path), (node.size, path.as_path()));
    assert!(local.blob(node.blob, node.size + 1).await.expect("readable").is_none(), "another size is another blob");
    assert!(local.blob(Digest::of(b"?"), 1).await.expect("readable").is_none());
    for store in [local, remote] {
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!((report.blobs, report.damages.len()), (11, 0));
        assert!(matches!(store.put(Bytes::from_static(b"x")).await, Err(StoreError::ReadOnly { .. })));
        assert!(matches!(store.part("x"), Err(StoreError::ReadOnly { .. })));
    }
}

#[tokio::test]
async fn an_archive_is_an_object_store() {
    let files = files();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, archive_of(&files).await).expect("written");
    let archive = Store::archive(&path).await.expect("an archive");
    let objects = archive.as_objects();
    // Whoever sees it as objects sees a store: every document and every blob.
    let store = Store::objects(Arc::clone(&objects));
    assert_content(&store, &files).await;
    assert_eq!(store.current_id().await.expect("readable"), archive.current_id().await.expect("readable"));
    let blobs = object_store::path::Path::from("blobs/sha256");
    let listed = objects.list_with_delimiter(Some(&blobs)).await.expect("listed");
    assert_eq!((listed.objects.len(), listed.common_prefixes.len()), (11, 0));
    let root = objects.list_with_delimiter(None).await.expect("listed");
    assert_eq!(root.common_prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["blobs", "snapshots"]);
    let location = object_store::path::Path::from("blobs/sha256/x");
    assert!(objects.put(&location, Bytes::from_static(b"x").into()).await.is_err());
    assert!(objects.delete(&location).await.is_err());
    let (_, bytes) = files.iter().find(|(_, bytes)| bytes.len() == 3_000_000).expect("a file");
    let location = object_store::path::Path::from(format!("blobs/sha256/{}", Digest::of(bytes).hex()));
    let range = objects.get_range(&location, 1_500_000..2_700_001).await.expect("readable");
    assert_eq!(range, bytes[1_500_000..2_700_001]);
}

#[tokio::test]
async fn loading_copies_what_is_missing_and_nothing_else() {
    let files = files();
    let bytes = archive_of(&files).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, &bytes).expect("written");
    let sources: [fn(&std::path::Path, &[u8]) -> Source; 2] = [
        |path, _| Source::File(path.to_owned()),
        |_, bytes| Source::Reader(Box::new(std::io::Cursor::new(bytes.to_vec()))),
    ];
    for (number, source) in sources.iter().enumerate() {
        let stores = [Store::memory(), Store::folder(folder.path().join(number.to_string())).expect("a store")];
        for store in stores {
            store.put(files[10].1.clone().into()).await.expect("stored");
            let loaded = archive::load(source(&path, &bytes), &store, &Silent, &never()).await.expect("loaded");
            assert_eq!((loaded.copied, loaded.present), (10, 1), "{}", store.describe());
            assert_content(&store, &files).await;
            let again = archive::load(source(&path, &bytes), &store, &Silent, &never()).await.expect("loaded");
            assert_eq!((again.copied, again.present, again.bytes), (0, 11, 0));
            let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
            assert_eq!((report.blobs, report.damages.len()), (11, 0));
            if let Some(root) = store.root() {
                assert_eq!(std::fs::read_dir(root.join("partial")).expect("a folder").count(), 0);
            }
        }
    }
}

#[tokio::test]
async fn an_interrupted_load_goes_on() {
    // More than may be done before the observer has heard of it.
    let files: Files = (0..2000).map(|n| (format!("files/{n}"), noise(n, 6000))).collect();
    let bytes = archive_of(&files).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, &bytes).expect("written");
    let store = Store::folder(folder.path().join("store")).expect("a store");
    // Stops after a few blobs, in the midst of others.
    struct Stop(tokio_util::sync::CancellationToken, std::sync::atomic::AtomicU32);
    impl airlift_core::Observer for Stop {
        fn observe(&self, event: &airlift_core::Event) {
            if matches!(event, airlift_core::Event::Done { .. })
                && self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 5
            {
                self.0.cancel();
            }
        }
    }
    let cancel = never();
    let stop = Stop(cancel.clone(), 0.into());
    let error = archive::load(Source::File(path.clone()), &store, &stop, &cancel).await.expect_err("stopped");
    assert!(matches!(error, StoreError::Cancelled));
    assert!(store.current().await.expect("readable").is_none(), "nothing is served before all is there");
    let loaded = archive::load(Source::File(path), &store, &Silent, &never()).await.expect("loaded");
    assert!(loaded.present >= 6 && loaded.copied > 0, "{loaded:?}");
    assert_content(&store, &files).await;
}

#[tokio::test]
async fn what_a_kill_left_behind_does_no_harm() {
    let files = files();
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path().join("store")).expect("a store");
    let snapshot = collect(&store, &files).await;
    let path = folder.path().join("a.tar");
    let partial = folder.path().join("a.tar.partial");
    std::fs::write(&partial, noise(1, 9_000_000)).expect("written");
    archive::pack(&store, &snapshot, Target::File(path.clone()), Watch { observer: &Silent, cancel: &never() })
        .await
        .expect("packed");
    assert!(std::fs::read(&path).expect("readable") == archive_of(&files).await);
    assert!(!partial.exists());
    // While another packs the same, this one does not.
    let other = std::fs::File::create(&partial).expect("made");
    other.lock().expect("locked");
    let error =
        archive::pack(&store, &snapshot, Target::File(path.clone()), Watch { observer: &Silent, cancel: &never() })
            .await
            .expect_err("busy");
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    // Halves of blobs, longer and shorter than the whole, and a temporary file without a name.
    let target = Store::folder(folder.path().join("target")).expect("a store");
    for (number, (_, bytes)) in files.iter().enumerate() {
        let part = target.part(&format!("load {}", Digest::of(bytes))).expect("a part");
        std::os::unix::fs::FileExt::write_all_at(part.file(), &noise(3, number * 50_000), 0).expect("written");
    }
    std::fs::write(folder.path().join("target/partial/x.put"), "half").expect("written");
    std::fs::write(folder.path().join("target/current.json#1"), "half").expect("written");
    archive::load(Source::File(path), &target, &Silent, &never()).await.expect("loaded");
    assert_content(&target, &files).await;
}

#[tokio::test]
async fn a_signature_travels_and_changes_the_name() {
    let store = Store::memory();
    let plain = collect(&store, &files()).await;
    let signed = plain.signed(Bytes::from_static(b"untrusted comment: x\n")).await.expect("signed");
    assert_ne!(signed.id(), plain.id());
    let bytes = pack_to_memory(&store, &signed).await;
    let target = Store::memory();
    let source = Source::Reader(Box::new(std::io::Cursor::new(bytes.clone())));
    archive::load(source, &target, &Silent, &never()).await.expect("loaded");
    let loaded = target.current().await.expect("readable").expect("a snapshot");
    let signature = loaded.signature().await.expect("readable").expect("a signature");
    assert_eq!(signature, b"untrusted comment: x\n".as_slice());
    assert!(pack_to_memory(&target, &loaded).await == bytes);
    assert_eq!(plain.signature().await.expect("readable"), None);
}

#[tokio::test]
async fn a_snapshot_keeps_its_lock_and_oci_index() {
    let files = files();
    let store = Store::memory();
    let snapshot = collect(&store, &files).await;
    store.publish(&snapshot).await.expect("published");
    let read = store.current().await.expect("readable").expect("a snapshot");
    assert_eq!(read.lock().await.expect("a lock"), lock(&files).to_yaml());
    assert_eq!(read.oci_index().await.expect("an index"), common::OCI_INDEX);
    let other = Snapshot::new(&lock(&files), |_| Bytes::from_static(b"{}")).expect("a snapshot");
    assert_ne!(other.id(), snapshot.id(), "the name covers the OCI index");
}

#[tokio::test]
async fn packing_refuses_what_it_does_not_have_and_what_does_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::memory();
    let snapshot = Snapshot::new(&lock(&files()), |_| Bytes::new()).expect("a snapshot");
    let path = folder.path().join("a.tar");
    let error =
        archive::pack(&store, &snapshot, Target::File(path.clone()), Watch { observer: &Silent, cancel: &never() })
            .await
            .expect_err("blobs");
    assert!(matches!(error, StoreError::Missing { count: 11, .. }), "{error}");
    assert!(!path.exists());

    let folder_store = Store::folder(folder.path().join("store")).expect("a store");
    let snapshot = collect(&folder_store, &files()).await;
    std::fs::create_dir(&path).expect("a folder in the way");
    let error =
        archive::pack(&folder_store, &snapshot, Target::File(path), Watch { observer: &Silent, cancel: &never() })
            .await
            .expect_err("a folder");
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error}");

    // A blob of an exabyte: the file is sparse, so that the store has it.
    let digest = Digest::of(b"huge");
    let size = 1 << 43;
    let blob = folder.path().join(format!("store/blobs/sha256/{}", digest.hex()));
    let made = std::fs::File::create(&blob).and_then(|file| file.set_len(size));
    if made.is_ok() {
        let mut huge = lock(&files());
        huge.entries[0].blob = digest;
        huge.entries[0].size = size;
        let snapshot = Snapshot::new(&huge, |_| Bytes::new()).expect("a snapshot");
        let path = folder.path().join("b.tar");
        let error =
            archive::pack(&folder_store, &snapshot, Target::File(path), Watch { observer: &Silent, cancel: &never() })
                .await
                .expect_err("space");
        assert_eq!(error.class(), airlift_core::Class::Space, "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing is left behind");
    }
}

#[tokio::test]
async fn packing_refuses_the_damage_that_it_sees() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path().join("store")).expect("a store");
    let snapshot = collect(&store, &files()).await;
    // Whoever lets go of the store's lock has waited until every blob has its name.
    drop(store.lock_exclusive().expect("a lock"));
    for (path, bytes) in files().iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let blob = folder.path().join(format!("store/blobs/sha256/{}", Digest::of(bytes).hex()));
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        std::fs::write(&blob, changed).expect("written");
        let pipe = Target::Writer(Box::new(common::Shared::default()));
        // Larger blobs are copied into a file without a look at them.
        let file = (bytes.len() < 65_536).then(|| Target::File(folder.path().join("a.tar")));
        for target in file.into_iter().chain([pipe]) {
            let packing = archive::pack(&store, &snapshot, target, Watch { observer: &Silent, cancel: &never() }).await;
            let error = packing.expect_err("a damaged blob");
            assert!(matches!(&error, StoreError::Corrupt { digest, .. } if *digest == Digest::of(bytes)), "{error}");
            let again = bytes.len() == 200_000 && error.to_string().contains("; it is files/again.bin");
            assert!(again || error.to_string().contains(path), "{error}");
            assert!(error.hint().expect("a hint").contains("airlift verify"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
        std::fs::write(&blob, bytes).expect("written");
    }
    let target = Target::File(folder.path().join("a.tar"));
    archive::pack(&store, &snapshot, target, Watch { observer: &Silent, cancel: &never() }).await.expect("packed");
}

#[tokio::test]
async fn packing_does_not_follow_a_symbolic_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path().join("store")).expect("a store");
    let snapshot = collect(&store, &files()).await;
    let path = folder.path().join("a.tar");
    let other = folder.path().join("other");
    for there in [true, false] {
        if there {
            std::fs::write(&other, "mine").expect("written");
        }
        let link = folder.path().join("a.tar.partial");
        std::os::unix::fs::symlink(&other, &link).expect("a link");
        let target = Target::File(path.clone());
        let packing = archive::pack(&store, &snapshot, target, Watch { observer: &Silent, cancel: &never() }).await;
        let error = packing.expect_err("a link is in the way");
        assert!(matches!(&error, StoreError::InTheWay { path, .. } if *path == link), "{error}");
        assert_eq!((other.exists(), link.is_symlink()), (there, true), "neither was touched");
        std::fs::remove_file(&link).expect("removed");
        let _ = std::fs::remove_file(&other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_snapshot_survives_packing_and_loading(
        contents in proptest::collection::btree_map("[a-d]{1,3}", (0_u64..50, prop_oneof![0_usize..2000, 60_000_usize..70_000]), 0..12)
    ) {
        let files: Files = contents.iter().map(|(name, &(seed, size))| (format!("files/{name}"), noise(seed, size))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let bytes = archive_of(&files).await;
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.tar");
            std::fs::write(&path, &bytes).expect("written");
            let in_place = Store::archive(&path).await.expect("an archive");
            assert_content(&in_place, &files).await;
            let report = archive::verify(&in_place, &Silent, &never()).await.expect("verified");
            assert_eq!(report.damages, []);
            let store = Store::memory();
            archive::load(Source::Reader(Box::new(std::io::Cursor::new(bytes))), &store, &Silent, &never()).await.expect("loaded");
            assert_content(&store, &files).await;
        });
    }
}
