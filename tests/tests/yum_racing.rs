//! yum repositories that are changed while they are collected, between their metadata and their packages: what is published
//! is one state of them, or nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlift_e2e::airlift::Airlift;
use airlift_e2e::changing::Changing;
use airlift_e2e::dnf::Dnf;
use airlift_e2e::process::{output, run, text};
use airlift_e2e::rpms::{BUILDERS, KEY, Repository, spec};
use airlift_e2e::tools::present;
use airlift_e2e::{http, temporary};

/// The packages before and after.
const OLD: [(&str, &str, &str); 3] = [("hello", "1.0", "Requires: world"), ("world", "1.0", ""), ("moon", "1.0", "")];
const NEW: [(&str, &str, &str); 3] = [("hello", "2.0", "Requires: sun"), ("sun", "1.0", ""), ("moon", "1.0", "")];

/// A signed repository, and the packages that it is to have later.
struct Upstream {
    repository: Repository,
    later: PathBuf,
}

impl Upstream {
    fn new() -> Self {
        let repository = Repository::new();
        let later = repository.work().join("later");
        repository.build("old", &spec("old", &OLD), &[]);
        repository.build_into(&later, ("new", &spec("new", &NEW)), &[]);
        for folder in [repository.folder(), later.clone()] {
            repository.sign_packages(KEY, Repository::packages(&folder).iter().map(PathBuf::as_path));
        }
        repository.index(&[]);
        Self { repository, later }
    }

    /// Has the packages of later take the place of those that are there: the old ones are gone.
    fn change(&self) {
        let packages = self.repository.folder().join("Packages");
        fs::remove_dir_all(&packages).expect("removed");
        run(Command::new("cp").arg("-a").arg(&self.later).arg(&packages));
        self.repository.index(&[]);
    }

    /// A manifest with the repository as it is seen through something that stands before it.
    fn manifest(&self, changing: &Changing, rest: &str) -> String {
        let (key, url) = (self.repository.gpgkeys(), format!("http://{}/", changing.address()));
        format!("version: 1\nyum:\n  - {{ id: r, baseurl: \"{url}\", {key}{rest} }}\n")
    }

    fn repomd(&self) -> Vec<u8> {
        fs::read(self.repository.repomd()).expect("a file")
    }
}

/// Collects into `archive.tar` and `store`.
fn collect(airlift: &Airlift, manifest: &str, work: &Path) -> Output {
    fs::write(work.join("airlift.yaml"), manifest).expect("a manifest");
    let mut collect = airlift.command(["collect"]);
    collect.arg(work.join("airlift.yaml")).arg("-o").arg(work.join("archive.tar"));
    output(collect.arg("--store").arg(work.join("store")))
}

/// Collects a repository that is changed once, before the first request whose path has this ending, and installs from it.
fn changed_once(ending: &'static str, rest: &str) {
    let upstream = Arc::new(Upstream::new());
    let (times, before) = (Arc::new(AtomicUsize::new(0)), upstream.repomd());
    let changing = Changing::before(upstream.repository.address(), {
        let (upstream, times) = (Arc::clone(&upstream), Arc::clone(&times));
        move |path| {
            if path.ends_with(ending) && times.fetch_add(1, Ordering::Relaxed) == 0 {
                upstream.change();
            }
        }
    });
    let (work, airlift) = (temporary::folder(), Airlift::new());
    let collected = collect(&airlift, &upstream.manifest(&changing, rest), work.path());
    let said = String::from_utf8_lossy(&collected.stderr).into_owned();
    assert!(collected.status.success(), "{said}");
    assert!(times.load(Ordering::Relaxed) > 0, "nobody asked for {ending}");
    assert!(upstream.repomd() != before, "nothing was changed");
    if ending == ".rpm" {
        assert!(said.contains("upstream was changed while it was read, so it is read again"), "{said}");
    }
    run(airlift.command(["verify"]).arg(work.path().join("archive.tar")));

    let served = airlift.serve(&work.path().join("archive.tar"));
    let get = |path: &str| http::get(served.address("rpm"), path).expect(&[200], path).body;
    let whole = rest.is_empty();
    assert!(!whole || get("/r/repodata/repomd.xml") == upstream.repomd(), "the root is not upstream's");
    let lock = fs::read_to_string(work.path().join("airlift.lock")).expect("a lock");
    let names = lock.lines().filter_map(|line| line.trim_end_matches(".noarch.rpm").split("/Packages/noarch/").nth(1));
    let names: BTreeSet<&str> = names.collect();
    let mut expected = vec!["hello-2.0-1", "sun-1.0-1"];
    expected.extend(whole.then_some("moon-1.0-1"));
    assert_eq!(names, expected.into_iter().collect());
    let dnf = Dnf::new(work.path().join("dnf"), &String::from_utf8(get("/airlift.repo")).expect("a text"));
    dnf.run(&["makecache"]);
    dnf.run(&["install", "hello"]);
    assert!(dnf.root().join("usr/share/airlift/sun").is_file());
}

#[test]
fn a_repository_that_is_changed_before_its_packages_are_fetched_is_collected_as_it_is_then() {
    if present(&BUILDERS) && present(&["dnf"]) {
        changed_once(".rpm", "");
    }
}

#[test]
fn a_part_of_a_repository_that_is_changed_before_its_packages_are_fetched_is_solved_again() {
    if present(&BUILDERS) && present(&["dnf"]) {
        changed_once(".rpm", ", packages: [hello]");
    }
}

#[test]
fn a_repository_that_is_changed_before_its_lists_are_fetched_is_collected_as_it_is_then() {
    if present(&BUILDERS) && present(&["dnf"]) {
        changed_once("-primary.xml.gz", "");
    }
}

#[test]
fn a_repository_that_never_stands_still_is_refused_and_nothing_is_published() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Arc::new(Upstream::new());
    let changing = Changing::before(upstream.repository.address(), {
        let upstream = Arc::clone(&upstream);
        move |path| {
            if path.ends_with("/repomd.xml") {
                let root = [&upstream.repomd()[..], b"<!-- again -->\n"].concat();
                fs::write(upstream.repository.repomd(), root).expect("a file");
                upstream.repository.sign(KEY);
            }
        }
    });
    let (work, airlift) = (temporary::folder(), Airlift::new());
    let refused = collect(&airlift, &upstream.manifest(&changing, ""), work.path());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("upstream was changed each of the 4 times that it was read"), "{said}");
    assert!(said.contains("/repodata/repomd.xml"), "{said}");
    assert!(!work.path().join("archive.tar").exists() && !work.path().join("airlift.lock").exists());
    let published = text(airlift.command(["snapshots"]).arg("--store").arg(work.path().join("store")));
    assert_eq!(published, "", "something was published");
}
