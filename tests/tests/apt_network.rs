//! apt and debootstrap in a network of their own, in which nothing is reachable but the mirror.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{BUILDERS, Package, Upstream};
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{output, run, text};
use airlift_e2e::tools::{present, say, tool};

/// What makes a namespace and asks in it.
const NETWORK: [&str; 2] = ["ip", "curl"];

/// A collected manifest, served where nothing else is.
struct Gap {
    namespace: Namespace,
    mirror: Mirror,
}

impl Gap {
    fn of(manifest: &str) -> Self {
        let namespace = Namespace::new();
        let mirror = Mirror::inside("deb", manifest, &namespace);
        Self { namespace, mirror }
    }

    fn work(&self) -> &Path {
        self.mirror.work.path()
    }

    fn url(&self, path: &str) -> String {
        self.mirror.url(path)
    }

    fn get(&self, path: &str) -> Vec<u8> {
        self.namespace.get(&self.url(path))
    }

    fn apt(&self, name: &str, architecture: &str, source: &str) -> Apt<'_> {
        Apt::new(&self.work().join(name), architecture, (source, &self.get(source))).inside(&self.namespace)
    }
}

#[test]
fn apt_installs_by_hash_and_goes_on_by_date() {
    if !present(&BUILDERS) || !present(&NETWORK) {
        return;
    }
    let upstream = Upstream::new();
    let hello = Package { architecture: "amd64", fields: "Depends: hello-data (>= 2)\n", ..<_>::default() };
    upstream.build("hello", "1:2.0+b~1", hello);
    upstream.build("hello-data", "3", Package { size: 2_000_000, ..<_>::default() });
    let distributions = "Suite: stable\nCodename: good\nArchitectures: amd64\nComponents: main\nSignWith: Upstream\n";
    upstream.reprepro("good", distributions, &["includedeb", "good"], &upstream.built());
    let loose = format!("  - {{ from: {}, id: own }}\n", upstream.debs().display());
    let manifest = format!("version: 1\napt:\n{}{loose}", upstream.entry("good", "good", ", components: [main]"));
    let gap = Gap::of(&manifest);
    gap.namespace.prove_alone(upstream.address());

    let apt = gap.apt("apt", "amd64", "/good.sources");
    apt.run(&["update"]);
    let own = gap.apt("own", "amd64", "/own.sources");
    let told = own.run(&["-o", "Acquire::By-Hash=force", "-o", "Debug::Acquire::http=true", "update"]);
    assert!(told.contains("/by-hash/SHA256/"), "{told}");

    let name = "hello-data_3_all.deb";
    let whole = fs::read(upstream.debs().join(name)).expect("a package");
    let url = gap.url(&format!("/good/pool/main/h/hello-data/{name}"));
    let mut head = Command::new(tool("curl"));
    let head = text(&mut gap.namespace.inside(head.args(["--silent", "--head", &url])));
    let date =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("last-modified: ").map(str::to_owned));
    let part = apt.home.join("var/cache/apt/archives/partial").join(name);
    fs::write(&part, &whole[..1_000_000]).expect("a file");
    run(Command::new("touch").arg("-d").arg(date.expect("a date").trim()).arg(&part));
    let told = apt.run(&["-o", "Debug::Acquire::http=true", "install", "hello"]);
    assert!(told.contains("If-Range: ") && told.contains("206 Partial Content"), "{told}");
    assert!(apt.installed("hello") && apt.installed("hello-data"));
    own.run(&["install", "hello"]);
    assert!(own.installed("hello"));
}

#[test]
fn repositories_of_aptly_travel_whole_and_in_part() {
    if !present(&BUILDERS) || !present(&NETWORK) {
        return;
    }
    let upstream = Upstream::new();
    let hello = Package { architecture: "amd64", fields: "Depends: hello-data (>= 2)\n", ..<_>::default() };
    upstream.build("hello", "1:2.0+b~1", hello);
    upstream.build("hello-data", "3", Package::default());
    upstream.build("other", "1", Package { architecture: "amd64", ..<_>::default() });
    upstream.aptly("own", &upstream.built());
    for (rest, asked, other) in [("", "hello other", true), (", packages: [hello]", "hello", false)] {
        let entry = upstream.entry("own", "stable", &format!(", components: [main], architectures: [amd64]{rest}"));
        let gap = Gap::of(&format!("version: 1\napt:\n{entry}"));
        gap.namespace.prove_alone(upstream.address());
        let release = fs::read(upstream.root().join("own/dists/stable/InRelease")).expect("a file");
        assert_eq!(gap.get("/own/dists/stable/InRelease") == release, other, "whole ones are as upstream has them");
        let apt = gap.apt("apt", "amd64", "/own.sources");
        let told = apt.run(&["-o", "Acquire::By-Hash=force", "-o", "Debug::Acquire::http=true", "update"]);
        assert!(told.contains("/by-hash/SHA"), "{told}");
        apt.run(&[&["install"], &asked.split(' ').collect::<Vec<_>>()[..]].concat());
        assert!(apt.installed("hello") && apt.installed("hello-data"));
        assert_eq!(apt.installed("other"), other);
        let lacking = output(&mut apt.command(&["install", "--simulate", "other"]));
        assert_eq!(lacking.status.success(), other, "of a part only what was asked for is there");
    }
}

/// Where this machine has its sources: a folder, or the file of old.
fn own_sources() -> &'static str {
    let folder = "/etc/apt/sources.list.d";
    let is_source = |name: &str| name.ends_with(".list") || name.ends_with(".sources");
    let mut names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    match names.any(|name| is_source(&name.to_string_lossy())) {
        true => folder,
        false => "/etc/apt/sources.list",
    }
}

#[test]
fn a_part_of_this_machines_own_sources_is_whole() {
    if !present(&["apt-get", "dpkg"]) || !present(&NETWORK) {
        return;
    }
    let architecture = text(Command::new("dpkg").arg("--print-architecture"));
    let sources = own_sources();
    let gap = Gap::of(&format!("version: 1\napt:\n  - from: {sources}\n    packages: [nginx]\n"));
    // The same sources as apt reads them itself, where nothing is installed.
    let direct = Apt::new(&gap.work().join("direct"), &architecture, ("none.list", b""));
    let to = direct.home.join("etc/apt");
    run(Command::new("cp").args(["-rL", sources]).arg(&to));
    run(Command::new("cp").args(["-rL", "/etc/apt/trusted.gpg.d"]).arg(&to));
    let proxies = ["http_proxy", "https_proxy"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    run(direct.command(&["update"]).envs(proxies));

    let apt = gap.apt("apt", &architecture, "/airlift.sources");
    let told = apt.run(&["-o", "Acquire::By-Hash=force", "-o", "Debug::Acquire::http=true", "update"]);
    assert!(told.contains("/by-hash/SHA256/"), "{told}");
    let source = String::from_utf8(gap.get("/airlift.sources")).expect("a text");
    assert!(source.contains("Signed-By:") && !source.contains("trusted"), "{source}");
    let (here, there) = (apt.simulated(&["nginx"]), direct.simulated(&["nginx"]));
    assert!(here.len() > 20 && here == there, "by the mirror: {here:?}\nby its sources: {there:?}");
    // All of it is there, and is what the signed lists say.
    apt.run(&["install", "--download-only", "nginx"]);
    let archives = fs::read_dir(apt.home.join("var/cache/apt/archives")).expect("a folder").flatten();
    let arrived = archives.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "deb")).count();
    assert_eq!(arrived, here.len());
    let refused = output(&mut apt.command(&["install", "--simulate", "emacs"]));
    assert!(!refused.status.success(), "what was not asked for has not travelled");
}

/// The distribution of this machine, as its own sources say: where it is, its suite, what vouches for it.
fn distribution() -> Option<(String, String, String)> {
    let format = ["indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME)", "Created-By: Packages"];
    let lists = text(Command::new(tool("apt-get")).args(format));
    let line = lists.lines().find(|line| line.starts_with("Debian ") || line.starts_with("Ubuntu "))?.to_owned();
    let words: Vec<&str> = line.split(' ').collect();
    let keyring = ["debian-archive-keyring", "ubuntu-archive-keyring"];
    let keyring = keyring.map(|name| format!("/usr/share/keyrings/{name}.gpg"));
    let keyring = keyring.into_iter().find(|path| Path::new(path).exists())?;
    Some((words[1].to_owned(), words[2].to_owned(), keyring))
}

#[test]
fn a_system_is_made_of_a_part_of_this_machines_distribution() {
    if !present(&["debootstrap", "apt-get", "dpkg", "gpg"]) || !present(&NETWORK) {
        return;
    }
    let Some((uri, suite, keyring)) = distribution() else {
        say("SKIPPED: this machine has no lists of Debian or Ubuntu; apt-get update fetches them");
        return;
    };
    let architecture = text(Command::new("dpkg").arg("--print-architecture"));
    // debootstrap takes what is required, and apt; usr-is-merged and its like come in as what they need.
    let gap = Gap::of(&format!(
        "version: 1\napt:\n  - id: system\n    uri: \"{uri}\"\n    suites: [{suite}]\n    components: [main]\n    \
         architectures: [{architecture}]\n    signed-by: {keyring}\n    recommends: false\n    \
         packages: [\"?essential\", \"?priority(required)\", apt, usr-is-merged, usrmerge, nginx]\n"
    ));
    let outside = uri.trim_start_matches("http://").trim_start_matches("https://").to_owned();
    let mut resolve = Command::new(tool("curl"));
    resolve.args(["--silent", "--max-time", "5", "--output", "/dev/null", &format!("http://{outside}")]);
    assert!(!output(&mut gap.namespace.inside(&resolve)).status.success(), "upstream is reachable in the namespace");

    let (root, key) = (gap.work().join("root"), gap.work().join("key.gpg"));
    let armored = gap.work().join("key.asc");
    fs::write(&armored, gap.get("/gpgkeys/system.asc")).expect("a file");
    run(Command::new(tool("gpg")).args(["--batch", "--yes", "--dearmor", "--output"]).args([&key, &armored]));
    let mut debootstrap = Command::new(tool("debootstrap"));
    debootstrap.args(["--variant=minbase", &format!("--keyring={}", key.display()), &suite]);
    debootstrap.arg(&root).arg(gap.url("/system")).env_remove("http_proxy").env_remove("https_proxy");
    run(&mut gap.namespace.inside(&debootstrap));

    let sources = root.join("etc/apt/sources.list.d/system.sources");
    fs::write(sources, gap.get("/system.sources")).expect("a file");
    fs::write(root.join("etc/apt/sources.list"), "").expect("a file");
    let chroot = |script: &str| {
        let mut command = Command::new("chroot");
        command.arg(&root).args(["sh", "-euc", script]).env("DEBIAN_FRONTEND", "noninteractive");
        command.env("LC_ALL", "C.UTF-8").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        text(&mut gap.namespace.inside(&command))
    };
    let told = chroot("apt-get -o Acquire::By-Hash=force -o Debug::Acquire::http=true update 2>&1");
    assert!(told.contains("/by-hash/SHA256/") && !told.contains("W: ") && !told.contains("E: "), "{told}");
    chroot("printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d");
    chroot("apt-get install --yes --no-install-recommends nginx >/dev/null");
    assert!(chroot("nginx -v 2>&1").contains("nginx/"));
}
