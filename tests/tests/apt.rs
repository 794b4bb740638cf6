//! Apt repositories: made by reprepro and apt-ftparchive, signed by gpg, mirrored, and installed from by apt with every
//! check that it has.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{self, BUILDERS, Package};
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{free_address, output, run};
use airlift_e2e::tools::present;
use airlift_e2e::{http, rpms, temporary};

/// Where reprepro puts the larger package.
const POOLED: &str = "pool/main/h/hello-data/hello-data_3_all.deb";

/// Three repositories upstream.
struct Upstream(debs::Upstream);

impl std::ops::Deref for Upstream {
    type Target = debs::Upstream;

    fn deref(&self) -> &debs::Upstream {
        &self.0
    }
}

impl Upstream {
    fn new() -> Self {
        let this = Self(debs::Upstream::new());
        let hello =
            Package { architecture: "amd64", fields: "Depends: hello-data (>= 2)\n", size: 2000, ..<_>::default() };
        this.build("hello", "1:2.0+b~1", hello);
        this.build("hello-data", "3", Package { size: 2_000_000, ..<_>::default() });
        let distributions = "Origin: Airlift Test\nSuite: stable\nCodename: good\nArchitectures: amd64 arm64 source\n\
                             Components: main extra\nDescription: x\nContents: . .gz\nSignWith: Upstream\n";
        this.reprepro("good", distributions, &["includedeb", "good"], &this.built());
        this.flat();
        this.by_hash();
        this
    }

    fn flat(&self) {
        let folder = self.root().join("flat");
        self.copy_debs(&folder);
        fs::write(folder.join("Packages"), debs::Upstream::packages(&folder, ".")).expect("a file");
        run(Command::new("xz").arg("-k").arg(folder.join("Packages")));
        self.release(&folder, "");
        // What old upstreams have alone.
        fs::remove_file(folder.join("InRelease")).expect("a file");
    }

    /// A repository that has its lists under their checksums only, and that expires.
    fn by_hash(&self) {
        let base = self.root().join("hashed");
        let lists = base.join("dists/s/main/binary-amd64");
        fs::create_dir_all(&lists).expect("a folder");
        self.copy_debs(&base.join("pool"));
        fs::write(lists.join("Packages"), debs::Upstream::packages(&base, "pool")).expect("a file");
        run(Command::new("xz").arg("-k").arg(lists.join("Packages")));
        let fields = "Components: main\nArchitectures: amd64\nSuite: s\nAcquire-By-Hash: yes\n\
                      Valid-Until: Sat, 01 Jan 2050 00:00:00 UTC\n";
        self.release(&base.join("dists/s"), fields);
        let packed = lists.join("Packages.xz");
        for algorithm in ["sha256", "sha512"] {
            let name = format!("by-hash/{}/{}", algorithm.to_uppercase(), debs::sum(algorithm, &packed));
            let name = lists.join(name);
            fs::create_dir_all(name.parent().expect("a folder")).expect("a folder");
            fs::copy(&packed, name).expect("a copy");
        }
        fs::remove_file(packed).expect("a file");
        fs::remove_file(lists.join("Packages")).expect("a file");
    }

    fn manifest(&self) -> String {
        let key = self.url("Upstream.asc");
        format!(
            "version: 1\napt:\n  - {{ id: good, uri: \"{}\", suites: [good], components: [main, extra], \
             architectures: [amd64], signed-by: \"{key}\" }}\n  - {{ id: flat, uri: \"{}\", suites: [\"./\"], \
             signed-by: \"{key}\" }}\n  - {{ id: hashed, uri: \"{}\", suites: [s], components: [main], \
             signed-by: \"{key}\" }}\n",
            self.url("good"),
            self.url("flat/"),
            self.url("hashed")
        )
    }

    /// A manifest of the first repository alone.
    fn alone(&self, rest: &str) -> String {
        let uri = self.url("good");
        format!("version: 1\napt:\n  - {{ id: good, uri: \"{uri}\", suites: [good], components: [main], {rest} }}\n")
    }

    fn signed(&self) -> String {
        self.alone(&format!("signed-by: \"{}\"", self.url("Upstream.asc")))
    }
}

/// apt in a folder of its own, with what this mirror says at a path as its only source.
fn apt_of(mirror: &Mirror, name: &str, source: &str) -> Apt<'static> {
    Apt::new(&mirror.work.path().join(name), "amd64", (source, &mirror.get(source)))
}

/// The repositories of this test process, and their mirror.
static WORLD: LazyLock<(Upstream, Mirror)> = LazyLock::new(|| {
    let upstream = Upstream::new();
    let mirror = Mirror::of("deb", &upstream.manifest());
    (upstream, mirror)
});

#[test]
fn metadata_travels_byte_for_byte() {
    if !present(&BUILDERS) {
        return;
    }
    let (upstream, mirror) = &*WORLD;
    for path in ["good/dists/good/InRelease", "good/dists/good/Release.gpg", "flat/Release.gpg", "flat/./Packages.xz"] {
        let there = fs::read(upstream.root().join(path)).expect("a file");
        assert_eq!(mirror.get(&format!("/{path}")), there, "{path}");
    }
    let pooled = fs::read(upstream.root().join("good").join(POOLED)).expect("a file");
    assert!(mirror.get(&format!("/good/{POOLED}")) == pooled);
    assert!(mirror.get("/flat/./hello-data_3_all.deb") == pooled);
}

#[test]
fn apt_installs_with_every_check() {
    if !present(&BUILDERS) {
        return;
    }
    let (_, mirror) = &*WORLD;
    for id in ["good", "flat", "hashed"] {
        let source = format!("/{id}.sources");
        let apt = apt_of(mirror, id, &source);
        apt.run(&["update"]);
        apt.run(&["install", "hello"]);
        assert!(apt.installed("hello") && apt.installed("hello-data"), "{id}");
        assert!(!String::from_utf8_lossy(&mirror.get(&source)).contains("trusted"), "{source}");
    }
    let apt = apt_of(mirror, "all", "/airlift.sources");
    assert!(apt.run(&["update"]).contains("/hashed s InRelease"));
}

#[test]
fn apt_reads_the_one_line_form_with_a_key_in_a_file() {
    if !present(&BUILDERS) {
        return;
    }
    let (_, mirror) = &*WORLD;
    let key = mirror.work.path().join("list.asc");
    fs::write(&key, mirror.get("/gpgkeys/good.asc")).expect("a file");
    let apt = apt_of(mirror, "list", &format!("/good.list?signed-by={}", key.display()));
    apt.run(&["update"]);
    apt.run(&["install", "hello"]);
    assert!(apt.installed("hello-data"));

    let stranger = apt_of(mirror, "stranger", &format!("/good.list?signed-by={}", key.display()));
    fs::write(&key, mirror.get("/gpgkeys/good.asc").split_off(20)).expect("a file");
    let refused = output(&mut stranger.command(&["update"]));
    assert!(!refused.status.success(), "apt has to check the signature");
}

#[test]
fn a_yum_repository_of_the_same_id_has_its_own_key() {
    if !present(&BUILDERS) || !present(&rpms::BUILDERS) {
        return;
    }
    let (upstream, _) = &*WORLD;
    let yum = rpms::Repository::new();
    yum.index(&[]);
    let manifest = yum.manifest("good", &yum.gpgkeys()) + upstream.signed().trim_start_matches("version: 1\n");
    let mut mirror = Mirror::of("deb", &manifest);
    // One port for both, as it is unless somebody says otherwise.
    let free = free_address().port();
    let ports = ["rpm", "deb"].map(|kind| format!("{kind}={free}"));
    let archive = mirror.work.path().join("archive.tar");
    mirror.served = Airlift::new().serve_with(&archive, &["--port", &ports[0], "--port", &ports[1]]);
    let key = mirror.work.path().join("same.asc");
    fs::write(&key, mirror.get("/gpgkeys/good.asc")).expect("a file");
    assert_ne!(mirror.get("/gpgkeys/good.asc"), mirror.get("/gpgkeys/good.pub"));
    let repository = String::from_utf8(mirror.get("/good.repo")).expect("text");
    assert!(repository.contains("/gpgkeys/good.pub\n"), "{repository}");
    let apt = apt_of(&mirror, "same", &format!("/good.list?signed-by={}", key.display()));
    apt.run(&["update"]);
    apt.run(&["install", "hello"]);
}

#[test]
fn apt_takes_lists_by_hash_and_goes_on_by_date() {
    if !present(&BUILDERS) {
        return;
    }
    let (_, mirror) = &*WORLD;
    let apt = apt_of(mirror, "by-hash", "/hashed.sources");
    let told = apt.run(&["-o", "Acquire::By-Hash=force", "-o", "Debug::Acquire::http=true", "update"]);
    assert!(told.contains("/by-hash/SHA"), "{told}");

    let whole = mirror.get("/hashed/pool/hello-data_3_all.deb");
    let address = mirror.served.address("deb");
    let answer = http::get(address, "/hashed/pool/hello-data_3_all.deb").expect(&[200], "a package");
    let date = answer.header("last-modified").expect("a date").to_owned();
    let part = apt.home.join("var/cache/apt/archives/partial/hello-data_3_all.deb");
    fs::write(&part, &whole[..1_000_000]).expect("a file");
    run(Command::new("touch").arg("-d").arg(&date).arg(&part));
    let told = apt.run(&["-o", "Debug::Acquire::http=true", "install", "--download-only", "hello-data"]);
    assert!(told.contains("If-Range: ") && told.contains("206 Partial Content"), "{told}");
    let arrived = fs::read(apt.home.join("var/cache/apt/archives/hello-data_3_all.deb")).expect("the package");
    assert!(arrived == whole);
}

#[test]
fn sources_of_a_host_are_read() {
    if !present(&BUILDERS) {
        return;
    }
    let (upstream, _) = &*WORLD;
    let host = temporary::folder();
    let key = host.path().join("key.asc");
    fs::copy(upstream.root().join("Upstream.asc"), &key).expect("a copy");
    let line = format!("deb [arch=amd64 signed-by={}] {} good main\n", key.display(), upstream.url("good"));
    fs::write(host.path().join("one.list"), line).expect("a file");
    let indented = fs::read_to_string(&key)
        .expect("a key")
        .lines()
        .fold(String::new(), |text, line| text + " " + if line.is_empty() { "." } else { line } + "\n");
    let stanza = format!("Types: deb\nURIs: {}\nSuites: ./\nSigned-By:\n{indented}", upstream.url("flat"));
    fs::write(host.path().join("two.sources"), stanza).expect("a file");
    let mirror = Mirror::of("deb", &format!("version: 1\napt:\n  - from: {}\n", host.path().display()));
    let apt = apt_of(&mirror, "host", "/airlift.sources");
    let told = apt.run(&["update"]);
    assert!(told.contains("/one good InRelease") && told.contains("/two ./ Release.gpg"), "{told}");
}

#[test]
fn what_nobody_vouches_for_is_refused() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    let told = refusal(&upstream.alone(""));
    assert!(told.contains("has no 'signed-by'"), "{told}");
    let told = refusal(&upstream.alone(&format!("signed-by: \"{}\"", upstream.url("Stranger.asc"))));
    assert!(told.contains("that key is not among those that are accepted"), "{told}");

    let inline = upstream.root().join("good/dists/good/InRelease");
    let text = fs::read_to_string(&inline).expect("a file");
    fs::write(&inline, text.replace("Suite: stable", "Suite: oldest")).expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("it is not a signature of these bytes"), "{told}");
    fs::remove_file(&inline).expect("a file");
    Mirror::of("deb", &upstream.signed());

    fs::remove_file(upstream.root().join("good/dists/good/Release.gpg")).expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("is not signed"), "{told}");
    let mirror = Mirror::of("deb", &upstream.alone("unsigned: true"));
    let source = String::from_utf8(mirror.get("/good.sources")).expect("a text");
    assert!(source.contains("Enabled: no") && !source.contains("trusted"), "{source}");
}

#[test]
fn upstreams_that_contradict_themselves_are_told_apart() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    let package = upstream.root().join("good").join(POOLED);
    let good = fs::read(&package).expect("a package");
    let mut bad = good.clone();
    *bad.last_mut().expect("a byte") ^= 1;
    fs::write(&package, bad).expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("hello-data_3_all.deb"), "{told}");
    fs::remove_file(&package).expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("hello-data_3_all.deb") && told.contains("404"), "{told}");
    fs::write(&package, good).expect("a file");

    let lists = upstream.root().join("good/dists/good/main/binary-amd64");
    fs::remove_file(lists.join("Packages")).expect("a file");
    fs::write(lists.join("Packages.gz"), b"something else").expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("Packages.gz"), "{told}");
    fs::remove_file(lists.join("Packages.gz")).expect("a file");
    let told = refusal(&upstream.signed());
    assert!(told.contains("lists main/binary-amd64/Packages, and upstream has it in no compression"), "{told}");
}
