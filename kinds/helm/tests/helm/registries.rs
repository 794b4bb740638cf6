//! Charts in registries.

use airlift_core::Digest;
use airlift_testkit::upstream::{Resource, Upstream};
use serde_json::json;

use crate::charts::{Repository, omissions, pack, paths, plan};

/// A registry with one chart.
pub(super) struct Registry(pub(super) Upstream);

impl Registry {
    pub(super) async fn start(tags: &[&str], files: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start().await;
        for tag in tags {
            let version = tag.replace('_', "+");
            let chart = format!("apiVersion: v2\nname: web\nversion: {version}\n");
            let packed = pack("web", &[&[("Chart.yaml", chart.as_str())], files].concat());
            let digest = Digest::of(&packed);
            let layer = json!({ "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": digest.to_string(), "size": packed.len() });
            let manifest = json!({ "schemaVersion": 2, "layers": [layer] }).to_string();
            upstream.put(&format!("/v2/charts/web/manifests/{tag}"), Resource::new(manifest));
            upstream.put(&format!("/v2/charts/web/blobs/{digest}"), Resource::new(packed));
        }
        upstream
            .put("/v2/charts/web/tags/list", Resource::new(json!({ "name": "charts/web", "tags": tags }).to_string()));
        Self(upstream)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_in_registries_are_asked_for_as_images() {
    let files = [("templates/pod.yaml", "image: quay.io/a/b:1\n")];
    let registry = Registry::start(&["1.0.0", "1.2.0_build.1", "2.0.0-rc.1", "latest"], &files).await;
    let host = registry.0.address();
    for (mirrors, folder) in [
        (String::new(), format!("{host}/charts")),
        (format!("mirrors: {{quay.io: \"http://{host}\"}}\n"), "quay.io/charts".to_owned()),
    ] {
        let manifest = |charts: &str| {
            format!(
                "version: 1\n{mirrors}helm:\n  - {{name: r, url: \"oci://{folder}\", charts: [{charts}], images: true}}\n"
            )
        };
        let planned = plan(&manifest("{name: web, version: ^1, newest: 1}")).await.expect("a plan");
        let values: Vec<_> = planned.also.iter().map(|also| also.value.clone()).collect();
        let repository = format!("{folder}/web");
        assert_eq!(
            values,
            [json!({ "ref": "quay.io/a/b:1" }), json!({ "repository": repository, "tags": ["1.2.0_build.1"] })]
        );
        assert!(planned.entries.is_empty(), "{:?}", paths(&planned));
        let exact = plan(&manifest("{name: web, version: 1.2.0+build.1}")).await.expect("a plan");
        assert_eq!(exact.also.len(), 2);
        let none = plan(&manifest("{name: web, version: ^9}, gone")).await.expect("a plan");
        let omitted = omissions(&none);
        assert!(
            omitted[0].contains("no version of web ^9 fits") && omitted[1].contains("can't be listed"),
            "{omitted:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_of_a_registry_that_can_not_be_read_is_missed() {
    let registry = Registry::start(&["1.0.0"], &[("values.yaml", "a: [\n")]).await;
    let large = " ".repeat(6 << 20);
    let unreadable = Registry::start(&["1.0.0"], &[("files/x", &large)]).await;
    for (registry, omitted) in [(&registry, 0), (&unreadable, 1)] {
        let folder = format!("{}/charts", registry.0.address());
        let manifest = format!(
            "version: 1\nhelm:\n  - {{name: r, url: \"oci://{folder}\", charts: [{{name: web, version: 1.0.0}}], images: true}}\n"
        );
        let plan = plan(&manifest).await.expect("a plan");
        let omissions = omissions(&plan);
        assert_eq!((omissions.len(), plan.also.len()), (omitted, 1 - omitted), "{omissions:?}");
        assert!(omissions.iter().all(|omission| omission.contains("no chart that Helm would take")), "{omissions:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_may_name_charts_in_a_registry() {
    let registry = Registry::start(&["1.0.0"], &[]).await;
    let one = Repository::start().await;
    one.list(
        "web",
        &format!("version: 1.0.0\n    apiVersion: v2\n    urls: [\"oci://{}/charts/web:1.0.0\"]", registry.0.address()),
    );
    let plan = plan(&format!("version: 1\nhelm:\n{}", one.entry("one", ""))).await.expect("a plan");
    assert_eq!(omissions(&plan), [""; 0]);
    let chart = plan.entries.iter().find(|entry| entry.path.name() == "web-1.0.0.tgz").expect("the chart");
    assert!(chart.size.is_some() && chart.digest().is_some());
    let airlift_core::Source::Fetch(request) = &chart.source else { panic!("it is fetched later") };
    assert_eq!(request.scope.as_deref(), Some("repository:charts/web:pull"));
}
