//! The suite of every kind, over a repository of this host that nobody signs.

use std::path::Path;

use airlift_core::Digest;
use airlift_kind::Erased;
use airlift_kind_deb::Deb;
use airlift_testkit::conformance::{self, Case};

static DEB: Erased<Deb> = Erased::new();

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
}

/// Writes a list and its `Release`, which also names a compression that is not there.
fn release(folder: &Path, suite: &str, list: (&str, String)) {
    let (path, text) = list;
    let sum = Digest::of(text.as_bytes()).hex();
    let release = format!(
        "Origin: A Test\nComponents: main\nArchitectures: amd64\nAcquire-By-Hash: yes\nSHA256:\n {sum} {size} {path}\n {sum} {size} {path}.xz\n",
        size = text.len()
    );
    write(folder, &format!("{suite}{path}"), text.as_bytes());
    write(folder, &format!("{suite}Release"), release.as_bytes());
}

fn stanza(name: &str, bytes: &[u8]) -> String {
    let sum = Digest::of(bytes).hex();
    format!(
        "Package: a\nVersion: 1:2+b~1\nArchitecture: amd64\nFilename: {name}\nSize: {}\nSHA256: {sum}\n\n",
        bytes.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_served_from_every_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (small, large) = (b"small".to_vec(), vec![7; 300_000]);
    write(folder.path(), "pool/a_1%3a2+b~1_amd64.deb", &small);
    write(folder.path(), "flat/large one.deb", &large);
    let lists = stanza("pool/a_1%3a2+b~1_amd64.deb", &small);
    release(folder.path(), "dists/one/", ("main/binary-amd64/Packages", lists.clone()));
    release(folder.path(), "dists/two/", ("main/binary-amd64/Packages", lists));
    release(&folder.path().join("flat"), "", ("Packages", stanza("./large one.deb", &large)));
    let base = folder.path().display();
    let manifest = format!(
        "version: 1\napt:\n  - {{ id: pooled, uri: \"file://{base}\", suites: [one, two], components: [main], unsigned: true }}\n  \
         - {{ id: flat, uri: \"file://{base}/flat/\", suites: [\"./\"], unsigned: true }}\n"
    );
    conformance::run(&Case { kind: &DEB, manifest, absent: "/pooled/pool/none.deb" }).await;
}
