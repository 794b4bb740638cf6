//! Upstreams that lie.

use airlift_core::{Digest, LockEntry};
use airlift_fetch::Settings;
use airlift_testkit::upstream::Resource;

use airlift_kind::DynKind;

use crate::HELM;
use crate::charts::{Repository, omissions, pack, paths, plan, plan_with, settings};

fn manifest(one: &Repository, more: &str) -> String {
    format!("version: 1\nhelm:\n{}", one.entry("one", more))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_paths_are_refused() {
    let one = Repository::start().await;
    one.add("web", "1.0.0", "");
    one.list("../../etc/cron.d/x", "version: 1.0.0\n    urls: [web-1.0.0.tgz]");
    one.list("twice", "version: ../1.0.0\n    urls: [web-1.0.0.tgz]");
    let plan = plan(&manifest(&one, "")).await.expect("a plan");
    let omitted = omissions(&plan);
    assert_eq!(omitted.len(), 1, "{omitted:?}");
    assert!(omitted[0].contains("can't be the name of that chart"), "{omitted:?}");
    assert!(plan.notices.iter().any(|notice| notice.notice.contains("Helm takes for none")), "{:?}", plan.notices);
    assert_eq!(paths(&plan).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_elsewhere_need_tls_and_a_digest() {
    let (one, plain, secure) = (Repository::start().await, Repository::start().await, Repository::with_tls().await);
    let chart = secure.add("good", "1.0.0", "");
    plain.add("plain", "1.0.0", "");
    let digest = Digest::of(&chart).hex();
    let list = |name: &str, url: String, digest: &str| {
        one.list(name, &format!("version: 1.0.0\n    apiVersion: v2\n    urls: [\"{url}\"]\n    {digest}"));
    };
    list("good", secure.upstream.url("/charts/good-1.0.0.tgz"), &format!("digest: {digest}"));
    list("undigested", secure.upstream.url("/charts/good-1.0.0.tgz"), "");
    list("plain", plain.upstream.url("/charts/plain-1.0.0.tgz"), &format!("digest: {digest}"));
    list("passwd", "file:///etc/passwd".into(), "");
    list("registry", "oci://127.0.0.1:1/x".into(), "");
    let settings = Settings { roots: vec![secure.upstream.authority()], ..settings() };
    let plan = plan_with(&manifest(&one, ""), settings).await.expect("a plan");
    assert!(paths(&plan).contains(&"helm/one/charts/good-1.0.0.tgz"), "{:?}", paths(&plan));
    let omitted = omissions(&plan);
    for (file, reason) in [
        ("undigested", "names no digest by which to know it"),
        ("plain", "not over https"),
        ("passwd", "not over https"),
        ("registry", "names no version"),
    ] {
        assert!(
            omitted.iter().any(|omission| omission.contains(file) && omission.contains(reason)),
            "{file}: {omitted:#?}"
        );
    }
    let index = plan.entries.iter().find(|entry| entry.path.as_str() == "helm/one/index.yaml").expect("the index");
    let airlift_core::Source::Generated(bytes) = &index.source else { panic!("the index is made") };
    assert!(!String::from_utf8_lossy(bytes).contains("passwd"), "what is refused is not listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_digests_and_bombs_are_refused() {
    let one = Repository::start().await;
    one.add("lie", "1.0.0", "");
    one.upstream
        .put("/charts/lie-1.0.0.tgz", Resource::new(pack("lie", &[("Chart.yaml", "name: other\nversion: 1.0.0\n")])));
    let mut bomb = String::from("name: bomb\nversion: 1.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
    }
    let packed = pack("bomb", &[("Chart.yaml", &bomb)]);
    one.list("bomb", &format!("version: 1.0.0\n    urls: [bomb.tgz]\n    digest: {}", Digest::of(&packed).hex()));
    one.upstream.put("/charts/bomb.tgz", Resource::new(packed));
    let plan = plan(&manifest(&one, ", images: true")).await.expect("a plan");
    let omitted = omissions(&plan);
    assert_eq!(omitted.len(), 2, "{omitted:#?}");
    assert!(
        omitted.iter().any(|omission| omission.contains("bomb") && omission.contains("Chart.yaml can't be read")),
        "{omitted:#?}"
    );
    assert!(omitted.iter().any(|omission| omission.contains("lie-1.0.0.tgz")), "{omitted:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_repository_is_refused() {
    let one = Repository::start().await;
    for (body, expected) in
        [("<html>moved</html>", "is not the index of a chart repository"), ("entries: {}\n", "no 'apiVersion'")]
    {
        one.upstream.put("/charts/index.yaml", Resource::new(body));
        let omitted = omissions(&plan(&manifest(&one, "")).await.expect("a plan"));
        assert!(omitted[0].starts_with("helm/one/index.yaml: ") && omitted[0].contains(expected), "{omitted:?}");
    }
    one.upstream.remove("/charts/index.yaml");
    let two = Repository::start().await;
    two.add("db", "1.0.0", "");
    let both = plan(&format!("{}{}", manifest(&one, ""), two.entry("two", ""))).await.expect("a plan");
    let omitted = omissions(&both);
    assert!(omitted[0].contains("can't be fetched") && omitted[0].contains("the 'url' is the folder"), "{omitted:?}");
    assert!(paths(&both).contains(&"helm/two/charts/db-1.0.0.tgz"), "the others go on: {:?}", paths(&both));
    let twice = format!("{}{}", manifest(&one, ""), one.entry("two", ""));
    one.add("web", "1.0.0", "");
    let error = plan(&twice).await.expect_err("twice");
    assert!(error.contains("the repositories one and two are both http://"), "{error}");
}

/// A chart that is another one inside than its index says would be found by nobody behind the gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_what_the_index_calls_it() {
    let one = Repository::start().await;
    let packed = pack("other", &[("Chart.yaml", "apiVersion: v2\nname: other\nversion: 9.9.9\n")]);
    one.list("web", &format!("version: 1.0.0\n    urls: [web.tgz]\n    digest: {}", Digest::of(&packed).hex()));
    one.upstream.put("/charts/web.tgz", Resource::new(packed));
    let omitted = omissions(&plan(&manifest(&one, "")).await.expect("a plan"));
    assert!(omitted[0].contains("the index calls it web 1.0.0, and it calls itself other 9.9.9"), "{omitted:?}");
}

/// The user in a repository's URL goes along to charts that the index names by whole URLs, and after a lock.
#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_a_url_asks_for_its_charts() {
    let one = Repository::start().await;
    let file = one.upstream.url("/charts/a.tgz");
    one.list("web", &format!("version: 1.0.0\n    apiVersion: v2\n    urls: [\"{file}\"]\n    dependencies: []"));
    let with_user = one.url().replace("://", "://me:s3cret@");
    let text = format!("version: 1\nhelm:\n  - {{name: one, url: \"{with_user}\"}}\n");
    let planned = plan(&text).await.expect("a plan");
    let chart = planned.entries.iter().find(|entry| entry.path.name() == "web-1.0.0.tgz").expect("the chart");
    let airlift_core::Source::Fetch(request) = &chart.source else { panic!("it is fetched later") };
    assert_eq!(request.url.expose().password(), Some("s3cret"));
    let locked = LockEntry {
        path: chart.path.clone(),
        blob: Digest::of(b""),
        size: 0,
        media_type: String::new(),
        url: Some(file.parse().expect("a URL")),
        pinned: None,
        modified: None,
        purl: None,
        content: None,
    };
    let section = HELM.section(&text).expect("a section");
    let again = section.request(&locked, file.parse().expect("a URL"));
    assert_eq!(again.url.expose().password(), Some("s3cret"));
}

/// Whoever guards a repository by headers gives them to its own host alone.
#[tokio::test(flavor = "multi_thread")]
async fn headers_go_to_their_own_host() {
    let (one, other) = (Repository::start().await, Repository::start().await);
    other.add("db", "1.0.0", "");
    one.add("web", "1.0.0", &format!("dependencies:\n- {{name: db, version: 1, repository: \"{}\"}}\n", other.url()));
    plan(&manifest(&one, ", headers: {Private-Token: s3cret}")).await.expect("a plan");
    let with = |repository: &Repository| {
        repository.upstream.requests().iter().filter(|request| request.header("private-token").is_some()).count()
    };
    assert!(with(&one) > 0 && !other.upstream.requests().is_empty());
    assert_eq!(with(&other), 0);
}
