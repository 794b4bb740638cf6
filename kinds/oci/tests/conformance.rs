//! The suite of every kind, over registries with everything odd that a registry may hold.

use std::sync::Arc;

use airlift_core::Plan;
use airlift_core::event::Silent;
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_oci::Oci;
use airlift_store::Store;
use airlift_testkit::conformance::{self, Case};
use airlift_testkit::registry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

static OCI: Erased<Oci> = Erased::new();

fn paths(snapshot: &airlift_store::Snapshot) -> Vec<String> {
    snapshot.index.nodes().iter().map(|node| node.path.to_string()).collect()
}

fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().expect("a digest")
}

/// An index for two platforms, one of them signed, with an SBOM on the index.
fn fill(registry: &Registry, repository: &str) -> (Value, Value, Value) {
    let amd64 = registry.image(repository, "amd64", &[]);
    let arm64 = registry.image(repository, "arm64", &[]);
    let index = registry.index(repository, &[amd64.clone(), arm64.clone()], &["1.0", "v1.1.0", "latest"]);
    registry.image(repository, "amd64", &["v2.0.0"]);
    (index, amd64, arm64)
}

fn manifest(registry: &Registry, images: &str) -> String {
    format!("version: 1\nmirrors: {{ docker.io: \"http://{}\" }}\nimages:\n{images}", registry.authority())
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_served_from_every_place() {
    let registry = Registry::start(true).await;
    let (index, amd64, _) = fill(&registry, "a/b/c/d/e");
    registry.referrer("a/b/c/d/e", &index, "application/spdx+json", &[]);
    let signature = registry.referrer("a/b/c/d/e", &amd64, "application/vnd.dev.cosign.artifact.sig.v1+json", &[]);
    let nested = registry.index(
        "library/nested",
        &[registry.index("library/nested", &[registry.image("library/nested", "amd64", &[])], &[])],
        &["1"],
    );
    assert!(nested["size"].as_u64().is_some_and(|size| size > 0));
    let manifest = manifest(&registry, "  - docker.io/a/b/c/d/e:1.0\n  - nested:1\n");
    let case = Case { kind: &OCI, manifest, absent: "/v2/library/none/manifests/1" };
    conformance::run(&case).await;

    let snapshot = conformance::collect(&case, &Store::memory()).await;
    let paths = paths(&snapshot);
    for expected in [
        format!("oci/docker.io/a/b/c/d/e/referrers/{}", digest(&index)),
        format!("oci/docker.io/a/b/c/d/e/referrers/{}", digest(&amd64)),
        format!("oci/docker.io/a/b/c/d/e/manifests/{}", digest(&signature)),
        "oci/docker.io/library/nested/manifests/1".to_owned(),
    ] {
        assert!(paths.contains(&expected), "{expected} is missing in {paths:#?}");
    }
    let tag = snapshot.index.get("oci/docker.io/a/b/c/d/e/manifests/1.0").expect("the tag");
    assert_eq!(tag.blob.to_string(), digest(&index), "manifests travel byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_travel_without_the_referrers_api() {
    let registry = Registry::start(false).await;
    let (index, amd64, _) = fill(&registry, "x/signed");
    let stem = |descriptor: &Value| digest(descriptor).replace(':', "-");
    let sbom = registry.referrer("x/signed", &index, "application/spdx+json", &[]);
    registry.index("x/signed", &[sbom], &[&stem(&index)]);
    for ending in [".sig", ".att", ".sbom"] {
        registry.image("x/signed", "amd64", &[&format!("{}{ending}", stem(&amd64))]);
    }
    let case =
        Case { kind: &OCI, manifest: manifest(&registry, "  - x/signed:1.0\n"), absent: "/v2/x/none/manifests/1" };
    conformance::run(&case).await;

    let paths = paths(&conformance::collect(&case, &Store::memory()).await);
    let tag = |tag: String| format!("oci/docker.io/x/signed/manifests/{tag}");
    for expected in [
        tag(stem(&index)),
        tag(format!("{}.sig", stem(&amd64))),
        tag(format!("{}.att", stem(&amd64))),
        tag(format!("{}.sbom", stem(&amd64))),
        format!("oci/docker.io/x/signed/referrers/{}", digest(&index)),
    ] {
        assert!(paths.contains(&expected), "{expected} is missing in {paths:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_wanted_platforms_travel_and_the_index_stays() {
    let registry = Registry::start(true).await;
    let (index, amd64, arm64) = fill(&registry, "x/y");
    let manifest = manifest(&registry, "  - { ref: \"x/y:1.0\", platforms: [linux/arm64] }\n");
    let case = Case { kind: &OCI, manifest, absent: "/v2/x/none/manifests/1" };
    conformance::run(&case).await;
    let snapshot = conformance::collect(&case, &Store::memory()).await;
    let at = |reference: &str| snapshot.index.get(&format!("oci/docker.io/x/y/manifests/{reference}"));
    assert_eq!(at("1.0").expect("the tag").blob.to_string(), digest(&index));
    assert!(at(digest(&arm64)).is_some() && at(digest(&amd64)).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_chosen_by_version_pattern_and_list() {
    let registry = Registry::start(true).await;
    fill(&registry, "x/y");
    for (rule, expected) in [
        ("{ semver: \">=1\", newest: 1 }", vec!["v2.0.0"]),
        ("{ semver: \">=1, <2\" }", vec!["1.0", "v1.1.0"]),
        ("{ glob: \"v*\" }", vec!["v1.1.0", "v2.0.0"]),
        ("[latest]", vec!["latest"]),
    ] {
        let manifest = manifest(&registry, &format!("  - {{ repository: x/y, tags: {rule} }}\n"));
        let snapshot = conformance::collect(&Case { kind: &OCI, manifest, absent: "" }, &Store::memory()).await;
        let nodes = snapshot.index.below("oci/docker.io/x/y/manifests");
        let tags: Vec<&str> = nodes.iter().map(|node| node.path.name()).filter(|tag| !tag.contains(':')).collect();
        assert_eq!(tags, expected, "{rule}");
    }
}

/// The plan of some images, or the error that there is none.
async fn plan(registry: &Registry, images: &str, cancel: &CancellationToken) -> Result<Plan, String> {
    let section = DynKind::section(&OCI, &manifest(registry, images)).expect("a section");
    let fetcher =
        Fetcher::new(Settings::default(), Store::memory(), Arc::new(Silent), cancel.clone()).expect("a fetcher");
    section.collect(&airlift_testkit::signing::context(fetcher)).await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_lacks_is_named() {
    let registry = Registry::start(true).await;
    fill(&registry, "x/y");
    let images = "  - x/y:9.9\n  - x/none:1\n  - { ref: \"x/y:1.0\", platforms: [linux/riscv64] }\n  - { repository: x/y, tags: { semver: \">9\" } }\n";
    let plan = plan(&registry, images, &CancellationToken::new()).await.expect("a plan");
    let mut reasons: Vec<String> =
        plan.omissions.iter().map(|omission| format!("{}: {}", omission.path, omission.omitted)).collect();
    reasons.sort();
    assert_eq!(reasons.len(), 4, "{reasons:#?}");
    assert!(reasons[0].starts_with("oci/docker.io/x/none/manifests/1: docker.io/x/none has no 1"), "{reasons:#?}");
    let has = |text: &str| reasons.iter().any(|reason| reason.contains(text));
    assert!(has("not there for linux/riscv64, only for linux/amd64, linux/arm64"), "{reasons:#?}");
    assert!(has("no tag of docker.io/x/y fits; it has 4 tags"), "{reasons:#?}");
}

/// Ctrl-C must not look like an upstream that lacks everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_plan_is_no_plan() {
    let registry = Registry::start(true).await;
    fill(&registry, "x/y");
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(plan(&registry, "  - x/y:1.0\n  - { repository: x/y, tags: { glob: \"*\" } }\n", &cancel).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tag_can_not_mean_two_things() {
    let registry = Registry::start(true).await;
    fill(&registry, "x/y");
    let other = registry.image("x/y", "s390x", &[]);
    let images = format!("  - x/y:1.0\n  - x/y:1.0@{}\n", digest(&other));
    let error = plan(&registry, &images, &CancellationToken::new()).await.expect_err("a contradiction");
    assert!(error.contains("two different images as oci/docker.io/x/y/manifests/1.0"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_known_by_every_digest_they_have() {
    let registry = Registry::start(true).await;
    let image = registry.image("x/y", "amd64", &["1.0"]);
    let sha512 = format!("sha512:{}", "ab".repeat(64));
    registry.also("x/y", "1.0", &sha512);
    let wrong = plan(&registry, &format!("  - x/y:1.0@{sha512}\n"), &CancellationToken::new()).await.expect("a plan");
    assert_eq!(wrong.omissions.len(), 1, "a checksum that does not fit is refused, whatever its algorithm");
    let bytes = registry.content("x/y/manifests/1.0").expect("the manifest");
    let mut hasher = sha512.parse::<airlift_core::Checksum>().expect("a checksum").hasher();
    hasher.update(&bytes);
    let sha512 = hasher.finish().to_string();
    registry.also("x/y", "1.0", &sha512);
    let manifest = manifest(&registry, &format!("  - x/y:1.0@{sha512}\n"));
    let case = Case { kind: &OCI, manifest, absent: "/v2/x/none/manifests/1" };
    conformance::run(&case).await;
    let paths = paths(&conformance::collect(&case, &Store::memory()).await);
    for reference in [sha512.as_str(), digest(&image), "1.0"] {
        assert!(paths.contains(&format!("oci/docker.io/x/y/manifests/{reference}")), "{reference} in {paths:#?}");
    }
}

/// Several names for one image, and never another registry's image for the one that was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn names_lead_to_the_registry_that_was_asked_for() {
    let (hub, other) = (Registry::start(true).await, Registry::start(true).await);
    hub.image("library/tool", "amd64", &["1"]);
    other.image("team/only-here", "amd64", &["1"]);
    let own = other.image("library/tool", "arm64", &["1"]);
    let elsewhere = other.authority();
    let manifest =
        manifest(&hub, &format!("  - tool:1\n  - {elsewhere}/library/tool:1\n  - {elsewhere}/team/only-here:1\n"));
    let store = Store::memory();
    let snapshot = conformance::collect(&Case { kind: &OCI, manifest, absent: "" }, &store).await;
    let lookup = airlift_kind::DynKind::serve(&OCI, airlift_kind::View::new("oci", store, &snapshot));
    let found = |path: &str, query: Option<&str>| {
        let (method, headers) = (&http::Method::GET, &http::HeaderMap::new());
        let asked = airlift_kind::Asked { method, path, query, headers, scheme: airlift_kind::Scheme::Http };
        match lookup.lookup(&asked) {
            airlift_kind::Reply::Found(found) => Some(found.blob.to_string()),
            _ => None,
        }
    };
    let hubs = found("/v2/docker.io/library/tool/manifests/1", None).expect("the full name");
    assert_ne!(hubs, digest(&own));
    for (path, query) in [
        ("library/tool", None),
        ("tool", None),
        ("library/tool", Some("ns=docker.io")),
        ("tool", Some("ns=docker.io")),
        ("library/tool", Some("ns=registry-1.docker.io")),
    ] {
        assert_eq!(found(&format!("/v2/{path}/manifests/1"), query).as_ref(), Some(&hubs), "{path} {query:?}");
    }
    let namespace = format!("ns={elsewhere}");
    assert_eq!(found("/v2/library/tool/manifests/1", Some(&namespace)).as_deref(), Some(digest(&own)));
    let full = format!("/v2/{elsewhere}/library/tool/manifests/1");
    assert_eq!(found(&full, Some(&namespace)).as_deref(), Some(digest(&own)), "the registry in the path and beside it");
    assert!(found("/v2/team/only-here/manifests/1", None).is_some(), "the bare name of the only registry that has it");
    assert_eq!(found("/v2/team/only-here/manifests/1", Some("ns=docker.io")), None);
    assert_eq!(found("/v2/library/tool/manifests/1", Some("ns=quay.io")), None);
    let missing = json!({ "found": found("/v2/none/manifests/1", None) });
    assert_eq!(missing, json!({ "found": null }));
}
