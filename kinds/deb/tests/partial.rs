//! Repositories of which only a part travels: what is chosen, what is written anew, and what can't be had.

use std::path::Path;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Digest, Plan, Source, Time, failure};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_deb::Deb;
use airlift_store::Store;
use airlift_testkit::conformance::{self, Case};
use airlift_testkit::signing;
use airlift_unpack::{Format, Limits};
use tokio_util::sync::CancellationToken;

static DEB: Erased<Deb> = Erased::new();

/// Repositories in a folder, below one another's names.
struct World(tempfile::TempDir);

/// A package: its stanza but for what follows from its file.
fn package(name: &str, version: &str, fields: &str) -> String {
    architecture(name, version, "amd64", fields)
}

fn architecture(name: &str, version: &str, architecture: &str, fields: &str) -> String {
    format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n{fields}")
}

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }

    /// A file for each package, and the list of them.
    fn list(&self, repository: &str, packages: &[String]) -> String {
        let mut list = String::new();
        for package in packages {
            let of = |name: &str| {
                package.lines().find_map(|line| line.strip_prefix(name)).expect("a field").trim().to_owned()
            };
            let (name, version, architecture) = (of("Package:"), of("Version:"), of("Architecture:"));
            let file = format!("pool/{}/{name}_{}_{architecture}.deb", &name[..1], version.replace(':', "%3a"));
            let bytes = format!("{name} {version} {architecture}");
            self.write(&format!("{repository}/{file}"), bytes.as_bytes());
            let sum = Digest::of(bytes.as_bytes()).hex();
            // An odd field, odd blanks and an odd order: whatever is there has to come out again.
            list.push_str(&format!(
                "{package}Filename: {file}\nX-Odd:   {name}  \nSize: {}\nSHA256: {sum}\n\n",
                bytes.len()
            ));
        }
        list
    }

    /// A suite of one component with lists by their paths.
    fn suite(&self, repository: &str, suite: &str, lists: &[(&str, &str)], more: &str) {
        let mut release = format!(
            "Origin: Acme\nLabel: Acme Linux\nSuite: {suite}\nCodename: {suite}\nDate: Sat, 01 Nov 2025 10:00:00 UTC\n\
             Architectures: amd64 i386\nComponents: main\n{more}SHA256:\n"
        );
        for (path, text) in lists {
            release.push_str(&format!(" {} {} {path}\n", Digest::of(text.as_bytes()).hex(), text.len()));
            self.write(&format!("{repository}/dists/{suite}/{path}"), text.as_bytes());
        }
        self.write(&format!("{repository}/dists/{suite}/Release"), release.as_bytes());
    }

    /// A repository with a suite `s` of packages for amd64.
    fn repository(&self, name: &str, packages: &[String]) {
        let list = self.list(name, packages);
        self.suite(name, "s", &[("main/binary-amd64/Packages", &list)], "Valid-Until: Sat, 01 Nov 2036 10:00:00 UTC\n");
    }

    fn entry(&self, name: &str, more: &str) -> String {
        let base = self.0.path().display();
        format!(
            "  - {{ id: {name}, uri: \"file://{base}/{name}\", suites: [s], components: [main], unsigned: true, \
             architectures: [amd64], {more} }}\n"
        )
    }

    async fn try_plan(&self, entries: &str) -> Result<Plan, String> {
        let section = DEB.section(&format!("version: 1\napt:\n{entries}")).map_err(|error| error.to_string())?;
        let fetcher = Fetcher::new(Settings::default(), Store::memory(), Arc::new(Silent), CancellationToken::new());
        let context = signing::context(fetcher.expect("a fetcher"));
        section.collect(&context).await.map_err(|error| failure::line(&*error))
    }

    async fn plan(&self, entries: &str) -> Plan {
        self.try_plan(entries).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The packages that travel of repositories, as their files' names.
    async fn chosen(&self, entries: &str) -> Vec<String> {
        let plan = self.plan(entries).await;
        assert!(plan.omissions.is_empty(), "{:?}", plan.omissions);
        files(&plan)
    }

    /// Why nothing travels.
    async fn reason(&self, entries: &str) -> String {
        let plan = self.plan(entries).await;
        let [omission] = &plan.omissions[..] else { panic!("{:?}", plan.omissions) };
        format!("{}: {}", omission.path, omission.omitted)
    }
}

fn files(plan: &Plan) -> Vec<String> {
    let paths = plan.entries.iter().map(|entry| entry.path.as_str());
    let mut names: Vec<String> = paths
        .filter(|path| path.ends_with(".deb"))
        .map(|path| path.rsplit('/').next().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn generated(plan: &Plan, path: &str) -> Vec<u8> {
    let entry = plan.entries.iter().find(|entry| entry.path.as_str() == path);
    let entry = entry.unwrap_or_else(|| {
        panic!("no {path} among {:?}", plan.entries.iter().map(|one| one.path.as_str()).collect::<Vec<_>>())
    });
    let Source::Generated(bytes) = &entry.source else { panic!("{path} is fetched") };
    let format = Format::of_name(path);
    airlift_unpack::unpack(bytes, format, &Limits::output(1 << 20)).expect("it unpacks")
}

fn distribution() -> Vec<String> {
    vec![
        package("libc6", "2.36-1", "Multi-Arch: same\nPriority: optional\n"),
        package("libc6", "2.36-2", "Multi-Arch: same\nPriority: optional\n"),
        package("dpkg", "1.21", "Essential: yes\nPriority: required\nPre-Depends: libc6 (>= 2.15)\n"),
        package("postfix", "3.7", "Provides: mail-transport-agent\nDepends: libc6\n"),
        package("exim4", "4.96", "Provides: mail-transport-agent, default-mta (= 1)\n"),
        package("unneeded", "1", ""),
    ]
}

fn web() -> Vec<String> {
    let depends = "Depends: nginx-common (= 1.2-1),\n libc6 (>= 2.36-2), default-mta | mail-transport-agent\n";
    vec![
        package("nginx", "1.1-1", "Depends: libc6\n"),
        package(
            "nginx",
            "1.2-1",
            &format!("Section: httpd\n{depends}Recommends: nginx-doc, gone\nDescription: web\n server\n"),
        ),
        architecture("nginx-common", "1.2-1", "all", "Depends: dpkg (>= 1.17)\n"),
        architecture("nginx-doc", "1.2-1", "all", "Section: doc\n"),
        package("broken", "1", "Depends: nginx (>= 9), libc6\n"),
        package("odd", "1", "Depends: what is this\n"),
    ]
}

fn both(world: &World) {
    world.repository("base", &distribution());
    world.repository("web", &web());
}

#[tokio::test]
async fn what_is_needed_travels_from_every_repository() {
    let world = World::new();
    both(&world);
    let entries =
        |more: &str| world.entry("base", "packages: []") + &world.entry("web", &format!("packages: [nginx]{more}"));
    let plan = world.plan(&entries("")).await;
    assert!(plan.omissions.is_empty(), "{:?}", plan.omissions);
    let expected = [
        "dpkg_1.21_amd64.deb",
        "exim4_4.96_amd64.deb",
        "libc6_2.36-2_amd64.deb",
        "nginx-common_1.2-1_all.deb",
        "nginx-doc_1.2-1_all.deb",
        "nginx_1.2-1_amd64.deb",
    ];
    assert_eq!(files(&plan), expected);
    // What comes from another repository travels in that one, where it was.
    let has = |path: &str| plan.entries.iter().any(|entry| entry.path.as_str() == path);
    assert!(has("deb/base/pool/l/libc6_2.36-2_amd64.deb") && has("deb/web/pool/n/nginx_1.2-1_amd64.deb"));
    assert_eq!(plan.roots.len(), 2);
    // The settings of both entries have to be the same for them to be of one host; these are not.
    let plan = world
        .plan(
            &(world.entry("base", "packages: [unneeded], recommends: false")
                + &world.entry("web", "packages: [nginx]")),
        )
        .await;
    assert_eq!(files(&plan).len(), 7);
    let without = world
        .chosen(
            &(world.entry("base", "packages: [], recommends: false")
                + &world.entry("web", "packages: [nginx], recommends: false")),
        )
        .await;
    assert!(!without.contains(&"nginx-doc_1.2-1_all.deb".to_owned()), "{without:?}");
    // A repository that travels whole is looked at too, and needs no metadata of ours.
    let plan = world.plan(&(world.entry("base", "sources: false") + &world.entry("web", "packages: [nginx]"))).await;
    assert_eq!((files(&plan).len(), has("deb/base/dists/s/InRelease")), (9, true));
    assert!(!plan.entries.iter().any(|entry| entry.path.as_str() == "deb/base/dists/s/InRelease"));
}

#[tokio::test]
async fn metadata_is_written_anew_and_signed() {
    let world = World::new();
    both(&world);
    let entries = world.entry("base", "packages: []") + &world.entry("web", "packages: [nginx]");
    let plan = world.plan(&entries).await;
    let inline = generated(&plan, "deb/web/dists/s/InRelease");
    let now: Time = "2026-01-01T00:00:00Z".parse().expect("a time");
    let verified = signing::key().public().verify_inline(&inline, now).expect("a good signature");
    assert_eq!(verified.verified.signed.to_string(), "2025-11-01T10:00:00Z");
    let release = generated(&plan, "deb/web/dists/s/Release");
    assert_eq!(verified.text.trim_end(), String::from_utf8(release.clone()).expect("text").trim_end());
    let detached = generated(&plan, "deb/web/dists/s/Release.gpg");
    signing::key().public().verify_detached(&detached, &release, now).expect("a good signature");
    for line in [
        "Origin: Acme",
        "Label: Acme Linux",
        "Suite: s",
        "Codename: s",
        "Date: Sat, 01 Nov 2025 10:00:00 UTC",
        "Components: main",
        "Acquire-By-Hash: yes",
    ] {
        assert!(verified.text.lines().any(|other| other == line), "{line}: {}", verified.text);
    }
    assert!(!verified.text.contains("Valid-Until"));
    assert!(plan.notices.iter().any(|notice| notice.notice.contains("has no such date")), "{:?}", plan.notices);

    let list = generated(&plan, "deb/web/dists/s/main/binary-amd64/Packages.xz");
    assert_eq!(list, generated(&plan, "deb/web/dists/s/main/binary-amd64/Packages.gz"));
    let upstream =
        std::fs::read_to_string(world.0.path().join("web/dists/s/main/binary-amd64/Packages")).expect("a list");
    let expected: Vec<&str> = upstream
        .split_inclusive("\n\n")
        .filter(|stanza| stanza.contains("nginx") && stanza.contains("1.2-1\nArch"))
        .collect();
    assert_eq!((String::from_utf8(list.clone()).expect("text"), expected.len()), (expected.concat(), 3));
    assert!(verified.text.contains(&format!(
        "{} {:>16} main/binary-amd64/Packages\n",
        Digest::of(&list).hex(),
        list.len()
    )));

    let keys = generated(&plan, "deb/gpgkeys/web.asc");
    assert_eq!(String::from_utf8(keys).expect("text"), signing::key().public().to_armored());
    let again = world.plan(&entries).await;
    let bytes = |plan: &Plan| {
        plan.entries.iter().filter_map(|entry| Some((entry.path.clone(), entry.digest()?))).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&plan), bytes(&again));
}

#[tokio::test]
async fn what_cannot_be_had_is_explained() {
    let world = World::new();
    both(&world);
    let web =
        |request: &str| world.entry("base", "packages: []") + &world.entry("web", &format!("packages: [{request}]"));
    let reason = world.reason(&web("broken")).await;
    assert!(reason.starts_with("deb/web/packages/broken:") && reason.contains("nginx (>= 9)"), "{reason}");
    assert!(reason.contains("nginx (1.2-1) amd64 is there"), "{reason}");
    let reason = world.reason(&web("odd")).await;
    assert!(reason.contains("what is this") && reason.contains("no relation"), "{reason}");
    for (request, expected) in [
        ("ngnix", "has no package ngnix; there is nginx"),
        ("\"nginx:i386\"", "unless 'foreign-architectures: [i386]' says so"),
        ("libc6", "another repository of this manifest has"),
        ("nginx=3*", "in other versions or architectures: 1.2-1 (amd64), 1.1-1 (amd64)"),
        ("\"zzz*\"", "no package of web is meant by it"),
    ] {
        let reason = world.reason(&web(request)).await;
        assert!(reason.contains(expected), "{request}: {reason}");
    }
    // What can be had is planned all the same: whoever collects decides.
    let plan = world.plan(&web("nginx, broken, ngnix")).await;
    assert_eq!((plan.omissions.len(), files(&plan).len()), (2, 6));
    let alone = world.reason(&world.entry("web", "packages: [nginx], recommends: false")).await;
    assert!(alone.contains("libc6 (>= 2.36-2)") || alone.contains("dpkg") || alone.contains("default-mta"), "{alone}");
}

#[tokio::test]
async fn requests_are_names_globs_versions_and_patterns() {
    let world = World::new();
    let mut packages = distribution();
    packages.push(package("tool", "1", "Task: server, desktop\nPriority: standard\n"));
    world.repository("base", &packages);
    for (request, expected) in [
        ("\"lib*\"", &["libc6_2.36-2_amd64.deb"][..]),
        ("\"libc6=*-1\"", &["libc6_2.36-1_amd64.deb"]),
        ("libc6=2.36-1", &["libc6_2.36-1_amd64.deb"]),
        ("\"libc6:amd64\"", &["libc6_2.36-2_amd64.deb"]),
        ("desktop^", &["tool_1_amd64.deb"]),
        ("?essential", &["dpkg_1.21_amd64.deb", "libc6_2.36-2_amd64.deb"]),
        ("?priority(standard)", &["tool_1_amd64.deb"]),
        ("default-mta", &["exim4_4.96_amd64.deb"]),
    ] {
        assert_eq!(world.chosen(&world.entry("base", &format!("packages: [{request}]"))).await, expected, "{request}");
    }
    let newest = world.chosen(&world.entry("base", "packages: [libc6], newest: 2")).await;
    assert_eq!(newest, ["libc6_2.36-1_amd64.deb", "libc6_2.36-2_amd64.deb"]);
}

#[tokio::test]
async fn what_hosts_have_does_not_travel() {
    let world = World::new();
    both(&world);
    let installed = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n\n\
                     Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22\n\n\
                     Package: own-mta\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nProvides: mail-transport-agent\n";
    world.write("status", installed.as_bytes());
    let path = world.0.path().join("status");
    let more = format!("installed: \"{}\", recommends: false", path.display());
    let entries = world.entry("base", &format!("packages: [], {more}"))
        + &world.entry("web", &format!("packages: [nginx], {more}"));
    assert_eq!(world.chosen(&entries).await, ["nginx-common_1.2-1_all.deb", "nginx_1.2-1_amd64.deb"]);

    // The base has the earliest libc6: what needs a later one brings it.
    let more = "assume: [base], recommends: false";
    let entries = world.entry("base", &format!("packages: [], {more}"))
        + &world.entry("web", &format!("packages: [nginx], {more}"));
    let chosen = world.chosen(&entries).await;
    assert_eq!(
        chosen,
        ["exim4_4.96_amd64.deb", "libc6_2.36-2_amd64.deb", "nginx-common_1.2-1_all.deb", "nginx_1.2-1_amd64.deb"]
    );

    let alone = world.chosen(&world.entry("web", "packages: [nginx], assume: [unlisted]")).await;
    assert_eq!(alone, ["nginx-common_1.2-1_all.deb", "nginx-doc_1.2-1_all.deb", "nginx_1.2-1_amd64.deb"]);
    let error = world.try_plan(&world.entry("web", "packages: [nginx], assume: [base]")).await.expect_err("no base");
    assert!(error.contains("no repository of this manifest has"), "{error}");
    world.write("status", b"this is no list at all\n");
    let more = format!("packages: [nginx], installed: \"{}\"", path.display());
    let error = world.try_plan(&world.entry("web", &more)).await.expect_err("no list");
    assert!(error.contains("line 1 names no package"), "{error}");
}

/// A package as a status file has it.
fn installed(name: &str, version: &str, fields: &str) -> String {
    format!("{}Status: install ok installed\n\n", package(name, version, fields))
}

#[tokio::test]
async fn what_an_upgrade_takes_along_travels() {
    let world = World::new();
    let of_foo = |name: &str, version: &str, fields: &str| package(name, version, &format!("Source: foo\n{fields}"));
    let new = [
        of_foo("libfoo", "2", ""),
        of_foo("libfoo-dev", "2", "Depends: libfoo (= 2)\n"),
        of_foo("libfoo-doc", "2", ""),
        package("plugin", "2", ""),
        package("bar", "2", ""),
        package("app", "1", "Depends: libfoo (>= 2)\n"),
    ];
    let old = [
        of_foo("libfoo", "1", ""),
        of_foo("libfoo-dev", "1", "Depends: libfoo (= 1)\n"),
        of_foo("libfoo-doc", "1", ""),
    ];
    world.repository("new", &new);
    world.repository("both", &[&new[..], &old].concat());
    world.repository("half", &[&new[..], &old[..1]].concat());
    let status = installed("libfoo", "1", "")
        + &installed("libfoo-dev", "1", "Depends: libfoo (= 1)\n")
        + &installed("libfoo-doc", "1", "")
        + &installed("plugin", "1", "Breaks: libfoo (>= 2)\n")
        + &installed("bar", "1", "Depends: gone\n");
    world.write("status", status.as_bytes());
    world.write("list", b"libfoo 1 amd64\nlibfoo-dev 1 amd64\nlibfoo-doc 1 amd64\nplugin 1 amd64\nbar 1 amd64\n");
    let (devel, doc, plugin) = ("libfoo-dev_2_amd64.deb", "libfoo-doc_2_amd64.deb", "plugin_2_amd64.deb");
    let basic = ["app_1_amd64.deb", "libfoo_2_amd64.deb"];
    for (repository, list, more) in [
        ("new", "status", &[devel, plugin][..]),
        // What their packages needed is in the repository.
        ("both", "list", &[devel]),
        // No repository has it any more: what is of one source goes together.
        ("new", "list", &[devel, doc]),
        ("half", "list", &[devel, doc]),
    ] {
        let path = world.0.path().join(list);
        let entry = world.entry(repository, &format!("packages: [app], installed: \"{}\"", path.display()));
        let mut expected = [&basic[..], more].concat();
        expected.sort_unstable();
        assert_eq!(world.chosen(&entry).await, expected, "{repository}, {list}");
    }
}

#[tokio::test]
async fn what_hosts_have_is_upgraded_rather_than_removed() {
    let world = World::new();
    world.repository(
        "r",
        &[
            package("foo", "1", ""),
            package("foo", "2", "Provides: thing\n"),
            package("compat", "1", "Provides: thing\n"),
            package("other", "1", ""),
            package("one", "1", "Depends: other | foo (>= 2)\n"),
            package("virtual", "1", "Depends: thing\n"),
            package("against", "1", "Conflicts: foo (>= 2)\n"),
        ],
    );
    let plan = async |version: &str, asked: &str| {
        world.write("list", format!("foo\t{version}\tamd64\n").as_bytes());
        let path = world.0.path().join("list");
        let entry = world.entry("r", &format!("packages: [{asked}], installed: \"{}\"", path.display()));
        let plan = world.plan(&entry).await;
        assert!(plan.omissions.is_empty(), "{:?}", plan.omissions);
        plan
    };
    assert_eq!(files(&plan("1", "virtual").await), ["foo_2_amd64.deb", "virtual_1_amd64.deb"]);
    assert_eq!(files(&plan("1", "one").await), ["foo_2_amd64.deb", "one_1_amd64.deb"]);
    let said = |plan: &Plan| plan.notices.iter().map(|one| one.notice.clone() + "\n").collect::<String>();
    let fine = plan("1", "against").await;
    assert_eq!(files(&fine), ["against_1_amd64.deb"]);
    assert!(!said(&fine).contains("removed"), "{}", said(&fine));
    // apt does not go back to the older one by itself.
    let removing = plan("2", "against").await;
    assert_eq!(files(&removing), ["against_1_amd64.deb"]);
    assert!(said(&removing).contains("removed, downgraded or broken"), "{}", said(&removing));
    assert!(said(&removing).contains("against (1) amd64 conflicts with foo (>= 2)"), "{}", said(&removing));
    // What is asked for by itself is told of its own repository.
    world.repository("first", &[package("fine", "1", "")]);
    world.repository("late", &[package("late", "1", "Conflicts: foo (>= 2)\n"), package("late", "2", "")]);
    let installed = format!("installed: \"{}\"", world.0.path().join("list").display());
    let entry = |id: &str, asked: &str| world.entry(id, &format!("packages: [{asked}], newest: 2, {installed}"));
    let both = world.plan(&(entry("first", "fine") + &entry("late", "late"))).await;
    assert!(said(&both).contains("apt repository late: for amd64, what is asked for"), "{}", said(&both));
}

#[tokio::test]
async fn several_architectures_on_one_host() {
    let world = World::new();
    let common = architecture("data", "1", "all", "Multi-Arch: foreign\n");
    let library = |of: &str| architecture("lib", "1", of, "Multi-Arch: same\n");
    let game = architecture("game", "1", "i386", "Depends: lib, data, tool:any, shell\n");
    let native = [
        library("amd64"),
        common.clone(),
        package("tool", "1", "Multi-Arch: allowed\n"),
        package("shell", "1", "Multi-Arch: foreign\n"),
    ];
    let foreign = [library("i386"), common, game];
    let lists = [
        ("main/binary-amd64/Packages", world.list("x", &native)),
        ("main/binary-i386/Packages", world.list("x", &foreign)),
    ];
    let lists: Vec<(&str, &str)> = lists.iter().map(|(path, text)| (*path, text.as_str())).collect();
    world.suite("x", "s", &lists, "");
    let base = world.0.path().display();
    let entry = |more: &str| {
        format!("  - {{ id: x, uri: \"file://{base}/x\", suites: [s], components: [main], unsigned: true, {more} }}\n")
    };
    let chosen = world.chosen(&entry("foreign-architectures: [i386], packages: [\"game:i386\"]")).await;
    assert_eq!(
        chosen,
        ["data_1_all.deb", "game_1_i386.deb", "lib_1_i386.deb", "shell_1_amd64.deb", "tool_1_amd64.deb"]
    );
    let named =
        world.chosen(&entry("architectures: [amd64], foreign-architectures: [i386], packages: [\"game:i386\"]")).await;
    assert_eq!(named, chosen);
    let reason = world.reason(&entry("architectures: [amd64], packages: [\"game:i386\"]")).await;
    assert!(
        reason.contains("hosts of amd64 have no packages of i386 unless 'foreign-architectures: [i386]'"),
        "{reason}"
    );
    // On a host that is i386 itself there is no shell for it.
    let plan = world.plan(&entry("packages: [\"game:i386\", lib]")).await;
    assert_eq!(plan.omissions.len(), 1, "{:?}", plan.omissions);
    assert_eq!(files(&plan), ["lib_1_amd64.deb", "lib_1_i386.deb"]);
}

#[tokio::test]
async fn hosts_of_another_target_are_left_alone() {
    let world = World::new();
    world.repository("old", &[package("libc6", "1", ""), package("app", "1", "Depends: libc6 (>= 1)\n")]);
    world.repository("new", &[package("libc6", "2", "")]);
    let entries =
        world.entry("old", "packages: [app], target: bookworm") + &world.entry("new", "packages: [], target: trixie");
    assert_eq!(world.chosen(&entries).await, ["app_1_amd64.deb", "libc6_1_amd64.deb"]);
    let entries = world.entry("old", "packages: [app]") + &world.entry("new", "packages: []");
    assert_eq!(world.chosen(&entries).await, ["app_1_amd64.deb", "libc6_2_amd64.deb"]);
}

#[tokio::test]
async fn sources_and_descriptions_of_what_travels_travel_too() {
    let world = World::new();
    let md5 = "d41d8cd98f00b204e9800998ecf8427e";
    let packages = [
        package("a", "1+b1", &format!("Source: a-source (1)\nDescription: short\nDescription-md5: {md5}\n")),
        package("b", "1", &format!("Description-md5: {md5}\n")),
    ];
    let sum = Digest::of(b"dsc").hex();
    world.write("x/src/a-source_1.dsc", b"dsc");
    let source = |name: &str, version: &str| {
        format!(
            "Package: {name}\nVersion: {version}\nDirectory: src\nChecksums-Sha256:\n {sum} 3 {name}_{version}.dsc\n\n"
        )
    };
    let list = world.list("x", &packages);
    let sources = source("a-source", "1") + &source("a-source", "2") + &source("b", "1");
    let translation = format!(
        "Package: a\nDescription-md5: {md5}\nDescription-en: short\n long\n\nPackage: b\nDescription-md5: {md5}\nDescription-en: b\n\n"
    );
    let lists = [
        ("main/binary-amd64/Packages", &*list),
        ("main/source/Sources", &*sources),
        ("main/i18n/Translation-en", &*translation),
        ("main/Contents-amd64", "x y\n"),
    ];
    world.suite("x", "s", &lists, "");
    let plan = world.plan(&world.entry("x", "packages: [a], sources: true")).await;
    let text = |path: &str| String::from_utf8(generated(&plan, path)).expect("text");
    assert_eq!(text("deb/x/dists/s/main/source/Sources.xz"), source("a-source", "1"));
    assert!(text("deb/x/dists/s/main/i18n/Translation-en.xz").ends_with(" long\n\n"));
    assert!(plan.entries.iter().any(|entry| entry.path.as_str() == "deb/x/src/a-source_1.dsc"));
    assert!(!text("deb/x/dists/s/Release").contains("Contents"));
    let notice = |plan: &Plan| plan.notices.iter().map(|one| one.notice.clone() + "\n").collect::<String>();
    assert!(!notice(&plan).contains("lists of sources"), "{}", notice(&plan));
    // A source that is not there is told.
    let other = source("a-source", "2");
    let lists = [("main/binary-amd64/Packages", &*list), ("main/source/Sources", &*other)];
    world.suite("x", "s", &lists, "");
    let told = notice(&world.plan(&world.entry("x", "packages: [a, b], sources: true")).await);
    assert!(
        told.contains("x: 2 sources of its packages are not in its lists of sources: a-source (1), b (1)"),
        "{told}"
    );
    assert!(!notice(&world.plan(&world.entry("x", "packages: [a, b]")).await).contains("lists of sources"));
}

#[tokio::test]
async fn hostile_packages_are_refused_when_they_are_chosen() {
    let world = World::new();
    let list = world.list("x", &[package("a", "1", ""), package("b", "1", "")]).replace("pool/a/", "../../etc/");
    world.suite("x", "s", &[("main/binary-amd64/Packages", &list)], "");
    let error = world.try_plan(&world.entry("x", "packages: [a]")).await.expect_err("a path that leaves");
    assert!(error.contains("'.' or '..' segment"), "{error}");
    assert_eq!(world.chosen(&world.entry("x", "packages: [b]")).await, ["b_1_amd64.deb"]);
    let nameless = "Version: 1\nArchitecture: amd64\n\n";
    world.suite("x", "s", &[("main/binary-amd64/Packages", nameless)], "");
    let error = world.try_plan(&world.entry("x", "packages: [a]")).await.expect_err("no name");
    assert!(error.contains("without a usable Package"), "{error}");
}

#[tokio::test]
async fn flat_repositories_and_the_suite_of_every_kind() {
    let world = World::new();
    both(&world);
    let list =
        world.list("flat", &[package("cuda", "12", "Depends: libc6\n"), package("cuda", "13", "Depends: libc7\n")]);
    let list = list.replace("Filename: pool", "Filename: ./pool");
    let sum = Digest::of(list.as_bytes()).hex();
    world.write("flat/Packages", list.as_bytes());
    world.write("flat/Release", format!("Origin: Flat\nSHA256:\n {sum} {} Packages\n", list.len()).as_bytes());
    let base: &Path = world.0.path();
    let flat = format!(
        "  - {{ id: flat, uri: \"file://{}/flat\", suites: [\"./\"], unsigned: true, packages: [\"cuda=12\"] }}\n",
        base.display()
    );
    let entries = world.entry("base", "packages: []") + &world.entry("web", "packages: [nginx]") + &flat;
    assert!(world.chosen(&entries).await.contains(&"cuda_12_amd64.deb".to_owned()));
    let list = world
        .list("fonts", &[architecture("font", "1", "all", "Depends: base\n"), architecture("base", "1", "all", "")]);
    let sum = Digest::of(list.as_bytes()).hex();
    world.write("fonts/Packages", list.as_bytes());
    world.write("fonts/Release", format!("SHA256:\n {sum} {} Packages\n", list.len()).as_bytes());
    let fonts = flat.replace("flat", "fonts").replace("cuda=12", "font");
    assert_eq!(world.chosen(&fonts).await, ["base_1_all.deb", "font_1_all.deb"]);
    let manifest = format!("version: 1\napt:\n{entries}");
    conformance::run(&Case { kind: &DEB, manifest, absent: "/web/pool/none.deb" }).await;
}
