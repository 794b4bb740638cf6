//! What comes from URLs, and what files say of hashes and forms.

use airlift_testkit::upstream::Resource;
use serde_json::json;

use super::upstream::{Dist, Site, files};

/// A site of `a`, which needs `b` and `c`; of `c` there is a better one in the index, and two at URLs.
async fn site() -> Site {
    let mut site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b", "Requires-Dist: c"])),
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::pure("b", "2", &[])),
        ("c", Dist::pure("c", "9", &[])),
    ])
    .await;
    site.add("at-urls", Dist::pure("c", "7", &["Requires-Dist: b"]));
    site.add("at-urls", Dist::pure("c", "8", &[]));
    site
}

/// The URL of a version of `c`.
fn url(site: &Site, version: &str) -> String {
    site.upstream.url(&format!("/files/c-{version}-py3-none-any.whl"))
}

/// A manifest's line for a file with this text.
fn file(site: &Site, name: &str, text: &str) -> String {
    site.upstream.put(&format!("/in/{name}"), Resource::new(text.to_owned()));
    format!("files: [\"{}\"]", site.upstream.url(&format!("/in/{name}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requirement_may_come_from_a_url() {
    let site = site().await;
    let (seven, eight) = (url(&site, "7"), url(&site, "8"));
    let chosen = site.chosen(&[&format!("c @ {seven}")], "").await;
    assert_eq!(chosen, ["b-2-py3-none-any.whl", "c-7-py3-none-any.whl"]);
    let told = site.refused(&[&format!("d @ {seven}")], "").await;
    assert!(told.contains("of another project"), "{told}");
    let told = site.refused(&[&format!("c @ {seven}"), &format!("c @ {eight}")], "").await;
    assert!(told.contains("two requirements name two URLs for it"), "{told}");
    let told = site.refused(&[&format!("c @ {seven}"), "c>=9"], "").await;
    assert!(told.contains("you want c>=9"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_may_be_a_url() {
    let site = site().await;
    let constraint = format!("constraints: [\"c @ {}\"]", url(&site, "7"));
    assert_eq!(
        site.chosen(&["a"], &constraint).await,
        ["a-1-py3-none-any.whl", "b-2-py3-none-any.whl", "c-7-py3-none-any.whl"]
    );
    assert_eq!(site.chosen(&["b"], &constraint).await, ["b-2-py3-none-any.whl"]);
    let lines = file(&site, "constraints.txt", &format!("c @ {} ; python_version < '3'\n", url(&site, "7")));
    assert_eq!(site.chosen(&["c"], &lines).await, ["c-9-py3-none-any.whl"]);
}

/// A URL is a project's only place where it applies, and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_for_the_environments_that_its_marker_means() {
    let site = site().await;
    let both = "{ python: \"3.9\", platform: linux-x86_64 }, { python: \"3.12\", platform: linux-x86_64 }";
    let old = format!("c @ {} ; python_version < '3.10'", url(&site, "7"));
    let new = format!("c @ {} ; python_version >= '3.10'", url(&site, "8"));
    let plan = site.plan(&site.manifest_for(both, &[&old, &new], "")).await.expect("a plan");
    assert_eq!(files(&plan), ["b-2-py3-none-any.whl", "c-7-py3-none-any.whl", "c-8-py3-none-any.whl"]);
    let plan = site.plan(&site.manifest_for(both, &[&old, "c>=9 ; python_version >= '3.10'"], "")).await;
    assert_eq!(files(&plan.expect("a plan")), ["b-2-py3-none-any.whl", "c-7-py3-none-any.whl", "c-9-py3-none-any.whl"]);
    let sets = format!("sets: {{ other: {{ requirements: [ \"c @ {}\" ] }} }}", url(&site, "8"));
    assert_eq!(site.chosen(&["c"], &sets).await, ["c-8-py3-none-any.whl", "c-9-py3-none-any.whl"]);
}

/// Two files of one name can't both be in one index.
#[tokio::test(flavor = "multi_thread")]
async fn two_urls_for_one_name_of_a_file_are_refused() {
    let site = site().await;
    site.upstream.put("/other/c-7-py3-none-any.whl", Resource::new(Dist::pure("c", "7", &[]).bytes().to_vec()));
    let other = site.upstream.url("/other/c-7-py3-none-any.whl");
    let sets = format!("sets: {{ other: {{ requirements: [ \"c @ {other}\" ] }} }}");
    let told = site.refused(&[&format!("c @ {}", url(&site, "7"))], &sets).await;
    assert!(told.contains("have one name, and nothing promises that they are the same"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_has_the_hash_that_is_required_of_it() {
    let site = site().await;
    let (b, c) = (Dist::pure("b", "2", &[]).sha256(), Dist::pure("c", "7", &["Requires-Dist: b"]).sha256());
    let both = ["b-2-py3-none-any.whl", "c-7-py3-none-any.whl"];
    let seven = url(&site, "7");
    let lines = |text: String| file(&site, "locked.txt", &format!("{text}\nb==2 --hash={b}\n"));
    assert_eq!(site.chosen(&[], &lines(format!("c @ {seven} --hash={b} --hash={c}"))).await, both);
    assert_eq!(site.chosen(&[], &lines(format!("c @ {seven}#sha256={}", c.hex()))).await, both);
    let told = site.refused(&[], &lines(format!("c @ {seven} --hash={b}"))).await;
    assert!(told.contains(&c.to_string()) && told.contains("none of the hashes that are required of c"), "{told}");
    let told = site.refused(&[], &lines(format!("c @ {seven}"))).await;
    assert!(told.contains("c has none"), "{told}");
}

/// An index may promise nothing, or by an algorithm that nobody asks for: the files themselves have to be right.
#[tokio::test(flavor = "multi_thread")]
async fn hashes_are_kept_to_where_the_index_promises_none() {
    let mut site = Site::of(&[("d", Dist::pure("d", "1", &[]).with("hashes", json!({ "md5": "00" })))]).await;
    let dist = Dist::pure("d", "2", &[]);
    let sum = dist.sha256();
    site.add("d", dist.with("hashes", json!({})));
    let lines = |hash: &str| file(&site, "locked.txt", &format!("d --hash={hash}\n"));
    assert_eq!(site.chosen(&[], &lines(&sum.to_string())).await, ["d-2-py3-none-any.whl"]);
    let told = site.refused(&[], &lines(&format!("sha512:{}", "ab".repeat(64)))).await;
    assert!(told.contains("none of the hashes that are required of d"), "{told}");
}

/// A public project of the same name is not what the lock means.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_a_lock_is_taken_from_its_url() {
    let site = site().await;
    let (b, c) = (Dist::pure("b", "2", &[]).sha256(), Dist::pure("c", "7", &["Requires-Dist: b"]).sha256());
    let lock = |hash: &str| {
        let text = format!(
            "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'c'\nversion = '9'\n\
             archive = {{ url = '{}', hashes = {{ sha256 = '{hash}' }} }}\n\
             [[packages]]\nname = 'b'\nversion = '2'\nwheels = [{{ url = 'u', hashes = {{ sha256 = '{}' }} }}]\n",
            url(&site, "7"),
            b.hex()
        );
        file(&site, "pylock.toml", &text)
    };
    assert_eq!(site.chosen(&[], &lock(&c.hex())).await, ["b-2-py3-none-any.whl", "c-7-py3-none-any.whl"]);
    let told = site.refused(&[], &lock(&b.hex())).await;
    assert!(told.contains("none of the hashes that are required of c"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wheels_and_source_distributions_are_for_who_wants_them() {
    let sdist = |name: &str, version: &str| {
        let information = format!("Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n");
        let project = "[build-system]\nrequires = ['tool']\n";
        Dist::sdist(name, version, &[("PKG-INFO", &information), ("pyproject.toml", project)])
    };
    let site = Site::of(&[
        ("p", sdist("p", "2")),
        ("p", sdist("p", "1")),
        ("p", Dist::pure("p", "1", &[])),
        ("q", Dist::pure("q", "1", &[])),
        ("tool", Dist::pure("tool", "1", &[])),
    ])
    .await;
    let chosen = async |text: &str| site.chosen(&[], &file(&site, "requirements.txt", text)).await;
    assert_eq!(chosen("p\n").await, ["p-2.tar.gz", "tool-1-py3-none-any.whl"]);
    assert_eq!(chosen("--prefer-binary\np\n").await, ["p-1-py3-none-any.whl"]);
    assert_eq!(chosen("--prefer-binary\np>1\n").await, ["p-2.tar.gz", "tool-1-py3-none-any.whl"]);
    assert_eq!(chosen("p\n--pre --only-binary=:all:\n").await, ["p-1-py3-none-any.whl"]);
    assert_eq!(chosen("--no-binary p\np==1\n").await, ["p-1.tar.gz", "tool-1-py3-none-any.whl"]);
    let told = site.refused(&[], &file(&site, "requirements.txt", "q\n--no-binary=q\n")).await;
    assert!(told.contains("is wanted as a source distribution only (--no-binary)"), "{told}");
}
