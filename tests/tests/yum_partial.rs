//! Parts of yum repositories: what dnf would install is what travels, and in a network where only the mirror is, dnf and
//! zypper install it with every check that they have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::dnf::Dnf;
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{run, text};
use airlift_e2e::rpms::{BUILDERS, KEY, Repository, spec};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};

/// A small distribution, with every kind of relation.
const PACKAGES: [(&str, &str, &str); 31] = [
    ("libalpha", "2.0", "Provides: libalpha.so.2()(64bit)"),
    ("alpha", "2.0", "Requires: libalpha.so.2()(64bit)\nProvides: feature(alpha) = 2"),
    ("beta", "1.0", "Requires: alpha >= 2"),
    ("gamma", "1.0", "Requires: /usr/bin/delta"),
    ("delta", "1.0", "%%/usr/bin/delta"),
    ("epsilon", "1.0", "Requires: /usr/share/airlift/zeta"),
    ("zeta", "1.0", ""),
    ("eta", "1.0", "Requires: (theta if alpha)"),
    ("theta", "1.0", ""),
    ("iota", "1.0", "Requires: (kappa or lambda)"),
    ("kappa", "1.0", ""),
    ("lambda", "1.0", "Requires: theta"),
    ("mu", "1.0", "Requires: (nu and xi)"),
    ("nu", "1.0", ""),
    ("xi", "1.0", ""),
    ("omicron", "1.0", "Recommends: pi"),
    ("pi", "1.0", ""),
    ("rho", "1.0", "Supplements: sigma"),
    ("sigma", "1.0", ""),
    ("tau", "1.0", "Conflicts: upsilon"),
    ("upsilon", "1.0", ""),
    ("phi-next", "2.0", "Obsoletes: phi < 2\nProvides: phi = 2"),
    ("phi", "1.0", ""),
    ("chi", "1.0", "Requires: phi"),
    ("psi", "1.0", "Requires: mail-server"),
    ("mail-one", "1.0", "Provides: mail-server"),
    ("mail-two", "1.0", "Provides: mail-server\nRequires: xi"),
    ("omega", "1.0", "Requires: psi\nRequires: tau"),
    ("with", "1.0", "Requires: (alpha with feature(alpha) >= 2)"),
    ("circle-a", "1.0", "Requires: circle-b"),
    ("circle-b", "1.0", "Requires: circle-a"),
];

const GROUPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<comps>
<group><id>core</id><name>Core</name><description>Core</description><default>false</default><uservisible>true</uservisible>
<packagelist><packagereq type="mandatory">beta</packagereq><packagereq type="default">gamma</packagereq>
<packagereq type="optional">upsilon</packagereq></packagelist></group>
<group><id>more</id><name>More</name><description>More</description><default>false</default><uservisible>true</uservisible>
<packagelist><packagereq type="mandatory">mu</packagereq></packagelist></group>
<environment><id>desk</id><name>Desk</name><description>Desk</description><display_order>1</display_order>
<grouplist><groupid>core</groupid></grouplist><optionlist><groupid>more</groupid></optionlist></environment>
</comps>
"#;

fn modules() -> String {
    let stream = |stream: &str| {
        format!(
            "---\ndocument: modulemd\nversion: 2\ndata:\n  name: tool\n  stream: \"{stream}\"\n  version: 1\n  context: c0ffee0{stream}\n  \
             arch: x86_64\n  summary: A tool\n  description: A tool\n  license: {{ module: [MIT] }}\n  \
             dependencies: [ {{ requires: {{ platform: [el9] }} }} ]\n  profiles: {{ default: {{ rpms: [tool] }} }}\n  \
             artifacts: {{ rpms: [ \"tool-0:{stream}.0-1.noarch\" ] }}\n...\n"
        )
    };
    let defaults = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: tool\n  stream: \"1\"\n  \
                    profiles: { \"1\": [default], \"2\": [default] }\n...\n";
    format!("{}{}{defaults}", stream("1"), stream("2"))
}

/// The distribution: signed packages of two versions, groups, an environment, a module with two streams.
fn upstream() -> Repository {
    let upstream = Repository::new();
    upstream.build("dist", &spec("dist", &PACKAGES), &[]);
    let old =
        [("libalpha", "1.0", "Provides: libalpha.so.1()(64bit)"), ("alpha", "1.0", "Requires: libalpha.so.1()(64bit)")];
    upstream.build("old", &spec("old", &old), &[]);
    for stream in ["1", "2"] {
        let version = format!("{stream}.0");
        let labelled = format!("ModularityLabel: tool:{stream}:1:c0ffee0{stream}\n");
        let text = spec(&format!("tool{stream}"), &[("tool", &version, "Requires: zeta")]);
        upstream.build(&format!("tool{stream}"), &(labelled + &text), &[]);
    }
    upstream.sign_packages(KEY, Repository::packages(&upstream.folder()).iter().map(PathBuf::as_path));
    let groups = upstream.work().join("comps.xml");
    fs::write(&groups, GROUPS).expect("a file");
    upstream.index(&["-g", &groups.display().to_string()]);
    upstream.add_metadata("modules", "modules.yaml", &modules());
    upstream
}

static UPSTREAM: LazyLock<Repository> = LazyLock::new(upstream);

/// What dnf answers of the upstream itself.
fn dnfs(requests: &[&str]) -> BTreeSet<String> {
    let home = temporary::folder();
    let text = format!("[dist]\nname=dist\nbaseurl={}\ngpgcheck=0\n", UPSTREAM.url(""));
    Dnf::new(home.path().join("dnf"), &text).answer(requests, &[])
}

/// The packages that a lock has.
fn locked(lock: &str) -> BTreeSet<String> {
    let paths = lock.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("path: "));
    let packages = paths.filter_map(|path| path.trim_matches(['"', '\'']).strip_suffix(".rpm"));
    packages.map(|path| path.rsplit('/').next().expect("a name").to_owned()).collect()
}

/// The packages that travel where a manifest is collected in a folder.
fn collected(airlift: &Airlift, work: &Path, manifest: &str) -> BTreeSet<String> {
    let path = work.join("airlift.yaml");
    fs::write(&path, manifest).expect("a manifest");
    run(airlift.command(["collect", "--no-archive"]).arg(&path).arg("--store").arg(work.join("store")));
    locked(&fs::read_to_string(work.join("airlift.lock")).expect("a lock"))
}

/// A manifest with a part of the distribution.
fn manifest(requests: &[&str]) -> String {
    let quoted: Vec<String> = requests.iter().map(|request| format!("\"{request}\"")).collect();
    UPSTREAM.manifest("dist", &format!("{}, packages: [{}]", UPSTREAM.gpgkeys(), quoted.join(", ")))
}

#[test]
fn the_closure_of_twenty_requests_is_dnfs() {
    if !present(&BUILDERS) || !present(&["dnf"]) {
        return;
    }
    let requests: [&[&str]; 20] = [
        &["alpha"],
        &["beta"],
        &["gamma"],
        &["epsilon"],
        &["eta"],
        &["eta", "alpha"],
        &["iota"],
        &["mu"],
        &["omicron"],
        &["sigma"],
        &["tau"],
        &["phi-next"],
        &["chi"],
        &["psi"],
        &["omega"],
        &["with"],
        &["circle-a"],
        &["@core"],
        &["@tool:2"],
        &["alpha-1.0*"],
    ];
    let (work, airlift) = (temporary::folder(), Airlift::new());
    let mut different = Vec::new();
    for requested in requests {
        let ours = collected(&airlift, work.path(), &manifest(requested));
        let theirs = dnfs(requested);
        assert!(!theirs.is_empty(), "dnf installs nothing for {requested:?}");
        if ours != theirs {
            let (more, less) = (&ours - &theirs, &theirs - &ours);
            different.push(format!("{requested:?}: only here {more:?}, only dnf {less:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn what_an_upgrade_takes_along_is_what_dnf_upgrades() {
    if !present(&BUILDERS) || !present(&["dnf"]) {
        return;
    }
    let upstream = Repository::new();
    let build = |name: &str, of: &str, packages: &[(&str, &str, &str)]| {
        let folder = upstream.folder().join("Packages").join(name);
        upstream.build_into(&folder, (name, &spec(of, packages)), &[]);
        upstream.sign_packages(KEY, Repository::packages(&folder).iter().map(PathBuf::as_path));
    };
    let old = [
        ("libbar", "1", ""),
        ("libbar-devel", "1", "Requires: libbar = 1-1"),
        ("plugin", "1", "Conflicts: libbar >= 2"),
    ];
    build("old", "bar", &old);
    build("other-old", "other", &[("other", "1", "")]);
    upstream.index(&[]);
    let work = temporary::folder();
    let text = format!("[dist]\nname=dist\nbaseurl={}\ngpgcheck=0\n", upstream.url(""));
    let dnf = Dnf::new(work.path().join("dnf"), &text);
    dnf.run(&["install", "libbar-devel", "plugin", "other"]);
    let installed = work.path().join("installed");
    fs::write(&installed, dnf.run(&["--quiet", "repoquery", "--installed"])).expect("a file");

    let new = [
        ("libbar", "2", "Provides: api = 2-1"),
        ("libbar-devel", "2", "Requires: libbar = 2-1"),
        ("plugin", "2", ""),
        ("wants", "1", "Requires: libbar >= 2"),
        ("wants-api", "1", "Requires: api >= 2"),
    ];
    build("new", "bar", &new);
    build("other-new", "other", &[("other", "2", ""), ("another", "1", "Provides: api = 2-1")]);
    let airlift = Airlift::new();
    for has_old in [true, false] {
        if !has_old {
            fs::remove_dir_all(upstream.folder().join("Packages/old")).expect("the old ones");
        }
        upstream.index(&[]);
        for asked in ["wants", "wants-api"] {
            let entry = format!("baseurl: \"{}\", {}, packages: [{asked}]", upstream.url(""), upstream.gpgkeys());
            let place = installed.display();
            let manifest =
                format!("version: 1\nyum:\n  installed: \"{place}\"\n  repositories:\n    - {{ id: dist, {entry} }}\n");
            let ours = collected(&airlift, work.path(), &manifest);
            assert_eq!(ours, dnf.answer(&[asked], &["--refresh"]), "{asked}, the old ones are there: {has_old}");
            assert_eq!(ours.len(), 4, "{ours:?}");
        }
    }
}

#[test]
fn where_only_the_mirror_is_dnf_and_zypper_install_a_part_of_a_repository() {
    if !present(&BUILDERS) || !present(&["dnf", "zypper", "ip", "curl"]) {
        return;
    }
    let namespace = Namespace::new();
    namespace.prove_alone(UPSTREAM.address());
    let requests = ["alpha", "epsilon", "omicron", "@core", "@^desk", "@tool:2"];
    let mirror = Mirror::inside("rpm", &manifest(&requests), &namespace);
    let text_of = |path: &str| String::from_utf8(namespace.get(&mirror.url(path))).expect("a text");
    let repo = text_of("/airlift.repo");
    assert!(repo.contains("\ngpgcheck=1\nrepo_gpgcheck=1\n"), "{repo}");

    let dnf = Dnf::new(mirror.work.path().join("dnf"), &repo).inside(&namespace);
    dnf.run(&["makecache"]);
    dnf.run(&["install", "epsilon"]);
    dnf.run(&["group", "install", "core"]);
    dnf.run(&["module", "install", "tool:2"]);
    let there = |name: &str| dnf.root().join("usr/share/airlift").join(name).is_file();
    for name in ["epsilon", "zeta", "beta", "alpha", "libalpha", "gamma", "delta", "tool"] {
        assert!(there(name), "{name} was not installed");
    }
    let version = dnf.run(&["--quiet", "repoquery", "--installed", "--queryformat", "%{version}", "tool"]);
    assert_eq!(version, "2.0");

    // The environment alone, on another host: its group comes with it, and what is optional does not.
    let desk = Dnf::new(mirror.work.path().join("desk"), &repo).inside(&namespace);
    desk.run(&["group", "install", "desk"]);
    let there = |name: &str| desk.root().join("usr/share/airlift").join(name).is_file();
    for (name, expected) in [("beta", true), ("libalpha", true), ("gamma", true), ("delta", true), ("mu", false)] {
        assert_eq!(there(name), expected, "{name}");
    }
    let known = desk.run(&["group", "list", "--installed"]);
    assert!(known.contains("Installed Environment Groups:\n   Desk\n"), "{known}");

    let closed = run(&mut dnf.plugin(&["repoclosure"]));
    assert!(!String::from_utf8_lossy(&closed.stdout).contains("unresolved deps"), "{closed:?}");

    let home = mirror.work.path().join("zypper");
    fs::create_dir_all(&home).expect("a folder");
    fs::write(home.join("airlift.repo"), &repo).expect("a file");
    let zypper = |arguments: &[&str]| {
        let mut zypper = Command::new(tool("zypper"));
        zypper.args(["--non-interactive", "--gpg-auto-import-keys", "--root"]).arg(home.join("root")).args(arguments);
        namespace.inside(zypper.env("LC_ALL", "C.UTF-8"))
    };
    run(&mut zypper(&["addrepo", &home.join("airlift.repo").display().to_string()]));
    let said = text(&mut zypper(&["refresh", "--force"]));
    assert!(said.contains("All repositories have been refreshed"), "{said}");
    run(&mut zypper(&["install", "beta"]));
    assert!(home.join("root/usr/share/airlift/libalpha").is_file());
}
