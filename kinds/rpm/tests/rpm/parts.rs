//! Parts of repositories: what is asked for and what that needs, and metadata of no more than that.

use airlift_core::{Plan, Time};
use airlift_openpgp::Keyring;

use crate::listed::{Listed, groups, made, metadata, package, packages, root};
use crate::upstream::plan_of;

pub(crate) async fn plan(entries: &[String], more: &str) -> Result<Plan, String> {
    let list: String = entries.iter().map(|entry| format!("  - {entry}\n")).collect();
    match more {
        "" => plan_of(&format!("version: 1\nyum:\n{list}")).await,
        more => plan_of(&format!("version: 1\nyum:\n  {more}\n  repositories:\n{list}")).await,
    }
}

/// What travels of a repository where this is asked of it.
async fn chosen(repository: &Listed, asked: &str) -> Vec<String> {
    let plan = plan(&[repository.entry("r", &format!("packages: [{asked}]"))], "").await.expect("a plan");
    assert!(plan.omissions.is_empty(), "{asked}: {:?}", plan.omissions);
    packages(&plan, "r")
}

/// Why what is asked for can't be had.
pub(crate) async fn missing(repository: &Listed, asked: &str) -> String {
    let plan = plan(&[repository.entry("r", &format!("packages: [{asked}]"))], "").await.expect("a plan");
    plan.omissions.iter().map(|omission| omission.omitted.clone() + "\n").collect()
}

pub(crate) fn shop() -> Listed {
    Listed::new(&[
        package("web-1:1.9-1.x86_64").requires("lib = 1"),
        package("web-1:1.10-1.x86_64").requires("lib(x) >= 1.2").requires("/bin/sh").requires("rpmlib(X) <= 4-1"),
        package("web-2:2.0~rc1-1.x86_64").requires("lib(x) > 9"),
        package("lib-1-1.x86_64"),
        package("lib-2-1.x86_64").provides("lib(x) = 1.2-3"),
        package("lib-2-1.i686").provides("lib(x) = 1.2-3"),
        package("shell-5-1.x86_64").file("/bin/sh").requires("config(shell) = 5-1").provides("config(shell) = 5-1"),
        package("tool-1-1.noarch").requires("/usr/share/data/x").source("tool-1-1.src.rpm"),
        package("data-1-1.noarch").hidden("/usr/share/data/x"),
        package("tool-1-1.src"),
        package("rest-1-1.noarch"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_comes_with_what_it_needs() {
    let shop = shop();
    for (asked, expected) in [
        ("web", vec!["lib-2-1.x86_64", "shell-5-1.x86_64", "web-1_1.10-1.x86_64"]),
        ("\"web-1.9*\"", vec!["lib-1-1.x86_64", "web-1_1.9-1.x86_64"]),
        ("\"web=1.9*\"", vec!["lib-1-1.x86_64", "web-1_1.9-1.x86_64"]),
        ("\"web-1:1.9-1.x86_64\"", vec!["lib-1-1.x86_64", "web-1_1.9-1.x86_64"]),
        ("\"web < 1:1.10\"", vec!["lib-1-1.x86_64", "web-1_1.9-1.x86_64"]),
        ("lib.i686", vec!["lib-2-1.i686"]),
        ("\"[ld]?[bt]*\"", vec!["data-1-1.noarch", "lib-2-1.x86_64"]),
        ("/bin/sh, \"lib(x)\"", vec!["lib-2-1.x86_64", "shell-5-1.x86_64"]),
        ("tool", vec!["data-1-1.noarch", "tool-1-1.noarch"]),
        ("\"/usr/share/data/*\"", vec!["data-1-1.noarch"]),
        ("", vec![]),
    ] {
        assert_eq!(chosen(&shop, asked).await, expected, "{asked}");
    }
    let plan = plan(&[shop.entry("r", "packages: [lib, tool], newest: 2, sources: true")], "").await.expect("a plan");
    let expected = ["data-1-1.noarch", "lib-1-1.x86_64", "lib-2-1.x86_64", "tool-1-1.noarch", "tool-1-1.src"];
    assert_eq!(packages(&plan, "r"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_had_is_said_with_the_reason() {
    let shop = shop();
    let error = missing(&shop, "nothing").await;
    assert!(error.contains("nothing can't be had: r has no such package"), "{error}");
    let error = missing(&shop, "\"web-2.0*\"").await;
    assert!(error.contains("lib(x) > 9") && error.contains("add the repository that has what is missing"), "{error}");
    let error = missing(&shop, "\"@core\", \"@a:b\"").await;
    assert!(error.contains("r has no groups") && error.contains("has the module a"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_other_repositories_travel_there() {
    let apps = Listed::new(&[package("app-1-1.x86_64").requires("lib"), package("more-1-1.x86_64")]);
    let base = Listed::new(&[package("lib-1-1.x86_64").requires("deep"), package("other-1-1.x86_64")]);
    let whole = Listed::new(&[package("deep-1-1.noarch"), package("too-1-1.noarch")]);
    let entries = [apps.entry("apps", "packages: [app]"), base.entry("base", "packages: []"), whole.entry("whole", "")];
    let plan = plan(&entries, "").await.expect("a plan");
    assert!(plan.omissions.is_empty(), "{:?}", plan.omissions);
    assert_eq!(
        (packages(&plan, "apps"), packages(&plan, "base")),
        (vec!["app-1-1.x86_64".into()], vec!["lib-1-1.x86_64".into()])
    );
    let of_whole = plan.entries.iter().filter(|entry| entry.path.as_str().starts_with("rpm/whole/")).count();
    assert_eq!(of_whole, 2 + 1 + 6, "packages, the root, and all metadata of upstream's");
    let elsewhere =
        super::parts::plan(&[apps.entry("apps", "packages: [lib]"), base.entry("base", "packages: []")], "")
            .await
            .expect("a plan");
    let error = &elsewhere.omissions[0].omitted;
    assert!(error.contains("apps has no such package, but base has lib-1-1.x86_64; ask there"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_of_other_hosts_are_solved_by_themselves() {
    let old = Listed::new(&[package("app-1-1.el8.x86_64").requires("lib"), package("lib-1-1.el8.x86_64")]);
    let new = Listed::new(&[package("app-1-1.el9.x86_64").requires("lib"), package("lib-2-1.el9.x86_64")]);
    let entries = [
        old.entry("old", "vars: { releasever: \"8\" }, packages: [app]"),
        new.entry("new", "vars: { releasever: \"9\" }, packages: [app]"),
    ];
    let plan = plan(&entries, "").await.expect("a plan");
    assert_eq!(packages(&plan, "old"), ["app-1-1.el8.x86_64", "lib-1-1.el8.x86_64"]);
    assert_eq!(packages(&plan, "new"), ["app-1-1.el9.x86_64", "lib-2-1.el9.x86_64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rich_and_weak_dependencies_and_replacements_are_followed() {
    let repository = Listed::new(&[
        package("a-1-1.noarch").requires("(plugin if b)").recommends("nice"),
        package("b-1-1.noarch").requires("(x with y)").requires("((c and d) or e)"),
        package("plugin-1-1.noarch"),
        package("nice-1-1.noarch"),
        package("lang-1-1.noarch").supplements("(a and b)"),
        package("xy-1-1.noarch").provides("x").provides("y"),
        package("x-1-1.noarch"),
        package("c-1-1.noarch").conflicts("a"),
        package("d-1-1.noarch"),
        package("e-1-1.noarch"),
        package("old-1-1.noarch"),
        package("new-2-1.noarch").provides("old = 2").obsoletes("old < 2"),
        package("client-1-1.noarch").requires("old"),
    ]);
    assert_eq!(chosen(&repository, "a").await, ["a-1-1.noarch", "nice-1-1.noarch"]);
    assert_eq!(
        chosen(&repository, "a, b").await,
        [
            "a-1-1.noarch",
            "b-1-1.noarch",
            "e-1-1.noarch",
            "lang-1-1.noarch",
            "nice-1-1.noarch",
            "plugin-1-1.noarch",
            "xy-1-1.noarch"
        ]
    );
    assert_eq!(chosen(&repository, "old").await, ["new-2-1.noarch"]);
    assert_eq!(chosen(&repository, "client").await, ["client-1-1.noarch", "new-2-1.noarch"]);
    let strict = plan(&[repository.entry("r", "packages: [a, b]")], "weak: false").await.expect("a plan");
    assert!(packages(&strict, "r").iter().all(|name| !name.starts_with("nice") && !name.starts_with("lang")));
    let apart = plan(&[repository.entry("r", "packages: [a, c]")], "weak: false").await.expect("a plan");
    assert_eq!(packages(&apart, "r"), ["a-1-1.noarch", "c-1-1.noarch"], "both travel, though not for one host");
    assert!(
        apart.notices.iter().any(|notice| notice.notice.contains("can be installed on one host")),
        "{:?}",
        apart.notices
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hosts_have_is_not_collected() {
    let repository = Listed::new(&[
        package("app-1-1.x86_64").requires("libc.so.6()(64bit)").requires("shell >= 5").requires("(extra if desktop)"),
        package("shell-5-1.x86_64").requires("deep"),
        package("deep-1-1.x86_64"),
        package("extra-1-1.x86_64"),
    ]);
    let entry = [repository.entry("r", "packages: [app]")];
    let bare = plan(&entry, "weak: true").await.expect("a plan");
    assert!(bare.omissions[0].omitted.contains("libc.so.6()(64bit)"), "{:?}", bare.omissions);
    let based = plan(&entry, "assume: [base]").await.expect("a plan");
    assert_eq!(packages(&based, "r"), ["app-1-1.x86_64", "deep-1-1.x86_64", "shell-5-1.x86_64"]);
    assert!(based.notices.iter().any(|notice| notice.notice.contains("libc.so.6()(64bit)")), "{:?}", based.notices);
    let named = plan(&entry, "assume: [shell, \"libc.so.6()(64bit)\"]").await.expect("a plan");
    assert_eq!(packages(&named, "r"), ["app-1-1.x86_64"], "{:?}", named.omissions);
    repository.put("qa.txt", b"shell-5.1-3.x86_64\nlibc.so.6()(64bit)\n");
    let list = format!("installed: {}", repository.folder().join("qa.txt").display());
    assert_eq!(packages(&plan(&entry, &list).await.expect("a plan"), "r"), ["app-1-1.x86_64"]);
    repository.put("qa.txt", b"shell-4-3.x86_64\nlibc.so.6()(64bit)\n");
    assert_eq!(
        packages(&plan(&entry, &list).await.expect("a plan"), "r"),
        ["app-1-1.x86_64", "deep-1-1.x86_64", "shell-5-1.x86_64"],
        "what hosts have is too old"
    );
    let error = plan(&entry, "installed: qa.txt").await.expect_err("no path");
    assert!(error.contains("neither a URL nor a path"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upgrade_takes_along_is_collected() {
    let of_foo = |name: &str| package(name).source("foo-2-1.src.rpm");
    let new = [
        of_foo("libfoo-2-1.x86_64").provides("api = 2-1"),
        of_foo("libfoo-2-1.i686").provides("api = 2-1"),
        of_foo("libfoo-devel-2-1.x86_64").requires("libfoo = 2-1"),
        of_foo("libfoo-doc-2-1.noarch"),
        package("bar-2-1.x86_64"),
        package("compat-1-1.x86_64").provides("api = 2-1"),
        package("app-1-1.x86_64").requires("libfoo >= 2"),
        package("any-1-1.x86_64").requires("api >= 2"),
        package("against-1-1.x86_64").conflicts("bar"),
        package("late-1-1.x86_64").conflicts("bar"),
        package("late-2-1.x86_64"),
    ];
    let old = [
        package("libfoo-1-1.x86_64"),
        package("libfoo-devel-1-1.x86_64").requires("libfoo = 1-1"),
        package("libfoo-doc-1-1.noarch"),
    ];
    let (devel, doc) = ("libfoo-devel-2-1.x86_64", "libfoo-doc-2-1.noarch");
    for (packages_of, more) in [
        (new.to_vec(), vec![devel, doc]),
        ([&new[..], &old[..1]].concat(), vec![devel, doc]),
        ([&new[..], &old].concat(), vec![devel]),
    ] {
        let repository = Listed::new(&packages_of);
        repository
            .put("qa.txt", b"libfoo-1-1.x86_64\nlibfoo-devel-1-1.x86_64\nlibfoo-doc-1-1.noarch\nbar-1-1.x86_64\n");
        let list = format!("installed: {}", repository.folder().join("qa.txt").display());
        for asked in ["app", "any"] {
            let entry = [repository.entry("r", &format!("packages: [{asked}]"))];
            let found = plan(&entry, &list).await.expect("a plan");
            let first = format!("{asked}-1-1.x86_64");
            let mut expected = [vec![&*first, "libfoo-2-1.x86_64"], more.clone()].concat();
            expected.sort_unstable();
            assert_eq!(packages(&found, "r"), expected, "{:?}", found.notices);
        }
        let found = plan(&[repository.entry("r", "packages: [against]")], &list).await.expect("a plan");
        assert_eq!(packages(&found, "r"), ["against-1-1.x86_64"]);
        let said: String = found.notices.iter().map(|one| one.notice.clone() + "\n").collect();
        assert!(said.contains("removed or broken") && said.contains("against-1-1.x86_64 conflicts with bar"), "{said}");
        // The same of older versions.
        let found = plan(&[repository.entry("r", "packages: [late], newest: 2")], &list).await.expect("a plan");
        assert_eq!(packages(&found, "r"), ["late-1-1.x86_64", "late-2-1.x86_64"]);
        let said: String = found.notices.iter().map(|one| one.notice.clone() + "\n").collect();
        assert!(said.contains("removed or broken") && said.contains("late-1-1.x86_64 conflicts with bar"), "{said}");
    }
}

const COMPS: &str = "<comps><group><id>editors</id><name>Text Editors</name><packagelist>\
    <packagereq type=\"mandatory\">vi</packagereq><packagereq type=\"default\">vi-docs</packagereq>\
    <packagereq type=\"optional\">emacs</packagereq><packagereq type=\"conditional\" requires=\"gui\">vi-gui</packagereq>\
    <packagereq type=\"mandatory\">none</packagereq></packagelist></group>\
    <group><id>desktop</id><name>Desktop</name><packagelist><packagereq type=\"mandatory\">gui</packagereq></packagelist>\
    </group><environment><id>work</id><name>Work</name><grouplist><groupid>editors</groupid><groupid>desktop</groupid>\
    </grouplist></environment></comps>";

const MODULES: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: db\n  stream: \"1\"\n  version: 1\n  context: a\n  \
    arch: x86_64\n  dependencies: [{requires: {platform: [el9]}}]\n  profiles: {server: {rpms: [db]}}\n  artifacts:\n    rpms: \
    [db-0:1-1.m.x86_64]\n...\n---\ndocument: modulemd\nversion: 2\ndata:\n  name: db\n  stream: \"2\"\n  version: 1\n  \
    context: b\n  arch: x86_64\n  dependencies: [{requires: {platform: [el9], rt: []}}]\n  profiles: {server: {rpms: [db]}, \
    client: {rpms: [db-client]}}\n  artifacts:\n    rpms: [db-0:2-1.m.x86_64, db-client-0:2-1.m.x86_64]\n...\n---\n\
    document: modulemd\nversion: 2\ndata:\n  name: rt\n  stream: \"5\"\n  version: 1\n  context: c\n  arch: x86_64\n  \
    artifacts: {rpms: [rt-0:5-1.m.x86_64]}\n...\n---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: db\n  \
    stream: \"1\"\n  profiles:\n    \"1\": [server]\n    \"2\": [server]\n...\n";

const UPDATES: &str = "<updates><update from=\"a\"><id>U-1</id><pkglist><collection><package name=\"db\" version=\"2\" \
    release=\"1.m\" epoch=\"0\" arch=\"x86_64\"><filename>x</filename></package></collection></pkglist></update>\
    <update from=\"a\"><id>U-2</id><pkglist><collection><package name=\"emacs\" version=\"1\" release=\"1\" epoch=\"0\" \
    arch=\"x86_64\"/></collection></pkglist></update></updates>";

pub(crate) fn full() -> Listed {
    let mut repository = Listed::new(&[
        package("vi-1-1.x86_64"),
        package("vi-docs-1-1.noarch"),
        package("vi-gui-1-1.x86_64"),
        package("emacs-1-1.x86_64"),
        package("gui-1-1.x86_64"),
        package("db-1-1.m.x86_64"),
        package("db-2-1.m.x86_64").requires("rt"),
        package("db-client-2-1.m.x86_64"),
        package("db-9-1.x86_64"),
        package("rt-5-1.m.x86_64"),
    ]);
    (repository.comps, repository.modules, repository.updates) = (COMPS, MODULES, UPDATES);
    repository.write();
    repository
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_environments_are_asked_for() {
    let repository = full();
    assert_eq!(chosen(&repository, "\"@editors\"").await, ["vi-1-1.x86_64", "vi-docs-1-1.noarch"]);
    assert_eq!(chosen(&repository, "\"@Text Editors\"").await, ["vi-1-1.x86_64", "vi-docs-1-1.noarch"]);
    let all = ["gui-1-1.x86_64", "vi-1-1.x86_64", "vi-docs-1-1.noarch", "vi-gui-1-1.x86_64"];
    assert_eq!(chosen(&repository, "\"@^work\"").await, all);
    let plan = plan(&[repository.entry("r", "packages: [\"@editors\"]")], "").await.expect("a plan");
    assert!(plan.notices.iter().any(|notice| notice.notice.contains("no repository has its packages none")));
    let text = metadata(&plan, "r", "group").expect("groups");
    assert_eq!(groups(&text), ["editors"]);
    assert!(text.contains("vi-docs") && !text.contains("emacs") && !text.contains("<environment>"), "{text}");
    assert_eq!(metadata(&plan, "r", "group_gz"), Some(text));
    assert_eq!(metadata(&plan, "r", "modules"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_modules_are_enabled_and_filter_packages() {
    let repository = full();
    assert_eq!(chosen(&repository, "db").await, ["db-1-1.m.x86_64"], "the default stream hides a newer package");
    assert_eq!(chosen(&repository, "\"@db:2\"").await, ["db-2-1.m.x86_64", "rt-5-1.m.x86_64"]);
    assert_eq!(chosen(&repository, "\"@db:2/client\"").await, ["db-client-2-1.m.x86_64"]);
    assert_eq!(
        chosen(&repository, "\"@db:1\", \"@db:2\"").await,
        ["db-1-1.m.x86_64", "db-2-1.m.x86_64", "rt-5-1.m.x86_64"],
        "two streams of one module, which no host can enable together"
    );
    let error = missing(&repository, "db-client").await;
    assert!(error.contains("is of the module stream db:2; ask for '@db:2'"), "{error}");
    let error = missing(&repository, "\"@db:7\"").await;
    assert!(error.contains("the module db has no stream 7; it has: 1, 2"), "{error}");
    let plan = plan(&[repository.entry("r", "packages: [\"@db:2\"]")], "").await.expect("a plan");
    let text = metadata(&plan, "r", "modules").expect("modules");
    assert!(!text.contains("db-0:1-1.m") && text.contains("modulemd-defaults") && text.contains("name: rt"), "{text}");
    let text = metadata(&plan, "r", "updateinfo").expect("advisories");
    assert!(text.contains("U-1") && !text.contains("U-2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_can_be_filtered_without_asking_for_packages() {
    let repository = Listed::new(&[
        package("a-1.9-1.x86_64").source("a-1.9-1.src.rpm"),
        package("a-1.10-1.x86_64").source("a-1.10-1.src.rpm"),
        package("a-1.10-1.i686"),
        package("b-1-1.noarch").requires("nothing that there is"),
        package("a-1.9-1.src"),
        package("a-1.10-1.src"),
    ]);
    for (rest, expected) in [
        ("newest: 1", vec!["a-1.10-1.i686", "a-1.10-1.src", "a-1.10-1.x86_64", "b-1-1.noarch"]),
        ("arches: [x86_64]", vec!["a-1.10-1.x86_64", "a-1.9-1.x86_64"]),
        ("newest: 1, arches: [x86_64, noarch], sources: true", vec!["a-1.10-1.src", "a-1.10-1.x86_64", "b-1-1.noarch"]),
        ("sources: false", vec!["a-1.10-1.i686", "a-1.10-1.x86_64", "a-1.9-1.x86_64", "b-1-1.noarch"]),
    ] {
        let plan = plan(&[repository.entry("r", rest)], "").await.expect("a plan");
        assert_eq!(packages(&plan, "r"), expected, "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerated_metadata_is_upstreams_elements_under_this_hosts_signature() {
    let repository = full();
    let entries = [repository.entry("r", "packages: [vi, \"@db:2\"]")];
    let plan = plan(&entries, "").await.expect("a plan");
    let upstream = std::fs::read(repository.folder().join("repodata/primary.xml.gz")).expect("the list");
    let mut whole = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&upstream[..]), &mut whole).expect("gzip");
    let part = metadata(&plan, "r", "primary").expect("the list");
    assert!(part.contains("packages=\"3\"") && part.contains("xmlns:rpm="), "{part}");
    for element in part.split_inclusive("</package>").filter_map(|text| text.find("<package ").map(|at| &text[at..])) {
        assert!(whole.contains(element), "{element}");
    }
    for kind in ["filelists", "other"] {
        assert_eq!(metadata(&plan, "r", kind).expect(kind).matches("<package ").count(), 3, "{kind}");
    }
    let kinds: Vec<String> = root(&plan, "r").data.into_iter().map(|data| data.kind).collect();
    assert_eq!(kinds, ["primary", "filelists", "other", "group", "group_gz", "modules", "updateinfo", "productid"]);
    let repomd = made(&plan, "rpm/r/repodata/repomd.xml").expect("the root");
    let signature = made(&plan, "rpm/r/repodata/repomd.xml.asc").expect("a signature");
    let key = made(&plan, "rpm/gpgkeys/r.pub").expect("the key");
    let key = Keyring::read(&key, "the key").expect("a key");
    key.verify_detached(&signature, &repomd, Time::from(std::time::SystemTime::now())).expect("a good signature");
    let text = String::from_utf8(repomd).expect("a text");
    let hidden = regex_free(&text);
    insta::assert_snapshot!(hidden);
    let again = super::parts::plan(&entries, "").await.expect("a plan");
    let bytes = |plan: &Plan| made(plan, "rpm/r/repodata/repomd.xml");
    assert_eq!(bytes(&plan), bytes(&again));
}

/// A root without its checksums and sizes, which follow from the compressor.
fn regex_free(text: &str) -> String {
    let hidden = |line: &str| match line.trim_start().split(['>', ' ']).next() {
        Some("<checksum" | "<open-checksum" | "<size" | "<open-size") => {
            let (head, tail) = (line.split_inclusive('>').next().unwrap_or_default(), line.rsplit('<').next());
            format!("{head}…<{}\n", tail.unwrap_or_default())
        }
        Some("<location") => {
            let name = line.rsplit('-').next().unwrap_or_default();
            match line.contains("repodata/productid") {
                true => format!("{line}\n"),
                false => format!("    <location href=\"repodata/…-{name}\n"),
            }
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(hidden).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn installation_trees_are_mirrored_with_whole_repositories() {
    let repository = Listed::new(&[package("a-1-1.noarch")]);
    let sum = airlift_core::Digest::of(b"a kernel").hex();
    repository.put("images/vmlinuz", b"a kernel");
    repository.put(".treeinfo", format!("[checksums]\nimages/vmlinuz = sha256:{sum}\n").as_bytes());
    let tree = |plan: &Plan| {
        let paths = plan.entries.iter().map(|entry| entry.path.as_str());
        paths.filter(|path| path.contains("images") || path.contains("treeinfo")).map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = plan(&[repository.entry("r", "")], "").await.expect("a plan");
    assert_eq!(tree(&whole), ["rpm/r/.treeinfo", "rpm/r/images/vmlinuz"]);
    let kernel = whole.entries.iter().find(|entry| entry.path.as_str().ends_with("vmlinuz")).expect("a kernel");
    assert_eq!(kernel.checksums[0].hex(), sum);
    let part = plan(&[repository.entry("r", "packages: [a]")], "").await.expect("a plan");
    assert!(tree(&part).is_empty(), "an installation tree needs its whole repository");
    repository.put(".treeinfo", b"[stage2]\nmainimage = ../../x\n");
    assert!(plan(&[repository.entry("r", "")], "").await.expect_err("traversal").contains("'..' segment"));
}
