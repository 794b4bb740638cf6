//! Apt repositories: made by reprepro and apt-ftparchive, signed by gpg, mirrored, and installed from by apt with every
//! check that it has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use airlift_e2e::files::FileServer;
use airlift_e2e::http;
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::random::Random;
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};

const BUILDERS: [&str; 5] = ["reprepro", "apt-ftparchive", "dpkg-deb", "gpg", "apt-get"];

/// Where reprepro puts the larger package.
const POOLED: &str = "pool/main/h/hello-data/hello-data_3_all.deb";

/// Three repositories upstream, and what is needed to sign them again.
struct Upstream {
    server: FileServer,
    work: tempfile::TempDir,
}

impl Upstream {
    fn new() -> Self {
        let this = Self { server: FileServer::start(), work: temporary::folder() };
        let home = this.work.path().join("gnupg");
        fs::create_dir(&home).expect("a folder");
        run(Command::new("chmod").arg("700").arg(&home));
        for name in ["Upstream", "Stranger"] {
            run(this.gpg().args(["--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never"]));
            let key = this.root().join(format!("{name}.asc"));
            run(this.gpg().args(["--armor", "--output"]).arg(key).args(["--export", name]));
        }
        this.build("hello", "1:2.0+b~1", ("amd64", "Depends: hello-data (>= 2)\n"), 2000);
        this.build("hello-data", "3", ("all", ""), 2_000_000);
        this.with_reprepro();
        this.flat();
        this.by_hash();
        this
    }

    fn root(&self) -> PathBuf {
        self.server.root()
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.server.address())
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new(tool("gpg"));
        gpg.args(["--quiet", "--batch", "--yes", "--homedir"]).arg(self.work.path().join("gnupg"));
        gpg
    }

    fn debs(&self) -> PathBuf {
        self.work.path().join("debs")
    }

    fn build(&self, name: &str, version: &str, of: (&str, &str), size: usize) {
        let folder = self.work.path().join(name);
        let share = folder.join("usr/share/airlift");
        fs::create_dir_all(folder.join("DEBIAN")).expect("a folder");
        fs::create_dir_all(&share).expect("a folder");
        fs::create_dir_all(self.debs()).expect("a folder");
        fs::write(share.join(name), Random::fixed(size as u64).bytes(size)).expect("a file");
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {}\nSection: misc\nPriority: optional\n\
             Maintainer: T <t@example.invalid>\n{}Description: {name}\n",
            of.0, of.1
        );
        fs::write(folder.join("DEBIAN/control"), control).expect("a file");
        let mut build = Command::new(tool("dpkg-deb"));
        run(build.args(["--root-owner-group", "-Zgzip", "-b"]).arg(&folder).arg(self.debs()));
    }

    fn with_reprepro(&self) {
        let base = self.root().join("good");
        fs::create_dir_all(base.join("conf")).expect("a folder");
        let distributions = "Origin: Airlift Test\nSuite: stable\nCodename: good\nArchitectures: amd64 arm64 source\n\
                             Components: main extra\nDescription: x\nContents: . .gz\nSignWith: Upstream\n";
        fs::write(base.join("conf/distributions"), distributions).expect("a file");
        let mut reprepro = Command::new(tool("reprepro"));
        reprepro.args(["--silent", "--gnupghome"]).arg(self.work.path().join("gnupg")).arg("-b").arg(&base);
        reprepro.args(["includedeb", "good"]);
        for deb in fs::read_dir(self.debs()).expect("a folder") {
            reprepro.arg(deb.expect("an entry").path());
        }
        run(&mut reprepro);
    }

    fn copy_debs(&self, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for deb in fs::read_dir(self.debs()).expect("a folder") {
            let deb = deb.expect("an entry");
            fs::copy(deb.path(), to.join(deb.file_name())).expect("a copy");
        }
    }

    fn ftparchive(folder: &Path, arguments: &[&str]) -> String {
        text(Command::new(tool("apt-ftparchive")).current_dir(folder).args(arguments))
    }

    fn sign(&self, release: &Path, key: &str) {
        let folder = release.parent().expect("a folder");
        let mut inline = self.gpg();
        run(inline.args(["--local-user", key, "--clearsign", "--output"]).arg(folder.join("InRelease")).arg(release));
        let mut detached = self.gpg();
        detached.args(["--local-user", key, "--armor", "--detach-sign", "--output"]);
        run(detached.arg(folder.join("Release.gpg")).arg(release));
    }

    fn flat(&self) {
        let folder = self.root().join("flat");
        self.copy_debs(&folder);
        fs::write(folder.join("Packages"), Self::ftparchive(&folder, &["packages", "."])).expect("a file");
        run(Command::new("xz").arg("-k").arg(folder.join("Packages")));
        let release = Self::ftparchive(&folder, &["release", "."]);
        fs::write(folder.join("Release"), release).expect("a file");
        self.sign(&folder.join("Release"), "Upstream");
        // What old upstreams have alone.
        fs::remove_file(folder.join("InRelease")).expect("a file");
    }

    /// A repository that has its lists under their checksums only, and that expires.
    fn by_hash(&self) {
        let base = self.root().join("hashed");
        let lists = base.join("dists/s/main/binary-amd64");
        fs::create_dir_all(&lists).expect("a folder");
        self.copy_debs(&base.join("pool"));
        fs::write(lists.join("Packages"), Self::ftparchive(&base, &["packages", "pool"])).expect("a file");
        run(Command::new("xz").arg("-k").arg(lists.join("Packages")));
        let field = |name: &str, value: &str| format!("APT::FTPArchive::Release::{name}={value}");
        let fields = [field("Components", "main"), field("Architectures", "amd64"), field("Suite", "s")];
        let options: Vec<&str> = fields.iter().flat_map(|field| ["-o", field.as_str()]).collect();
        let release = Self::ftparchive(&base, &[&options[..], &["release", "dists/s"]].concat());
        let release = format!("Acquire-By-Hash: yes\nValid-Until: Sat, 01 Jan 2050 00:00:00 UTC\n{release}");
        fs::write(base.join("dists/s/Release"), release).expect("a file");
        self.sign(&base.join("dists/s/Release"), "Upstream");
        let packed = lists.join("Packages.xz");
        for algorithm in ["sha256", "sha512"] {
            let sum = text(Command::new(format!("{algorithm}sum")).arg(&packed));
            let name = format!("by-hash/{}/{}", algorithm.to_uppercase(), sum.split(' ').next().expect("a sum"));
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
fn apt_of(mirror: &Mirror, name: &str, source: &str) -> Apt {
    let home = mirror.work.path().join(name);
    let folders = [
        "etc/apt/sources.list.d",
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/trusted.gpg.d",
        "etc/apt/keyrings",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/log/apt",
        "root/var/lib/dpkg/info",
        "root/var/lib/dpkg/updates",
    ];
    folders.iter().for_each(|folder| fs::create_dir_all(home.join(folder)).expect("a folder"));
    fs::write(home.join("root/var/lib/dpkg/status"), "").expect("a file");
    let configuration = format!(
        "Dir \"{home}\";\nDir::State::status \"{home}/root/var/lib/dpkg/status\";\nAPT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         DPkg::Options {{ \"--root={home}/root\"; \"--log=/dev/null\"; }};\n",
        home = home.display()
    );
    fs::write(home.join("apt.conf"), configuration).expect("a file");
    let ending = if source.contains(".list") { "list" } else { "sources" };
    let file = home.join(format!("etc/apt/sources.list.d/mirror.{ending}"));
    fs::write(file, mirror.get(source)).expect("a file");
    Apt { home }
}

struct Apt {
    home: PathBuf,
}

impl Apt {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool("apt-get"));
        command.env("APT_CONFIG", self.home.join("apt.conf")).env("LC_ALL", "C.UTF-8").current_dir(&self.home);
        command.args(["-o", "APT::Update::Error-Mode=any", "--yes"]).args(arguments);
        command
    }

    /// Runs it; a warning counts as a failure.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let done = output(&mut command);
        let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let fine = done.status.success() && !told.contains("W: ") && !told.contains("E: ");
        assert!(fine, "{}", describe(&command, &done));
        told
    }

    fn installed(&self, name: &str) -> bool {
        self.home.join("root/usr/share/airlift").join(name).exists()
    }
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
