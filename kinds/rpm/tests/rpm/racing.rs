//! Upstreams that are changed while they are read, and mirrors of which some are not what they should be.

use airlift_core::Digest;
use airlift_testkit::upstream::{Fault, Resource, Upstream};

use crate::upstream::plan_of;

/// A root whose list has this name and content.
fn root(name: &str, list: &str) -> String {
    format!(
        "<repomd><data type=\"primary\"><checksum type=\"sha256\">{}</checksum><location href=\"repodata/{name}\"/></data></repomd>",
        Digest::of(list.as_bytes()).hex()
    )
}

const EMPTY: &str = "<metadata packages=\"0\"></metadata>";
const ALSO_EMPTY: &str = "<metadata packages=\"0\"> </metadata>";

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_changed_while_it_is_read_is_read_again() {
    let upstream = Upstream::start().await;
    upstream.put("/repodata/repomd.xml", Resource::new(root("old.xml", EMPTY)));
    upstream.put("/repodata/new.xml", Resource::new(ALSO_EMPTY));
    let new = Resource::new(root("new.xml", ALSO_EMPTY));
    upstream.fail("/repodata/repomd.xml", [Fault::None, Fault::Replace(Box::new(new))]);
    let manifest = format!("yum:\n  - {{ id: r, baseurl: \"{}\", unsigned: true }}\n", upstream.url("/"));
    let plan = plan_of(&manifest).await.expect("a plan");
    let paths: Vec<&str> = plan.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["rpm/r/repodata/new.xml", "rpm/r/repodata/repomd.xml"]);
    assert_eq!(plan.roots[0].digest, Digest::of(root("new.xml", ALSO_EMPTY).as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_its_list_is_an_error_that_names_it() {
    let upstream = Upstream::start().await;
    upstream.put("/repodata/repomd.xml", Resource::new(root("old.xml", EMPTY)));
    let manifest = format!("yum:\n  - {{ id: r, baseurl: \"{}\", unsigned: true }}\n", upstream.url("/"));
    let error = plan_of(&manifest).await.expect_err("no list");
    assert!(error.contains("old.xml") && error.contains("404"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_metalinks_mirrors_the_first_is_taken_that_has_what_it_promises() {
    let upstream = Upstream::start().await;
    let good = root("list.xml", EMPTY);
    upstream.put("/stale/repodata/repomd.xml", Resource::new(root("list.xml", ALSO_EMPTY)));
    upstream.put("/good/repodata/repomd.xml", Resource::new(good.clone()));
    upstream.put("/good/repodata/list.xml", Resource::new(EMPTY));
    let mirror = |name: &str, preference: u32| {
        format!("<url preference=\"{preference}\">{}</url>", upstream.url(&format!("/{name}/repodata/repomd.xml")))
    };
    let metalink = format!(
        "<metalink><files><file name=\"repomd.xml\"><verification><hash type=\"sha256\">{}</hash></verification>\
         <resources>{}{}{}</resources></file></files></metalink>",
        Digest::of(good.as_bytes()).hex(),
        mirror("good", 1),
        mirror("stale", 90),
        mirror("none", 100),
    );
    upstream.put("/metalink", Resource::new(metalink));
    let manifest = format!("yum:\n  - {{ id: r, metalink: \"{}\", unsigned: true }}\n", upstream.url("/metalink"));
    let plan = plan_of(&manifest).await.expect("a plan");
    assert!(plan.roots[0].request.url.to_string().contains("/good/"), "{:?}", plan.roots);
    upstream.remove("/good/repodata/repomd.xml");
    let error = plan_of(&manifest).await.expect_err("no mirror is left");
    assert!(
        error.contains("none of its 3 mirrors") && error.contains("none of the versions that the metalink promises"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_follows_its_root_is_waited_for() {
    let upstream = Upstream::start().await;
    let key = airlift_testkit::signing::key();
    let sign = |text: &str| key.sign_detached(text.as_bytes(), airlift_core::Time::from_seconds(1_700_000_000));
    let signed = |text: &str| Resource::new(sign(text).expect("a signature"));
    let (old, new) = (root("list.xml", EMPTY), root("list.xml", ALSO_EMPTY));
    upstream.put("/repodata/repomd.xml", Resource::new(new.clone()));
    upstream.put("/repodata/list.xml", Resource::new(ALSO_EMPTY));
    upstream.put("/repodata/repomd.xml.asc", signed(&old));
    upstream.put("/key", Resource::new(key.public().to_armored()));
    let gpgkeys = format!("gpgkeys: [\"{}\"]", upstream.url("/key"));
    let manifest = format!("yum:\n  - {{ id: r, baseurl: \"{}\", {gpgkeys} }}\n", upstream.url("/"));
    upstream.fail("/repodata/repomd.xml.asc", [Fault::None, Fault::Replace(Box::new(signed(&new)))]);
    let plan = plan_of(&manifest).await.expect("a plan");
    assert_eq!(plan.roots[0].digest, Digest::of(new.as_bytes()));
    assert!(
        plan.entries.iter().any(|entry| entry.path.as_str().ends_with("repomd.xml.asc")) && plan.notices.is_empty()
    );
    // A signature that stays the old one is refused in the end.
    upstream.put("/repodata/repomd.xml.asc", signed(&old));
    let error = plan_of(&manifest).await.expect_err("another root's signature");
    assert!(error.contains("it is not a signature of these bytes"), "{error}");
}
