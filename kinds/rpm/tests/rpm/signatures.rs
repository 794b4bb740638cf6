//! Signatures inside of packages, as rpmsign made them in earlier decades: `old/` has the packages and how they were made.

use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::failure::line;
use airlift_core::{Digest, LockEntry};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::Kind;
use airlift_kind_rpm::Rpm;
use airlift_kind_rpm::format::header::{self, Start, tag};
use airlift_store::Store;

const KEY: &[u8] = include_bytes!("old/key.asc");
/// Version 3, over the header.
const HEADER: &[u8] = include_bytes!("old/header.rpm");
/// Version 3, over header and payload, and no other.
const PAYLOAD: &[u8] = include_bytes!("old/payload.rpm");
/// Version 4, over header and payload, and no other.
const PAYLOAD_4: &[u8] = include_bytes!("old/payload4.rpm");
/// Version 3, over the header, with SHA-1.
const SHA1: &[u8] = include_bytes!("old/sha1.rpm");
/// Version 3, over the header, of another key.
const OTHER: &[u8] = include_bytes!("old/other.rpm");

/// Something that was collected.
fn entry(path: &str, bytes: &[u8], media_type: &str) -> LockEntry {
    LockEntry {
        path: path.parse().expect("a path"),
        blob: Digest::of(bytes),
        size: bytes.len() as u64,
        media_type: media_type.to_owned(),
        url: None,
        pinned: None,
        modified: None,
        purl: None,
        content: None,
    }
}

/// What is to be known of these packages, which are from a repository with these keys at these paths.
async fn inspected_with(keys: &[(&str, &[u8])], packages: &[(&str, &[u8])]) -> Result<Vec<String>, String> {
    // Where only the host's own files name the keys, those that were collected count.
    let manifest = "version: 1\nyum:\n  - { from: /etc/yum.repos.d/r.repo }\n";
    let spec = airlift_core::manifest::section(manifest, Rpm::KEYS).expect("a section");
    let store = Store::memory();
    let packages =
        packages.iter().map(|(name, bytes)| (entry(&format!("rpm/r/{name}"), bytes, "application/x-rpm"), *bytes));
    let keys = keys.iter().map(|(path, bytes)| (entry(path, bytes, "application/pgp-keys"), *bytes));
    let mut entries = Vec::new();
    for (entry, bytes) in packages.chain(keys) {
        store.put(bytes.to_vec().into()).await.expect("stored");
        entries.push(entry);
    }
    let fetcher = Fetcher::new(Settings::default(), store, Arc::new(Silent), Default::default()).expect("a fetcher");
    let notices = Rpm::inspect(&spec, &entries.iter().collect::<Vec<_>>(), &fetcher).await;
    notices.map(|all| all.into_iter().map(|notice| notice.notice).collect()).map_err(|error| line(&error))
}

async fn inspected(packages: &[(&str, &[u8])]) -> Result<Vec<String>, String> {
    inspected_with(&[("rpm/gpgkeys/r.pub", KEY)], packages).await
}

/// The package with another byte in its payload, or in its header.
fn damaged(package: &[u8], in_payload: bool) -> Vec<u8> {
    let Ok(Start::Headers(headers)) = header::read(package) else { panic!("no package") };
    let at = match in_payload {
        true => package.len() - 1,
        false => usize::try_from(headers.range().end).expect("a place") - 2,
    };
    let mut bytes = package.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
fn the_packages_are_signed_in_the_old_ways() {
    // A packet of a signature begins with its tag and length, and then the version (RFC 4880, section 5.2.2).
    for (package, wanted, version) in
        [(HEADER, tag::SIG_RSA, 3), (SHA1, tag::SIG_RSA, 3), (PAYLOAD, tag::SIG_PGP, 3), (PAYLOAD_4, tag::SIG_PGP, 4)]
    {
        let Ok(Start::Headers(headers)) = header::read(package) else { panic!("no package") };
        let has = [tag::SIG_RSA, tag::SIG_PGP].map(|tag| headers.signature.has(tag));
        assert_eq!(has, [wanted == tag::SIG_RSA, wanted == tag::SIG_PGP]);
        assert_eq!(headers.signature.bytes(wanted).expect("a signature")[3], version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_signatures_count_as_rpm_has_them() {
    let good = [("header.rpm", HEADER), ("payload.rpm", PAYLOAD), ("payload4.rpm", PAYLOAD_4)];
    assert_eq!(inspected(&good).await, Ok(Vec::new()));
    let notices = inspected(&[("sha1.rpm", SHA1)]).await.expect("taken");
    assert!(notices[0].contains("the signatures of 1 of 1 packages do not count") && notices[0].contains("SHA-1"));
    let error = inspected(&[good[0], ("other.rpm", OTHER)]).await.expect_err("another key");
    assert!(error.contains("1 of its 2 packages") && error.contains("other.rpm"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_signature_is_over_what_it_says() {
    let cases = [
        ("of the header, damaged in the header", damaged(HEADER, false), false),
        ("of the header, which has the digest of the payload, damaged there", damaged(HEADER, true), true),
        ("of all, damaged in the header", damaged(PAYLOAD, false), false),
        ("of all, damaged in the payload", damaged(PAYLOAD, true), false),
        ("of all in version 4, damaged in the payload", damaged(PAYLOAD_4, true), false),
    ];
    for (what, package, good) in cases {
        let inspected = inspected(&[("a.rpm", &package)]).await;
        assert_eq!(inspected.is_ok(), good, "{what}: {inspected:?}");
        if let Err(error) = inspected {
            assert!(error.contains("it is not a signature of these bytes"), "{what}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_hosts_own_key_is_none_of_the_packages() {
    let own = include_bytes!("key.asc");
    let both = [KEY, own].concat();
    let other = [("other.rpm", OTHER)];
    let made = ("rpm/r/repodata/repomd.xml.key", &own[..]);
    let error = inspected_with(&[("rpm/gpgkeys/r.pub", &both), made], &other).await.expect_err("another key");
    assert_eq!(error.matches("accepted keys: ").count(), 1);
    let accepted = error.split("accepted keys: ").nth(1).expect("the keys");
    assert!(!accepted.contains(", "), "one key is of the packages: {error}");
    // Without a key of upstream nobody can say who signed a package: that is told, with the key that it says to be from.
    let told = inspected_with(&[("rpm/gpgkeys/r.pub", own), made], &other).await.expect("no error");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("1 of 1 packages are signed by the key 7645AA7BAA587FFC, which was not checked"),
        "{told:?}"
    );
    inspected_with(&[("rpm/gpgkeys/r.pub", own)], &other).await.expect_err("it is upstream's");
    let error = inspected_with(&[], &other).await.expect_err("no keys at all");
    assert!(error.contains("can't be checked: the lock has no rpm/gpgkeys/r.pub"), "{error}");
}
