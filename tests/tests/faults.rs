//! Upstreams that break: collect finishes all the same, or names what upstream broke, and wrong bytes never land.
//!
//! What breaks is chosen from a printed seed; `AIRLIFT_SEED` repeats it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use airlift_e2e::airlift::Airlift;
use airlift_e2e::digest::sha256_of_file;
use airlift_e2e::faulty::{Fault, Faulty};
use airlift_e2e::files::FileServer;
use airlift_e2e::images::{DEEP, images};
use airlift_e2e::process::{describe, output};
use airlift_e2e::random::Random;
use airlift_e2e::registry::{Registry, Upstream};
use airlift_e2e::temporary;
use airlift_e2e::tools::say;

/// A registry and a file server, each behind something that spoils its answers.
struct World {
    registry: Faulty,
    files: Faulty,
    manifest: String,
    /// The archive of a run in which nothing broke.
    archive_digest: String,
    work: tempfile::TempDir,
    _upstream: (Registry, FileServer),
}

impl World {
    fn new(random: &mut Random) -> Self {
        let work = temporary::folder();
        let (server, upstream) = (FileServer::start(), Upstream::Quay.start_open(&images().folder.join("quay.io")));
        let registry = Faulty::before(upstream.address(), random.number());
        let files = Faulty::before(server.address(), random.number());
        let mut manifest = format!(
            "version: 1\nname: faults\nmirrors: {{ quay.io: \"http://{}\" }}\nimages:\n  - {DEEP}\nfiles:\n",
            registry.address()
        );
        for (name, size) in [("first", 3_000_000), ("second", 50_000), ("third", 700)] {
            let file = server.put(name, size);
            let digest = sha256_of_file(&file.path).replace("sha256:", "");
            let url = format!("http://{}/{name}", files.address());
            manifest.push_str(&format!("  - {{ url: \"{url}\", sha256: \"{digest}\" }}\n"));
        }
        let mut world =
            Self { registry, files, manifest, archive_digest: String::new(), work, _upstream: (upstream, server) };
        let undisturbed = world.collect("undisturbed");
        assert!(undisturbed.said.status.success(), "{}", undisturbed.describe());
        world.archive_digest = sha256_of_file(&undisturbed.archive());
        world
    }

    fn spoil(&self, faults: &[Fault], per_path: usize) {
        self.registry.spoil(faults, "", per_path);
        self.files.spoil(faults, "", per_path);
    }

    fn spoiled(&self) -> usize {
        self.registry.spoiled() + self.files.spoiled()
    }

    fn collect(&self, name: &str) -> Collected {
        let folder = self.work.path().join(name);
        fs::create_dir(&folder).expect("a folder can be made");
        fs::write(folder.join("airlift.yaml"), &self.manifest).expect("the manifest can be written");
        let mut command = Airlift::new().command(["collect", "airlift.yaml", "-o", "archive.tar", "--store", "store"]);
        command.args(["--stall", "2", "--attempts", "8"]).current_dir(&folder);
        let said = output(&mut command);
        Collected { folder, command, said }
    }
}

/// What a run of collect left.
struct Collected {
    folder: PathBuf,
    command: Command,
    said: Output,
}

impl Collected {
    fn archive(&self) -> PathBuf {
        self.folder.join("archive.tar")
    }

    fn describe(&self) -> String {
        describe(&self.command, &self.said)
    }

    /// Fails unless every blob in the store has the digest that is its name.
    fn holds_nothing_wrong(&self) {
        let Ok(blobs) = fs::read_dir(self.folder.join("store/blobs/sha256")) else { return };
        for blob in blobs {
            let blob = blob.expect("a folder can be read").path();
            let name = format!("sha256:{}", name_of(&blob));
            assert_eq!(sha256_of_file(&blob), name, "wrong bytes landed: {}", self.describe());
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

#[test]
fn collect_finishes_when_faults_pass() {
    let mut random = Random::announced("passing faults");
    let world = World::new(&mut random);
    world.spoil(&Fault::PASSING, 2);
    let collected = world.collect("passing");
    let spoiled = world.spoiled();
    assert!(collected.said.status.success(), "{spoiled} answers were spoiled: {}", collected.describe());
    assert!(spoiled > 0, "nothing was spoiled");
    collected.holds_nothing_wrong();
    assert_eq!(sha256_of_file(&collected.archive()), world.archive_digest, "{}", collected.describe());
    say(&format!("passing faults: {spoiled} answers were spoiled"));
}

#[test]
fn each_fault_alone_passes() {
    let mut random = Random::announced("each fault alone");
    let world = World::new(&mut random);
    for fault in Fault::PASSING {
        world.spoil(&[fault], 1);
        let collected = world.collect(&format!("{fault:?}"));
        assert!(collected.said.status.success(), "{fault:?}: {}", collected.describe());
        assert!(world.spoiled() > 0, "{fault:?}: nothing was spoiled");
        assert_eq!(sha256_of_file(&collected.archive()), world.archive_digest, "{fault:?}: {}", collected.describe());
    }
}

#[test]
fn wrong_bytes_never_land() {
    let mut random = Random::announced("lying upstreams");
    let world = World::new(&mut random);
    world.spoil(&[Fault::PASSING.as_slice(), &Fault::LYING].concat(), 2);
    let collected = world.collect("lying");
    collected.holds_nothing_wrong();
    if collected.said.status.success() {
        assert_eq!(sha256_of_file(&collected.archive()), world.archive_digest, "{}", collected.describe());
    } else {
        assert_eq!(collected.said.status.code(), Some(3), "{}", collected.describe());
        assert!(!collected.archive().exists(), "an archive was written of what is incomplete");
    }
}

#[test]
fn what_upstream_broke_is_named() {
    let mut random = Random::announced("a file that stays wrong");
    let world = World::new(&mut random);
    for fault in Fault::LYING {
        world.files.spoil(&[fault], "/second", usize::MAX);
        let collected = world.collect(&format!("named-{fault:?}"));
        assert_eq!(collected.said.status.code(), Some(3), "{}", collected.describe());
        let sentence = String::from_utf8_lossy(&collected.said.stderr);
        assert!(sentence.contains("second"), "{}", collected.describe());
        assert!(!sentence.contains("/third"), "a file that is right is blamed: {}", collected.describe());
        assert!(!collected.archive().exists(), "an archive was written of what is incomplete");
        collected.holds_nothing_wrong();
    }
}
