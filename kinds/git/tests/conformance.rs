//! The suite of every kind, over a repository that git itself serves, and what is special about this kind.

#[path = "../../../tests/src/git_server.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is the end-to-end tests', which use all of it")]
mod git_server;

use airlift_kind::Erased;
use airlift_kind_git::Git;
use airlift_store::Store;
use airlift_testkit::conformance::{self, Case};
use git_server::{GitServer, Repository};

static GIT: Erased<Git> = Erased::new();

/// A repository with two branches and both kinds of tags.
fn upstream(folder: &std::path::Path) {
    let mut one = Repository::new(&folder.join("group/one.git"));
    for number in 0..20 {
        one.commit(&format!("folder/{}", number % 3), &format!("{number}\n").repeat(200));
    }
    one.git(&["tag", "light"]);
    one.git(&["tag", "-a", "-m", "heavy", "v1.0"]);
    one.git(&["branch", "other", "HEAD~5"]);
    one.commit("last", "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_served_from_every_place() {
    let folder = tempfile::tempdir().expect("a folder");
    upstream(folder.path());
    for old in [false, true] {
        let server = GitServer::start(folder.path(), old);
        let manifest = format!("version: 1\ngit:\n  - {}\n", server.url("group/one.git"));
        conformance::run(&Case { kind: &GIT, manifest, absent: "/git/nowhere/x.git/info/refs" }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_names_make_the_same_pack_however_upstream_packs_them() {
    let folder = tempfile::tempdir().expect("a folder");
    upstream(folder.path());
    let server = GitServer::start(folder.path(), false);
    let manifest = format!("version: 1\ngit:\n  - {}\n", server.url("group/one.git"));
    let case = Case { kind: &GIT, manifest, absent: "/x" };
    let loose = conformance::collect(&case, &Store::memory()).await;
    let work = folder.path().join("group/one.git");
    git_server::git_in(&work, &["repack", "-a", "-d", "-f", "--depth=50", "--window=50"]);
    let packed = conformance::collect(&case, &Store::memory()).await;
    assert_eq!(loose.id(), packed.id());
    let names: Vec<&str> = loose.index.nodes().iter().map(|node| node.path.as_str()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_is_not_fetched_again() {
    let folder = tempfile::tempdir().expect("a folder");
    upstream(folder.path());
    let server = GitServer::start(folder.path(), false);
    let manifest = format!("version: 1\ngit:\n  - {{ url: {}, refs: [main] }}\n", server.url("group/one"));
    std::fs::rename(folder.path().join("group/one.git"), folder.path().join("group/one")).expect("renamed");
    let case = Case { kind: &GIT, manifest, absent: "/x" };
    let kept = Store::folder(folder.path().join("store")).expect("a store");
    let first = conformance::collect(&case, &kept).await;
    let posts = |server: &GitServer| server.asked().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts(&server), 2, "names and objects");
    let again = conformance::collect(&case, &kept).await;
    assert_eq!((first.id(), posts(&server)), (again.id(), 3), "only the names");
}
