//! Values in the forms of well-known charts.

use super::*;
use crate::format::chart::Metadata;

fn chart(name: &str, app_version: &str, values: &str, templates: &[&str]) -> Chart {
    let metadata = Metadata {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        app_version: Some(app_version.to_owned()),
        ..Metadata::default()
    };
    let templates = templates.iter().enumerate().map(|(n, text)| (format!("{n}.yaml"), text.as_bytes().to_vec()));
    Chart { metadata, values: values.as_bytes().to_vec(), templates: templates.collect(), ..Chart::default() }
}

fn found(chart: &Chart, overrides: &str) -> Vec<String> {
    let overrides = yaml::read::<Option<Map<String, Value>>>(overrides.as_bytes()).expect("values").unwrap_or_default();
    let images = of_chart(chart, &overrides);
    assert_eq!(images.troubles, [""; 0]);
    images.found.into_keys().collect()
}

#[test]
fn repository_image_and_version_make_an_image() {
    let values = "
validator: {repository: nvcr.io/nvidia, image: gpu-operator-validator}
operator:
  repository: nvcr.io/nvidia
  image: gpu-operator
  initContainer: {image: cuda, repository: nvcr.io/nvidia, version: 12.8.1-base-ubi9}
toolkit: {enabled: true, repository: nvcr.io/nvidia/k8s, image: container-toolkit, version: v1.17.5}
dcgm: {enabled: false, repository: nvcr.io/nvidia/cloud-native, image: dcgm, version: 4.2.3}
driver: {repository: nvcr.io/nvidia, image: driver, version: sha256:DIGEST}
source: {repository: \"https://example.org/x.git\", version: 1}
";
    let digest = "ab".repeat(32);
    let chart = chart("gpu-operator", "v25.3.0", &values.replace("DIGEST", &digest), &[]);
    assert_eq!(
        found(&chart, ""),
        [
            format!("nvcr.io/nvidia/driver@sha256:{digest}"),
            "nvcr.io/nvidia/cuda:12.8.1-base-ubi9".into(),
            "nvcr.io/nvidia/gpu-operator-validator:v25.3.0".into(),
            "nvcr.io/nvidia/gpu-operator:v25.3.0".into(),
            "nvcr.io/nvidia/k8s/container-toolkit:v1.17.5".into(),
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<String>>()
    );
    assert!(found(&chart, "dcgm: {enabled: true}").contains(&"nvcr.io/nvidia/cloud-native/dcgm:4.2.3".to_owned()));
}

#[test]
fn registry_repository_tag_and_sha_make_an_image() {
    let sha = "cd".repeat(32);
    let values = format!(
        "
global: {{imageRegistry: ''}}
prometheusOperator:
  image: {{registry: quay.io, repository: prometheus-operator/prometheus-operator, tag: '', sha: ''}}
  thanosImage: {{registry: quay.io, repository: thanos/thanos, tag: v0.37.2}}
patch: {{image: {{registry: registry.k8s.io, repository: ingress-nginx/kube-webhook-certgen, tag: v1.5.1, sha: {sha}}}}}
hub: {{image: {{name: quay.io/jupyterhub/k8s-hub, tag: 4.1.0}}}}
cilium: {{image: {{repository: quay.io/cilium/cilium, tag: v1.16.0, digest: \"sha256:{sha}\", useDigest: false}}}}
old: {{image: busybox, imageTag: 1.36}}
images: {{a: \"quay.io/a/b:1\", b: not-an-image}}
"
    );
    let template = "x: {{ $.Values.tag | default (printf \"v%s\" $.Chart.AppVersion) }}";
    let chart = chart("kps", "0.80.1", &values, &[template]);
    let expected = [
        "docker.io/library/busybox:1.36".to_owned(),
        "quay.io/a/b:1".into(),
        "quay.io/cilium/cilium:v1.16.0".into(),
        "quay.io/jupyterhub/k8s-hub:4.1.0".into(),
        "quay.io/prometheus-operator/prometheus-operator:v0.80.1".into(),
        "quay.io/thanos/thanos:v0.37.2".into(),
        format!("registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.5.1@sha256:{sha}"),
    ];
    assert_eq!(found(&chart, ""), expected);
    let mirrored = found(&chart, "global: {imageRegistry: mirror.example.org}");
    assert!(mirrored.contains(&"mirror.example.org/thanos/thanos:v0.37.2".to_owned()), "{mirrored:?}");
}

#[test]
fn subcharts_have_their_parents_values_and_may_be_off() {
    let mut parent = chart("parent", "1", "redis: {image: {tag: 7.2}}\ngrafana: {enabled: false}\n", &[]);
    let dependency = |name: &str, alias: Option<&str>, condition: &str| Dependency {
        name: name.into(),
        alias: alias.map(str::to_owned),
        condition: Some(condition.into()),
        ..Dependency::default()
    };
    parent.metadata.dependencies =
        vec![dependency("redis", None, "redis.enabled"), dependency("grafana", None, "grafana.enabled")];
    parent.subcharts = vec![
        chart("redis", "7", "image: {repository: docker.io/library/redis, tag: 7.0}\n", &[]),
        chart("grafana", "11", "image: {repository: grafana/grafana, tag: ''}\n", &[]),
        chart("unnamed", "1", "", &["  image: quay.io/a/unnamed:1\n"]),
    ];
    assert_eq!(found(&parent, ""), ["docker.io/library/redis:7.2", "quay.io/a/unnamed:1"]);
    let all = found(&parent, "grafana: {enabled: true}");
    assert!(all.contains(&"docker.io/grafana/grafana:11".to_owned()), "{all:?}");
}

#[test]
fn what_is_certain_is_told_from_what_is_guessed() {
    let mut chart =
        chart("a", "1", "image: {repository: a/guessed}\n", &["- image: a/certain:1\n- image: {{ .Values.x }}\n"]);
    chart
        .metadata
        .annotations
        .insert("artifacthub.io/images".into(), "- {name: x, image: quay.io/a/declared:1}\n".into());
    let images = of_chart(&chart, &Map::new());
    assert_eq!(images.of(Certainty::Certain).collect::<Vec<_>>(), ["docker.io/a/certain:1", "quay.io/a/declared:1"]);
    assert_eq!(images.of(Certainty::Guessed).collect::<Vec<_>>(), ["docker.io/a/guessed:1"]);
}

#[test]
fn rendered_documents_are_read() {
    let images = rendered(
        "---\nspec: {containers: [{image: nginx, args: [\"--reloader=quay.io/a/reloader:v1\", --x=y]}]}\n---\nkind: ClusterPolicy\nspec: {driver: {repository: nvcr.io/nvidia, image: driver, version: \"570\"}, off: {enabled: false, image: x, repository: y, version: z}}\n---\n# nothing\n",
    );
    assert_eq!(
        images.of(Certainty::Certain).collect::<Vec<_>>(),
        ["docker.io/library/nginx:latest", "nvcr.io/nvidia/driver:570", "quay.io/a/reloader:v1"]
    );
    assert!(!rendered("a: [").troubles.is_empty());
}

#[test]
fn values_that_can_not_be_read_are_told() {
    let images = of_chart(&chart("a", "1", "a: [", &["image: a/b:1\n"]), &Map::new());
    assert_eq!((images.troubles.len(), images.found.len()), (1, 1));
}
