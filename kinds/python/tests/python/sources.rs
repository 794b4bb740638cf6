//! Where packages come from: files that the manifest names, HTML, several indexes, URLs.

use airlift_testkit::upstream::{Guard, Resource};

use super::upstream::{Dist, Site, files, page};

/// A site of `a`, which needs `b`, and further versions.
async fn site() -> Site {
    Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b"])),
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::pure("b", "2", &[])),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_requirements_are_followed() {
    let site = site().await;
    let put = |name: &str, text: String| site.upstream.put(&format!("/in/{name}"), Resource::new(text));
    put("requirements.txt", "-r more/others.txt\n-c constraints.txt\n".to_owned());
    put("more/others.txt", "a ; python_version >= '3'\n".to_owned());
    put("constraints.txt", "b<2\n".to_owned());
    let lines = |name: &str| format!("files: [\"{}\"]", site.upstream.url(&format!("/in/{name}")));
    let chosen = site.chosen(&[], &lines("requirements.txt")).await;
    assert_eq!(chosen, ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]);

    put("editable.txt", "a\n-e .\n".to_owned());
    let told = site.refused(&[], &lines("editable.txt")).await;
    assert!(told.contains("editable.txt") && told.contains("line 2: '-e .'"), "{told}");
    put("away.txt", "-r file:///etc/passwd\n".to_owned());
    assert!(site.refused(&[], &lines("away.txt")).await.contains("names one of this machine"));
    put("round.txt", "-r round.txt\n".to_owned());
    assert!(site.refused(&[], &lines("round.txt")).await.contains("deep"));
}

#[tokio::test(flavor = "multi_thread")]
async fn required_hashes_are_kept_to() {
    let site = site().await;
    let (a, b) = (Dist::pure("a", "1", &["Requires-Dist: b"]), Dist::pure("b", "1", &[]));
    let put = |text: String| site.upstream.put("/in/locked.txt", Resource::new(text));
    let lines = format!("files: [\"{}\"]", site.upstream.url("/in/locked.txt"));
    put(format!("a==1 --hash={}\nb==1 \\\n  --hash={}\n", a.sha256(), b.sha256()));
    assert_eq!(site.chosen(&[], &lines).await, ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]);
    put(format!("a==1 --hash={}\nb==1 --hash={}\n", a.sha256(), a.sha256()));
    assert!(site.refused(&[], &lines).await.contains("has none of the required hashes"));
    put(format!("a==1 --hash={}\n", a.sha256()));
    assert!(site.refused(&[], &lines).await.contains("has no hash in the requirements"));
    put(format!("a==1 --hash={}\nb\n", a.sha256()));
    assert!(site.refused(&[], &lines).await.contains("and b has none"));
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_followed() {
    let site = site().await;
    let (a, b) = (Dist::pure("a", "1", &["Requires-Dist: b"]), Dist::pure("b", "1", &[]));
    let text = format!(
        "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{{ url = 'u', hashes = {{ sha256 = '{}' }} }}]\n[[packages]]\nname = 'b'\nversion = '1'\nwheels = [{{ url = 'u', hashes = {{ sha256 = '{}' }} }}]\n",
        a.sha256().hex(),
        b.sha256().hex()
    );
    site.upstream.put("/in/pylock.toml", Resource::new(text));
    let lines = format!("files: [\"{}\"]", site.upstream.url("/in/pylock.toml"));
    assert_eq!(site.chosen(&[], &lines).await, ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_only_knows_html_is_enough() {
    let site = site().await;
    let a = Dist::pure("a", "1", &["Requires-Dist: b", "Requires-Python: >=3.7"]);
    site.upstream.put("/files/a-1-py3-none-any.whl", Resource::new(Vec::new()));
    let mut html = Site::of(&[("b", Dist::pure("b", "2", &[]))]).await;
    html.add("a", a.alone());
    let links = |name: &str| format!("<html><body><a href='../../files/{name}'>{name}</a><br></body></html>");
    html.page("a", "text/html", links("a-1-py3-none-any.whl"));
    html.page("b", "text/html; charset=utf-8", links("b-2-py3-none-any.whl"));
    let plan = html.plan(&html.manifest(&["a"], "")).await.expect("a plan");
    assert_eq!(files(&plan), ["a-1-py3-none-any.whl", "b-2-py3-none-any.whl"]);
    let written = page(&plan, "python/simple/a/index.v1_json");
    // Digest, size and metadata were not promised, and are told all the same.
    for field in ["\"sha256\":", "\"size\":", "\"core-metadata\":{\"sha256\"", "\"requires-python\":\">=3.7\""] {
        assert!(written.contains(field), "{field}\n{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_index_alone_answers_for_its_projects() {
    let public = Site::of(&[("mine", Dist::pure("mine", "99", &[])), ("other", Dist::pure("other", "1", &[]))]).await;
    let private = Site::of(&[
        ("mine", Dist::pure("mine", "1", &["Requires-Dist: other"])),
        ("other", Dist::pure("other", "99", &[])),
    ])
    .await;
    let lines = format!("indexes: {{ house: {{ url: \"{}\", packages: [\"mine\", \"house-*\"] }} }}", private.index());
    let chosen = public.chosen(&["mine"], &lines).await;
    assert_eq!(chosen, ["mine-1-py3-none-any.whl", "other-1-py3-none-any.whl"]);
    let told = public.refused(&["house-thing"], &lines).await;
    assert!(told.contains("the index 'house', which alone answers for it, has no such project"), "{told}");
    assert!(public.refused(&["thing"], &lines).await.contains("no index has such a project"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_asks_for_a_password_is_told_with_where_to_write_it() {
    let site = site().await;
    let guard = Guard::Basic { user: "me".to_owned(), password: "word".to_owned() };
    site.upstream.put("/simple/a/", Resource { guard, ..Resource::new(String::new()) });
    let told = site.refused(&["a"], "").await;
    assert!(told.contains("write them into the URL in the manifest") && told.contains("(machine 127.0.0.1)"), "{told}");
    assert!(!told.contains("docker"), "{told}");
}
