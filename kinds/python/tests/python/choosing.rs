//! What is chosen: versions, files, extras, markers, as pip would.

use airlift_testkit::upstream::{Recorded, Resource};
use serde_json::json;

use super::upstream::{Dist, ENVIRONMENT, Site, files, metadata, page, zipped};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_needed_travels() {
    let site = Site::of(&[
        ("app", Dist::pure("app", "1.0", &["Requires-Dist: Lib_One>=1", "Requires-Dist: old; python_version < '3.8'"])),
        ("app", Dist::pure("app", "0.9", &[])),
        ("lib-one", Dist::pure("lib-one", "1.5", &["Requires-Dist: leaf[fast]"])),
        ("lib-one", Dist::pure("lib-one", "0.1", &[])),
        ("leaf", Dist::pure("leaf", "3", &["Provides-Extra: fast", "Requires-Dist: speed; extra == 'fast'"])),
        ("speed", Dist::pure("speed", "1", &[])),
        ("old", Dist::pure("old", "1", &[])),
    ])
    .await;
    let chosen = site.chosen(&["App"], "").await;
    assert_eq!(
        chosen,
        [
            "app-1.0-py3-none-any.whl",
            "leaf-3-py3-none-any.whl",
            "lib_one-1.5-py3-none-any.whl",
            "speed-1-py3-none-any.whl"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solver_goes_back_where_it_must() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "2", &["Requires-Dist: c<2"])),
        ("a", Dist::pure("a", "1", &["Requires-Dist: c"])),
        ("b", Dist::pure("b", "2", &["Requires-Dist: c>=2"])),
        ("c", Dist::pure("c", "2", &[])),
        ("c", Dist::pure("c", "1", &[])),
    ])
    .await;
    let chosen = site.chosen(&["a", "b"], "").await;
    assert_eq!(chosen, ["a-1-py3-none-any.whl", "b-2-py3-none-any.whl", "c-2-py3-none-any.whl"]);
    let told = site.refused(&["a==2", "b"], "").await;
    for part in ["Python 3.11 on linux-x86_64 (glibc 2.28)", "a==2 needs c<2", "needs c>=2", "you want"] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_there_is_told_with_those_that_are() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b>=77"])),
        ("b", Dist::pure("b", "2", &[])),
        ("b", Dist::pure("b", "1", &[])),
    ])
    .await;
    for (wanted, expected) in [("b==99", "you want b==99"), ("a", "a==1 needs b>=77")] {
        let told = site.refused(&[wanted], "").await;
        assert!(told.contains(expected) && told.contains("(the newest that there is is 2)"), "{told}");
    }
    let both = "{ python: \"3.11\", platform: linux-x86_64 }, { python: \"3.12\", platform: linux-x86_64 }";
    assert!(site.plan(&site.manifest_for(both, &["b>=1,<2"], "")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_environment_without_a_solution_is_told() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b>=77"])),
        ("b", Dist::pure("b", "2", &[])),
        ("c", Dist::pure("c", "1", &[]).with("requires-python", json!(">=3.12"))),
    ])
    .await;
    let all =
        ["3.9", "3.11", "3.12", "3.13"].map(|version| format!("{{ python: \"{version}\", platform: linux-x86_64 }}"));
    let wanted = ["a ; python_version >= '3.12'", "c ; python_version == '3.11'"];
    let told = site.plan(&site.manifest_for(&all.join(", "), &wanted, "")).await.expect_err("no solutions");
    for part in [
        "for Python 3.11 on linux-x86_64 (glibc 2.28)\n",
        "1 needs Python >=3.12",
        "for Python 3.12 on linux-x86_64 (glibc 2.28); Python 3.13 on linux-x86_64 (glibc 2.28)\n",
        "a==1 needs b>=77",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains("Python 3.9"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_wheel_for_the_environment_is_taken() {
    let of = |tags| ("n", Dist::wheel(("n", "1", tags), &[]));
    let mut site = Site::of(&[
        of("cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        of("cp311-cp311-manylinux_2_34_x86_64"),
        of("cp311-cp311-manylinux_2_17_aarch64"),
        of("cp311-cp311-musllinux_1_1_x86_64"),
        of("cp38-abi3-manylinux_2_28_x86_64"),
        of("cp311-cp311-win_amd64"),
    ])
    .await;
    assert_eq!(site.chosen(&["n"], "").await, ["n-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"]);
    let both =
        "{ python: \"3.12\", platform: linux-x86_64 }, { python: \"3.11\", platform: linux-x86_64, musl: \"1.2\" }";
    let plan = site.plan(&site.manifest_for(both, &["n"], "")).await.expect("a plan");
    assert_eq!(files(&plan), ["n-1-cp311-cp311-musllinux_1_1_x86_64.whl", "n-1-cp38-abi3-manylinux_2_28_x86_64.whl"]);

    let aarch = "{ python: \"3.13\", platform: linux-aarch64 }";
    let told = site.plan(&site.manifest_for(aarch, &["n"], "")).await.expect_err("no wheel");
    assert!(told.contains("has no wheel for this platform") && told.contains("linux-aarch64"), "{told}");
    // A newer version that does not run here is passed over.
    site.add("n", Dist::pure("n", "2", &[]).with("requires-python", json!(">=3.12")));
    assert_eq!(site.chosen(&["n"], "").await.len(), 1);
    let told = site.refused(&["n>=2"], "").await;
    assert!(told.contains("2 needs Python >=3.12"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pre_releases_are_for_who_names_one_or_has_no_other() {
    let site = Site::of(&[
        ("p", Dist::pure("p", "1.0", &[])),
        ("p", Dist::pure("p", "2.0rc1", &[])),
        ("only", Dist::pure("only", "1.0b2", &[])),
        ("wants", Dist::pure("wants", "1", &["Requires-Dist: p>=2.0rc1"])),
    ])
    .await;
    assert_eq!(site.chosen(&["p"], "").await, ["p-1.0-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["p"], "pre: true").await, ["p-2.0rc1-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["p>=2.0rc1"], "").await, ["p-2.0rc1-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["p>1.5"], "").await, ["p-2.0rc1-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["only"], "").await, ["only-1.0b2-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["p", "wants"], "").await, ["p-2.0rc1-py3-none-any.whl", "wants-1-py3-none-any.whl"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_files_are_for_who_pins_them() {
    let site = Site::of(&[
        ("y", Dist::pure("y", "1", &[])),
        ("y", Dist::pure("y", "2", &[]).with("yanked", json!("it <eats> files"))),
    ])
    .await;
    assert_eq!(site.chosen(&["y"], "").await, ["y-1-py3-none-any.whl"]);
    let told = site.refused(&["y>1"], "").await;
    assert!(told.contains("was withdrawn (yanked)"), "{told}");
    // A constraint pins as well.
    assert_eq!(site.chosen(&["y"], "constraints: [\"y==2\"]").await, ["y-2-py3-none-any.whl"]);
    assert_eq!(site.chosen(&["y"], "constraints: [\"y>=1\"]").await, ["y-1-py3-none-any.whl"]);
    let plan = site.plan(&site.manifest(&["y==2"], "")).await.expect("a plan");
    assert_eq!(files(&plan), ["y-2-py3-none-any.whl"]);
    assert!(page(&plan, "python/simple/y/index.v1_json").contains("\"yanked\":\"it <eats> files\""));
    assert!(page(&plan, "python/simple/y/index.html").contains("data-yanked=\"it &lt;eats&gt; files\""));
    assert!(plan.notices.iter().any(|notice| notice.notice.contains("it <eats> files")), "{:?}", plan.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_restrict_and_want_nothing() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b"])),
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::pure("b", "2", &[])),
        ("c", Dist::pure("c", "1", &[])),
    ])
    .await;
    let chosen = site.chosen(&["a"], "constraints: [\"b<2\", \"c==1\"]").await;
    assert_eq!(chosen, ["a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]);
    let told = site.refused(&["a"], "constraints: [\"b<1\"]").await;
    assert!(told.contains("is excluded by the constraint b<1"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn source_distributions_bring_what_builds_them() {
    let information = metadata("s", "2", &["Requires-Dist: a"]);
    let fixed = information.replace("2.1", "2.2");
    let project = "[build-system]\nrequires = ['maker>=1']\n";
    let site = Site::of(&[
        ("s", Dist::sdist("s", "2", &[("PKG-INFO", &information), ("pyproject.toml", project)])),
        ("s", Dist::pure("s", "1", &[])),
        (
            "fixed",
            Dist::sdist(
                "fixed",
                "1",
                &[
                    ("PKG-INFO", &fixed.replace("Name: s\nVersion: 2", "Name: fixed\nVersion: 1")),
                    ("pyproject.toml", project),
                ],
            ),
        ),
        ("a", Dist::pure("a", "1", &[])),
        ("a", Dist::sdist("a", "1", &[("PKG-INFO", &metadata("a", "1", &[]))])),
        ("maker", Dist::pure("maker", "1", &["Requires-Dist: tool"])),
        ("tool", Dist::pure("tool", "1", &[])),
    ])
    .await;
    let plan = site.plan(&site.manifest(&["s"], "")).await.expect("a plan");
    let built = ["a-1-py3-none-any.whl", "maker-1-py3-none-any.whl", "s-2.tar.gz", "tool-1-py3-none-any.whl"];
    assert_eq!(files(&plan), built);
    let told = |plan: &airlift_core::Plan| format!("{:?}", plan.notices);
    assert!(told(&plan).contains("only the build tells for sure"), "{}", told(&plan));
    let plan = site.plan(&site.manifest(&["fixed"], "")).await.expect("a plan");
    assert!(told(&plan).contains("travels as a source distribution") && !told(&plan).contains("only the build"));
    assert_eq!(site.chosen(&["s"], "sdists: never").await, ["s-1-py3-none-any.whl"]);
    let told = site.refused(&["s==2"], "sdists: never").await;
    assert!(told.contains("source distributions are not wanted") && told.contains("hint: with 'sdists"), "{told}");
    // It travels beside its wheel, even if what builds it does not.
    let plan = site.plan(&site.manifest(&["a"], "sdists: always")).await.expect("a plan");
    assert_eq!(files(&plan), ["a-1-py3-none-any.whl", "a-1.tar.gz"]);
    let notices = format!("{:?}", plan.notices);
    assert!(
        notices.contains("a-1.tar.gz can't be built from what travels") && notices.contains("setuptools"),
        "{notices}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_builds_a_source_distribution_beside_a_wheel_travels_too() {
    let sdist = |name: &str, project: &str| {
        Dist::sdist(name, "1", &[("PKG-INFO", &metadata(name, "1", &[])), ("pyproject.toml", project)])
    };
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &[])),
        ("a", sdist("a", "[build-system]\nrequires = ['maker']\n")),
        ("maker", Dist::pure("maker", "1", &[])),
        ("maker", sdist("maker", "[build-system]\nrequires = []\n")),
    ])
    .await;
    let plan = site.plan(&site.manifest(&["a"], "sdists: always")).await.expect("a plan");
    assert_eq!(files(&plan), ["a-1-py3-none-any.whl", "a-1.tar.gz", "maker-1-py3-none-any.whl", "maker-1.tar.gz"]);
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_build_beside_a_wheel_lacks_is_a_remark() {
    let sdist = |name: &str, needs: &str| {
        let project = format!("[build-system]\nrequires = [{needs}]\n");
        Dist::sdist(name, "1", &[("PKG-INFO", &metadata(name, "1", &[])), ("pyproject.toml", &project)])
    };
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &[])),
        ("a", sdist("a", "'maker'")),
        ("maker", sdist("maker", "'nosuch'")),
        ("b", Dist::pure("b", "1", &[])),
        ("b", Dist::sdist("b", "1", &[])),
    ])
    .await;
    let plan = site.plan(&site.manifest(&["a", "b"], "sdists: always")).await.expect("a plan");
    let expected = ["a-1-py3-none-any.whl", "a-1.tar.gz", "b-1-py3-none-any.whl", "b-1.tar.gz", "maker-1.tar.gz"];
    assert_eq!(files(&plan), expected);
    let notices = format!("{:?}", plan.notices);
    for name in ["maker-1.tar.gz", "b-1.tar.gz"] {
        assert!(notices.contains(&format!("{name} can't be built from what travels")), "{notices}");
    }
    let error = site.refused(&["maker"], "").await;
    assert!(error.contains("nosuch"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_distribution_beside_a_wheel_is_held_to_the_same_rules() {
    let sdist = Dist::sdist("a", "1", &[("PKG-INFO", &metadata("a", "1", &[]))]);
    let (wheel, own) = (Dist::pure("a", "1", &[]), sdist.sha256());
    let site =
        Site::of(&[("a", wheel.clone()), ("a", sdist), ("setuptools", Dist::pure("setuptools", "60", &[]))]).await;
    let more = format!("files: [\"{}\"]\nsdists: always", site.upstream.url("/in.txt"));
    let both = format!("a==1 --hash={} --hash={own}\n", wheel.sha256());
    for (text, is_taken) in [
        ("a==1\n".to_owned(), true),
        ("--only-binary :all:\na==1\n".to_owned(), false),
        (format!("a==1 --hash={}\n", wheel.sha256()), false),
        (both, true),
    ] {
        site.upstream.put("/in.txt", Resource::new(text.clone()));
        let chosen = site.chosen(&[], &more).await;
        assert_eq!(chosen.contains(&"a-1.tar.gz".to_owned()), is_taken, "{text}: {chosen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_wheels_asks_for_no_source_distribution_ahead() {
    let site = Site::of(&[
        ("p", Dist::sdist("p", "2", &[("PKG-INFO", &metadata("p", "2", &[]))])),
        ("p", Dist::pure("p", "1", &[])),
    ])
    .await;
    site.upstream.put("/in.txt", Resource::new("--prefer-binary\np\n"));
    let lines = format!("files: [\"{}\"]", site.upstream.url("/in.txt"));
    assert_eq!(site.chosen(&[], &lines).await, ["p-1-py3-none-any.whl"]);
    assert!(site.upstream.requests_of("/files/p-2.tar.gz").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_builds_and_is_missing_is_told_as_such() {
    let project = "[build-system]\nrequires = ['nosuchbuilder']\n";
    let sdist = Dist::sdist("s", "2", &[("PKG-INFO", &metadata("s", "2", &[])), ("pyproject.toml", project)]);
    let site = Site::of(&[("s", sdist)]).await;
    let told = site.refused(&["s"], "").await;
    assert!(told.contains("building s-2.tar.gz needs nosuchbuilder"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_in_vain_is_told() {
    let site =
        Site::of(&[("a", Dist::pure("a", "1", &["Provides-Extra: x", "Requires-Dist: b ; extra == 'old'"]))]).await;
    let plan = site.plan(&site.manifest(&["a[x,old-one,Y]", "w ; sys_platform == 'win32'"], "")).await.expect("a plan");
    let told = format!("{:?}", plan.notices);
    assert!(told.contains("a 1 has no extra 'y', which is wanted") && told.contains("'old-one'"), "{told}");
    assert!(!told.contains("'x'"), "{told}");
    let heard = site.heard();
    assert!(heard.contains("for none of the environments: w ; sys_platform == 'win32'"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_twice() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: common>=1", "Requires-Dist: b"])),
        ("b", Dist::pure("b", "1", &["Requires-Dist: common>=2"])),
        ("c", Dist::pure("c", "1", &["Requires-Dist: common!=1.5", "Requires-Dist: b>=1"])),
        ("common", Dist::pure("common", "2", &[])),
    ])
    .await;
    let environments = format!("{ENVIRONMENT}, {{ python: \"3.12\", platform: linux-x86_64 }}");
    let plan = site.plan(&site.manifest_for(&environments, &["a", "c", "common", "b<2"], "")).await.expect("a plan");
    assert_eq!(files(&plan).len(), 4);
    let mut asked: Vec<String> = site.upstream.requests().into_iter().map(|request| request.target).collect();
    asked.sort();
    let all = asked.clone();
    asked.dedup();
    assert_eq!(all, asked, "4 pages and 4 files of metadata");
    assert_eq!(asked.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_of_many_files_keeps_nobody_waiting() {
    // Its directory alone is larger than what is asked for at first, by far.
    let path = |number: usize| format!("big/{number:05}/{}", "folder/".repeat(20));
    let mut files: Vec<(String, Vec<u8>)> = (0..9_000).map(|number| (path(number) + "x", Vec::new())).collect();
    files.insert(0, ("big/data".to_owned(), airlift_testkit::upstream::noise(7, 6 << 20).to_vec()));
    files.push(("big-1.dist-info/METADATA".to_owned(), metadata("big", "1", &["Requires-Dist: small"]).into_bytes()));
    let big = Dist::raw("big-1-py3-none-any.whl", zipped(&files));
    let site = Site::of(&[("big", big), ("small", Dist::pure("small", "1", &[]))]).await;
    assert_eq!(site.chosen(&["big"], "").await, ["big-1-py3-none-any.whl", "small-1-py3-none-any.whl"]);
    let requests = site.upstream.requests();
    let wheel = |request: &&Recorded| request.target.ends_with("big-1-py3-none-any.whl");
    let asked = |request: &Recorded| request.header("range").map(str::to_owned);
    let before: Vec<_> = requests.iter().take_while(|request| request.target != "/simple/small/").collect();
    let ranges: Vec<Option<String>> = before.into_iter().filter(wheel).map(asked).collect();
    assert!(ranges.len() == 2 && ranges.iter().all(Option::is_some), "its end, in two steps: {ranges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_index_gives_the_same_plan() {
    let site = Site::of(&[
        ("a", Dist::pure("a", "1", &["Requires-Dist: b", "Requires-Dist: c"])),
        ("b", Dist::pure("b", "1", &["Requires-Dist: c"]).alone()),
        ("c", Dist::pure("c", "1", &[])),
    ])
    .await;
    let manifest = site.manifest(&["a"], "");
    let (one, other) = (site.plan(&manifest).await.expect("a plan"), site.plan(&manifest).await.expect("a plan"));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_are_solved_each_for_itself_and_share_one_index() {
    let site = Site::of(&[
        ("core", Dist::pure("core", "1", &["Requires-Dist: lib<2"])),
        ("core", Dist::pure("core", "2", &["Requires-Dist: lib>=2", "Requires-Dist: new"])),
        ("lib", Dist::pure("lib", "1", &[])),
        ("lib", Dist::pure("lib", "2", &[])),
        ("new", Dist::pure("new", "1", &[]).with("requires-python", json!(">=3.12"))),
    ])
    .await;
    assert!(site.refused(&["core==1", "core==2"], "").await.contains("nothing fulfils all requirements"));
    let newer = "sets: { newer: { requirements: [ \"core==2\" ], environments: [ { python: \"3.12\", platform: linux-x86_64 } ] } }";
    let plan = site.plan(&site.manifest(&["core==1"], newer)).await.expect("a plan");
    let both =
        ["core-1-py3-none-any.whl", "core-2-py3-none-any.whl", "lib-1-py3-none-any.whl", "lib-2-py3-none-any.whl"];
    assert_eq!(files(&plan), [&both[..], &["new-1-py3-none-any.whl"]].concat());
    let page = page(&plan, "python/simple/core/index.v1_json");
    assert!(page.contains("core-1-py3") && page.contains("core-2-py3"), "one page has what both sets want: {page}");
    // A set is called by its name where it has no solution.
    let told = site.refused(&["core==1"], "sets: { newer: { requirements: [ \"core==2\" ] } }").await;
    assert!(told.contains("Python 3.11 on linux-x86_64 (glibc 2.28), set 'newer'"), "{told}");
}
