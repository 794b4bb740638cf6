//! Folders of packages without metadata.

use airlift_core::Source;
use airlift_kind_rpm::format::primary;

use crate::package::unsigned;
use crate::upstream::plan_of;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_packages_becomes_a_signed_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join("own").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    write("b.rpm", &unsigned("b"));
    write("sub/a b.rpm", &unsigned("a"));
    write("again/b.rpm", &unsigned("b"));
    write("notes.txt", b"not a package");
    let manifest = format!("version: 1\nyum:\n  - {{ from: \"{}\" }}\n", folder.path().join("own").display());
    let plan = plan_of(&manifest).await.expect("a plan");
    let entry = |ending: &str| plan.entries.iter().find(|entry| entry.path.as_str().ends_with(ending));
    let paths: Vec<&str> = plan.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(
        plan.entries.len(),
        9,
        "two packages, three lists, the root with signature and key, the keys: {paths:?}"
    );
    assert!(entry("own/again/b.rpm").is_some() && entry("own/sub/a b.rpm").is_some(), "{paths:?}");
    assert!(entry("gpgkeys/own.pub").is_some() && entry("own/repodata/repomd.xml.asc").is_some(), "{paths:?}");
    let Some(Source::Generated(packed)) = entry("-primary.xml.gz").map(|entry| &entry.source) else {
        panic!("no list of packages: {paths:?}")
    };
    let mut names = Vec::new();
    let read = std::io::BufReader::new(flate2::read::GzDecoder::new(&packed[..]));
    let count = primary::read(read, |package| {
        names.push(package.name);
        Ok(())
    });
    assert_eq!(count.expect("a list"), 2);
    assert_eq!(names, ["b", "a"], "they stand in the order of their places");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_package_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("broken.rpm"), b"nothing").expect("a file");
    let manifest = format!("version: 1\nyum:\n  - {{ id: own, from: \"{}\" }}\n", folder.path().display());
    let error = plan_of(&manifest).await.expect_err("no package");
    assert!(error.contains("the package broken.rpm can't be read"), "{error}");
}
