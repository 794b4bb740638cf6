//! Damaged and hostile archives: each is refused when it is opened or found by verify, and never loaded.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Class, Digest, Failure};
use airlift_store::archive::{self, Source};
use airlift_store::{Store, StoreError};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use proptest::prelude::*;
use serde_json::{Value, json};

use common::{Files, archive_of, files, lock, never, noise};

/// What opening or verifying in place says is wrong.
async fn in_place(bytes: &[u8]) -> Result<(), String> {
    let objects = Arc::new(InMemory::new());
    let location = object_store::path::Path::from("a.tar");
    objects.put(&location, bytes.to_vec().into()).await.expect("stored");
    let store = Store::archive_in(objects, location).await.map_err(|error| chain(&error))?;
    let report = archive::verify(&store, &Silent, &never()).await.map_err(|error| chain(&error))?;
    match report.damages.first() {
        None => Ok(()),
        Some(damage) => Err(damage.what.clone()),
    }
}

/// What loading from a pipe says is wrong; the store stays empty then.
async fn through_a_pipe(bytes: &[u8]) -> Result<(), String> {
    let store = Store::memory();
    let source = Source::Reader(Box::new(std::io::Cursor::new(bytes.to_vec())));
    let result = archive::load(source, &store, &Silent, &never()).await;
    assert_eq!(result.is_ok(), store.current_id().await.expect("readable").is_some());
    result.map(drop).map_err(|error| chain(&error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn refused(bytes: &[u8], expected: &str) {
    for result in [in_place(bytes).await, through_a_pipe(bytes).await] {
        let message = result.expect_err(expected);
        assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    }
}

/// A second writer, by the specification: archives that the first one would not write.
#[derive(Clone)]
struct Forge {
    header: Value,
    /// Members after the header and before the blobs.
    front: Vec<(String, Vec<u8>)>,
    blobs: Vec<Vec<u8>>,
}

impl Forge {
    fn new(files: &Files) -> Self {
        let lock = lock(files);
        let index = lock.index().expect("an index");
        let mut blobs = Vec::new();
        for (digest, _) in index.blobs() {
            blobs.push(files.iter().find(|(_, bytes)| Digest::of(bytes) == digest).expect("a file").1.clone());
        }
        let header = json!({
            "format": { "major": 1, "minor": 0, "reader": "0.1.0" },
            "name": "example",
            "created": "2023-11-14T22:13:20Z",
            "blobs": blobs.len(),
            "bytes": blobs.iter().map(Vec::len).sum::<usize>(),
        });
        let lines = index.to_lines();
        let front = vec![
            ("airlift/index.jsonl.zst".to_owned(), zstd::bulk::compress(&lines, 3).expect("compressed")),
            ("airlift/lock.yaml".to_owned(), lock.to_yaml().into_bytes()),
            ("oci-layout".to_owned(), b"{\"imageLayoutVersion\":\"1.0.0\"}\n".to_vec()),
            ("index.json".to_owned(), common::OCI_INDEX.to_vec()),
        ];
        let mut this = Self { header, front, blobs };
        this.describe(lines.len());
        this
    }

    /// Writes the members into the header.
    fn describe(&mut self, unpacked: usize) {
        let of = |bytes: &[u8]| (Digest::of(bytes).hex(), bytes.len());
        let (sha256, size) = of(&self.front[0].1);
        self.header["index"] = json!({ "sha256": sha256, "size": size, "unpacked": unpacked });
        let others = self.front[1..].iter().map(|(name, bytes)| {
            let (sha256, size) = of(bytes);
            json!({ "name": name, "sha256": sha256, "size": size })
        });
        self.header["members"] = others.collect();
    }

    /// Replaces the index.
    fn with_lines(mut self, lines: &[u8]) -> Self {
        self.front[0].1 = zstd::bulk::compress(lines, 3).expect("compressed");
        self.describe(lines.len());
        self
    }

    fn build(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        member(&mut bytes, "airlift/header.json", &self.header_bytes());
        self.front.iter().for_each(|(name, content)| member(&mut bytes, name, content));
        for blob in &self.blobs {
            assert!(blob.len() < 65_536, "large blobs need pax headers");
            member(&mut bytes, &format!("blobs/sha256/{}", Digest::of(blob).hex()), blob);
        }
        bytes.extend_from_slice(&[0; 1024]);
        bytes
    }

    fn header_bytes(&self) -> Vec<u8> {
        let mut text = self.header.to_string();
        assert_eq!(text.pop(), Some('}'));
        let check = Digest::of(text.as_bytes()).hex();
        format!("{text},\"check\":\"{check}\"}}\n").into_bytes()
    }
}

fn header(kind: tar::EntryType, name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(1_700_000_000);
    header.set_device_major(0).expect("a device");
    header.set_device_minor(0).expect("a device");
    header.set_cksum();
    header
}

fn member(bytes: &mut Vec<u8>, name: &str, content: &[u8]) {
    bytes.extend_from_slice(header(tar::EntryType::Regular, name, content.len() as u64).as_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
}

fn small() -> Files {
    vec![
        ("files/a".to_owned(), noise(1, 700)),
        ("files/b".to_owned(), noise(2, 1)),
        ("files/c".to_owned(), noise(3, 0)),
    ]
}

/// Where the first blob's header begins.
fn first_blob(bytes: &[u8]) -> usize {
    (0..bytes.len()).step_by(512).find(|&at| bytes[at..].starts_with(b"blobs/")).expect("a blob")
}

#[tokio::test]
async fn what_the_specification_says_is_accepted() {
    let bytes = Forge::new(&small()).build();
    assert_eq!(in_place(&bytes).await, Ok(()));
    assert_eq!(through_a_pipe(&bytes).await, Ok(()));
}

#[tokio::test]
async fn no_byte_can_change_unseen() {
    let bytes = archive_of(&small()).await;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(in_place(&changed).await.is_err(), "byte {at} of {}", bytes.len());
        assert!(through_a_pipe(&changed).await.is_err(), "byte {at} of {}", bytes.len());
    }
}

#[tokio::test]
async fn no_byte_can_be_missing_or_too_many() {
    let bytes = archive_of(&small()).await;
    let cuts = (0..bytes.len()).step_by(512).flat_map(|at| [at, at + 1, at + 511]);
    for cut in cuts.filter(|&cut| cut < bytes.len()) {
        assert!(in_place(&bytes[..cut]).await.is_err(), "{cut}");
        assert!(through_a_pipe(&bytes[..cut]).await.is_err(), "{cut}");
    }
    for more in [1, 512, 1024, 10_240] {
        let mut longer = bytes.clone();
        longer.resize(bytes.len() + more, 0);
        refused(&longer, &format!("{more} follow after its end")).await;
    }
}

#[tokio::test]
async fn other_members_in_the_place_of_a_blob_are_refused_and_described() {
    let bytes = archive_of(&small()).await;
    let at = first_blob(&bytes);
    let name = String::from_utf8_lossy(&bytes[at..at + 77]).into_owned();
    let cases = [
        (tar::EntryType::Symlink, name.as_str(), 700, "a symbolic link named"),
        (tar::EntryType::Link, &name, 700, "a hard link named"),
        (tar::EntryType::Char, &name, 700, "a device named"),
        (tar::EntryType::Fifo, &name, 700, "a pipe named"),
        (tar::EntryType::Directory, &name, 700, "a folder named"),
        (tar::EntryType::Regular, "../../etc/passwd", 700, "a file named \\\"../../etc/passwd\\\""),
        (tar::EntryType::Regular, "/etc/passwd", 700, "a file named \\\"/etc/passwd\\\""),
        (tar::EntryType::Regular, "airlift/lock.yaml", 700, "a file named \\\"airlift/lock.yaml\\\""),
        (tar::EntryType::Regular, &name, 699, "of 699 bytes"),
        (tar::EntryType::Regular, &name, 8_000_000_000, "of 8000000000 bytes"),
        (tar::EntryType::XGlobalHeader, &name, 700, "a pax header named"),
    ];
    for (kind, name, size, expected) in cases {
        let mut forged = bytes.clone();
        forged[at..at + 512].copy_from_slice(header(kind, name, size).as_bytes());
        refused(&forged, &expected.replace("\\\"", "\"")).await;
    }
}

#[tokio::test]
async fn more_members_than_the_index_names_are_refused() {
    let bytes = archive_of(&small()).await;
    let at = first_blob(&bytes);
    let mut pax = Vec::new();
    pax.extend_from_slice(header(tar::EntryType::XHeader, "PaxHeaders/x", 14).as_bytes());
    pax.extend_from_slice(b"14 size=70000\n");
    pax.resize(1024, 0);
    let mut link = header(tar::EntryType::Symlink, "blobs/sha256", 0);
    link.set_link_name("/etc").expect("a link");
    link.set_cksum();
    let twice = bytes[at..at + 1536].to_vec();
    for inserted in [pax, link.as_bytes().to_vec(), twice] {
        for place in [at, bytes.len() - 1024] {
            let mut forged = bytes[..place].to_vec();
            forged.extend_from_slice(&inserted);
            forged.extend_from_slice(&bytes[place..]);
            let (a, b) = (in_place(&forged).await, through_a_pipe(&forged).await);
            assert!(a.expect_err("too long").contains("follow after its end"));
            assert!(b.is_err());
            if place != at {
                continue;
            }
            // Of the same length as before, so that only the members themselves can give it away.
            forged.truncate(bytes.len() - 1024);
            forged.extend_from_slice(&[0; 1024]);
            assert!(in_place(&forged).await.is_err());
            assert!(through_a_pipe(&forged).await.is_err());
        }
    }
}

#[tokio::test]
async fn another_first_member_is_no_archive() {
    let mut bytes = archive_of(&small()).await;
    for (name, kind) in [("airlift/header.json", tar::EntryType::Symlink), ("../header.json", tar::EntryType::Regular)]
    {
        bytes[..512].copy_from_slice(header(kind, name, 500).as_bytes());
        refused(&bytes, "it should begin with airlift/header.json").await;
    }
    refused(b"", "it has 0 bytes").await;
    refused(&[0; 4096], "the end of the archive stands there").await;
    refused(&noise(1, 100_000), "no header of a tar member stands there").await;
}

#[tokio::test]
async fn a_newer_major_version_is_refused_with_the_version_that_reads_it() {
    let mut forge = Forge::new(&small());
    forge.header = json!({ "format": { "major": 2, "minor": 3, "reader": "4.5.0" }, "everything": "else" });
    let bytes = forge.build();
    refused(&bytes, "has format 2.3, and this Airlift reads format 1: Airlift 4.5.0 and newer read it").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, bytes).expect("written");
    let error = Store::open(&path).await.expect_err("newer");
    assert_eq!(error.class(), Class::Version);
    forge.header = json!({ "format": { "major": 7, "minor": 0 } });
    refused(&forge.build(), "an Airlift that writes format 7 reads it").await;
    forge.header = json!({ "format": { "major": 0, "minor": 1 } });
    refused(&forge.build(), "names the format 0.1, and there is none").await;
}

#[tokio::test]
async fn what_a_newer_minor_version_adds_is_ignored_and_kept() {
    let mut forge = Forge::new(&small());
    forge.front.insert(2, ("airlift/later.json".to_owned(), b"what nobody knows yet".to_vec()));
    let unpacked = forge.header["index"]["unpacked"].as_u64().expect("a number");
    forge.describe(usize::try_from(unpacked).expect("small"));
    forge.header["later"] = json!({ "a": [1, 2] });
    refused(&forge.build(), "names airlift/later.json where it can't stand").await;
    forge.header["format"]["minor"] = json!(1);
    let bytes = forge.build();
    assert_eq!(in_place(&bytes).await, Ok(()));
    let store = Store::memory();
    let source = Source::Reader(Box::new(std::io::Cursor::new(bytes.clone())));
    archive::load(source, &store, &Silent, &never()).await.expect("loaded");
    let snapshot = store.current().await.expect("readable").expect("a snapshot");
    assert!(common::pack_to_memory(&store, &snapshot).await == bytes, "what is not understood is kept");
    // It is covered by its digest all the same.
    let at = bytes.windows(6).position(|window| window == b"nobody").expect("the member");
    let mut changed = bytes;
    changed[at] ^= 1;
    refused(&changed, "airlift/later.json does not have the digest that the header names").await;
}

#[tokio::test]
async fn headers_that_lie_are_refused() {
    let forge = Forge::new(&small());
    let lie = |pointer: &str, value: Value| {
        let mut forge = forge.clone();
        *forge.header.pointer_mut(pointer).expect(pointer) = value;
        forge.build()
    };
    refused(&lie("/blobs", json!(2)), "the header promises 2 blobs").await;
    refused(&lie("/bytes", json!(0)), "the header promises 3 blobs with 0 bytes").await;
    refused(&lie("/created", json!("2024-01-01T00:00:00Z")), "its members are from 2023-11-14T22:13:20Z").await;
    refused(&lie("/name", json!("other")), "tell another name or time").await;
    refused(&lie("/index/unpacked", json!(u64::MAX)), "is the limit").await;
    refused(&lie("/index/unpacked", json!(10)), "can't be decompressed").await;
    refused(&lie("/index/size", json!(1_u64 << 40)), "airlift/index.jsonl.zst can't have 1099511627776 bytes").await;
    refused(&lie("/index/sha256", json!("00".repeat(32))), "does not have the digest that the header names").await;
    refused(&lie("/members/0/name", json!("airlift/../x")), "airlift/header.json can't be understood").await;
    refused(&lie("/members/0/name", json!("blobs/x")), "airlift/header.json can't be understood").await;
    refused(&lie("/members/0/name", json!("oci-layout")), "does not name the lock").await;
    refused(&lie("/members", json!([])), "does not name the lock").await;
    refused(&lie("/format/minor", json!(-1)), "can't be understood").await;
    let mut unchecked = forge.build();
    let at = unchecked.windows(9).position(|window| window == b"\"check\":\"").expect("a check");
    unchecked[at + 1] = b'C';
    refused(&unchecked, "does not end with its digest").await;
}

#[tokio::test]
async fn indexes_that_lie_are_refused() {
    let files = small();
    let forge = Forge::new(&files);
    let lines = String::from_utf8(lock(&files).index().expect("an index").to_lines()).expect("text");
    let with = |from: &str, to: &str| {
        assert!(lines.contains(from));
        forge.clone().with_lines(lines.replace(from, to).as_bytes()).build()
    };
    refused(&with("files/a\"", "../a\""), "has a '.' or '..' segment").await;
    refused(&with("files/a\"", "/a\""), "has an empty segment").await;
    refused(&with("files/b\"", "files/a\""), "is not sorted").await;
    refused(&with("\"size\":700", "\"size\":9223372036854775807"), "more bytes than an archive can have").await;
    refused(&with("\"size\":700", "\"size\":701"), "the header promises").await;
    refused(&with("files/b\"", "files/bb\""), "describes something else than the index").await;
    refused(&with("\"path\"", "\"way\""), "can't be read").await;
    // As many bytes as promised, and yet others.
    let bomb = vec![b'\n'; 200 << 20];
    refused(&forge.clone().with_lines(&bomb).build(), "is the limit").await;
}

#[tokio::test]
async fn blobs_that_lie_are_named_with_their_paths() {
    let files = small();
    let mut forge = Forge::new(&files);
    let digest = Digest::of(&forge.blobs[0]);
    let mut bytes = forge.build();
    let at = first_blob(&bytes) + 512 + 300;
    bytes[at] ^= 0x80;
    refused(&bytes, &format!("the blob {digest} in")).await;
    assert!(through_a_pipe(&bytes).await.expect_err("damaged").ends_with("; it is files/a"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    std::fs::write(&path, &bytes).expect("written");
    let store = Store::archive(&path).await.expect("the front is whole");
    let report = archive::verify(&store, &Silent, &never()).await.expect("verified");
    assert_eq!(report.damages.len(), 1);
    assert_eq!((report.damages[0].blob, report.damages[0].names[0].as_str()), (Some(digest), "files/a"));
    let blob = store.blob(digest, 700).await.expect("its header is whole").expect("a blob");
    assert!(matches!(blob.verify().await, Err(StoreError::Corrupt { .. })), "it is not served");
    let target = Store::folder(folder.path().join("store")).expect("a store");
    let error = archive::load(Source::File(path), &target, &Silent, &never()).await.expect_err("damaged");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(target.blob(digest, 700).await.expect("readable").is_none(), "wrong bytes never land");
    assert!(target.current_id().await.expect("readable").is_none());
    // The right name before other bytes of the same length.
    forge.blobs[0] = noise(99, 700);
    assert!(in_place(&forge.build()).await.expect_err("another blob").contains("there should be blobs/sha256/"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A larger archive with pax headers, in which anything may happen anywhere.
    #[test]
    fn random_damage_is_found(at in any::<prop::sample::Index>(), bit in 0_u32..8, kind in 0..4, length in 1_usize..3000) {
        static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let bytes = BYTES.get_or_init(|| runtime.block_on(archive_of(&files()[..10].to_vec())));
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        let mut damaged = bytes.clone();
        match kind {
            0 => damaged[at] ^= 1 << bit,
            1 => damaged.truncate(at),
            2 => drop(damaged.splice(at..end, noise(u64::from(bit) + 1, end - at))),
            _ => drop(damaged.drain(at..end)),
        }
        prop_assume!(damaged != *bytes);
        prop_assert!(runtime.block_on(in_place(&damaged)).is_err());
        prop_assert!(runtime.block_on(through_a_pipe(&damaged)).is_err());
    }
}
