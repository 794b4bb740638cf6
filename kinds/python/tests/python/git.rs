//! Requirements from git: the repository travels, and what its project needs with it.

use airlift_testkit::upstream::Resource;
use serde_json::json;

use super::upstream::{Dist, Site, files, tarball};

const PROJECT: &str = "[build-system]\nrequires = ['builder>=2']\n[project]\nname = 'G'\nversion = '3'\n\
                       dependencies = ['b<2']\n[project.optional-dependencies]\nx = ['c']\n";

/// A site with a forge that has the repository `g` beside the index.
async fn site(project: &str) -> Site {
    let site = Site::of(&[
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::pure("b", "2", &[])),
        ("c", Dist::pure("c", "1", &[])),
        ("d", Dist::pure("d", "1", &["Requires-Dist: g>=3"])),
        ("builder", Dist::pure("builder", "2", &[])),
    ])
    .await;
    let archive = tarball("g-main", &[("README.md", "x"), ("pyproject.toml", project), ("py/pyproject.toml", project)]);
    site.upstream.put("/o/g/archive/v3.tar.gz", Resource::new(archive.clone()));
    site.upstream.put("/lab/g/-/archive/main/g-main.tar.gz", Resource::new(archive.clone()));
    site.upstream.put("/o/g/archive/HEAD.tar.gz", Resource::new(archive));
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_travels_with_what_its_project_needs() {
    let site = site(PROJECT).await;
    let at = |path: &str| format!("git+{}", site.upstream.url(path));
    let wanted = [format!("g[x] @ {}", at("/o/g.git@v3")), "d".to_owned()];
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let plan = site.plan(&site.manifest(&wanted, "")).await.expect("a plan");
    let expected =
        ["b-1-py3-none-any.whl", "builder-2-py3-none-any.whl", "c-1-py3-none-any.whl", "d-1-py3-none-any.whl"];
    assert_eq!(files(&plan), expected);
    let [also] = &plan.also[..] else { panic!("{:?}", plan.also) };
    assert_eq!(also.key, "git");
    assert_eq!(also.value, json!({ "url": site.upstream.url("/o/g.git"), "refs": ["v3"] }));
    assert_eq!(also.name, format!("repositories/{}/o/g", site.upstream.address()));
    assert_eq!(also.why, "the Python requirement g");
    let told: Vec<&str> = plan.notices.iter().map(|notice| notice.notice.as_str()).collect();
    assert!(told.iter().any(|told| told.starts_with("g comes from git") && told.contains("insteadOf")), "{told:?}");
    // No page and no file: what is not here is missing under its own name.
    assert!(plan.entries.iter().all(|entry| !entry.path.as_str().contains("/g/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_repository_is_read() {
    let site = site(PROJECT).await;
    for path in ["/lab/g@main", "/o/g", "/o/g.git@v3#subdirectory=py"] {
        let chosen = site.chosen(&[&format!("g @ git+{}", site.upstream.url(path))], "").await;
        assert_eq!(chosen, ["b-1-py3-none-any.whl", "builder-2-py3-none-any.whl"], "{path}");
    }
    let line = format!("-e git+{}#egg=g\n", site.upstream.url("/o/g.git@v3"));
    site.upstream.put("/in/requirements.txt", Resource::new(line));
    let lines = format!("files: [\"{}\"]", site.upstream.url("/in/requirements.txt"));
    assert_eq!(site.chosen(&[], &lines).await, ["b-1-py3-none-any.whl", "builder-2-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_a_build_makes_is_whatever_is_asked_for() {
    let site = site(&PROJECT.replace("version = '3'", "dynamic = ['version']")).await;
    let g = format!("g @ git+{}", site.upstream.url("/o/g.git@v3"));
    let chosen = site.chosen(&[&g, "d"], "").await;
    assert!(chosen.contains(&"d-1-py3-none-any.whl".to_owned()), "{chosen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_build_knows_is_refused_with_what_helps() {
    let site_of = site;
    for (project, path, expected) in [
        (PROJECT.replace("version = '3'", "dynamic = ['dependencies']"), "/o/g.git@v3", "only a build knows"),
        ("[tool.poetry]\nname = 'g'\n".to_owned(), "/o/g.git@v3", "no [project]"),
        (PROJECT.replace("'G'", "'h'"), "/o/g.git@v3", "says that it is h"),
        (PROJECT.to_owned(), "/o/g.git@v4", "no archive of that"),
        (PROJECT.to_owned(), "/o/g.git@v3#subdirectory=other", "no other/pyproject.toml"),
    ] {
        let site = site_of(&project).await;
        let url = site.upstream.url(path);
        let told = site.refused(&[&format!("g @ git+{url}")], "").await;
        let bare = url.split('#').next().unwrap_or_default();
        assert!(told.contains(expected) && told.contains(&format!("pip wheel --no-deps git+{bare}")), "{told}");
    }
    let site = site_of(PROJECT).await;
    let hash = "00".repeat(32);
    let line = format!("g @ git+{}\nb==1 --hash=sha256:{hash}\n", site.upstream.url("/o/g.git@v3"));
    site.upstream.put("/in/requirements.txt", Resource::new(line));
    let lines = format!("files: [\"{}\"]", site.upstream.url("/in/requirements.txt"));
    assert!(site.refused(&[], &lines).await.contains("hashes are required, and g has none"));
}
