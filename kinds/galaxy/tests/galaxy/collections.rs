//! Which versions of which collections travel.

use airlift_core::Digest;
use airlift_testkit::upstream::Resource;
use serde_json::json;

use super::upstream::{Site, collection, made, notices, omissions, packed, plan, plan_with, settings};

fn file(name: &str, version: &str) -> String {
    format!("collections/{}/{}-{version}.tar.gz", name.replace('.', "/"), name.replace('.', "-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_that_fit_travel_with_what_they_need() {
    let site = Site::start().await;
    for version in ["8.0.0", "9.0.0", "9.5.1", "9.6.0-rc.1", "10.0.0"] {
        site.publish("community.general", version, json!({}));
    }
    site.publish("ansible.posix", "1.5.0", json!({}));
    site.publish("ansible.posix", "2.0.0", json!({ "ansible.utils": ">=3,<5" }));
    for version in ["2.0.0", "3.1.0", "4.0.0", "5.0.0"] {
        site.publish("ansible.utils", version, json!({}));
    }
    let plan = site
        .plan("collections: [{name: community.general, version: \">=9,<10\"}, ansible.posix, {name: ansible.utils, version: \"!=4.0.0\"}]")
        .await
        .expect("a plan");
    assert_eq!(omissions(&plan), [""; 0]);
    assert_eq!(
        packed(&plan),
        [file("ansible.posix", "2.0.0"), file("ansible.utils", "3.1.0"), file("community.general", "9.5.1")]
    );
    let detail = made(&plan, "collections/community/general/9.5.1.json");
    assert_eq!(detail["download_url"], "/galaxy/collections/community/general/community-general-9.5.1.tar.gz");
    assert_eq!(made(&plan, "collections/ansible/posix/versions.json")["data"][0]["version"], "2.0.0");
    let asked = site.upstream.requests_of("/api/v3/collections/community/general/versions/10.0.0/");
    assert!(asked.is_empty(), "only what is chosen is asked about");
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_releases_are_for_who_names_one() {
    let site = Site::start().await;
    site.publish("a.b", "1.0.0", json!({}));
    site.publish("a.b", "2.0.0-rc.1", json!({}));
    site.publish("a.only", "0.1.0-beta", json!({}));
    for (wanted, expected) in [
        ("a.b", file("a.b", "1.0.0")),
        ("{name: a.b, version: \"2.0.0-rc.1\"}", file("a.b", "2.0.0-rc.1")),
        ("a.only", file("a.only", "0.1.0-beta")),
    ] {
        let plan = site.plan(&format!("collections: [{wanted}]")).await.expect("a plan");
        assert_eq!(packed(&plan), [expected], "{wanted}");
    }
    let plan = site.plan("collections: [{name: a.b, version: \">1.0.0\"}]").await.expect("a plan");
    assert!(omissions(&plan)[0].contains("only pre-releases such as 2.0.0-rc.1"), "{:?}", omissions(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_had_is_explained() {
    let site = Site::start().await;
    site.publish("a.b", "1.0.0", json!({ "a.c": ">=2" }));
    site.publish("a.c", "1.0.0", json!({}));
    site.publish("a.d", "1.0.0", json!({ "a.gone": "*" }));
    site.publish("a.e", "1.0.0", json!({ "a.c": "newest" }));
    site.publish("a.good", "1.0.0", json!({}));
    let plan = site.plan("collections: [a.b, a.d, a.e, a.good, {name: a.c, version: \">=9\"}]").await.expect("a plan");
    assert_eq!(packed(&plan), [file("a.good", "1.0.0")]);
    let omitted = omissions(&plan);
    let server = site.upstream.url("/");
    for (path, reasons) in [
        (
            "galaxy/collections/a/b",
            &[
                "the manifest wants a.b",
                "a.b 1.0.0 needs a.c >=2",
                "there is no a.c >=2 (of 1 versions the newest is 1.0.0)",
            ][..],
        ),
        ("galaxy/collections/a/d", &["a.d 1.0.0 needs a.gone", &format!("there is no a.gone: {server} has none")]),
        ("galaxy/collections/a/e", &["a.e 1.0.0 needs a.c, and 'newest' is no range of versions"]),
        ("galaxy/collections/a/c", &["the manifest wants a.c >=9", "there is no a.c >=9"]),
    ] {
        let told = omitted.iter().find(|omission| omission.starts_with(&format!("{path}: ")));
        let told = told.unwrap_or_else(|| panic!("{path} is not told: {omitted:#?}"));
        for reason in reasons {
            assert!(told.contains(reason), "{reason}\n{told}");
        }
    }
    assert_eq!(omitted.len(), 4, "{omitted:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_excludes_one_another_travels_side_by_side() {
    let site = Site::start().await;
    site.publish("a.old", "1.0.0", json!({ "a.c": "<2" }));
    site.publish("a.new", "1.0.0", json!({ "a.c": ">=2" }));
    site.publish("a.c", "1.0.0", json!({}));
    site.publish("a.c", "2.0.0", json!({}));
    let plan = site.plan("collections: [a.old, a.new]").await.expect("a plan");
    assert_eq!(omissions(&plan), [""; 0]);
    assert_eq!(
        packed(&plan),
        [file("a.c", "1.0.0"), file("a.c", "2.0.0"), file("a.new", "1.0.0"), file("a.old", "1.0.0")]
    );
    let versions = made(&plan, "collections/a/c/versions.json");
    assert_eq!((versions["data"][0]["version"].as_str(), versions["meta"]["count"].as_u64()), (Some("2.0.0"), Some(2)));
    assert_eq!(made(&plan, "collections/a/c/collection.json")["highest_version"]["version"], "2.0.0");
    let told = notices(&plan).join("\n");
    assert!(told.contains("not all can be installed together") && told.contains("a.new 1.0.0 needs a.c >=2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_travel() {
    let site = Site::start().await;
    let mut detail = site.publish("a.b", "1.0.0", json!({}));
    detail["signatures"] = json!([{ "signature": "-----BEGIN PGP SIGNATURE-----", "pubkey_fingerprint": "F", "signing_service": "s", "pulp_created": "2024" }]);
    site.say("a.b", "1.0.0", &detail);
    let plan = site.plan("collections: [a.b]").await.expect("a plan");
    assert_eq!(made(&plan, "collections/a/b/1.0.0.json")["signatures"], detail["signatures"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_requirements_are_followed() {
    let site = Site::start().await;
    site.publish("a.b", "1.0.0", json!({}));
    site.publish("a.dep", "1.0.0", json!({}));
    let url = site.upstream.url("/x/own-c-3.0.0.tar.gz");
    site.upstream
        .put("/x/own-c-3.0.0.tar.gz", Resource::new(collection("own", "c", "3.0.0", &json!({ "a.dep": "*" }))));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    write("own-local-1.0.0.tar.gz", &collection("own", "local", "1.0.0", &json!({})));
    write(
        "requirements.yml",
        format!("collections:\n  - a.b\n  - {{ name: \"{url}\", type: url }}\n  - ./own-local-1.0.0.tar.gz\n  - {{ name: \"https://e.org/a/g.git#/sub\", type: git, version: v1 }}\n").as_bytes(),
    );
    let settings = || airlift_fetch::Settings { folder: Some(folder.path().to_owned()), ..settings() };
    let manifest = site.manifest("requirements: [requirements.yml]");
    let plan = plan_with(&manifest, settings()).await.expect("a plan");
    assert_eq!(omissions(&plan), [""; 0]);
    assert_eq!(
        packed(&plan),
        [file("a.b", "1.0.0"), file("a.dep", "1.0.0"), file("own.c", "3.0.0"), file("own.local", "1.0.0")]
    );
    let also: Vec<(&str, String)> = plan.also.iter().map(|also| (also.key.as_str(), also.value.to_string())).collect();
    assert_eq!(
        also,
        [("git", r#"{"refs":["v1"],"url":"https://e.org/a/g.git"}"#.to_owned()), ("files", format!("\"{url}\""))]
    );
    let wanted = made(&plan, "requirements.json");
    assert_eq!(wanted["collections"][0], json!({ "version": "v1", "git": "e.org/a/g#sub" }));

    write("requirements.yml", b"collections: [{name: a.b, version: x}]");
    let error = plan_with(&manifest, settings()).await.expect_err("no range");
    assert!(
        error.contains("requirements.yml can't be followed: collections, entry 1 (a.b): 'x' is no range"),
        "{error}"
    );
    let error = plan_with(&site.manifest("requirements: [none.yml]"), settings()).await.expect_err("no file");
    assert!(error.contains("the requirements file 'none.yml' could not be had"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_comes_from_the_server_that_is_named() {
    let (one, other) = (Site::start().await, Site::start().await);
    one.publish("a.b", "1.0.0", json!({}));
    other.publish("a.c", "2.0.0", json!({ "a.b": "*" }));
    let source = other.upstream.url("/api/");
    let plan = one
        .plan(&format!("collections: [{{name: a.c, source: \"{source}\"}}], headers: {{Authorization: Token s3cret}}"))
        .await
        .expect("a plan");
    assert_eq!(packed(&plan), [file("a.b", "1.0.0"), file("a.c", "2.0.0")]);
    let with = |site: &Site| site.upstream.requests().iter().any(|request| request.header("authorization").is_some());
    assert!(with(&one) && !with(&other), "headers go to their own host");
    let third = one.upstream.url("/elsewhere/");
    let error = one
        .plan(&format!("collections: [{{name: a.c, source: \"{source}\"}}, {{name: a.c, source: \"{third}\"}}]"))
        .await
        .expect_err("no server");
    assert!(error.contains("the API of the Galaxy server") && error.contains("/elsewhere/"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_has_one_content() {
    let (one, other) = (Site::start().await, Site::start().await);
    one.publish("a.b", "1.0.0", json!({}));
    let mut detail = other.publish("a.b", "1.0.0", json!({}));
    let both = |one: &Site, other: &Site| {
        let entry = |site: &Site| format!("  - {{ collections: [a.b], server: \"{}\" }}\n", site.upstream.url(""));
        format!("version: 1\ngalaxy:\n{}{}", entry(one), entry(other))
    };
    assert_eq!(packed(&plan(&both(&one, &other)).await.expect("the same twice")).len(), 1);
    detail["artifact"]["sha256"] = json!(Digest::of(b"other").hex());
    other.say("a.b", "1.0.0", &detail);
    let error = plan(&both(&one, &other)).await.expect_err("two contents");
    assert!(error.contains("the collection a.b 1.0.0 is there twice, with different contents"), "{error}");
}
