//! What is served, from every place that a snapshot can be in.

use airlift_kind::{Asked, DynKind, Lookup, Reply, Scheme, View};
use airlift_store::Store;
use airlift_testkit::conformance::{self, Case};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

use super::upstream::{GALAXY, Site};

async fn case() -> (Site, Case) {
    let site = Site::start().await;
    site.publish("a.b", "1.0.0", json!({ "a.c": ">=1" }));
    site.publish("a.b", "2.0.0+build.5", json!({ "a.c": ">=1" }));
    site.publish("a.c", "1.0.0", json!({}));
    site.role("geerlingguy.ntp", "2.4.0", "[]");
    site.role("geerlingguy.ntp", "feature/x", "[]");
    let manifest = site.manifest(
        "collections: [a.b], roles: [{name: geerlingguy.ntp, version: 2.4.0}, {name: geerlingguy.ntp, version: feature/x}]",
    );
    (site, Case { kind: &GALAXY, manifest, absent: "/galaxy/none" })
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_served_from_every_place() {
    let (_site, case) = case().await;
    conformance::run(&case).await;
}

struct Served(Arc<dyn Lookup>, Store);

impl Served {
    async fn get(&self, url: &str) -> (StatusCode, Vec<u8>) {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, "mirror:8004".parse().expect("a header"));
        let asked = Asked { method: &Method::GET, path, query, headers: &headers, scheme: Scheme::Http };
        let mut reply = self.0.lookup(&asked);
        while let Reply::Later(later) = reply {
            reply = later.await;
        }
        match reply {
            Reply::Found(found) => {
                let blob = self.1.blob(found.blob, found.size).await.expect("a store").expect("a blob");
                (StatusCode::OK, blob.bytes(1 << 30).await.expect("bytes").to_vec())
            }
            Reply::Content(content) => (content.status, content.bytes.to_vec()),
            Reply::Pass => (StatusCode::NOT_IMPLEMENTED, Vec::new()),
            _ => panic!("{url}: neither bytes nor nothing"),
        }
    }

    async fn json(&self, url: &str) -> Value {
        let (status, body) = self.get(url).await;
        assert_eq!(status, StatusCode::OK, "{url}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_galaxy_does() {
    let (_site, case) = case().await;
    let store = Store::memory();
    let snapshot = conformance::collect(&case, &store).await;
    let served = Served(GALAXY.serve(View::new("galaxy", store.clone(), &snapshot)), store);
    assert_eq!(served.json("/galaxy/").await["available_versions"], json!({ "v1": "api/v1/", "v3": "api/v3/" }));
    assert_eq!(served.json("/galaxy/api/").await["available_versions"], json!({ "v1": "v1/", "v3": "v3/" }));
    let list = served.json("/galaxy/api/v3/collections/a/b/versions/?limit=100").await;
    assert_eq!((&list["data"][0]["version"], &list["links"]["next"]), (&json!("2.0.0+build.5"), &Value::Null));
    let detail = served.json("/galaxy/api/v3/collections/a/b/versions/2.0.0+build.5/").await;
    let url = "http://mirror:8004/galaxy/collections/a/b/a-b-2.0.0+build.5.tar.gz";
    assert_eq!((&detail["download_url"], &detail["metadata"]["dependencies"]), (&json!(url), &json!({ "a.c": ">=1" })));
    assert_eq!(served.get("/galaxy/collections/a/b/a-b-2.0.0+build.5.tar.gz").await.0, StatusCode::OK);
    assert_eq!(served.json("/galaxy/api/v3/collections/a/b/").await["updated_at"], "2024-05-02T00:00:00.123456Z");

    let found = served.json("/galaxy/api/v1/roles/?owner__username=geerlingguy&name=ntp").await;
    let id = found["results"][0]["id"].as_str().expect("an id").to_owned();
    assert!(found["results"][0].get("github_user").is_none(), "clients would go to GitHub");
    let versions = served.json(&format!("/galaxy/api/v1/roles/{id}/versions/?page_size=50")).await;
    let url = "http://mirror:8004/galaxy/roles/geerlingguy.ntp/feature/x.tar.gz";
    let version = versions["results"].as_array().into_iter().flatten().find(|version| version["name"] == "feature/x");
    assert_eq!(version.expect("a version")["download_url"], url);
    assert_eq!(served.json("/galaxy/api/v1/roles/?owner__username=a&name=gone").await["results"], json!([]));
    assert_eq!(served.json("/galaxy/api/v1/roles/").await["count"], 1);
    let (_, text) = served.get("/galaxy/requirements.yml").await;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("source: \"http://mirror:8004/galaxy/\""), "{text}");
    assert!(text.contains("src: \"http://mirror:8004/galaxy/roles/geerlingguy.ntp/2.4.0.tar.gz\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_in_galaxy_s_form() {
    let (_site, case) = case().await;
    let store = Store::memory();
    let snapshot = conformance::collect(&case, &store).await;
    let served = Served(GALAXY.serve(View::new("galaxy", store.clone(), &snapshot)), store);
    for (url, words) in [
        ("/galaxy/api/v3/collections/a/gone/versions/?limit=100", "the collection a.gone is not in"),
        ("/galaxy/api/v3/collections/a/b/versions/9.0.0/", "the collection a.b 9.0.0 is not in"),
        ("/galaxy/api/v3/collections/a/b/versions/collection/", "the collection a.b collection is not in"),
        ("/galaxy/api/v1/roles/7/versions/", "the role 7 is not in"),
        ("/galaxy/api/v2/", "nothing else"),
        ("/galaxy/collections/a/b/a-b-9.0.0.tar.gz", "there is no collections/a/b/a-b-9.0.0.tar.gz"),
    ] {
        let (status, body) = served.get(url).await;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status, StatusCode::NOT_FOUND, "{url}");
        for told in [&body["errors"][0]["detail"], &body["default"]] {
            assert!(told.as_str().is_some_and(|told| told.contains(words)), "{url}: {body}");
        }
    }
    assert_eq!(served.get("/galaxies").await.0, StatusCode::NOT_IMPLEMENTED, "another kind's");
    assert_eq!(served.get("/").await.0, StatusCode::NOT_IMPLEMENTED);
}
