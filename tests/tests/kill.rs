//! `kill -9` of collect, pack and load at random points, then the same command again: nothing of it can be told
//! from an undisturbed run.
//!
//! The delays are chosen from a printed seed and from how long an undisturbed run takes; `AIRLIFT_SEED` repeats them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use airlift_e2e::airlift::Airlift;
use airlift_e2e::digest::sha256_of_file;
use airlift_e2e::files::FileServer;
use airlift_e2e::images::{DEEP, ZSTD};
use airlift_e2e::process::run;
use airlift_e2e::random::Random;
use airlift_e2e::temporary;
use airlift_e2e::tools::say;
use airlift_e2e::world::{Upstreams, path};

/// How many kills have to hit a running command.
const KILLS: usize = 30;
/// How many commands may be started for that; some end before their time has come.
const ATTEMPTS: usize = 4 * KILLS;

/// Held while commands are killed: the delays fit how long a command takes while nothing else runs.
static TURN: Mutex<()> = Mutex::new(());

/// What an undisturbed collection left, and how to collect it once more.
struct World {
    airlift: Airlift,
    manifest: String,
    archive: PathBuf,
    archive_digest: String,
    store: PathBuf,
    work: tempfile::TempDir,
    _upstream: (Upstreams, FileServer),
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let work = temporary::folder();
    let (upstreams, server) = (Upstreams::start(), FileServer::start());
    let mut manifest =
        format!("version: 1\nname: killed\n{}images:\n  - {DEEP}\n  - {ZSTD}\nfiles:\n", upstreams.mirrors());
    for number in 0..24 {
        // From 1 KiB to 24 MiB, some 130 MiB together.
        let size = (number + 1) * (1 << (10 + 10 * (number % 2)));
        manifest.push_str(&format!("  - {}\n", server.put(&format!("{number}.bin"), size).url));
    }
    let airlift = upstreams.airlift();
    let folder = Folder::new(work.path(), "undisturbed", &manifest);
    run(&mut folder.collect(&airlift));
    let archive = folder.archive();
    let archive_digest = sha256_of_file(&archive);
    let store = folder.path.join("store");
    World { airlift, manifest, archive, archive_digest, store, work, _upstream: (upstreams, server) }
});

/// A folder for one attempt, with its manifest, lock, store and archive.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(parent: &Path, name: &str, manifest: &str) -> Self {
        let path = parent.join(name);
        fs::create_dir(&path).expect("a folder can be made");
        fs::write(path.join("airlift.yaml"), manifest).expect("the manifest can be written");
        Self { path }
    }

    fn archive(&self) -> PathBuf {
        self.path.join("archive.tar")
    }

    fn collect(&self, airlift: &Airlift) -> Command {
        let mut command = airlift.command(["collect", "airlift.yaml", "-o", "archive.tar", "--store", "store"]);
        command.current_dir(&self.path);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The undisturbed one is gone with its parent already, or stays for the others until then.
        if !self.path.ends_with("undisturbed") {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Starts a command and kills it after a random part of the time that it takes; tells whether it was running still.
fn killed(command: &mut Command, usual: Duration, random: &mut Random) -> bool {
    let delay = usual.mul_f64(random.below(1000) as f64 / 1000.0);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("airlift starts");
    thread::sleep(delay);
    let running = child.try_wait().expect("a child can be asked").is_none();
    child.kill().expect("a child can be killed");
    child.wait().expect("a child ends");
    running
}

/// Kills a command until [`KILLS`] of them were hit, and lets `check` look at what is left when it has run again.
fn survives(name: &str, command: impl Fn(&Folder) -> Command, check: impl Fn(&Folder)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut random = Random::announced(&format!("kill -9 of {name}"));
    let undisturbed = Folder::new(WORLD.work.path(), &format!("{name}-time"), &WORLD.manifest);
    let begin = Instant::now();
    run(&mut command(&undisturbed));
    let usual = begin.elapsed();
    check(&undisturbed);
    let mut hit = 0;
    for attempt in 0..ATTEMPTS {
        let folder = Folder::new(WORLD.work.path(), &format!("{name}-{attempt}"), &WORLD.manifest);
        let running = killed(&mut command(&folder), usual, &mut random);
        // Half an archive never has the archive's name.
        if folder.archive().exists() {
            same_archive(&folder.archive());
        }
        if running {
            hit += 1;
            run(&mut command(&folder));
            check(&folder);
        }
        if hit == KILLS {
            say(&format!("{name}: {hit} kills in {} attempts, of {usual:?} each", attempt + 1));
            return;
        }
    }
    panic!("only {hit} of {ATTEMPTS} kills of {name} hit a running command ({usual:?} each)");
}

/// Fails unless the archive is the one of the undisturbed run, byte for byte.
fn same_archive(archive: &Path) {
    assert_eq!(sha256_of_file(archive), WORLD.archive_digest, "{} differs from the undisturbed one", archive.display());
}

#[test]
fn a_killed_collect_is_taken_up_again() {
    let command = |folder: &Folder| folder.collect(&WORLD.airlift);
    survives("collect", command, |folder| same_archive(&folder.archive()));
}

#[test]
fn a_killed_pack_is_taken_up_again() {
    let command = |folder: &Folder| {
        WORLD.airlift.command([path("pack"), path("--store"), &WORLD.store, path("-o"), &folder.archive()])
    };
    survives("pack", command, |folder| same_archive(&folder.archive()));
}

#[test]
fn a_killed_load_is_taken_up_again() {
    let command = |folder: &Folder| {
        WORLD.airlift.command([path("load"), &WORLD.archive, path("--store"), &folder.path.join("store")])
    };
    survives("load", command, |folder| {
        let store = folder.path.join("store");
        WORLD.airlift.run([path("verify"), &store]);
        WORLD.airlift.run([path("pack"), path("--store"), &store, path("-o"), &folder.archive()]);
        same_archive(&folder.archive());
    });
}
