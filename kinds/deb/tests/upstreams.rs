//! Upstreams that are changed while they are read, that contradict themselves, and that mean harm.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use airlift_core::event::Silent;
use airlift_core::{Digest, Plan, failure};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_deb::Deb;
use airlift_store::Store;
use airlift_testkit::upstream::{Fault, Resource, Upstream};
use tokio_util::sync::CancellationToken;

static DEB: Erased<Deb> = Erased::new();

const LIST: &str = "/main/binary-amd64/Packages";

/// A flat-out unsigned repository with one suite, and how it is planned.
struct Repository(Upstream);

impl Repository {
    async fn new() -> Self {
        Self(Upstream::start().await)
    }

    fn put(&self, path: &str, body: impl Into<bytes::Bytes>) {
        self.0.put(&format!("/dists/s{path}"), Resource::new(body));
    }

    async fn plan(&self) -> Result<Plan, String> {
        let manifest = format!(
            "version: 1\napt:\n  - {{ id: x, uri: \"{}\", suites: [s], components: [main], unsigned: true }}\n",
            self.0.url("/")
        );
        let section = DEB.section(&manifest).expect("a manifest");
        let settings = Settings { first_wait: Duration::from_millis(1), ..Settings::default() };
        let fetcher = Fetcher::new(settings, Store::memory(), Arc::new(Silent), CancellationToken::new());
        let context = airlift_testkit::signing::context(fetcher.expect("a fetcher"));
        section.collect(&context).await.map_err(|error| failure::line(&*error))
    }
}

fn release(files: &[(&str, &[u8])]) -> String {
    let mut text = "Components: main\nArchitectures: amd64\nSHA256:\n".to_owned();
    for (path, bytes) in files {
        text.push_str(&format!(" {} {} {}\n", Digest::of(bytes).hex(), bytes.len(), &path[1..]));
    }
    text
}

fn packages(name: &str) -> String {
    let sum = Digest::of(b"x").hex();
    format!("Package: a\nVersion: 1\nArchitecture: all\nFilename: {name}\nSize: 1\nSHA256: {sum}\n\n")
}

fn gzip(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    parts.into_iter().for_each(|part| packed.write_all(&part).expect("memory"));
    packed.finish().expect("memory")
}

/// Text that does not pack well, in one line.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 60) as u8
    };
    (0..size).map(|_| next()).collect()
}

#[tokio::test]
async fn a_repository_that_is_changed_while_it_is_read_is_read_again() {
    let repository = Repository::new().await;
    let (old, new) = (packages("pool/old.deb"), packages("pool/new.deb"));
    repository.put("/Release", release(&[(LIST, old.as_bytes())]));
    repository.put(LIST, old);
    let later = Resource::new(release(&[(LIST, new.as_bytes())]));
    repository.0.fail("/dists/s/Release", [Fault::None, Fault::Replace(Box::new(later))]);
    repository.0.fail(&format!("/dists/s{LIST}"), [Fault::Replace(Box::new(Resource::new(new)))]);
    let plan = repository.plan().await.expect("a plan");
    let has = |path: &str| plan.entries.iter().any(|entry| entry.path.as_str() == path);
    assert!(has("deb/x/pool/new.deb") && !has("deb/x/pool/old.deb"));
    assert_eq!(plan.roots.len(), 1);
    assert!(plan.notices[0].notice.contains("unsigned: true"));
}

#[tokio::test]
async fn indices_that_contradict_each_other_are_named() {
    let repository = Repository::new().await;
    let packed = gzip([packages("pool/a.deb").into_bytes()]);
    let path = format!("{LIST}.gz");
    repository.put("/Release", release(&[(LIST, b"something else"), (&path, &packed)]));
    repository.put(&path, packed);
    let error = repository.plan().await.expect_err("a contradiction");
    let sums = [Digest::of(b"something else"), Digest::of(packages("pool/a.deb").as_bytes())];
    assert!(error.contains("Packages.gz") && sums.iter().all(|sum| error.contains(&sum.hex())), "{error}");
}

#[tokio::test]
async fn lists_that_mean_harm_are_refused() {
    let long = gzip([packages("pool/a.deb").into_bytes(), b"Description: a\n b".to_vec(), noise(40 << 20)]);
    let dense = gzip((0..128).map(|_| [b"A: ".to_vec(), vec![b'b'; 1 << 20], b"\n\n".to_vec()].concat()));
    let path = format!("{LIST}.gz");
    for (packed, expected) in [
        (long, "longer than 32 MiB"),
        (dense, "decompression bomb"),
        (gzip([packages("../../etc/cron.d/x").into_bytes()]), "'.' or '..' segment"),
        (b"\x1f\x8bnothing".to_vec(), "Packages.gz"),
    ] {
        let repository = Repository::new().await;
        repository.put("/Release", release(&[(&path, &packed)]));
        repository.put(&path, packed);
        let error = repository.plan().await.expect_err(expected);
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn two_files_at_one_path_are_refused() {
    let repository = Repository::new().await;
    let other = packages("pool/a.deb").replace("SHA256: 2", "SHA256: 3");
    let list = packages("pool/a.deb") + &other;
    repository.put("/Release", release(&[(LIST, list.as_bytes())]));
    repository.put(LIST, list);
    let error = repository.plan().await.expect_err("a conflict");
    assert!(error.contains("two different files at pool/a.deb"), "{error}");
}
