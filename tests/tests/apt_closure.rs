//! What a request needs, compared with apt's own answer over the same lists: those of this machine's distribution.
//!
//! Only the packages' files are small ones that all have the same bytes, so that a closure costs one download.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{BUILDERS, Upstream, sum};
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{run, text};
use airlift_e2e::tools::{present, say, tool};

/// What is asked for, and whether recommendations are followed.
const REQUESTS: [(&str, bool); 20] = [
    ("nginx", true),
    ("nginx", false),
    ("openssh-server", true),
    ("postgresql", true),
    ("apache2", false),
    ("python3-venv python3-pip", true),
    ("build-essential", true),
    ("git vim curl", false),
    ("default-jdk-headless", false),
    ("ansible", true),
    ("nfs-kernel-server chrony", true),
    ("slurm-wlm", false),
    ("mariadb-server", true),
    ("haproxy keepalived", true),
    ("podman", true),
    ("docker.io", false),
    ("openmpi-bin libopenmpi-dev", false),
    ("qemu-system-x86", false),
    ("linux-image-amd64", true),
    ("r-base-core", false),
];

/// Packages that apt takes and that are not needed, by request; docs/design/closure.md says why.
const NOT_NEEDED: [(&str, &[&str]); 1] = [(
    "podman",
    &[
        "containernetworking-plugins",
        "iptables",
        "libbsd0",
        "libedit2",
        "libip6tc2",
        "libjansson4",
        "libmnl0",
        "libnetfilter-conntrack3",
        "libnfnetlink0",
        "libnftables1",
        "libnftnl11",
        "libxtables12",
        "nftables",
    ],
)];

/// This machine's lists as one repository, with one small file in the place of every package.
static REAL: LazyLock<Option<Upstream>> = LazyLock::new(|| {
    let format = ["indextargets", "--format", "$(ORIGIN) $(FILENAME)", "Created-By: Packages"];
    let lists = text(Command::new(tool("apt-get")).args(format));
    let of_distribution = |line| ["Debian ", "Ubuntu "].iter().find_map(|origin| str::strip_prefix(line, origin));
    let lists: Vec<&str> = lists.lines().filter_map(of_distribution).filter(|list| Path::new(list).exists()).collect();
    if lists.is_empty() {
        return None;
    }
    let upstream = Upstream::new();
    let read = |list: &&str| text(Command::new("/usr/lib/apt/apt-helper").args(["cat-file", list]));
    publish(&upstream, "real", lists.iter().map(read));
    Some(upstream)
});

/// Makes a repository of lists of packages, in which every package is the same small file.
fn publish(upstream: &Upstream, name: &str, lists: impl Iterator<Item = String>) {
    let base = upstream.root().join(name);
    let folder = base.join("dists/s/main/binary-amd64");
    [&folder, &base.join("pool")].iter().for_each(|folder| fs::create_dir_all(folder).expect("a folder"));
    let file = base.join("pool/x.deb");
    fs::write(&file, "x").expect("a file");
    let about = format!("Filename: pool/x.deb\nSize: 1\nSHA256: {}\n", sum("sha256", &file));
    let mut packages = String::new();
    for list in lists {
        for stanza in list.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
            let own =
                |line: &&str| !["Filename:", "Size:", "SHA256:", "MD5sum:"].iter().any(|name| line.starts_with(name));
            stanza.lines().filter(own).for_each(|line| packages.extend([line, "\n"]));
            packages.extend([&about, "\n"]);
        }
    }
    fs::write(folder.join("Packages"), packages).expect("a file");
    run(Command::new(tool("xz")).args(["-1", "--keep"]).arg(folder.join("Packages")));
    upstream.release(&base.join("dists/s"), "Suite: s\nComponents: main\nArchitectures: amd64\n");
}

/// What travels of a repository, by the list that the mirror serves.
fn of_mirror(upstream: &Upstream, name: &str, rest: &str) -> BTreeSet<String> {
    let rest = format!(", components: [main], architectures: [amd64], {rest}");
    let mirror = Mirror::of("deb", &format!("version: 1\napt:\n{}", upstream.entry(name, "s", &rest)));
    let packed = mirror.work.path().join("Packages.xz");
    fs::write(&packed, mirror.get(&format!("/{name}/dists/s/main/binary-amd64/Packages.xz"))).expect("a file");
    of_list(&text(Command::new(tool("xz")).arg("-dc").arg(&packed)))
}

/// Name and version of everything that apt would install.
fn of_apt(apt: &Apt<'_>, request: &str, recommends: bool) -> BTreeSet<String> {
    let recommends = format!("APT::Install-Recommends={recommends}");
    let arguments: Vec<&str> = ["-o", &recommends].into_iter().chain(request.split(' ')).collect();
    apt.simulated(&arguments)
}

/// Name and version of everything in a list.
fn of_list(list: &str) -> BTreeSet<String> {
    let stanzas = list.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
    let field = |stanza: &str, name: &str| {
        let line = stanza.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.trim_start_matches(':').trim().to_owned()
    };
    stanzas.map(|stanza| format!("{} {}", field(stanza, "Package"), field(stanza, "Version"))).collect()
}

#[test]
fn closures_are_those_of_apt() {
    if !present(&BUILDERS) {
        return;
    }
    let Some(upstream) = &*REAL else {
        say("SKIPPED: this machine has no lists of Debian or Ubuntu; apt-get update fetches them");
        return;
    };
    let key = upstream.root().join("Upstream.asc");
    let line = format!("deb [arch=amd64 signed-by={}] {} s main\n", key.display(), upstream.url("real"));
    let apt = Apt::new(&upstream.work().join("apt"), "amd64", (".list", line.as_bytes()));
    apt.run(&["update"]);
    let mut wrong = Vec::new();
    for (request, recommends) in REQUESTS {
        let names = request.replace(' ', ", ");
        let ours = of_mirror(upstream, "real", &format!("recommends: {recommends}, packages: [{names}]"));
        let theirs = of_apt(&apt, request, recommends);
        let not_needed = |package: &&String| {
            let name = package.split(' ').next().expect("a name");
            NOT_NEEDED.iter().any(|(of, names)| *of == request && names.contains(&name))
        };
        let more: Vec<_> = ours.difference(&theirs).collect();
        let less: Vec<_> = theirs.difference(&ours).filter(|package| !not_needed(package)).collect();
        say(&format!("{request} (recommends: {recommends}): {} here, {} by apt", ours.len(), theirs.len()));
        if !more.is_empty() || !less.is_empty() {
            wrong
                .push(format!("{request} (recommends: {recommends}):\n  only here: {more:?}\n  only by apt: {less:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), REQUESTS.len(), wrong.join("\n"));
}

/// A package of the small repository: its fields beside name and version.
fn stanza((name, version, fields): &(&str, &str, &str)) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: T <t@example.invalid>\n{fields}Description: x\n\n"
    )
}

#[test]
fn upgrades_take_along_what_apt_upgrades() {
    if !present(&BUILDERS) {
        return;
    }
    let old = [
        ("libfoo", "1", "Source: foo\n"),
        ("libfoo-dev", "1", "Source: foo\nDepends: libfoo (= 1)\n"),
        ("plugin", "1", "Source: foo\nBreaks: libfoo (>= 2)\n"),
        ("bar", "1", ""),
    ];
    let new = [
        ("libfoo", "2", "Source: foo\nProvides: api\n"),
        ("libfoo-dev", "2", "Source: foo\nDepends: libfoo (= 2)\n"),
        ("plugin", "2", "Source: foo\n"),
        ("bar", "2", ""),
        ("another", "1", "Provides: api\n"),
        ("wants", "1", "Depends: libfoo (>= 2)\n"),
        ("wants-either", "1", "Depends: libfoo (>= 2) | another\n"),
        ("wants-api", "1", "Depends: api\n"),
    ];
    let upstream = Upstream::new();
    publish(&upstream, "new", new.iter().map(stanza));
    publish(&upstream, "both", old.iter().chain(&new).map(stanza));
    let status =
        |one: &(&str, &str, &str)| stanza(one).replace("\nVersion:", "\nStatus: install ok installed\nVersion:");
    let status: String = old.iter().map(status).collect();
    let list: String = old.iter().map(|(name, version, _)| format!("{name}\t{version}\tamd64\n")).collect();
    let requests = ["wants", "wants-either", "wants-api"];
    for (repository, installed, requests) in [
        ("new", &status, &requests[..]),
        ("both", &status, &requests),
        ("both", &list, &requests),
        // What libfoo 1 provides is nowhere said: it is taken to be what libfoo 2 provides.
        ("new", &list, &requests[..2]),
    ] {
        let key = upstream.root().join("Upstream.asc");
        let line = format!("deb [arch=amd64 signed-by={}] {} s main\n", key.display(), upstream.url(repository));
        let home = upstream.work().join(format!("apt-{repository}"));
        let apt = Apt::new(&home, "amd64", (".list", line.as_bytes()));
        fs::write(home.join("root/var/lib/dpkg/status"), &status).expect("a file");
        apt.run(&["update"]);
        let place = upstream.work().join("installed");
        fs::write(&place, installed).expect("a file");
        for request in requests {
            let rest = format!("packages: [{request}], installed: \"{}\"", place.display());
            let (ours, theirs) = (of_mirror(&upstream, repository, &rest), of_apt(&apt, request, true));
            assert_eq!(ours, theirs, "{request} of {repository} where this is installed:\n{installed}");
            assert_eq!(ours.len(), 4, "{ours:?}");
        }
    }
}
