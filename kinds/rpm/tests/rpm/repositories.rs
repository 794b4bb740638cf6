//! The suite of every kind, over a repository on this host; and what becomes of repositories that must not be trusted.

use airlift_kind::Erased;
use airlift_kind_rpm::Rpm;
use airlift_testkit::conformance::{self, Case};

use crate::upstream::{Repository, plan_of};

static RPM: Erased<Rpm> = Erased::new();

fn case(manifest: String) -> Case {
    Case { kind: &RPM, manifest, absent: "/r/Packages/none.rpm" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_served_from_every_place() {
    let upstream = Repository::new(&["a-1-1.noarch.rpm", "libstdc++-4.8^1~2-3.x86_64.rpm", "sub/b c.rpm"]);
    upstream.write_root();
    conformance::run(&case(upstream.manifest("unsigned: true"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_is_read() {
    for ending in ["", ".gz", ".xz", ".zst", ".bz2"] {
        let mut upstream = Repository::new(&["a-1-1.noarch.rpm"]);
        upstream.ending = ending;
        upstream.write_root();
        let plan =
            plan_of(&upstream.manifest("unsigned: true")).await.unwrap_or_else(|error| panic!("{ending}: {error}"));
        let paths: Vec<&str> = plan.entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "rpm/r/Packages/a-1-1.noarch.rpm",
                &format!("rpm/r/repodata/primary.xml{ending}"),
                "rpm/r/repodata/repomd.xml"
            ]
        );
        assert_eq!(plan.entries[0].purl.as_deref(), Some("pkg:rpm/a@1-1?arch=noarch&epoch=2"));
        assert_eq!((plan.roots.len(), plan.notices.len()), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_repository_is_refused_unless_the_manifest_takes_it() {
    let upstream = Repository::new(&["a-1-1.noarch.rpm"]);
    upstream.write_root();
    let key = upstream.write_key();
    let error = plan_of(&upstream.manifest(&format!("gpgkeys: [\"{key}\"]"))).await.expect_err("unsigned");
    assert!(error.contains("yum repository r is not signed: there is no file://"), "{error}");
    let plan = plan_of(&upstream.manifest(&format!("gpgkeys: [\"{key}\"], unsigned: true"))).await.expect("a plan");
    assert!(plan.notices[0].notice.contains("is not signed"), "{:?}", plan.notices);
    assert!(plan.entries.iter().any(|entry| entry.path.as_str() == "rpm/gpgkeys/r.pub"), "its packages may be signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_none_does_not_travel() {
    let upstream = Repository::new(&["a-1-1.noarch.rpm"]);
    upstream.write_root();
    let key = upstream.write_key();
    upstream.write("repodata/repomd.xml.asc", b"-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----\n");
    let error = plan_of(&upstream.manifest(&format!("gpgkeys: [\"{key}\"]"))).await.expect_err("wrongly signed");
    assert!(error.contains("is not signed by one of its keys"), "{error}");
    let plan = plan_of(&upstream.manifest(&format!("gpgkeys: [\"{key}\"], unsigned: true"))).await.expect("a plan");
    assert!(plan.notices[0].notice.contains("is not signed by one of its keys"), "{:?}", plan.notices);
    assert!(plan.entries.iter().all(|entry| !entry.path.as_str().ends_with(".asc")));
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_not_what_the_root_promises_is_refused() {
    type Change = fn(&mut Repository);
    let cases: [(&str, Change, &str); 7] = [
        ("open checksum", |r| r.open_checksum = Some("ab".repeat(32)), "unpacks to sha256:"),
        ("open size", |r| r.open_size = Some(1 << 20), "and repomd.xml promises 1048576 bytes"),
        ("smaller open size", |r| r.open_size = Some(100), "more than the 100 bytes"),
        ("checksum", |r| r.checksum = Some("ab".repeat(32)), "promised checksum"),
        ("sha1", |r| r.algorithm = "sha", "can be forged"),
        ("count", |r| r.promised = Some(2), "says that it lists 2 packages, and lists 1"),
        ("traversal", |r| r.href = Some("../../etc/passwd"), "'.' or '..' segment"),
    ];
    for (name, change, expected) in cases {
        let mut upstream = Repository::new(&["a-1-1.noarch.rpm"]);
        change(&mut upstream);
        upstream.write_root();
        let error = plan_of(&upstream.manifest("unsigned: true")).await.expect_err(name);
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused() {
    let mut upstream = Repository::new(&["a-1-1.noarch.rpm"]);
    upstream.padding = 64 << 20;
    for ending in [".gz", ".xz", ".zst", ".bz2"] {
        upstream.ending = ending;
        upstream.write_root();
        let error = plan_of(&upstream.manifest("unsigned: true")).await.expect_err(ending);
        assert!(error.contains("decompression bomb") || error.contains("longer than metadata"), "{ending}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_own_repositories_are_found() {
    let upstream = Repository::new(&["a-1-1.noarch.rpm"]);
    upstream.write_root();
    let file = upstream.write(
        "my.repo",
        format!(
            "[r-9]\nname=x\nbaseurl={}$releasever/\n[off]\nenabled=0\nbaseurl=http://x/\n",
            upstream.url().replace("/9/", "/")
        )
        .as_bytes(),
    );
    let file = file.display();
    let plan = plan_of(&format!("yum:\n  - {{ from: {file}, vars: {{ releasever: \"9\" }}, unsigned: true }}\n")).await;
    assert!(plan.expect("a plan").entries.iter().any(|entry| entry.path.as_str() == "rpm/r-9/repodata/repomd.xml"));
    let folder = std::path::Path::new(&file.to_string()).parent().expect("a folder").display().to_string();
    let entry = format!("from: {folder}, id: r-9, vars: {{ releasever: \"9\" }}, unsigned: true");
    assert_eq!(plan_of(&format!("yum:\n  - {{ {entry} }}\n")).await.expect("a plan").roots.len(), 1);
    for (entry, expected) in [
        (format!("from: {file}, unsigned: true"), "has the variable $releasever"),
        (format!("from: {file}, vars: {{ releasever: \"9\" }}"), "names no gpgkey"),
        (format!("from: {file}, id: none, unsigned: true"), "it has: r-9, off"),
    ] {
        let error = plan_of(&format!("yum:\n  - {{ {entry} }}\n")).await.expect_err("a mistake");
        assert!(error.contains(expected), "{error}");
    }
}
