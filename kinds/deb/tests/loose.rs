//! Folders of loose packages: what becomes of them, and what is refused.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Plan, Source, failure};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_deb::Deb;
use airlift_kind_deb::format::release::Release;
use airlift_openpgp::unverified_text;
use airlift_store::Store;
use airlift_unpack::{Format, Limits, unpack};
use tokio_util::sync::CancellationToken;

static DEB: Erased<Deb> = Erased::new();

/// A package with this control file, packed as gzip.
fn deb(control: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(control.len() as u64);
    builder.append_data(&mut header, "./control", control.as_bytes()).expect("memory");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&builder.into_inner().expect("memory")).expect("memory");
    let packed = packed.finish().expect("memory");
    let header = |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644);
    let start = format!("!<arch>\n{}2.0\n{}", header("debian-binary", 4), header("control.tar.gz", packed.len()));
    [start.as_bytes(), &packed].concat()
}

fn control(name: &str, architecture: &str) -> String {
    format!("Package: {name}\nVersion: 1:2\nArchitecture: {architecture}\nDescription: x\n")
}

async fn plan(folder: &Path, from: &str) -> Result<Plan, String> {
    let section = DEB.section(&format!("version: 1\napt:\n  - {from}\n")).map_err(|error| error.to_string())?;
    let settings = Settings { folder: Some(folder.to_owned()), ..Settings::default() };
    let fetcher = Fetcher::new(settings, Store::memory(), Arc::new(Silent), CancellationToken::new());
    let context = airlift_testkit::signing::context(fetcher.expect("a fetcher"));
    section.collect(&context).await.map_err(|error| failure::line(&*error))
}

fn generated<'a>(plan: &'a Plan, path: &str) -> &'a [u8] {
    let entry = plan.entries.iter().find(|entry| entry.path.as_str() == path);
    match entry.map(|entry| &entry.source) {
        Some(Source::Generated(bytes)) => bytes,
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test]
async fn a_folder_becomes_a_signed_flat_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let debs = folder.path().join("debs");
    fs::create_dir_all(debs.join("below")).expect("a folder");
    fs::write(debs.join("b_1%3a2_amd64.deb"), deb(&control("b", "amd64"))).expect("a file");
    fs::write(debs.join("below/a_1%3a2_all.deb"), deb(&control("a", "all"))).expect("a file");
    fs::write(debs.join("c.deb"), deb(&control("c", "riscv64"))).expect("a file");
    fs::write(debs.join("README"), "nothing").expect("a file");

    let made = plan(folder.path(), "{ from: ./debs/, architectures: [amd64] }").await.expect("a plan");
    let names: Vec<&str> = made.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert!(names.contains(&"deb/debs/below/a_1%3a2_all.deb") && !names.contains(&"deb/debs/c.deb"), "{names:?}");
    assert!(names.contains(&"deb/gpgkeys/debs.asc") && names.contains(&"deb/debs.json"), "{names:?}");
    assert!(made.notices[0].notice.starts_with("1 packages of "), "{}", made.notices[0].notice);
    let text = unverified_text(generated(&made, "deb/debs/InRelease")).expect("a signed text");
    let release = Release::parse(&text).expect("a release");
    assert_eq!(release.architectures, ["all", "amd64"]);
    let packed = generated(&made, "deb/debs/Packages.xz");
    let list = unpack(packed, Format::Xz, &Limits::output(1 << 20)).expect("a list");
    let list = String::from_utf8(list).expect("a text");
    assert!(list.starts_with("Package: b\n") && list.contains("\nFilename: ./below/a_1%3a2_all.deb\n"), "{list}");

    let again = plan(folder.path(), "{ from: ./debs, architectures: [amd64] }").await.expect("a plan");
    for file in ["InRelease", "Release.gpg", "Packages.xz"] {
        let path = format!("deb/debs/{file}");
        assert!(generated(&made, &path) == generated(&again, &path), "{path}");
    }
}

#[tokio::test]
async fn what_can_be_no_repository_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let debs = folder.path().join("my debs");
    fs::create_dir_all(&debs).expect("a folder");
    fs::create_dir_all(folder.path().join("none")).expect("a folder");
    fs::write(debs.join("a.deb"), deb(&control("a", "all"))).expect("a file");
    for (from, expected) in [
        ("{ from: ./none }", "has no enabled source"),
        ("{ from: ./none, id: x }", "there is none"),
        ("{ from: ./my debs }", "give it an 'id'"),
        ("{ from: ./my debs, id: x, unsigned: true }", "leave signed-by, fingerprints and unsigned out"),
        ("{ from: ./absent, id: x }", "absent"),
        ("{ from: ./absent/ }", "absent"),
    ] {
        let error = plan(folder.path(), from).await.expect_err(from);
        assert!(error.contains(expected), "{from}: {error}");
    }
    for (bytes, expected) in [
        (b"no package".to_vec(), "does not begin with"),
        (deb("Package: a\n"), "no usable Version"),
        (deb(&control("a", "all"))[..150].to_vec(), "cut off"),
    ] {
        fs::write(debs.join("b.deb"), bytes).expect("a file");
        let error = plan(folder.path(), "{ from: ./my debs, id: x }").await.expect_err(expected);
        assert!(error.contains(expected) && error.contains("b.deb"), "{expected}: {error}");
    }
}
