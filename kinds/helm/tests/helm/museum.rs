//! What ChartMuseum answers.

use http::StatusCode;
use serde_json::{Value, json};

use crate::charts::{Repository, Served};

async fn served() -> (Repository, Served) {
    let (one, two) = (Repository::start().await, Repository::start().await);
    let files: [(&str, &str); 1] = [("values.yaml", "replicas: 2\n")];
    one.add("web", "1.0.0", "");
    one.add_files("web", "1.10.0", ("", &files));
    one.add("web", "2.0.0-rc.1", "");
    one.add("api", "3.0.0", "");
    two.add("web", "1.5.0", "");
    let manifest = format!("version: 1\nhelm:\n{}{}", one.entry("one", ""), two.entry("two", ""));
    let served = Served::of(manifest).await;
    (one, served)
}

fn versions(chart: &Value) -> Vec<&str> {
    chart.as_array().into_iter().flatten().filter_map(|version| version["version"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_chartmuseum_does() {
    let (_one, served) = served().await;
    let all = served.json("/api/charts").await;
    assert_eq!(versions(&all["web"]), ["2.0.0-rc.1", "1.10.0", "1.5.0", "1.0.0"]);
    assert_eq!(versions(&served.json("/api/one/charts").await["web"]), ["1.0.0", "1.10.0", "2.0.0-rc.1"]);
    assert_eq!(versions(&served.json("/api/charts/web").await).len(), 4);
    for (asked, expected) in [("latest", "1.10.0"), ("1.0.0", "1.0.0"), ("2.0.0-rc.1", "2.0.0-rc.1"), ("~1.5", "1.5.0")]
    {
        assert_eq!(served.json(&format!("/api/charts/web/{asked}")).await["version"], expected);
    }
    assert_eq!(served.json("/api/charts?offset=1&limit=1").await.as_object().expect("an object").len(), 1);
    assert_eq!(served.json("/api/charts?offset=0&limit=1").await["api"][0]["version"], "3.0.0");
    assert_eq!(served.json("/api/charts?offset=9&limit=1").await, json!({}));
    assert_eq!(served.json("/health").await, json!({ "healthy": true }));
    assert!(served.json("/info").await["version"].is_string());
    assert_eq!(served.get("/api/charts/web/1.10.0/values").await, (StatusCode::OK, b"replicas: 2\n".to_vec()));
    assert_eq!(served.json("/api/charts/web/1.10.0/templates").await["values"]["replicas"], 2);
    for (url, status, error) in [
        ("/api/charts?offset=-1", 400, "offset is not a valid non-negative integer"),
        ("/api/charts?limit=0", 400, "limit is not a valid positive integer"),
        ("/api/charts?limit=x", 400, "limit is not a valid positive integer"),
        ("/api/charts/none", 404, "chart not found"),
        ("/api/charts/web/9.0.0", 404, "no chart version found for web-9.0.0"),
        ("/api/charts/web/1.0.0/values", 404, "values.yaml not found"),
        ("/api/charts/web/1.0.0/other", 404, "not found"),
        ("/api/none", 404, "not found"),
        ("/charts/none-1.0.0.tgz", 404, "object not found"),
        ("/one/charts/none-1.0.0.tgz", 404, "object not found"),
        ("/charts/web.bad", 500, "unsupported file extension"),
    ] {
        let (got, body) = served.get(url).await;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((got.as_u16(), body["error"].as_str()), (status, Some(error)), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_one_and_each_for_itself_by_every_name() {
    let (one, served) = served().await;
    let authority = one.upstream.address().to_string();
    let own = served.get("/one/index.yaml").await;
    let (status, merged) = served.get("/index.yaml").await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(own.1, merged);
    assert_eq!(served.get(&format!("/{authority}/charts/index.yaml")).await, own);
    assert_eq!(served.get_from(&authority, "/charts/index.yaml").await, own, "by upstream's own host and path");
    let chart = served.get("/one/charts/api-3.0.0.tgz").await;
    assert_eq!(chart.0, StatusCode::OK);
    assert_eq!(served.get("/charts/api-3.0.0.tgz").await, chart);
    assert_eq!(served.get_from(&authority, "/charts/charts/api-3.0.0.tgz").await, chart);
    assert_ne!(served.get("/two/charts/api-3.0.0.tgz").await.0, StatusCode::OK);
    let (_, text) = served.get("/repositories.yaml").await;
    assert!(String::from_utf8_lossy(&text).contains("http://mirror:8002/one"));
    let (_, text) = served.get("/").await;
    assert!(String::from_utf8_lossy(&text).contains("helm repo add two http://mirror:8002/two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_repository_is_the_whole() {
    let one = Repository::start().await;
    one.add("web", "1.0.0", "");
    let served = Served::of(format!("version: 1\nhelm:\n{}", one.entry("one", ""))).await;
    assert_eq!(served.get("/index.yaml").await, served.get("/one/index.yaml").await);
    assert_eq!(served.snapshot.index.nodes().len(), 3, "the index is there once");
    let digest = served.json("/api/charts/web/1.0.0").await["digest"].as_str().map(str::to_owned);
    let chart = served.snapshot.index.get("helm/one/charts/web-1.0.0.tgz").expect("the chart");
    assert_eq!(digest, Some(chart.blob.hex()), "upstream's digest stays");
}
