//! yum repositories: made by createrepo_c of packages that rpmbuild built, signed by gpg, mirrored, and installed from by
//! dnf and zypper with every check that they have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::rpms::{BUILDERS, KEY, Repository};
use airlift_e2e::tools::{present, tool};

const GROUPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<comps><group><id>greetings</id><name>Greetings</name><description>Greetings</description><default>false</default>
<uservisible>true</uservisible><packagelist><packagereq type="mandatory">hello</packagereq>
<packagereq type="mandatory">goodbye</packagereq></packagelist></group></comps>
"#;

/// Three signed packages, one of which requires another, in a signed repository with a group.
struct Upstream(Repository);

impl Upstream {
    fn new() -> Self {
        let this = Self(Repository::new());
        for (name, requires) in
            [("hello", "Requires: world >= 1"), ("world", ""), ("goodbye", "Requires: /usr/share/airlift/hello")]
        {
            let text = format!(
                "Name: {name}\nVersion: 1.0\nRelease: 1\nSummary: {name}\nLicense: MIT\nBuildArch: noarch\n{requires}\n\
                 %description\n{name}\n%install\nmkdir -p %{{buildroot}}/usr/share/airlift\n\
                 echo {name} > %{{buildroot}}/usr/share/airlift/{name}\n%files\n/usr/share/airlift/{name}\n"
            );
            this.build(name, &text, &[]);
        }
        this.sign_packages(KEY, Repository::packages(&this.folder()).iter().map(PathBuf::as_path));
        fs::write(this.work().join("comps.xml"), GROUPS).expect("a file");
        this.index(&[]);
        this
    }

    /// A manifest that mirrors it.
    fn manifest(&self, rest: &str) -> String {
        self.0.manifest("greetings-9", rest)
    }

    fn signed(&self) -> String {
        self.manifest(&self.gpgkeys())
    }

    fn package(&self, name: &str) -> PathBuf {
        self.folder().join(format!("Packages/noarch/{name}-1.0-1.noarch.rpm"))
    }

    /// Makes the metadata, and signs it.
    fn index(&self, options: &[&str]) {
        let groups = self.work().join("comps.xml").display().to_string();
        self.0.index(&[options, &["-g", &groups]].concat());
    }
}

impl std::ops::Deref for Upstream {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        &self.0
    }
}

/// Puts the generated file where a client looks for it.
fn repo_file(mirror: &Mirror, folder: &Path, change: impl Fn(String) -> String) {
    let text = String::from_utf8(mirror.get("/airlift.repo")).expect("a text");
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join("airlift.repo"), change(text)).expect("a file");
}

/// dnf in a folder of its own, with this mirror alone.
fn dnf(mirror: &Mirror, name: &str, change: impl Fn(String) -> String) -> Command {
    let home = mirror.work.path().join(name);
    repo_file(mirror, &home.join("repos"), change);
    fs::create_dir_all(home.join("log")).expect("a folder");
    fs::write(home.join("dnf.conf"), "[main]\nplugins=0\n").expect("a file");
    let mut dnf = Command::new(tool("dnf"));
    dnf.arg("--config").arg(home.join("dnf.conf")).arg("--installroot").arg(home.join("root"));
    for (option, folder) in [("reposdir", "repos"), ("cachedir", "cache"), ("persistdir", "persist"), ("logdir", "log")]
    {
        dnf.arg(format!("--setopt={option}={}", home.join(folder).display()));
    }
    dnf.args(["--releasever=9", "--forcearch=x86_64", "--assumeyes"]).env("LC_ALL", "C.UTF-8");
    dnf
}

fn installed(root: &Path, names: &[&str]) {
    let found = |name: &&&str| fs::read_to_string(root.join("usr/share/airlift").join(name)).is_ok();
    let present: Vec<&&str> = ["goodbye", "hello", "world"].iter().filter(found).collect();
    assert_eq!(present, names.iter().collect::<Vec<_>>());
}

/// The repository of this test process, and its mirror.
static WORLD: LazyLock<(Upstream, Mirror)> = LazyLock::new(|| {
    let upstream = Upstream::new();
    let mirror = Mirror::of("rpm", &upstream.signed());
    (upstream, mirror)
});

#[test]
fn metadata_is_upstreams_byte_for_byte() {
    if !present(&BUILDERS) {
        return;
    }
    let (upstream, mirror) = &*WORLD;
    let mut names = 0;
    for file in fs::read_dir(upstream.folder().join("repodata")).expect("a folder") {
        let path = file.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        assert_eq!(mirror.get(&format!("/greetings-9/repodata/{name}")), fs::read(&path).expect("a file"), "{name}");
        names += 1;
    }
    assert!(names > 8, "createrepo_c makes more files than {names}");
    let key = String::from_utf8(mirror.get("/gpgkeys/greetings-9.pub")).expect("a text");
    assert!(key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"), "{key}");
    assert_eq!(mirror.get("/gpgkeys/greetings-9.asc"), key.as_bytes());
    let address = mirror.served.address("rpm");
    let repo = String::from_utf8(mirror.get("/greetings-9.repo")).expect("a text");
    for line in ["gpgcheck=1", "repo_gpgcheck=1", &format!("baseurl=http://{address}/greetings-9/")] {
        assert!(repo.lines().any(|other| other == line), "{line} is not in:\n{repo}");
    }
}

#[test]
fn dnf_makes_its_cache_and_installs_packages_and_groups() {
    if !present(&BUILDERS) || !present(&["dnf"]) {
        return;
    }
    let mirror = &WORLD.1;
    let root = mirror.work.path().join("dnf/root");
    run(dnf(mirror, "dnf", |text| text).arg("makecache"));
    run(dnf(mirror, "dnf", |text| text).args(["install", "hello"]));
    installed(&root, &["hello", "world"]);
    run(dnf(mirror, "dnf", |text| text).args(["group", "install", "greetings"]));
    installed(&root, &["goodbye", "hello", "world"]);
    let said =
        text(dnf(mirror, "dnf", |text| text).args(["repoquery", "--location", "--file", "/usr/share/airlift/world"]));
    assert!(said.contains("/greetings-9/Packages/noarch/world-1.0-1.noarch.rpm"), "{said}");
}

#[test]
fn dnf_refuses_the_mirror_where_its_key_is_another() {
    if !present(&BUILDERS) || !present(&["dnf"]) {
        return;
    }
    let (upstream, mirror) = &*WORLD;
    let other = mirror.work.path().join("other.asc");
    upstream.make_key("Other");
    run(upstream.gpg().args(["--armor", "--output"]).arg(&other).args(["--export", "Other"]));
    let swap = |text: String| {
        let lines = text.lines().map(|line| match line.starts_with("gpgkey=") {
            true => format!("gpgkey=file://{}\n", other.display()),
            false => format!("{line}\n"),
        });
        lines.collect()
    };
    let mut dnf = dnf(mirror, "other", swap);
    let refused: Output = output(dnf.arg("makecache"));
    assert!(!refused.status.success(), "dnf did not look at the signature: {}", describe(&dnf, &refused));
}

#[test]
fn zypper_refreshes_and_installs() {
    if !present(&BUILDERS) || !present(&["zypper"]) {
        return;
    }
    let mirror = &WORLD.1;
    let home = mirror.work.path().join("zypper");
    repo_file(mirror, &home, |text| text);
    let zypper = || {
        let mut zypper = Command::new(tool("zypper"));
        zypper.args(["--non-interactive", "--gpg-auto-import-keys", "--root"]).arg(home.join("root"));
        zypper.env("LC_ALL", "C.UTF-8");
        zypper
    };
    run(zypper().arg("addrepo").arg(home.join("airlift.repo")));
    let said = text(zypper().args(["refresh", "--force"]));
    assert!(said.contains("All repositories have been refreshed"), "{said}");
    // zypper knows the files of packages from primary.xml alone, so that what requires any other file has no provider.
    run(zypper().args(["install", "hello"]));
    installed(&home.join("root"), &["hello", "world"]);
}

#[test]
fn what_no_key_vouches_for_is_refused_and_told_where_it_is_taken() {
    if !present(&BUILDERS) || !present(&["dnf"]) {
        return;
    }
    let upstream = Upstream::new();
    upstream.make_key("Thief");
    upstream.sign("Thief");
    let said = refusal(&upstream.signed());
    assert!(said.contains("is not signed by one of its keys"), "{said}");
    upstream.sign("Upstream");
    let honest = fs::read(upstream.repomd()).expect("a file");
    fs::write(upstream.repomd(), [&honest[..], b"<!-- more -->\n"].concat()).expect("a file");
    let said = refusal(&upstream.signed());
    assert!(said.contains("it is not a signature of these bytes"), "{said}");
    fs::write(upstream.repomd(), honest).expect("a file");
    fs::remove_file(upstream.folder().join("repodata/repomd.xml.asc")).expect("a file");
    let said = refusal(&upstream.signed());
    assert!(said.contains("is not signed: there is no") && said.contains("unsigned: true"), "{said}");

    let manifest = upstream.manifest(&format!("unsigned: true, gpgkeys: [\"{}\"]", upstream.url("key.asc")));
    let mirror = Mirror::of("rpm", &manifest);
    let (archive, store) = (mirror.work.path().join("archive.tar"), mirror.work.path().join("loaded"));
    let loaded = run(Airlift::new().command(["load"]).arg(archive).arg("--store").arg(store));
    let said = String::from_utf8_lossy(&[loaded.stdout, loaded.stderr].concat()).into_owned();
    assert!(said.contains("yum repository greetings-9 is not signed"), "{said}");
    run(dnf(&mirror, "unsigned", |text| {
        assert!(text.contains("\ngpgcheck=1\nrepo_gpgcheck=0\n"), "{text}");
        text
    })
    .args(["install", "hello"]));
    installed(&mirror.work.path().join("unsigned/root"), &["hello", "world"]);
}

#[test]
fn a_package_that_is_not_what_the_metadata_says_is_named() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    let mut bytes = fs::read(upstream.package("world")).expect("a package");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(upstream.package("world"), &bytes).expect("a file");
    let said = refusal(&upstream.signed());
    assert!(said.contains("world-1.0-1.noarch.rpm does not have the promised checksum"), "{said}");
    fs::remove_file(upstream.package("world")).expect("a file");
    let said = refusal(&upstream.signed());
    assert!(said.contains("rpm/greetings-9/Packages/noarch/world-1.0-1.noarch.rpm"), "{said}");
}

#[test]
fn checksums_that_can_be_forged_are_refused() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    upstream.index(&["--checksum", "sha1"]);
    let said = refusal(&upstream.signed());
    assert!(said.contains("can be forged") && said.contains("SHA-256"), "{said}");
}

#[test]
fn other_compressions_checksums_and_lists_of_mirrors_are_read() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    let key = upstream.url("key.asc");
    for options in [["--general-compress-type", "xz"], ["--checksum", "sha512"], ["--general-compress-type", "bz2"]] {
        upstream.index(&options);
        fs::write(upstream.folder().join("mirrors"), format!("{}\n", upstream.url(""))).expect("a file");
        let list = upstream.url("mirrors");
        let manifest = format!("version: 1\nyum:\n  - {{ id: m, mirrorlist: \"{list}\", gpgkeys: [\"{key}\"] }}\n");
        let mirror = Mirror::of("rpm", &manifest);
        let package = mirror.get("/m/Packages/noarch/hello-1.0-1.noarch.rpm");
        assert_eq!(package, fs::read(upstream.package("hello")).expect("a package"), "{options:?}");
    }
}
