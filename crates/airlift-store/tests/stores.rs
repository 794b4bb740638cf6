//! Stores: the same behaviour in memory, in a folder and in an object store.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Class, Digest, Failure};
use airlift_store::archive::{self, Watch};
use airlift_store::{Snapshot, Store, StoreError};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use common::{Files, OCI_INDEX, assert_content, collect, files, lock, never, noise};

/// Every kind of store that can be written to.
fn stores(folder: &Path) -> Vec<Store> {
    let objects = folder.join("objects");
    std::fs::create_dir(&objects).expect("a folder");
    vec![
        Store::memory(),
        Store::folder(folder.join("store")).expect("a store"),
        Store::objects(Arc::new(LocalFileSystem::new_with_prefix(objects).expect("a store"))),
    ]
}

fn one(seed: u64) -> Files {
    vec![(format!("files/{seed}"), noise(seed, 1000)), ("files/same".to_owned(), noise(0, 2000))]
}

#[tokio::test]
async fn blobs_are_read_whole_in_ranges_and_in_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()) {
        let bytes = noise(1, 3_000_001);
        let digest = store.put(bytes.clone().into()).await.expect("stored");
        assert_eq!(store.put(bytes.clone().into()).await.expect("stored again"), digest);
        let blob = store.blob(digest, 3_000_001).await.expect("readable").expect("a blob");
        assert_eq!(blob.local().is_some(), store.root().is_some());
        assert_eq!(blob.bytes(3_000_001).await.expect("readable"), bytes);
        assert!(matches!(blob.bytes(3_000_000).await, Err(StoreError::Limit { .. })));
        assert_eq!(blob.range(7..1_000_008).await.expect("readable"), bytes[7..1_000_008]);
        assert_eq!(blob.range(3_000_000..9_000_000).await.expect("readable"), bytes[3_000_000..]);
        assert_eq!(blob.range(4_000_000..9_000_000).await.expect("readable"), b"".as_slice());
        let chunks: Vec<Bytes> = blob.stream(1..3_000_001).try_collect().await.expect("readable");
        assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.len() >= 256 * 1024));
        assert!(chunks.concat() == bytes[1..]);
        blob.verify().await.expect("whole");
        assert!(store.blob(digest, 3_000_000).await.expect("readable").is_none());
        assert_eq!(store.find(digest).await.expect("readable").expect("a blob").size(), 3_000_001);
        assert!(store.find(Digest::of(b"?")).await.expect("readable").is_none());
        assert!(store.blob(Digest::of(b"?"), 1).await.expect("readable").is_none());
        let empty = store.put(Bytes::new()).await.expect("stored");
        let blob = store.blob(empty, 0).await.expect("readable").expect("a blob");
        assert_eq!(blob.bytes(0).await.expect("readable"), b"".as_slice());
        blob.verify().await.expect("whole");
    }
}

#[tokio::test]
async fn what_is_lacking_is_told_in_its_order_however_many_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()) {
        let mut all = Vec::new();
        for seed in 0..1000_u64 {
            // Every tenth is there; one that has just been put has no name yet.
            let (bytes, there) = (noise(seed, 100), seed % 10 == 0);
            let digest = if there { store.put(bytes.into()).await.expect("stored") } else { Digest::of(&bytes) };
            all.push(((digest, if seed == 500 { 99 } else { 100 }), there && seed != 500));
        }
        for few in [&all[..], &all[495..505], &all[500..501], &all[10..11], &all[11..12], &[]] {
            let lacking: Vec<_> = few.iter().filter(|(_, there)| !there).map(|(blob, _)| *blob).collect();
            let asked = few.iter().map(|(blob, _)| *blob).collect();
            assert_eq!(store.lacking(asked).await.expect("looked for"), lacking, "{}", store.describe());
        }
    }
}

#[tokio::test]
async fn nothing_is_published_before_all_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()) {
        assert_eq!(store.current_id().await.expect("readable"), None);
        assert!(matches!(archive::verify(&store, &Silent, &never()).await, Err(StoreError::Empty { .. })));
        let files = one(1);
        let snapshot = Snapshot::new(&lock(&files), |_| Bytes::from_static(OCI_INDEX)).expect("a snapshot");
        store.put(files[0].1.clone().into()).await.expect("stored");
        let error = store.publish(&snapshot).await.expect_err("a blob is missing");
        assert!(error.to_string().contains("lacks 1 of the blobs"), "{error}");
        assert!(error.to_string().contains("files/same"), "{error}");
        assert_eq!(store.current_id().await.expect("readable"), None);
        collect(&store, &files).await;
        assert_eq!(store.publish(&snapshot).await.expect("published"), snapshot.id());
        assert_content(&store, &files).await;
    }
}

#[tokio::test]
async fn snapshots_are_kept_switched_back_and_pruned() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()) {
        assert!(matches!(store.rollback().await, Err(StoreError::Empty { .. })));
        let mut ids = Vec::new();
        for seed in 1..=4 {
            let snapshot = collect(&store, &one(seed)).await;
            ids.push(store.publish(&snapshot).await.expect("published"));
        }
        store.publish(&collect(&store, &one(4)).await).await.expect("once more is no more");
        let listed = store.snapshots().await.expect("listed");
        assert_eq!(listed.iter().map(|info| info.id).collect::<Vec<_>>(), ids);
        assert_eq!(listed.iter().map(|info| info.current).collect::<Vec<_>>(), [false, false, false, true]);
        assert_eq!(store.rollback().await.expect("back"), ids[2]);
        assert_content(&store, &one(3)).await;
        assert_eq!(store.rollback().await.expect("back"), ids[1]);

        // The current one and the newest stay.
        let would = store.prune(1, true).await.expect("planned");
        assert_eq!((would.snapshots.len(), would.blobs, would.bytes), (2, 2, 2000));
        assert_content(&store, &one(2)).await;
        let pruned = store.prune(1, false).await.expect("pruned");
        assert_eq!(pruned, would);
        assert_content(&store, &one(2)).await;
        assert!(store.snapshot(ids[0]).await.expect("readable").is_none());
        assert!(store.snapshot(ids[3]).await.expect("readable").is_some());
        assert!(matches!(store.rollback().await, Err(StoreError::Oldest { .. })));
        assert_eq!(store.prune(2, false).await.expect("pruned"), airlift_store::Pruned::default());
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!((report.blobs, report.damages.len()), (3, 0));
        // What was published before can come again.
        assert_eq!(store.publish(&collect(&store, &one(1)).await).await.expect("published"), ids[0]);
        assert_content(&store, &one(1)).await;
    }
}

#[tokio::test]
async fn a_part_survives_and_becomes_a_blob() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in stores(folder.path()) {
        let bytes = noise(5, 300_000);
        let key = "https://example.org/größe?x=1";
        let part = store.part(key).expect("a part");
        assert!(matches!(store.part(key), Err(StoreError::Busy { .. })) == store.root().is_some(), "it is locked");
        part.file().write_all_at(&bytes[..100_000], 0).expect("written");
        part.set_notes(&vec!["etag".to_owned()]).expect("noted");
        assert_eq!(part.len(), 100_000);
        let part = match store.root() {
            // What is temporary is gone when it is dropped; a folder keeps it.
            None => part,
            Some(_) => {
                drop(part);
                store.part(key).expect("the same part")
            }
        };
        assert_eq!((part.len(), part.notes::<Vec<String>>()), (100_000, Some(vec!["etag".to_owned()])));
        part.file().write_all_at(&bytes[100_000..], 100_000).expect("written");
        let digest = Digest::of(&bytes);
        part.commit(digest, 300_000).await.expect("committed");
        let blob = store.blob(digest, 300_000).await.expect("readable").expect("a blob");
        blob.verify().await.expect("whole");
        let part = store.part(key).expect("a new part");
        assert_eq!((part.len(), part.notes::<Vec<String>>()), (0, None));
        part.file().write_all_at(b"abc", 0).expect("written");
        part.truncate(2).expect("cut");
        assert!(matches!(part.commit(digest, 3).await, Err(StoreError::Corrupt { .. })), "another size");
        let blob = store.blob(digest, 300_000).await.expect("readable").expect("a blob");
        blob.verify().await.expect("what came by the same key later is something else");
        store.part(key).expect("a part").discard().expect("discarded");
        drop(store.lock_exclusive().expect("locked"));
        if let Some(root) = store.root() {
            let named = root.join("blobs/sha256").join(digest.hex());
            assert!(named.exists(), "what was stored has its name before the store is unlocked");
            assert_eq!(std::fs::read_dir(root.join("partial")).expect("a folder").count(), 0);
        }
    }
}

#[tokio::test]
async fn pruning_removes_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let part = store.part("x").expect("a part");
    part.file().write_all_at(b"abc", 0).expect("written");
    part.set_notes(&1).expect("noted");
    drop(part);
    let pruned = store.prune(1, false).await.expect("pruned");
    assert_eq!((pruned.parts, pruned.bytes > 4), (1, true), "one download, however many files it has");
    assert_eq!(store.part("x").expect("a part").len(), 0);
}

#[tokio::test]
async fn a_memo_lives_as_long_as_its_blob() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    store.publish(&collect(&store, &one(1)).await).await.expect("published");
    let kept = Digest::of(&one(1)[0].1);
    let unnamed = store.put(noise(9, 50).into()).await.expect("stored");
    for (key, blob) in [("kept", kept), ("unnamed", unnamed), ("gone", Digest::of(b"gone"))] {
        assert_eq!(store.memo::<String>(key), None);
        store.set_memo(key, blob, &format!("of {key}"));
        assert_eq!(store.memo(key), Some(format!("of {key}")));
    }
    let old = folder.path().join("memos/0a.json");
    std::fs::write(&old, "{}").expect("written");
    drop(store.lock_exclusive().expect("locked"));
    assert_eq!(std::fs::read_dir(folder.path().join("partial")).expect("a folder").count(), 0);
    for dry_run in [true, false] {
        let pruned = store.prune(1, dry_run).await.expect("pruned");
        assert_eq!((pruned.blobs, pruned.parts), (1, 0));
        assert_eq!(store.memo("unnamed"), dry_run.then(|| "of unnamed".to_owned()));
        assert_eq!(old.exists(), dry_run, "what earlier versions remembered");
    }
    assert_eq!((store.memo::<String>("kept"), store.memo::<String>("gone")), (Some("of kept".to_owned()), None));
    let memory = Store::memory();
    memory.set_memo("x", kept, &1);
    assert_eq!(memory.memo::<u8>("x"), None);
}

#[tokio::test]
async fn notes_of_before_a_restart_of_the_machine_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let part = store.part("x").expect("a part");
    assert!(!part.is_safe(), "nothing was noted");
    part.set_notes(&7).expect("noted");
    drop(part);
    let part = store.part("x").expect("a part");
    assert_eq!((part.is_safe(), part.notes()), (true, Some(7)));
    // As if they were written before a power cut.
    let path = part.path().with_extension("json");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux");
    let text = std::fs::read_to_string(&path).expect("notes");
    assert!(text.contains(boot.trim()));
    std::fs::write(&path, text.replace(boot.trim(), "another")).expect("written");
    assert_eq!((part.is_safe(), part.notes()), (false, Some(7)));
}

#[tokio::test]
async fn damage_in_a_store_is_found_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let files = files();
    store.publish(&collect(&store, &files).await).await.expect("published");
    let path = |bytes: &[u8]| folder.path().join(format!("blobs/sha256/{}", Digest::of(bytes).hex()));
    let twice = path(&files[9].1);
    let mut changed = std::fs::read(&twice).expect("readable");
    changed[77] ^= 1;
    std::fs::write(&twice, changed).expect("written");
    std::fs::remove_file(path(&files[1].1)).expect("removed");
    std::fs::write(path(&files[2].1), b"short").expect("written");
    let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
    let names: Vec<Vec<&str>> =
        report.damages.iter().map(|damage| damage.names.iter().map(|name| name.as_str()).collect()).collect();
    assert_eq!(
        names,
        [
            vec!["files/again.bin", "files/example.org/200000.bin"],
            vec!["files/example.org/1.bin"],
            vec!["files/example.org/511.bin"]
        ]
    );
    assert!(report.damages[0].what.contains(&twice.display().to_string()), "{}", report.damages[0].what);

    let snapshot = store.current_id().await.expect("readable").expect("a snapshot").digest().hex();
    for name in ["airlift/lock.yaml", "airlift/index.jsonl.zst", "airlift/header.json", "oci-layout", "index.json"] {
        let path = folder.path().join(format!("snapshots/{snapshot}/{name}"));
        let good = std::fs::read(&path).expect("readable");
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 4;
        std::fs::write(&path, bad).expect("written");
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        let first = &report.damages[0].what;
        assert!(first.contains(name) || first.contains("header of the snapshot"), "{name}: {first}");
        std::fs::write(&path, good).expect("written");
    }
}

#[tokio::test]
async fn what_is_damaged_in_a_store_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = files();
    let archive = folder.path().join("a.tar");
    std::fs::write(&archive, common::archive_of(&files).await).expect("written");
    for store in stores(folder.path()) {
        let load = || async {
            let source = archive::Source::File(archive.clone());
            archive::load(source, &store, &Silent, &never()).await.expect("loaded")
        };
        load().await;
        let bytes = &files[9].1;
        let digest = Digest::of(bytes);
        let key = format!("blobs/sha256/{}", digest.hex()).into();
        let mut changed = bytes.clone();
        changed[77] ^= 1;
        store.as_objects().put(&key, changed.into()).await.expect("written");
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!((report.damages.len(), report.moved), (1, 1));
        let place = format!("; it was moved to damaged/{}", digest.hex());
        assert!(report.damages[0].what.ends_with(&place), "{}", report.damages[0].what);
        // Now it is simply not there, which everybody notices.
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!((report.damages.len(), report.moved, report.damages[0].blob), (1, 0, Some(digest)));
        assert_eq!(load().await.copied, 1);
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!((report.damages, report.moved), (vec![], 0));
        assert_content(&store, &files).await;
        assert_eq!(store.prune(1, false).await.expect("pruned").damaged, 1);
        assert_eq!(store.prune(1, false).await.expect("pruned").damaged, 0);
    }
}

#[tokio::test]
async fn what_is_damaged_stays_while_the_store_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    store.publish(&collect(&store, &one(1)).await).await.expect("published");
    let path = folder.path().join(format!("blobs/sha256/{}", Digest::of(&one(1)[0].1).hex()));
    let mut changed = std::fs::read(&path).expect("readable");
    changed[0] ^= 1;
    std::fs::write(&path, &changed).expect("written");
    let guard = store.lock_exclusive().expect("a lock");
    let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
    drop(guard);
    assert_eq!((report.damages.len(), report.moved), (1, 0));
    assert!(report.damages[0].what.contains("is in use by another Airlift"), "{}", report.damages[0].what);
    assert_eq!(std::fs::read(&path).expect("still there"), changed);
}

#[tokio::test]
async fn what_this_user_may_not_read_is_not_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    store.publish(&collect(&store, &one(1)).await).await.expect("published");
    let path = folder.path().join(format!("blobs/sha256/{}", Digest::of(&one(1)[0].1).hex()));
    // Root may read what has no permissions, so a loop of links stands for what the system refuses.
    std::fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink(&path, &path).expect("a loop");
    let error = archive::verify(&store, &Silent, &never()).await.expect_err("no verdict");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(error.class(), Class::Machine);
}

#[tokio::test]
async fn a_folder_with_other_things_is_no_store() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.txt"), "mine").expect("written");
    let error = Store::folder(folder.path()).expect_err("not empty");
    assert!(
        error.to_string().ends_with("it has other things in it, such as notes.txt, and no airlift-store.json"),
        "{error}"
    );
    let error = Store::open(folder.path()).await.expect_err("no store");
    assert!(error.to_string().ends_with("there is no airlift-store.json in it"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing was written");
    let error = Store::open(&folder.path().join("none")).await.expect_err("not there");
    assert_eq!(error.class(), Class::Machine);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    Store::folder(folder.path()).expect("a store");
    let newer = r#"{"format":{"major":2,"minor":0,"reader":"3.0.0"}}"#;
    std::fs::write(folder.path().join("airlift-store.json"), newer).expect("written");
    for error in
        [Store::folder(folder.path()).expect_err("newer"), Store::open(folder.path()).await.expect_err("newer")]
    {
        assert_eq!(error.class(), Class::Version);
        assert!(error.to_string().ends_with("Airlift 3.0.0 and newer read it"), "{error}");
    }
}

#[tokio::test]
async fn one_program_at_a_time_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let guard = store.lock_exclusive().expect("locked");
    let error = Store::open(folder.path()).await.expect("a store").lock_exclusive().expect_err("locked already");
    assert!(error.to_string().ends_with(&format!("another Airlift (process {})", std::process::id())), "{error}");
    drop(guard);
    let _guard = store.lock_exclusive().expect("free again");
}

#[tokio::test]
async fn two_who_publish_at_once_do_not_lose_a_snapshot() {
    let objects = Arc::new(InMemory::new());
    let store = Store::objects(Arc::clone(&objects) as Arc<_>);
    let mut all = Vec::new();
    for seed in 1..=6 {
        all.push(collect(&store, &one(seed)).await);
    }
    let published = futures::future::join_all(all.iter().map(|snapshot| store.publish(snapshot))).await;
    let won: Vec<_> = published.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert!(!won.is_empty());
    for result in &published {
        assert!(matches!(result, Ok(_) | Err(StoreError::Raced { .. })), "{result:?}");
    }
    let kept: Vec<_> = store.snapshots().await.expect("listed").iter().map(|info| info.id).collect();
    assert!(won.iter().all(|id| kept.contains(id)), "who was told that it is published is");
}

#[tokio::test]
async fn export_writes_plain_files_and_an_oci_layout() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path().join("store")).expect("a store");
    let config = b"{\"config\":1}".to_vec();
    let layer = noise(3, 100_000);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/config","digest":"{}","size":12}},"layers":[{{"mediaType":"a/layer","digest":"{}","size":100000}},{{"digest":"sha256:{}"}}]}}"#,
        Digest::of(&config), Digest::of(&layer), "0".repeat(64)
    ).into_bytes();
    let files: Files = vec![
        ("files/example.org/a b.bin".to_owned(), noise(9, 5000)),
        ("files/a b.bin".to_owned(), noise(9, 5000)),
        (format!("oci/r/manifests/{}", Digest::of(&manifest)), manifest.clone()),
        ("oci/r/manifests/1".to_owned(), manifest.clone()),
        (format!("oci/r/blobs/{}", Digest::of(&config)), config.clone()),
        (format!("oci/r/blobs/{}", Digest::of(&layer)), layer.clone()),
    ];
    collect(&store, &files).await;
    let oci = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{}}}]}}"#,
        Digest::of(&manifest),
        manifest.len()
    );
    let snapshot = Snapshot::new(&lock(&files), |_| oci.clone().into()).expect("a snapshot");
    store.publish(&snapshot).await.expect("published");
    let dir = folder.path().join("out/deep");
    for round in 0..2 {
        let exported = archive::export(&store, &snapshot, &dir, Watch { observer: &Silent, cancel: &never() })
            .await
            .expect("exported");
        assert_eq!((exported.files, exported.layout), (6, 3), "round {round}");
        for (path, bytes) in &files {
            assert!(std::fs::read(dir.join(path)).expect(path) == *bytes, "{path}");
        }
        for bytes in [&manifest, &config, &layer] {
            let path = dir.join(format!("blobs/sha256/{}", Digest::of(bytes).hex()));
            assert!(std::fs::read(path).expect("a blob") == *bytes);
        }
        assert_eq!(std::fs::read(dir.join("index.json")).expect("an index"), oci.as_bytes());
        assert!(dir.join("oci-layout").exists());
        let time = dir.join("files/a b.bin").metadata().and_then(|meta| meta.modified()).expect("a time");
        assert_eq!(airlift_core::Time::from(time).seconds(), 1_600_000_000);
        // Damage in the export does not reach the store, and the next export repairs it.
        std::fs::write(dir.join("files/a b.bin"), noise(10, 5000)).expect("written");
        let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
        assert_eq!(report.damages, []);
    }
}

#[tokio::test]
async fn export_never_follows_a_symbolic_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::memory();
    let files = one(1);
    let snapshot = collect(&store, &files).await;
    let (dir, outside) = (folder.path().join("out"), folder.path().join("outside"));
    std::fs::create_dir(&dir).expect("a folder");
    std::fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, dir.join("files")).expect("a link");
    let error = archive::export(&store, &snapshot, &dir, Watch { observer: &Silent, cancel: &never() })
        .await
        .expect_err("a link");
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error}");
    std::fs::remove_file(dir.join("files")).expect("removed");
    std::fs::create_dir(dir.join("files")).expect("a folder");
    std::fs::write(outside.join("target"), "keep").expect("written");
    std::os::unix::fs::symlink(outside.join("target"), dir.join("files/1")).expect("a link");
    let error = archive::export(&store, &snapshot, &dir, Watch { observer: &Silent, cancel: &never() })
        .await
        .expect_err("a link");
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error}");
    assert_eq!(std::fs::read(outside.join("target")).expect("readable"), b"keep");
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 1);
}

#[tokio::test]
async fn export_refuses_a_file_that_is_a_folder_too() {
    let store = Store::memory();
    let files = vec![("files/a".to_owned(), noise(1, 5)), ("files/a/b".to_owned(), noise(2, 5))];
    let snapshot = collect(&store, &files).await;
    let folder = tempfile::tempdir().expect("a folder");
    let error = archive::export(&store, &snapshot, folder.path(), Watch { observer: &Silent, cancel: &never() })
        .await
        .expect_err("both");
    assert_eq!(error.to_string(), "files/a can't be a file, since files/a/b lies below it");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}
