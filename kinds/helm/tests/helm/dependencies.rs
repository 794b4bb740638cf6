//! Charts that depend on others, and images.

use airlift_testkit::upstream::Fault;
use serde_json::json;

use crate::charts::{Repository, Served, omissions, paths, plan};
use crate::registries::Registry;

fn depends(on: &Repository, version: &str) -> String {
    format!("dependencies:\n- {{name: db, version: \"{version}\", repository: \"{}/\"}}\n", on.url())
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_travel_from_other_repositories() {
    let (one, two, three) = (Repository::start().await, Repository::start().await, Repository::start().await);
    three.add("base", "0.1.0", "");
    let base = format!("dependencies:\n- {{name: base, version: 0.x, repository: \"{}\"}}\n", three.url());
    for version in ["1.0.0", "1.2.0", "1.3.0-rc.1", "2.0.0"] {
        two.add("db", version, &base);
    }
    one.add("web", "1.0.0", &depends(&two, "^1"));
    let lock = format!("dependencies:\n- {{name: db, version: 1.0.0, repository: \"{}\"}}\n", two.url());
    one.add_files("locked", "1.0.0", (&depends(&two, "^1"), &[("Chart.lock", &lock)]));
    let served = Served::of(format!("version: 1\nhelm:\n{}", one.entry("one", ""))).await;
    let authority = |repository: &Repository| repository.upstream.address().to_string();
    let has = |repository: &Repository, file: &str| {
        served.snapshot.index.get(&format!("helm/{}/charts/charts/{file}", authority(repository))).is_some()
    };
    assert!(has(&two, "db-1.2.0.tgz"), "the newest in the range");
    assert!(has(&two, "db-1.0.0.tgz"), "the one that the lock pins");
    assert!(!has(&two, "db-1.3.0-rc.1.tgz") && !has(&two, "db-2.0.0.tgz"));
    assert!(has(&three, "base-0.1.0.tgz"), "and what that depends on");
    let index = served.get_from(&authority(&two), "/charts/index.yaml").await;
    assert!(String::from_utf8_lossy(&index.1).contains("\"urls\":[\"charts/db-1.2.0.tgz\"]"));
    let without =
        plan(&format!("version: 1\nhelm:\n{}", one.entry("one", ", dependencies: false"))).await.expect("a plan");
    assert_eq!(without.entries.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_is_taken_without_dependencies_has_them_where_another_one_needs_it() {
    let (one, two) = (Repository::start().await, Repository::start().await);
    one.add("base", "0.1.0", "");
    one.add("db", "1.0.0", &format!("dependencies:\n- {{name: base, version: 0.x, repository: \"{}\"}}\n", one.url()));
    two.add("web", "1.0.0", &depends(&one, "^1"));
    let manifest =
        |more: &str| format!("version: 1\nhelm:\n{}{more}", one.entry("one", ", charts: [db], dependencies: false"));
    let has_base = async |manifest: String| {
        paths(&plan(&manifest).await.expect("a plan")).iter().any(|path| path.ends_with("/base-0.1.0.tgz"))
    };
    assert!(!has_base(manifest("")).await);
    assert!(has_base(manifest(&two.entry("two", ""))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_one_dependency_travel() {
    let (one, two) = (Repository::start().await, Repository::start().await);
    ["1.0.0", "1.5.0", "2.0.0"].iter().for_each(|version| drop(two.add("redis", version, "")));
    let depends = |cache: &str, queue: &str| {
        let url = two.url();
        format!(
            "dependencies:\n- {{name: redis, version: {cache}, alias: cache, repository: \"{url}\"}}\n\
             - {{name: redis, version: {queue}, alias: queue, repository: \"{url}\"}}\n"
        )
    };
    one.add_files("web", "1.0.0", (&depends("1.x", "2.x"), &[("Chart.lock", &depends("1.0.0", "2.0.0"))]));
    let plan = plan(&format!("version: 1\nhelm:\n{}", one.entry("one", ""))).await.expect("a plan");
    let charts: Vec<&str> = paths(&plan).into_iter().filter(|path| path.contains("/redis-")).collect();
    assert!(charts.iter().any(|path| path.ends_with("redis-1.0.0.tgz")), "{charts:?}");
    assert!(charts.iter().any(|path| path.ends_with("redis-2.0.0.tgz")), "{charts:?}");
    assert_eq!(charts.len(), 2, "{charts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_a_dependency_that_is_not_inside_are_asked_for() {
    let (one, two) = (Repository::start().await, Repository::start().await);
    two.add_files("db", "1.0.0", ("", &[("templates/pod.yaml", "image: quay.io/a/db:1\n")]));
    one.add("web", "1.0.0", &depends(&two, "^1"));
    let manifest = format!("version: 1\nhelm:\n{}", one.entry("one", ", images: true"));
    let plan = plan(&manifest).await.expect("a plan");
    let asked: Vec<_> = plan.also.iter().map(|also| also.value.clone()).collect();
    assert_eq!(asked, [json!({ "ref": "quay.io/a/db:1" })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_of_a_dependency_in_a_registry_are_asked_for_where_it_is_not_inside() {
    let registry = Registry::start(&["1.0.0"], &[("templates/pod.yaml", "image: quay.io/a/web:1\n")]).await;
    let folder = format!("{}/charts", registry.0.address());
    let depends = format!("dependencies:\n- {{name: web, version: \"^1\", repository: \"oci://{folder}\"}}\n");
    let inside = [("charts/web/Chart.yaml", "name: web\nversion: 1.0.0\n")];
    let chart = json!({ "repository": format!("{folder}/web"), "tags": ["1.0.0"] });
    let images = json!({ "ref": "quay.io/a/web:1" });
    for (files, expected) in [(&[][..], vec![images, chart.clone()]), (&inside[..], vec![chart])] {
        let one = Repository::start().await;
        one.add_files("app", "1.0.0", (&depends, files));
        let fetched = registry.0.requests().len();
        let planned =
            plan(&format!("version: 1\nhelm:\n{}", one.entry("one", ", images: true"))).await.expect("a plan");
        assert_eq!(omissions(&planned), [""; 0]);
        let asked: Vec<_> = planned.also.iter().map(|also| also.value.clone()).collect();
        assert_eq!(asked, expected);
        let blobs =
            registry.0.requests()[fetched..].iter().filter(|request| request.target.contains("/blobs/")).count();
        assert_eq!(blobs, usize::from(files.is_empty()), "what is inside was looked at with the chart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_in_a_repository_of_the_manifest_that_can_not_be_had_says_so() {
    let (one, shut) = (Repository::start().await, Repository::start().await);
    shut.upstream.fail_always("/charts/index.yaml", Fault::Status(403, Vec::new(), String::new()));
    let url = shut.url();
    one.add("by-name", "1.0.0", "dependencies:\n- {name: db, version: 1, repository: \"@shut\"}\n");
    one.add("by-url", "1.0.0", &format!("dependencies:\n- {{name: db, version: 1, repository: \"{url}\"}}\n"));
    let manifest = format!("version: 1\nhelm:\n{}{}", one.entry("one", ""), shut.entry("shut", ""));
    let omitted = omissions(&plan(&manifest).await.expect("a plan"));
    assert_eq!(omitted.len(), 3, "{omitted:#?}");
    for omission in &omitted {
        assert!(omission.contains("403 Forbidden"), "{omission}");
        assert!(omission.contains("; no credentials were found for"), "what helps is told: {omission}");
    }
    let of_charts = omitted.iter().filter(|omission| omission.contains("its repository 'shut' can't be had: ")).count();
    assert_eq!((of_charts, shut.upstream.requests().len()), (2, 1), "{omitted:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_had_is_missed_only_where_it_is_needed() {
    let (one, two) = (Repository::start().await, Repository::start().await);
    two.add("db", "1.0.0", "");
    one.add("web", "1.0.0", &depends(&two, "^2"));
    let inside = [("charts/db/Chart.yaml", "name: db\nversion: 2.0.0\n")];
    one.add_files("vendored", "1.0.0", (&depends(&two, "^2"), &inside));
    one.add("gone", "1.0.0", "dependencies:\n- {name: x, version: 1, repository: \"http://127.0.0.1:1/\"}\n- {name: y, version: 1, repository: \"file://../y\"}\n");
    let plan = plan(&format!("version: 1\nhelm:\n{}", one.entry("one", ""))).await.expect("a plan");
    let omitted = omissions(&plan);
    assert_eq!(omitted.len(), 2, "{omitted:#?}");
    assert!(omitted.iter().any(|omission| omission.contains("web-1.0.0.tgz") && omission.contains("has no db ^2")));
    assert!(omitted.iter().any(|omission| omission.contains("gone-1.0.0.tgz") && omission.contains("depends on x 1")));
    assert!(plan.notices.iter().any(|notice| notice.path.name() == "vendored-1.0.0.tgz"), "{:?}", plan.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_asked_for_and_told_apart() {
    let one = Repository::start().await;
    let files = [
        (
            "values.yaml",
            "image: {repository: quay.io/a/b, tag: ''}\nextra: {enabled: false, image: {repository: a/extra, tag: 1}}\n",
        ),
        ("templates/pod.yaml", "image: \"nginx:1.29\"\n"),
    ];
    one.add_files("web", "1.0.0", ("", &files));
    one.add("other", "1.0.0", "");
    let manifest = |images: &str| {
        format!("version: 1\nhelm:\n{}", one.entry("one", &format!(", charts: [web], images: {images}")))
    };
    let planned = plan(&manifest("true")).await.expect("a plan");
    let asked: Vec<_> = planned.also.iter().map(|also| (also.key.as_str(), also.value.clone())).collect();
    assert_eq!(
        asked,
        [("images", json!({ "ref": "docker.io/library/nginx:1.29" })), ("images", json!({ "ref": "quay.io/a/b:9" }))]
    );
    assert_eq!(planned.also[1].why, "the chart web 1.0.0, guessed from its values");
    let notice = &planned.notices[0].notice;
    assert!(notice.contains("certain: docker.io/library/nginx:1.29; guessed: quay.io/a/b:9"), "{notice}");
    let planned =
        plan(&manifest("{platforms: [linux/arm64], exclude: [\"*/nginx:*\"], values: {extra: {enabled: true}}}")).await;
    let values: Vec<_> = planned.expect("a plan").also.into_iter().map(|also| also.value).collect();
    let platforms = ["linux/arm64"];
    assert_eq!(
        values,
        [
            json!({ "ref": "docker.io/a/extra:1", "platforms": platforms }),
            json!({ "ref": "quay.io/a/b:9", "platforms": platforms })
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_for_each_system_is_told_of() {
    let one = Repository::start().await;
    let values = "driver: {repository: nvcr.io/nvidia, image: driver, version: \"570.124.06\"}\n\
                  toolkit: {repository: nvcr.io/nvidia/k8s, image: container-toolkit, version: v1-ubuntu20.04}\n";
    one.add_files("gpu", "1.0.0", ("", &[("values.yaml", values)]));
    let told = async |images: &str| {
        let entry = one.entry("one", &format!(", charts: [gpu], images: {images}"));
        let plan = plan(&format!("version: 1\nhelm:\n{entry}")).await.expect("a plan");
        let notices = plan.notices.into_iter().map(|notice| notice.notice);
        notices.filter(|notice| notice.contains("behind its tag")).collect::<Vec<String>>()
    };
    let all = told("true").await;
    let [notice] = &all[..] else { panic!("{all:?}") };
    assert!(
        notice.contains("nvcr.io/nvidia/driver:570.124.06-ubuntu22.04") && notice.contains("'exclude'"),
        "{notice}"
    );
    let none = told("{exclude: [\"nvcr.io/nvidia/driver:*\"]}").await;
    assert!(none.is_empty(), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fits_nothing_is_missed_by_name() {
    let one = Repository::start().await;
    one.add("web", "1.0.0", "");
    let charts = ", charts: [{name: web, version: \">=4\"}, none]";
    let plan = plan(&format!("version: 1\nhelm:\n{}", one.entry("one", charts))).await.expect("a plan");
    let omitted = omissions(&plan);
    assert!(omitted[0].contains("no version of web >=4 fits; it has 1 versions, such as 1.0.0"), "{omitted:?}");
    assert!(omitted[1].contains("the repository has no chart none"), "{omitted:?}");
    assert_eq!(paths(&plan), ["helm/one/index.yaml", "helm/repositories.json"]);
}
