//! Indexes and packages that lie.

use airlift_core::{Digest, Source};
use airlift_fetch::Expected;
use serde_json::json;

use super::upstream::{Dist, Site, metadata, zipped};

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_lies_is_not_believed() {
    let other = Dist::wheel_that_says(("a", "2", "py3-none-any"), metadata("b", "2", &[]));
    let version = Dist::wheel_that_says(("a", "3", "py3-none-any"), metadata("a", "4", &[])).alone();
    let site = Site::of(&[("a", Dist::pure("a", "1", &[])), ("a", other), ("a", version)]).await;
    assert_eq!(site.chosen(&["a"], "").await, ["a-1-py3-none-any.whl"]);
    let told = site.refused(&["a>=2"], "").await;
    assert!(told.contains("metadata that says it is b 2") && told.contains("it is a 4"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_beside_a_wheel_has_the_promised_digest() {
    let lying = Dist::pure("a", "1", &[]).with("core-metadata", json!({ "sha256": "00".repeat(32) }));
    let site = Site::of(&[("a", lying)]).await;
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("does not have the promised checksum") && told.contains("the metadata of a-1"), "{told}");
}

/// It is right by its digest, and the wheel is right by its own, but one of them lies.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_beside_a_wheel_says_what_the_wheel_says() {
    let wheel = || Dist::pure("a", "1", &["Requires-Dist: b", "Requires-Dist: c"]);
    let needs = |lines: &[&str]| metadata("a", "1", lines);
    let others = [("b", Dist::pure("b", "1", &[])), ("c", Dist::pure("c", "1", &[]).alone())];
    let site = |beside: String| {
        let all = [&others[..], &[("a", wheel().beside(beside))]].concat();
        async move { Site::of(&all).await }
    };
    let lying = site(needs(&["Requires-Dist: b"])).await;
    let told = lying.collect(&lying.manifest(&["a"], "")).await.expect_err("a lie");
    assert!(told.contains("the wheel a-1-py3-none-any.whl does not say what the metadata beside it says"), "{told}");
    assert!(told.contains("a-1-py3-none-any.whl.metadata"), "{told}");
    let other = site(needs(&["Summary: in other words", "Requires-Dist: c", "Requires-Dist: b"])).await;
    assert_eq!(other.collect(&other.manifest(&["a"], "")).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_there_as_promised_are_refused() {
    let wrong = Dist::pure("a", "1", &[]).with("hashes", json!({ "sha256": "00".repeat(32) }));
    let site = Site::of(&[("a", wrong)]).await;
    let plan = site.plan(&site.manifest(&["a"], "")).await.expect("a plan");
    let entry = plan.entries.iter().find(|entry| entry.path.name().ends_with(".whl")).expect("a wheel");
    let promised = entry.digest().expect("a promise");
    assert_eq!(promised, Digest::from_hex(&"00".repeat(32)).expect("a digest"));
    let Source::Fetch(_) = &entry.source else { panic!("{entry:?}") };
    assert_eq!(Expected::digest(promised).checksums, entry.checksums);

    let alone = Dist::pure("b", "1", &[]).alone().with("hashes", json!({ "sha256": "00".repeat(32) }));
    let site = Site::of(&[("b", alone)]).await;
    let told = site.refused(&["b"], "").await;
    assert!(told.contains("does not have the promised checksum"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_away_are_refused() {
    let evil = |name: &str| {
        json!({ "meta": { "api-version": "1.0" }, "files": [
            { "filename": name, "url": "../../files/x", "hashes": {} } ] })
        .to_string()
    };
    let site = Site::of(&[("a", Dist::pure("a", "1", &[]))]).await;
    for name in [
        "../../../etc/cron.d/a-1-py3-none-any.whl",
        "b-1-py3-none-any.whl",
        "a-1-py3-none-any.whl\u{0}",
        "a-1/../a.tar.gz",
    ] {
        site.page("a", "application/vnd.pypi.simple.v1+json", evil(name));
        let told = site.refused(&["a"], "").await;
        assert!(told.contains("there is no a that can be used"), "{name}\n{told}");
    }
    let local = evil("a-1-py3-none-any.whl").replace("../../files/x", "file:///etc/passwd");
    site.page("a", "application/vnd.pypi.simple.v1+json", local);
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("names a file of this machine"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_not_unpacked() {
    let mut text = metadata("a", "1", &[]).into_bytes();
    text.resize(200 << 20, b'\n');
    let bomb = zipped(&[("a-1.dist-info/METADATA".to_owned(), text)]);
    assert!(bomb.len() < 1 << 20);
    let site = Site::of(&[("a", Dist::raw("a-1-py3-none-any.whl", bomb))]).await;
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("unpacks to more than"), "{told}");

    let long = "x".repeat(40 << 20);
    let bomb = super::upstream::tarball("b-1", &[("PKG-INFO", &long)]);
    let site = Site::of(&[("b", Dist::raw("b-1.tar.gz", bomb))]).await;
    let told = site.refused(&["b"], "").await;
    assert!(told.contains("can't be unpacked"), "{told}");

    let site = Site::of(&[("c", Dist::raw("c-1-py3-none-any.whl", b"this is no zip".to_vec()))]).await;
    let told = site.refused(&["c"], "").await;
    assert!(told.contains("no intact zip"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_none_are_named() {
    let site = Site::of(&[("a", Dist::pure("a", "1", &[]))]).await;
    site.page("a", "application/vnd.pypi.simple.v1+json", "{\"files\":".to_owned());
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("/simple/a/ can't be read"), "{told}");
    let status = json!({ "files": [], "project-status": { "status": "quarantined", "reason": "malware" } });
    site.page("a", "application/vnd.pypi.simple.v1+json", status.to_string());
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("quarantine: malware"), "{told}");
}
