//! Servers that lie.

use airlift_testkit::upstream::Resource;
use serde_json::json;

use super::upstream::{Site, omissions, pack, packed, plan};

async fn refused(site: &Site, entry: &str) -> String {
    let plan = site.plan(entry).await.expect("a plan");
    assert_eq!(packed(&plan), [""; 0]);
    omissions(&plan).join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_without_end_are_refused() {
    let site = Site::start().await;
    let path = "/api/v3/collections/a/b/versions/";
    let page = |next: &str| json!({ "links": { "next": next }, "data": [{ "version": "1.0.0" }] }).to_string();
    for (next, expected) in [
        (path.to_owned(), "leads back to"),
        ("https://e.org/next".to_owned(), "goes on at another host"),
        ("file:///etc/passwd".to_owned(), "goes on at another host"),
    ] {
        site.upstream.put(path, Resource::new(page(&next)));
        let told = refused(&site, "collections: [a.b]").await;
        assert!(told.contains(expected), "{told}");
    }
    let many: Vec<_> = (0..20_001).map(|number| json!({ "version": format!("1.0.{number}") })).collect();
    site.upstream.put(path, Resource::new(json!({ "data": many }).to_string()));
    let told = refused(&site, "collections: [a.b]").await;
    assert!(told.contains("more than 20000 entries"), "{told}");
    site.upstream.put(path, Resource::new("<html>"));
    let told = refused(&site, "collections: [a.b]").await;
    assert!(told.contains("it is not what the Galaxy API answers"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_are_paths_are_none() {
    let site = Site::start().await;
    site.publish("a.b", "1.0.0", json!({}));
    site.list("a.b", &["../../../x".into(), "2".into(), "1.0.0/../x".into(), "1.0.0".into()]);
    let plan = site.plan("collections: [a.b]").await.expect("a plan");
    assert_eq!(packed(&plan), ["collections/a/b/a-b-1.0.0.tar.gz"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_version_has_to_be_of_it() {
    let site = Site::start().await;
    let good = site.publish("a.b", "1.0.0", json!({}));
    for (key, value, expected) in [
        ("version", json!("6.6.6"), "a.b 1.0.0 was asked for, and it is about a.b 6.6.6"),
        ("namespace", json!({ "name": "../../etc" }), "it is about ../../etc.b"),
        ("download_url", json!("file:///etc/passwd"), "not over https"),
        ("download_url", json!("http://e.org/x.tar.gz"), "not over https"),
        ("artifact", json!({ "sha256": "no", "filename": "x" }), "it is not what the Galaxy API answers"),
        ("metadata", json!({ "dependencies": { "../x": "*" } }), "needs ../x, and '../x' is no collection's name"),
    ] {
        let mut detail = good.clone();
        detail[key] = value;
        site.say("a.b", "1.0.0", &detail);
        let told = refused(&site, "collections: [a.b]").await;
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_none_are_refused() {
    let site = Site::start().await;
    site.role("a.b", "v1", "[]");
    site.role_archive("a.b", "v1", b"no archive".to_vec());
    assert!(refused(&site, "roles: [a.b]").await.contains("/a/b/archive/v1.tar.gz"));
    site.role_archive("a.b", "v1", pack(&[("x/meta/main.yml", "dependencies: [\"../../x.y\"]\n")]));
    let plan = site.plan("roles: [a.b]").await.expect("a plan");
    assert_eq!(packed(&plan), ["roles/a.b/v1.tar.gz"]);
    assert!(plan.notices[0].notice.contains("are not known, and do not travel"), "{:?}", plan.notices);
    let found = json!({ "results": [{ "id": "../../x", "name": "b" }] }).to_string();
    site.upstream.put("/api/v1/roles/?owner__username=a&name=b", Resource::new(found));
    assert!(refused(&site, "roles: [a.b]").await.contains("an id that is none"));
    let up =
        json!({ "results": [{ "name": "../../../x", "download_url": site.upstream.url("/a/b/archive/v1.tar.gz") }] });
    let found = json!({ "results": [{ "id": 7, "name": "b" }] }).to_string();
    site.upstream.put("/api/v1/roles/?owner__username=a&name=b", Resource::new(found));
    site.upstream.put("/api/v1/roles/7/versions/", Resource::new(up.to_string()));
    let error = site.plan("roles: [a.b]").await.expect_err("no path");
    assert!(error.contains("can't be named in an archive"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_galaxy_server_is_named() {
    let site = Site::start().await;
    site.upstream.put("/api/", Resource::new("<html>moved</html>"));
    let error = site.plan("collections: [a.b]").await.expect_err("no server");
    assert!(error.contains(&format!("{} is no Galaxy server", site.upstream.url("/"))), "{error}");
    let error = plan("version: 1\ngalaxy:\n  - {collections: [a.b], server: \"http://127.0.0.1:9/\"}\n").await;
    assert!(error.expect_err("nobody listens").contains("the API of the Galaxy server http://127.0.0.1:9/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_from_the_network_name_none_of_this_machine() {
    let site = Site::start().await;
    for (text, expected) in [
        ("collections: [./a-b-1.0.0.tar.gz]", "names a file of this machine"),
        ("roles: [{include: \"file:///etc/passwd\"}]", "names one of this machine"),
        ("roles: [{src: x.tar.gz, name: x}]", "names a file of this machine"),
    ] {
        site.upstream.put("/r.yml", Resource::new(text));
        let entry = format!("requirements: [\"{}\"]", site.upstream.url("/r.yml"));
        let error = site.plan(&entry).await.expect_err(text);
        assert!(error.contains(expected), "{error}");
    }
    site.upstream.put("/r.yml", Resource::new("- include: r.yml\n"));
    let entry = format!("requirements: [\"{}\"]", site.upstream.url("/r.yml"));
    assert_eq!(packed(&site.plan(&entry).await.expect("once")), [""; 0]);
}
