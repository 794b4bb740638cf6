//! The other roads across the gap: pipes, a locked collection, an exported folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::digest::sha256_of_file;
use airlift_e2e::files::{FileServer, UpstreamFile};
use airlift_e2e::images::{DEEP, image, images};
use airlift_e2e::process::run;
use airlift_e2e::registry::{Registry, Upstream};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};
use airlift_e2e::world::path;

/// A small collection: one image with its referrers, one file.
struct World {
    airlift: Airlift,
    folder: tempfile::TempDir,
    archive: PathBuf,
    file: UpstreamFile,
    _upstream: (FileServer, Registry),
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = temporary::folder();
    let (server, registry) = (FileServer::start(), Upstream::Quay.start_open(&images().folder.join("quay.io")));
    let file = server.put("deep/inside/file.bin", 1_000_000);
    let (mirror, url) = (registry.address(), &file.url);
    let manifest = format!(
        "version: 1\nname: roads\nmirrors: {{ quay.io: \"http://{mirror}\" }}\nimages:\n  - {DEEP}\nfiles:\n  - {url}\n"
    );
    fs::write(folder.path().join("airlift.yaml"), manifest).expect("the manifest can be written");
    let airlift = Airlift::new();
    let mut collect = airlift.command(["collect", "airlift.yaml", "-o", "archive.tar", "--store", "store"]);
    run(collect.current_dir(folder.path()));
    let archive = folder.path().join("archive.tar");
    World { airlift, folder, archive, file, _upstream: (server, registry) }
});

/// A command in the folder where everything was collected.
fn command(arguments: &[&str]) -> Command {
    let mut command = WORLD.airlift.command(arguments);
    command.current_dir(WORLD.folder.path());
    command
}

/// Fails unless these bytes are the archive's.
fn is_the_archive(bytes: &[u8], what: &str) {
    assert!(bytes == fs::read(&WORLD.archive).expect("the archive can be read"), "{what} differs from the archive");
}

#[test]
fn an_archive_is_written_into_a_pipe() {
    is_the_archive(&run(&mut command(&["pack", "--store", "store", "-o", "-"])).stdout, "what pack wrote into a pipe");
    let collected = run(&mut command(&["collect", "airlift.yaml", "--store", "piped", "-o", "-"])).stdout;
    is_the_archive(&collected, "what collect wrote into a pipe");
}

#[test]
fn an_archive_is_loaded_from_a_pipe() {
    let mut load = command(&["load", "-", "--store", "loaded"]);
    let mut child = load.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("airlift starts");
    let archive = fs::read(&WORLD.archive).expect("the archive can be read");
    child.stdin.take().expect("the input is a pipe").write_all(&archive).expect("load reads to the end");
    assert!(child.wait().expect("load ends").success());
    run(&mut command(&["pack", "--store", "loaded", "-o", "loaded.tar"]));
    is_the_archive(
        &fs::read(WORLD.folder.path().join("loaded.tar")).expect("an archive was packed"),
        "what was loaded",
    );
}

#[test]
fn an_archive_that_breaks_off_in_a_pipe_is_not_loaded() {
    let mut load = command(&["load", "-", "--store", "broken"]);
    let mut child = load.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("airlift starts");
    let archive = fs::read(&WORLD.archive).expect("the archive can be read");
    let half = &archive[..archive.len() / 2];
    child.stdin.take().expect("the input is a pipe").write_all(half).expect("load reads to the end");
    assert!(!child.wait().expect("load ends").success());
    assert!(WORLD.airlift.try_serve(&WORLD.folder.path().join("broken")).is_err(), "half an archive is served");
}

#[test]
fn a_locked_collection_is_the_same_archive() {
    run(&mut command(&["collect", "airlift.yaml", "--locked", "--store", "locked", "-o", "locked.tar"]));
    is_the_archive(&fs::read(WORLD.folder.path().join("locked.tar")).expect("an archive was packed"), "the locked one");
}

#[test]
fn an_exported_folder_is_a_layout_and_plain_files() {
    if !present(&["skopeo"]) {
        return;
    }
    let exported = WORLD.folder.path().join("exported");
    WORLD.airlift.run([path("export"), &WORLD.archive, &exported]);
    let copied = WORLD.folder.path().join("copied");
    let mut skopeo = Command::new(tool("skopeo"));
    skopeo.args([
        "--insecure-policy",
        "copy",
        "--all",
        "--preserve-digests",
        &format!("oci:{}:{DEEP}", exported.display()),
    ]);
    run(skopeo.arg(format!("dir:{}", copied.display())));
    assert_eq!(sha256_of_file(&copied.join("manifest.json")), image(DEEP).digest);
    let file = Path::new(&WORLD.file.name).file_name().expect("a file has a name");
    assert_eq!(sha256_of_file(&exported.join("files").join(file)), sha256_of_file(&WORLD.file.path));
}
