//! Damaged and hostile archives: each is refused, or found by `verify`, and no wrong byte of one is served as right.
//!
//! The damage is chosen from a printed seed; `AIRLIFT_SEED` repeats it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::files::{FileServer, UpstreamFile};
use airlift_e2e::http;
use airlift_e2e::images::{DEEP, image};
use airlift_e2e::process::{describe, output};
use airlift_e2e::random::Random;
use airlift_e2e::temporary;
use airlift_e2e::world::{Upstreams, path};

/// How many archives with one flipped bit have to be found.
const FLIPS: usize = 200;
/// How many archives that end too early have to be found.
const TRUNCATIONS: usize = 40;

/// A small archive, and what it has to serve.
struct World {
    airlift: Airlift,
    archive: Vec<u8>,
    files: Vec<UpstreamFile>,
    work: tempfile::TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let work = temporary::folder();
    let (upstreams, server) = (Upstreams::start(), FileServer::start());
    let files = vec![server.put("small", 10), server.put("middle", 70_000), server.put("large", 400_000)];
    let manifest = work.path().join("airlift.yaml");
    let urls: String = files.iter().map(|file| format!("  - {}\n", file.url)).collect();
    fs::write(
        &manifest,
        format!(
            "version: 1\nname: small\n{}images:\n  - {{ ref: {DEEP}, platforms: [linux/amd64] }}\nfiles:\n{urls}",
            upstreams.mirrors()
        ),
    )
    .expect("the manifest can be written");
    let airlift = upstreams.airlift();
    let archive = work.path().join("archive.tar");
    airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &work.path().join("store")]);
    airlift.run([path("verify"), &archive]);
    // The server ends here; the files are compared later.
    let files = files
        .into_iter()
        .map(|file| {
            let kept = work.path().join(&file.name);
            fs::copy(&file.path, &kept).expect("a file can be copied");
            UpstreamFile { path: kept, ..file }
        })
        .collect();
    World { airlift, archive: fs::read(&archive).expect("the archive can be read"), files, work }
});

/// Writes an archive for one case.
fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = WORLD.work.path().join(name);
    fs::write(&path, bytes).expect("an archive can be written");
    path
}

/// Fails unless `verify` finds fault with an archive or a store.
fn is_found(archive: &Path, what: &str) {
    let mut verify = WORLD.airlift.command([path("verify"), archive]);
    let said = output(&mut verify);
    assert!(!said.status.success(), "{what} was not found: {}", describe(&verify, &said));
    assert!(said.status.code().is_some_and(|code| code < 100), "verify crashed: {what}: {}", describe(&verify, &said));
    assert!(!said.stderr.is_empty(), "verify said nothing about {what}");
}

/// Loads an archive, if it can be loaded at all, and fails unless what arrived is what was sent.
///
/// Damage between the blobs is no reason to refuse them: who loads wants the blobs, each of which is checked.
fn loads_nothing_wrong(archive: &Path, what: &str) {
    let store = archive.with_extension("store");
    let mut load = WORLD.airlift.command([path("load"), archive, path("--store"), &store]);
    if output(&mut load).status.success() {
        let packed = archive.with_extension("packed");
        WORLD.airlift.run([path("pack"), path("--store"), &store, path("-o"), &packed]);
        assert!(fs::read(&packed).expect("the archive can be read") == WORLD.archive, "{what}: something else arrived");
    }
    // A store that was never made needs no removing.
    let _ = fs::remove_dir_all(store);
}

/// Fails unless `verify` and `load` both refuse an archive.
fn is_refused(archive: &Path, what: &str) {
    is_found(archive, what);
    let store = archive.with_extension("store");
    let mut load = WORLD.airlift.command([path("load"), archive, path("--store"), &store]);
    let said = output(&mut load);
    assert!(!said.status.success(), "{what} was loaded: {}", describe(&load, &said));
    // A store that was never made needs no removing.
    let _ = fs::remove_dir_all(store);
}

/// Serves an archive, if it can be served at all, and fails when anything comes whole and wrong.
fn serves_nothing_wrong(archive: &Path, what: &str) {
    let Ok(served) = WORLD.airlift.try_serve(archive) else { return };
    for file in &WORLD.files {
        // A connection that breaks delivers nothing.
        let Ok(answer) = http::request(served.files(), ("GET", &format!("/{}", file.name)), &[], &[]) else { continue };
        if answer.status == 200 && answer.complete {
            let expected = fs::read(&file.path).expect("the file can be read");
            assert!(answer.body == expected, "{what}: wrong bytes were served whole as {}", file.name);
        }
    }
    let deep = image(DEEP);
    for digest in [&deep.digest, &deep.amd64] {
        let place = format!("/v2/{}/{}/manifests/{digest}", deep.registry(), deep.repository());
        let Ok(answer) = http::request(served.images(), ("GET", &place), &[], &[]) else { continue };
        if answer.status == 200 && answer.complete {
            assert_eq!(airlift_e2e::digest::sha256(&answer.body), *digest, "{what}: a wrong manifest was served whole");
        }
    }
}

#[test]
fn a_flipped_bit_is_found() {
    let mut random = Random::announced("bit flips");
    for number in 0..FLIPS {
        let mut bytes = WORLD.archive.clone();
        // Half of them where the format is: the members before the blobs are small, and chance alone would miss them.
        let reach = if number % 2 == 0 { bytes.len() } else { bytes.len().min(24 << 10) };
        let position = random.below(reach as u64) as usize;
        let bit = random.below(8);
        bytes[position] ^= 1 << bit;
        let what = format!("bit {bit} of byte {position}");
        let archive = written("flipped.tar", &bytes);
        is_found(&archive, &what);
        loads_nothing_wrong(&archive, &what);
        serves_nothing_wrong(&archive, &what);
    }
}

#[test]
fn damage_in_a_store_is_found_and_mended() {
    let mut random = Random::announced("bit flips in a store");
    let archive = written("whole.tar", &WORLD.archive);
    let store = WORLD.work.path().join("damaged");
    WORLD.airlift.run([path("load"), &archive, path("--store"), &store]);
    let blobs = fs::read_dir(store.join("blobs/sha256")).expect("a store has blobs");
    for blob in blobs {
        let blob = blob.expect("a folder can be read").path();
        let good = fs::read(&blob).expect("a blob can be read");
        let mut bad = good.clone();
        bad[random.below(good.len() as u64) as usize] ^= 1 << random.below(8);
        let what = format!("a bit of {} in a store", blob.display());
        for (bytes, what) in [(&bad[..], what.clone()), (&good[..good.len() - 1], format!("{what}, cut off"))] {
            // In place of the file, not into it: it may be read-only, and another link to it may be elsewhere.
            fs::remove_file(&blob).and_then(|()| fs::write(&blob, bytes)).expect("a blob can be replaced");
            serves_nothing_wrong(&store, &what);
            is_found(&store, &what);
            assert!(!blob.exists(), "{what}: it is out of the way");
            WORLD.airlift.run([path("load"), &archive, path("--store"), &store]);
            assert!(fs::read(&blob).expect("the blob came again") == good, "{what}: it came again");
        }
    }
    WORLD.airlift.run([path("verify"), &store]);
}

#[test]
fn an_archive_that_ends_too_early_is_found() {
    let mut random = Random::announced("truncations");
    for number in 0..TRUNCATIONS {
        // The end of a tar is two empty blocks; an archive that lacks only those ended too early as well.
        let length = match number {
            0 => 0,
            1 => WORLD.archive.len() - 1,
            2 => WORLD.archive.len() - 512,
            3 => 512,
            _ => random.below(WORLD.archive.len() as u64) as usize,
        };
        let what = format!("an archive of {length} of {} bytes", WORLD.archive.len());
        let archive = written("truncated.tar", &WORLD.archive[..length]);
        is_refused(&archive, &what);
        serves_nothing_wrong(&archive, &what);
    }
}

/// One member of a tar, with the extended header that may stand before it.
#[derive(Clone)]
struct Member {
    extended: Option<(tar::Header, Vec<u8>)>,
    header: tar::Header,
    path: String,
    data: Vec<u8>,
}

/// The members of the good archive.
fn members() -> Vec<Member> {
    let mut archive = tar::Archive::new(WORLD.archive.as_slice());
    let mut extended = None;
    let mut members = Vec::new();
    for entry in archive.entries().expect("the archive is a tar").raw(true) {
        let mut entry = entry.expect("the archive is a tar");
        let path = entry.path().expect("a member has a path").to_string_lossy().into_owned();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).expect("a member can be read");
        match entry.header().entry_type() {
            tar::EntryType::XHeader => extended = Some((entry.header().clone(), data)),
            _ => members.push(Member { extended: extended.take(), header: entry.header().clone(), path, data }),
        }
    }
    members
}

/// A member that the format does not know.
fn foreign(path: &str, kind: tar::EntryType, data: &[u8]) -> Member {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    Member { extended: None, header, path: path.to_owned(), data: data.to_vec() }
}

/// Writes members as they are, however wrong their paths or sizes.
fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut write = |header: &tar::Header, data: &[u8]| {
        let mut header = header.clone();
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    };
    for member in members {
        if let Some((header, data)) = &member.extended {
            write(header, data);
        }
        write(&member.header, &member.data);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn an_archive_taken_apart_and_put_together_is_the_same() {
    // Without this, every hostile archive below could be refused for a reason that is this harness's fault.
    assert!(tar_of(&members()) == WORLD.archive);
}

#[test]
fn a_hostile_tar_is_found() {
    let good = members();
    let with = |position: usize, member: Member| {
        let mut members = good.clone();
        members.insert(position, member);
        members
    };
    let link = |kind: tar::EntryType, target: &str| {
        let mut member = foreign("blobs/sha256/link", kind, b"");
        member.header.set_link_name(target).expect("a link's target fits");
        member
    };
    let position = |prefix: &str| {
        good.iter()
            .position(|member| member.path.starts_with(prefix))
            .unwrap_or_else(|| panic!("no {prefix} in the archive"))
    };
    let (header, index, blob, last) =
        (position("airlift/header"), position("airlift/index"), position("blobs/sha256/"), good.len());
    let file = tar::EntryType::Regular;
    let unnamed = format!("blobs/sha256/{}", "0".repeat(64));
    let mut swapped = good.clone();
    swapped.swap(index, last - 1);
    let mut cases = vec![
        ("a symbolic link", with(last, link(tar::EntryType::Symlink, "/etc/passwd"))),
        ("a hard link", with(last, link(tar::EntryType::Link, "airlift/header.json"))),
        ("a device", with(last, foreign("blobs/sha256/device", tar::EntryType::Char, b""))),
        ("a pipe", with(last, foreign("blobs/sha256/pipe", tar::EntryType::Fifo, b""))),
        ("a folder", with(last, foreign("blobs/sha256/", tar::EntryType::Directory, b""))),
        ("a path that climbs", with(last, foreign("blobs/../../escaped", file, b"x"))),
        ("an absolute path", with(last, foreign("/tmp/airlift-escaped", file, b"x"))),
        ("a member of no known name", with(last, foreign("airlift/surprise", file, b"x"))),
        ("a blob that the index does not name", with(last, foreign(&unnamed, file, b"x"))),
        ("the header twice", with(header + 1, good[header].clone())),
        ("the index twice", with(index + 1, good[index].clone())),
        ("a blob twice", with(blob, good[blob].clone())),
        ("a blob less", [&good[..blob], &good[blob + 1..]].concat()),
        ("no header", [&good[..header], &good[header + 1..]].concat()),
        ("the index at the end", swapped),
        ("no member at all", Vec::new()),
    ];
    for (what, grow) in [("a size that promises more", 512_i64), ("a size that promises less", -1)] {
        let mut members = good.clone();
        let size = (members[blob].data.len() as i64 + grow).max(0) as u64;
        members[blob].header.set_size(size);
        cases.push((what, members));
    }
    let mut huge = good.clone();
    huge[blob].header.set_size(u64::MAX >> 4);
    cases.push(("a size past every disk", huge));
    for (what, members) in cases {
        let archive = written("hostile.tar", &tar_of(&members));
        is_refused(&archive, what);
        serves_nothing_wrong(&archive, what);
    }
    assert!(!Path::new("/tmp/airlift-escaped").exists(), "a member escaped");
}

#[test]
fn a_newer_major_version_is_refused_with_a_sentence() {
    let mut members = members();
    let newer =
        members.iter_mut().find(|member| member.path == "airlift/header.json").expect("an archive has a header");
    let mut header: serde_json::Value = serde_json::from_slice(&newer.data).expect("the header is JSON");
    header["format"]["major"] = 2.into();
    newer.data = header.to_string().into_bytes();
    newer.header.set_size(newer.data.len() as u64);
    let archive = written("newer.tar", &tar_of(&members));
    is_refused(&archive, "a newer major version");
    let mut verify = WORLD.airlift.command([path("verify"), &archive]);
    let said = output(&mut verify);
    assert_eq!(said.status.code(), Some(6), "{}", describe(&verify, &said));
    assert!(String::from_utf8_lossy(&said.stderr).contains("format 2"), "{}", describe(&verify, &said));
    assert!(WORLD.airlift.try_serve(&archive).is_err(), "an archive of a newer major version is served");
}

#[test]
fn what_is_no_tar_is_refused() {
    let mut random = Random::announced("noise");
    for size in [1, 511, 512, 4096, 100_000] {
        let archive = written("noise.tar", &random.bytes(size));
        let what = format!("{size} random bytes");
        is_refused(&archive, &what);
        serves_nothing_wrong(&archive, &what);
    }
}
