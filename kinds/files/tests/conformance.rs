//! The suite of every kind, over files of this host.

use airlift_kind::Erased;
use airlift_kind_files::Files;
use airlift_testkit::conformance::{self, Case};

static FILES: Erased<Files> = Erased::new();

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_from_every_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        url::Url::from_file_path(&path).expect("a URL").to_string()
    };
    let small = write("a b+c~1.txt", b"small");
    let large = write("large.bin", &vec![7; 300_000]);
    let empty = write("empty", b"");
    let manifest = format!(
        "version: 1\nfiles:\n  - \"{small}\"\n  - \"{empty}\"\n  - {{ url: \"{large}\", name: tools/x.bin, sha256: {} }}\n",
        airlift_core::Digest::of(&vec![7; 300_000]).hex()
    );
    conformance::run(&Case { kind: &FILES, manifest, absent: "/tools/y.bin" }).await;
}
