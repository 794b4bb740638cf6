//! git itself clones, fetches and deepens from the mirror, with submodules, in every version of the protocol.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use airlift_e2e::airlift::{Airlift, Served};
use airlift_e2e::git_server::{GitServer, Repository, git_command, git_in};
use airlift_e2e::process::output;
use airlift_e2e::temporary;
use airlift_e2e::world::path;

/// What lies upstream, and the mirror of it.
struct World {
    server: GitServer,
    work: tempfile::TempDir,
    mirror: Served,
}

impl World {
    /// The mirror's URL of a repository.
    fn url(&self, repository: &str) -> String {
        format!("http://{}/git/{}/{repository}", self.mirror.address("git"), self.server.address())
    }

    fn upstream(&self, repository: &str) -> PathBuf {
        self.work.path().join("upstream").join(repository)
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let work = temporary::folder();
    let upstream = work.path().join("upstream");
    let server = GitServer::start(&upstream, false);
    let mut inner = Repository::new(&upstream.join("libs/inner.git"));
    inner.commit("inner", "inner");
    let mut library = Repository::new(&upstream.join("libs/library.git"));
    library.commit("library", "library");
    submodule(&mut library, "../inner.git", "inner");
    let mut main = Repository::new(&upstream.join("group/main.git"));
    for number in 0..30 {
        main.commit(&format!("folder/{}/file", number % 4), &format!("{number}\n").repeat(300));
        if number % 10 == 5 {
            main.git(&["tag", "-a", "-m", "release", &format!("v1.{number}")]);
        }
    }
    main.git(&["branch", "old", "HEAD~12"]);
    main.git(&["checkout", "--quiet", "-b", "side", "HEAD~8"]);
    main.commit("side", "side");
    main.git(&["checkout", "--quiet", "main"]);
    main.git(&["merge", "--quiet", "--no-edit", "side"]);
    submodule(&mut main, "../../libs/library.git", "modules/library");
    submodule(&mut main, &server.url("libs/library.git"), "modules/absolute");
    let mut many = Repository::new(&upstream.join("group/many.git"));
    let first = many.commit("file", "0");
    for number in 1..=500 {
        let id = many.git(&["commit-tree", "-p", &first, "-m", &number.to_string(), "HEAD^{tree}"]);
        many.git(&["update-ref", &format!("refs/heads/branch-{number}"), &id]);
        many.git(&["update-ref", &format!("refs/tags/tag-{number}"), &id]);
    }
    let manifest = work.path().join("airlift.yaml");
    let text = format!(
        "version: 1\nname: git\ngit:\n  - {{ url: \"{}\", submodules: recursive }}\n  - {}\n",
        server.url("group/main.git"),
        server.url("group/many.git")
    );
    fs::write(&manifest, text).expect("the manifest can be written");
    let archive = work.path().join("archive.tar");
    let airlift = Airlift::new();
    airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &work.path().join("store")]);
    World { server, mirror: airlift.serve(&archive), work }
});

fn submodule(repository: &mut Repository, url: &str, at: &str) {
    let modules = format!("[submodule \"{at}\"]\n\tpath = {at}\n\turl = {url}\n");
    let file = url.rsplit('/').next().unwrap_or_default();
    let id = repository.git(&["-C", &format!("../../libs/{file}"), "rev-parse", "HEAD"]);
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},{at}")]);
    repository.append(".gitmodules", &modules);
}

/// Clones with these arguments, and lets git check every object.
fn clone(url: &str, arguments: &[&str]) -> tempfile::TempDir {
    let folder = temporary::folder();
    let mut all = vec!["clone", "--quiet"];
    all.extend(arguments);
    all.extend([url, "clone"]);
    git_in(folder.path(), &all);
    check(&folder.path().join("clone"));
    folder
}

fn check(clone: &Path) {
    let said = git_in(clone, &["fsck", "--full", "--strict", "--no-dangling", "--no-progress"]);
    assert_eq!(said, "", "fsck has something to say");
}

const VERSIONS: [&str; 3] = ["protocol.version=0", "protocol.version=1", "protocol.version=2"];

#[test]
fn a_clone_has_what_upstream_has() {
    for version in VERSIONS {
        let folder = clone(&WORLD.url("group/main.git"), &["-c", version, "--mirror"]);
        let refs = |place: &Path| {
            git_in(place, &["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"])
        };
        assert_eq!(refs(&folder.path().join("clone")), refs(&WORLD.upstream("group/main.git")), "{version}");
        let head = git_in(&folder.path().join("clone"), &["symbolic-ref", "HEAD"]);
        assert_eq!(head, "refs/heads/main");
    }
}

#[test]
fn a_thousand_names_are_the_same() {
    let names = |url: &str| git_in(Path::new("/"), &["ls-remote", url, "refs/heads/*", "refs/tags/*"]);
    let (here, there) = (names(&WORLD.url("group/many")), names(&WORLD.server.url("group/many.git")));
    assert_eq!(here.lines().count(), 1001);
    assert_eq!(here, there);
    clone(&WORLD.url("group/many"), &[]);
}

#[test]
fn a_shallow_clone_deepens_to_the_whole() {
    let url = WORLD.url("group/main.git");
    let whole = git_in(&WORLD.upstream("group/main.git"), &["rev-list", "--count", "main"]);
    for version in VERSIONS {
        let folder = clone(&url, &["-c", version, "--depth", "1"]);
        let clone = folder.path().join("clone");
        let git = |arguments: &[&str]| git_in(&clone, &[&["-c", version], arguments].concat());
        assert_eq!(git(&["rev-list", "--count", "HEAD"]), "1", "{version}");
        git(&["fetch", "--quiet", "--depth", "3"]);
        let three = git(&["rev-list", "--count", "HEAD"]);
        git(&["fetch", "--quiet", "--deepen", "2"]);
        let five = git(&["rev-list", "--count", "HEAD"]);
        assert!(three.parse::<u32>().expect("a number") < five.parse().expect("a number"), "{version}: {three} {five}");
        check(&clone);
        git(&["fetch", "--quiet", "--unshallow"]);
        assert_eq!(git(&["rev-list", "--count", "HEAD"]), whole, "{version}");
        check(&clone);
    }
    let since = clone_count(&url, &["--shallow-since", "1700001200"]);
    let not = clone_count(&url, &["--shallow-exclude", "v1.15"]);
    assert!((1..20).contains(&since) && (1..25).contains(&not), "{since} {not}");
}

fn clone_count(url: &str, arguments: &[&str]) -> u32 {
    let folder = clone(url, arguments);
    git_in(&folder.path().join("clone"), &["rev-list", "--count", "HEAD"]).parse().expect("a number")
}

#[test]
fn a_fetch_brings_what_is_new() {
    for version in VERSIONS {
        // Somebody has an older state of upstream.
        let folder = temporary::folder();
        git_in(folder.path(), &["init", "--quiet", "clone"]);
        let clone = folder.path().join("clone");
        let git = |arguments: &[&str]| git_in(&clone, &[&["-c", version], arguments].concat());
        git(&["fetch", "--quiet", &WORLD.server.url("group/main.git"), "refs/heads/old:refs/heads/mine"]);
        git(&["checkout", "--quiet", "-f", "mine"]);
        fs::write(clone.join("own"), "own").expect("written");
        git(&["add", "own"]);
        git(&["commit", "--quiet", "-m", "own work"]);
        git(&["fetch", "--quiet", &WORLD.url("group/main.git"), "main:theirs"]);
        let upstream = git_in(&WORLD.upstream("group/main.git"), &["rev-parse", "main"]);
        assert_eq!(git(&["rev-parse", "theirs"]), upstream, "{version}");
        check(&clone);
        // Nothing is sent twice.
        let objects: u32 = git(&["rev-list", "--objects", "--count", "theirs", "^mine"]).parse().expect("a number");
        let packs = fs::read_dir(clone.join(".git/objects/pack")).expect("a folder").count();
        assert!(objects > 0 && packs <= 4, "{objects} objects, {packs} files");
    }
}

#[test]
fn submodules_come_from_the_mirror_alone() {
    let folder = temporary::folder();
    let url = WORLD.url("group/main.git");
    let instead = format!(
        "url.http://{}/git/{}/.insteadOf=http://{}/",
        WORLD.mirror.address("git"),
        WORLD.server.address(),
        WORLD.server.address()
    );
    let before = WORLD.server.asked().len();
    git_in(folder.path(), &["-c", &instead, "clone", "--quiet", &url, "clone"]);
    let clone = folder.path().join("clone");
    git_in(&clone, &["-c", &instead, "submodule", "--quiet", "update", "--init", "--recursive"]);
    for file in ["library", "inner/inner"] {
        for place in ["modules/library", "modules/absolute"] {
            assert!(clone.join(place).join(file).is_file(), "{place}/{file}");
        }
    }
    let own: Vec<String> =
        WORLD.server.asked().into_iter().skip(before).filter(|line| line.contains("/libs/")).collect();
    assert_eq!(own, [""; 0], "upstream was asked");
}

#[test]
fn clients_that_only_read_files_are_served_too() {
    let folder = temporary::folder();
    let mut git = git_command(folder.path(), &["clone", "--quiet", &WORLD.url("group/main.git"), "clone"]);
    let output = output(git.env("GIT_SMART_HTTP", "0"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&folder.path().join("clone"));
}

#[test]
fn pushing_is_refused() {
    let folder = clone(&WORLD.url("group/main.git"), &[]);
    let output = output(&mut git_command(&folder.path().join("clone"), &["push", "origin", "HEAD:refs/heads/new"]));
    assert!(!output.status.success());
}

#[test]
fn single_names_and_commits_travel_and_a_lock_brings_them_again() {
    let work = temporary::folder();
    let server = GitServer::start(work.path(), false);
    let mut one = Repository::new(&work.path().join("one.git"));
    let first = one.commit("a", "1");
    one.git(&["tag", "v1"]);
    let second = one.commit("a", "2");
    one.git(&["branch", "other"]);
    let third = one.commit("a", "3");
    let manifest = work.path().join("airlift.yaml");
    let text =
        format!("version: 1\nname: one\ngit:\n  - {{ url: \"{}\", refs: [\"v*\", {second}] }}\n", server.url("one"));
    fs::rename(work.path().join("one.git"), work.path().join("one")).expect("renamed");
    fs::write(&manifest, text).expect("the manifest can be written");
    let airlift = Airlift::new();
    let archive = |name: &str| work.path().join(name);
    let collect = |name: &str, more: &[&str]| {
        let mut command = airlift.command([
            path("collect"),
            &manifest,
            path("-o"),
            &archive(name),
            path("--store"),
            &work.path().join(format!("store-{name}")),
        ]);
        command.args(more);
        output(&mut command)
    };
    assert!(collect("a.tar", &[]).status.success());
    let mirror = airlift.serve(&archive("a.tar"));
    let url = format!("http://{}/git/{}/one.git", mirror.address("git"), server.address());
    let folder = clone(&url, &[]);
    let in_clone = |arguments: &[&str]| git_in(&folder.path().join("clone"), arguments);
    assert_eq!(in_clone(&["rev-parse", "v1"]), first);
    in_clone(&["checkout", "--quiet", &second]);
    assert!(!in_clone(&["rev-list", "--all"]).contains(&third), "nobody asked for it");

    // Upstream goes on; the lock still brings the same, byte for byte.
    let one = work.path().join("one");
    git_in(&one, &["tag", "v2"]);
    let again = collect("b.tar", &["--locked"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(fs::read(archive("a.tar")).expect("an archive"), fs::read(archive("b.tar")).expect("an archive"));

    // What upstream has lost is named.
    git_in(&one, &["tag", "-d", "v1", "v2"]);
    git_in(&one, &["branch", "-D", "other"]);
    git_in(&one, &["checkout", "--quiet", "--orphan", "fresh"]);
    git_in(&one, &["commit", "--quiet", "--allow-empty", "-m", "fresh"]);
    git_in(&one, &["branch", "-D", "main"]);
    git_in(&one, &["reflog", "expire", "--expire=now", "--all"]);
    git_in(&one, &["gc", "--quiet", "--prune=now"]);
    let lost = collect("c.tar", &["--locked"]);
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert!(!lost.status.success() && said.contains("has not got any more what the lock names"), "{said}");
}

#[test]
fn what_is_not_there_is_named() {
    let work = temporary::folder();
    let manifest = work.path().join("airlift.yaml");
    let text = format!(
        "version: 1\nname: none\ngit:\n  - {{ url: \"{}\", refs: [\"v9.*\"] }}\n",
        WORLD.server.url("group/main.git")
    );
    fs::write(&manifest, text).expect("the manifest can be written");
    let airlift = Airlift::new();
    let mut command = airlift.command([path("collect"), &manifest, path("--store"), &work.path().join("store")]);
    let refused = output(command.arg("--no-archive"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("has no branch or tag v9.*"), "{said}");
}
