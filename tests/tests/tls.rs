//! TLS and users, with real clients: each trusts the mirror's own authority and nothing else, each has a name and a
//! password, and none is told to overlook anything. The archive is served in place.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use airlift_e2e::airlift::{Airlift, Served};
use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{self, Package};
use airlift_e2e::dnf::Dnf;
use airlift_e2e::files::{FileServer, UpstreamFile};
use airlift_e2e::git_server::{GitServer, Repository, git_command};
use airlift_e2e::isolated::as_host;
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::registry::{Registry, Upstream};
use airlift_e2e::tools::{present, tool};
use airlift_e2e::world::path;
use airlift_e2e::{listing, rpms, temporary};

/// What the archive is made with, and what it is used with.
const PROGRAMS: [&str; 13] = [
    "olareg",
    "crane",
    "helm3",
    "nginx",
    "reprepro",
    "apt-ftparchive",
    "dpkg-deb",
    "gpg",
    "apt-get",
    "rpmbuild",
    "rpmsign",
    "createrepo_c",
    "modifyrepo_c",
];
const USER: &str = "ops";
/// apt knows no way to write a space.
const PASSWORD: &str = "open-sesame!";
const IMAGE: &str = "quay.io/acme/tool:1";

struct World {
    airlift: Airlift,
    work: tempfile::TempDir,
    served: Served,
    file: UpstreamFile,
    _web: FileServer,
    git: SocketAddr,
    image: String,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let (airlift, work, web) = (Airlift::new(), temporary::folder(), FileServer::start());
        let file = web.put("tool/one.bin", 3_000_000);
        let (registry, image) = image(work.path());
        let helm = chart(&web);
        let upstream = work.path().join("upstream");
        let git = GitServer::start(&upstream, false);
        Repository::new(&upstream.join("group/main.git")).commit("file", "content");
        let (debs, yum) = (apt_repository(), yum_repository());
        let python =
            "python:\n  requirements: [six]\n  environments: [ { python: \"3.11\", platform: linux-x86_64 } ]\n";
        let manifest = format!(
            "version: 1\nname: tls\nmirrors: {{ quay.io: \"http://{}\" }}\nimages: [ \"{IMAGE}\" ]\nfiles: [ \"{}\" ]\n\
             helm: [ {{ name: hub, url: \"{helm}\" }} ]\ngit: [ {{ url: \"{}\" }} ]\n{python}apt:\n{}\
             yum: [ {{ id: yum, baseurl: \"{}\", {} }} ]\n",
            registry.address(),
            file.url,
            git.url("group/main.git"),
            debs.entry("flat", "\"./\"", ""),
            yum.url(""),
            yum.gpgkeys(),
        );
        let (yaml, archive) = (work.path().join("airlift.yaml"), work.path().join("archive.tar"));
        fs::write(&yaml, manifest).expect("a file");
        let store = work.path().join("collected");
        airlift.run([path("collect"), &yaml, path("-o"), &archive, path("--store"), &store]);
        let (tls, users) = (work.path().join("tls"), work.path().join("users"));
        airlift.run([path("tls"), path("init"), path("localhost"), path("127.0.0.1"), path("--dir"), &tls]);
        add_user(&airlift, &users, USER, PASSWORD);
        let with = format!("--tls={}", tls.display());
        let served = airlift.serve_with(&archive, &[&with, "--htpasswd", users.to_str().expect("UTF-8")]);
        Self { airlift, served, file, _web: web, git: git.address(), image, work }
    }

    fn ca(&self) -> PathBuf {
        self.work.path().join("tls/ca.crt")
    }

    fn url(&self, kind: &str, path: &str) -> String {
        format!("https://localhost:{}{path}", self.served.address(kind).port())
    }

    /// The same with name and password in it, for clients that know no other way.
    fn url_with_user(&self, kind: &str, path: &str) -> String {
        let escaped = PASSWORD.replace('!', "%21");
        self.url(kind, path).replace("https://", &format!("https://{USER}:{escaped}@"))
    }

    fn curl(&self, arguments: &[&str]) -> Command {
        let mut curl = Command::new(tool("curl"));
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]).arg(self.ca()).args(arguments);
        curl
    }

    fn status(&self, arguments: &[&str], url: &str) -> String {
        text(self.curl(&["--output", "/dev/null", "--write-out", "%{http_code}"]).args(arguments).arg(url))
    }

    /// A home folder with the password where curl, git, pip and the rest look for it.
    fn home(&self, name: &str) -> PathBuf {
        let home = self.work.path().join(name);
        fs::create_dir_all(&home).expect("a folder");
        fs::write(home.join(".netrc"), format!("machine localhost login {USER} password {PASSWORD}\n"))
            .expect("a file");
        run(Command::new("chmod").arg("600").arg(home.join(".netrc")));
        home
    }
}

/// A registry upstream with one small image, and its digest.
fn image(work: &Path) -> (Registry, String) {
    let storage = work.join("registry");
    fs::create_dir(&storage).expect("a folder");
    let registry = Upstream::Quay.start_open(&storage);
    fs::write(work.join("layer"), "content of a layer").expect("a file");
    let layer = work.join("layer.tar");
    run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(work).arg("layer"));
    let name = format!("{}/acme/tool:1", registry.address());
    let mut append = Command::new(tool("crane"));
    append.args(["append", "--insecure", "--oci-empty-base", "--new_tag", &name, "--new_layer"]).arg(layer);
    run(&mut append);
    let digest = text(Command::new(tool("crane")).args(["digest", "--insecure", &name]));
    (registry, digest)
}

/// A chart repository upstream with one chart; its URL.
fn chart(web: &FileServer) -> String {
    let folder = web.root().join("charts");
    let source = folder.join("source");
    fs::create_dir_all(source.join("templates")).expect("a folder");
    fs::write(source.join("Chart.yaml"), "apiVersion: v2\nname: web\nversion: 1.0.0\n").expect("a file");
    let helm = |arguments: &[&str]| run(Command::new(tool("helm3")).args(arguments).arg(&folder).current_dir(&source));
    helm(&["package", ".", "--destination"]);
    helm(&["repo", "index"]);
    format!("http://{}/charts", web.address())
}

fn apt_repository() -> debs::Upstream {
    let debs = debs::Upstream::new();
    debs.build("hello", "1.0", Package { size: 300_000, ..<_>::default() });
    let folder = debs.root().join("flat");
    debs.copy_debs(&folder);
    fs::write(folder.join("Packages"), debs::Upstream::packages(&folder, ".")).expect("a file");
    debs.release(&folder, "");
    debs
}

fn yum_repository() -> rpms::Repository {
    let yum = rpms::Repository::new();
    yum.build("all", &rpms::spec("all", &[("hello", "1", "")]), &[]);
    let packages = rpms::Repository::packages(&yum.folder());
    yum.sign_packages(rpms::KEY, packages.iter().map(PathBuf::as_path));
    yum.index(&[]);
    yum
}

/// Adds a user as a script does.
fn add_user(airlift: &Airlift, users: &Path, name: &str, password: &str) {
    let mut command = airlift.command(["user", "add", name, "--htpasswd"]);
    let mut child = command.arg(users).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("airlift starts");
    child.stdin.take().expect("a pipe").write_all(format!("{password}\n").as_bytes()).expect("it is read");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn curl_downloads_and_resumes() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let (url, user) = (world.url("files", "/one.bin"), format!("{USER}:{PASSWORD}"));
    let expected = fs::read(&world.file.path).expect("a file");
    assert!(run(world.curl(&["--fail", "--user", &user]).arg(&url)).stdout == expected);
    let half = world.work.path().join("half.bin");
    fs::write(&half, &expected[..1_234_567]).expect("a file");
    run(world.curl(&["--fail", "--user", &user, "--continue-at", "-", "--output"]).arg(&half).arg(&url));
    assert!(fs::read(&half).expect("a file") == expected);
    for (credentials, status) in [(&[][..], "401"), (&["--user", "ops:wrong"], "401"), (&["--user", &user], "200")] {
        for (kind, place) in
            [("files", "/one.bin"), ("oci", "/v2/"), ("helm", "/hub/index.yaml"), ("admin", "/metrics")]
        {
            assert_eq!(world.status(credentials, &world.url(kind, place)), status, "{kind} {credentials:?}");
        }
    }
    assert_eq!(world.status(&[], &world.url("admin", "/healthz")), "200");
    let told = text(world.curl(&["--include"]).arg(world.url("oci", "/v2/"))).to_lowercase();
    assert!(told.contains("www-authenticate: basic realm=") && told.contains("\"code\":\"unauthorized\""), "{told}");
    let plain = text(world.curl(&[]).arg(url.replace("https://", "http://")));
    assert!(plain.contains(&format!("Use {url} here")), "{plain}");
    let mut stranger = Command::new(tool("curl"));
    let refused = output(stranger.args(["--silent", "--noproxy", "*", &url]));
    assert_eq!(refused.status.code(), Some(60), "an authority that nobody trusts: {}", describe(&stranger, &refused));
}

#[test]
fn openssl_sees_the_chain() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    assert_eq!(text(world.curl(&["--fail"]).arg(world.url("admin", "/ca.crt"))), read(&world.ca()).trim_end());
    for version in ["-tls1_2", "-tls1_3"] {
        let address = world.served.files().to_string();
        let mut client = Command::new(tool("openssl"));
        client.args([
            "s_client",
            "-connect",
            &address,
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            version,
        ]);
        let said = text(client.arg("-showcerts").arg("-CAfile").arg(world.ca()).stdin(Stdio::null()));
        assert!(
            said.contains("Verify return code: 0 (ok)") && said.matches("BEGIN CERTIFICATE").count() == 2,
            "{said}"
        );
    }
    let shown = String::from_utf8(
        world.airlift.run([path("tls"), path("show"), path("--dir"), &world.work.path().join("tls")]).stdout,
    );
    let mut print = Command::new(tool("openssl"));
    print.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(world.ca());
    let print = text(&mut print);
    let (_, fingerprint) = print.split_once('=').expect("a fingerprint");
    assert!(shown.expect("text").contains(fingerprint));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file")
}

#[test]
fn skopeo_crane_and_podman_log_in_and_pull() {
    if !present(&PROGRAMS) || !present(&["skopeo", "podman"]) {
        return;
    }
    let world = &*WORLD;
    let home = world.home("engines");
    let certificates = home.join("certs");
    fs::create_dir_all(&certificates).expect("a folder");
    fs::copy(world.ca(), certificates.join("ca.crt")).expect("a file");
    let host = format!("localhost:{}", world.served.images().port());
    let (name, auth) = (format!("{host}/{IMAGE}"), home.join("auth.json"));
    let mut skopeo = Command::new(tool("skopeo"));
    skopeo.args(["login", "--username", USER, "--password", PASSWORD, "--cert-dir"]).arg(&certificates);
    run(skopeo.arg("--authfile").arg(&auth).arg(&host));
    let mut skopeo = Command::new(tool("skopeo"));
    skopeo.args(["inspect", "--format", "{{.Digest}}", "--cert-dir"]).arg(&certificates);
    assert_eq!(text(skopeo.arg("--authfile").arg(&auth).arg(format!("docker://{name}"))), world.image);
    let mut podman = Command::new(tool("podman"));
    podman
        .arg("--root")
        .arg(home.join("root"))
        .arg("--runroot")
        .arg(home.join("run"))
        .arg("--tmpdir")
        .arg(home.join("tmp"));
    podman.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
    let policy = home.join("policy.json");
    fs::write(&policy, r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).expect("a file");
    podman.args(["pull", "--quiet", "--signature-policy"]).arg(policy).arg("--cert-dir").arg(&certificates);
    run(podman.arg("--authfile").arg(&auth).arg(&name));
    let mut crane = Command::new(tool("crane"));
    crane.args(["digest", &name]).env("SSL_CERT_FILE", world.ca()).env("HOME", &home);
    fs::create_dir_all(home.join(".docker")).expect("a folder");
    fs::copy(&auth, home.join(".docker/config.json")).expect("a file");
    assert_eq!(text(&mut crane), world.image);
    let mut refused = Command::new(tool("crane"));
    refused.args(["digest", &name]).env("SSL_CERT_FILE", world.ca()).env("HOME", "/nonexistent");
    let said = output(&mut refused);
    assert!(String::from_utf8_lossy(&said.stderr).contains("UNAUTHORIZED"), "{}", describe(&refused, &said));
}

#[test]
fn apt_installs() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let user = format!("{USER}:{PASSWORD}");
    let sources = run(world.curl(&["--fail", "--user", &user]).arg(world.url("deb", "/airlift.sources"))).stdout;
    assert!(String::from_utf8_lossy(&sources).contains("URIs: https://localhost:"), "the address that it was asked at");
    let apt = Apt::new(&world.work.path().join("apt"), "amd64", ("/airlift.sources", &sources));
    let more = format!("Acquire::https::CAInfo \"{}\";\n", world.ca().display());
    fs::write(apt.home.join("etc/apt/apt.conf.d/airlift"), more).expect("a file");
    fs::create_dir_all(apt.home.join("etc/apt/auth.conf.d")).expect("a folder");
    let login =
        format!("machine https://localhost:{} login {USER} password {PASSWORD}\n", world.served.address("deb").port());
    fs::write(apt.home.join("etc/apt/auth.conf.d/airlift.conf"), login).expect("a file");
    apt.run(&["update"]);
    apt.run(&["install", "hello"]);
    assert!(apt.installed("hello"));
}

#[test]
fn dnf_installs() {
    if !present(&PROGRAMS) || !present(&["dnf"]) {
        return;
    }
    let world = &*WORLD;
    let user = format!("{USER}:{PASSWORD}");
    let repo = text(world.curl(&["--fail", "--user", &user]).arg(world.url("rpm", "/airlift.repo")));
    assert!(repo.contains("baseurl=https://localhost:") && !repo.contains("sslverify"), "{repo}");
    let dnf = Dnf::new(world.work.path().join("dnf"), &repo);
    let with = |name: &str, value: &str| format!("--setopt=*.{name}={value}");
    let options =
        [with("sslcacert", &world.ca().display().to_string()), with("username", USER), with("password", PASSWORD)];
    let options = options.iter().map(String::as_str).chain(["install", "hello"]);
    dnf.run(&options.collect::<Vec<_>>());
    assert!(dnf.root().join("usr/share/airlift/hello").exists());
}

#[test]
fn helm_adds_and_pulls() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    for program in ["helm3", "helm4"] {
        let home = world.home(program);
        let helm = |arguments: &[&str]| {
            let mut command = Command::new(tool(program));
            command.args(arguments).current_dir(&home).env("HOME", &home).env("HELM_CONFIG_HOME", home.join("config"));
            run(command.env("HELM_CACHE_HOME", home.join("cache")))
        };
        let (url, ca) = (world.url("helm", "/hub"), world.ca().display().to_string());
        helm(&["repo", "add", "hub", &url, "--username", USER, "--password", PASSWORD, "--ca-file", &ca]);
        helm(&["pull", "hub/web", "--version", "1.0.0"]);
        assert!(home.join("web-1.0.0.tgz").is_file());
    }
}

#[test]
fn pip_installs() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let home = world.home("pip");
    let user = format!("{USER}:{PASSWORD}");
    let conf = text(world.curl(&["--fail", "--user", &user]).arg(world.url("python", "/pip.conf")));
    assert!(conf.contains("index-url = https://localhost:") && !conf.contains("trusted-host"), "{conf}");
    fs::write(home.join("pip.conf"), format!("{conf}\ncert = {}\n", world.ca().display())).expect("a file");
    run(Command::new(tool("python3")).args(["-m", "venv"]).arg(home.join("venv")));
    let mut pip = Command::new(home.join("venv/bin/pip"));
    for inherited in
        ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
    {
        pip.env_remove(inherited);
    }
    pip.env("HOME", &home).env("PIP_CONFIG_FILE", home.join("pip.conf")).env("PIP_CACHE_DIR", home.join("cache"));
    run(pip.env("PIP_NO_INPUT", "1").args(["install", "--disable-pip-version-check", "six"]));
}

#[test]
fn git_clones() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let home = world.home("git");
    let place = format!("/git/{}/group/main.git", world.git);
    let certificate = format!("http.sslCAInfo={}", world.ca().display());
    let clone = |url: &str, to: &str, home: &Path| {
        let mut git = git_command(home, &["-c", &certificate, "clone", "--quiet", url, to]);
        output(git.env_remove("GIT_SSL_CAINFO"))
    };
    let url = world.url("git", &place);
    let done = clone(&url, "by-netrc", &home);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(read(&home.join("by-netrc/file")), "content");
    assert!(clone(&world.url_with_user("git", &place), "by-url", &home).status.success());
    let stranger = temporary::folder();
    let refused = clone(&url, "refused", stranger.path());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && (said.contains("Authentication") || said.contains("Username")), "{said}");
}

#[test]
fn a_host_is_set_up_with_the_authority_and_a_password() {
    if !present(&PROGRAMS) || !present(&["unshare", "update-ca-certificates", "dnf"]) {
        return;
    }
    let world = &*WORLD;
    let root = world.work.path().join("host");
    let apt = Apt::new(&root, "amd64", ("/old.sources", b"Types: deb\nURIs: https://deb.example.org/x\nSuites: ./\n"));
    for folder in ["root/.docker", "etc/yum.repos.d", "dnf-log"] {
        fs::create_dir(root.join(folder)).expect("a folder");
    }
    fs::write(root.join("etc/ca-certificates.conf"), "").expect("a file");
    let secret = world.work.path().join("secret");
    fs::write(&secret, format!("{PASSWORD}\n")).expect("a file");
    let (port, ca) = (world.served.admin().port(), world.ca());
    let setup = |mirror: &str, more: &[&Path]| {
        let mut command = world.airlift.command(["setup", "--mirror", mirror, "--root"]);
        output(command.arg(&root).args(more))
    };
    let said = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let (plain, secure) = (format!("http://localhost:{port}"), format!("https://localhost:{port}"));
    let told = said(&setup(&plain, &[]));
    assert!(told.contains("speaks HTTPS alone") && told.contains(&secure), "{told}");
    let told = said(&setup(&secure, &[]));
    assert!(told.contains("--ca FILE"), "{told}");
    let told = said(&setup(&secure, &[path("--ca"), &ca]));
    assert!(told.contains("asks for a name and a password") && told.contains("--password-file"), "{told}");
    let with = [path("--ca"), &ca, path("--user"), path(USER), path("--password-file"), &secret];
    let before = listing::of(&root);
    let done = setup(&secure, &with);
    assert!(done.status.success() && !said(&done).contains(PASSWORD), "{}", said(&done));
    // Now the host knows authority, name and password itself.
    let again = setup(&secure, &[]);
    assert!(again.status.success() && said(&again).contains("nothing has to be changed"), "{}", said(&again));
    only_root_can_read_it(&root);
    real_clients_use_it(&root, &apt);

    // The script does the same with the same files, and takes back what the program did.
    let script = world.work.path().join("setup.sh");
    run(world
        .curl(&["--fail", "--user", &format!("{USER}:{PASSWORD}"), "--output"])
        .arg(&script)
        .arg(format!("{secure}/setup.sh")));
    assert!(!read(&script).contains(PASSWORD), "the answer of the mirror has a password in it");
    let mut sh = Command::new("sh");
    sh.arg(&script).arg("--root").arg(&root).args(["--user", USER, "--password-file"]).arg(&secret);
    assert!(text(&mut sh).contains("Nothing had to be changed."));
    run(Command::new("sh").arg(&script).arg("--root").arg(&root).arg("--revert"));
    let after = listing::of(&root);
    let ours = before.iter().filter(|(path, about)| after.get(*path) != Some(*about) && path.starts_with("etc/apt"));
    assert_eq!(ours.count(), 0, "apt's files are as they were");
    assert!(!root.join("root/.netrc").exists() && !root.join("etc/airlift").exists());
}

fn only_root_can_read_it(root: &Path) {
    for (file, text) in [
        ("root/.netrc", USER),
        ("etc/yum.repos.d/airlift.repo", "username=ops"),
        ("etc/apt/auth.conf.d/airlift.conf", USER),
        ("root/.docker/config.json", "auth"),
    ] {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(root.join(file)).expect("a file").permissions());
        assert!(mode & 0o077 == 0 && read(&root.join(file)).contains(text), "{file}: {mode:o}");
    }
}

/// Clients that know nothing but what the root has.
fn real_clients_use_it(root: &Path, apt: &Apt<'_>) {
    let world = &*WORLD;
    // What a person is told to run afterwards, for this root.
    let mut trust = Command::new(tool("update-ca-certificates"));
    trust.arg("--certsconf").arg(root.join("etc/ca-certificates.conf"));
    trust.arg("--localcertsdir").arg(root.join("usr/local/share/ca-certificates"));
    fs::create_dir_all(root.join("etc/ssl/certs")).expect("a folder");
    run(trust.arg("--etccertsdir").arg(root.join("etc/ssl/certs")));
    for arguments in [["update", "--quiet"], ["install", "hello"]] {
        run(&mut as_host(root, &apt.command(&arguments)));
    }
    assert!(apt.installed("hello"));
    let mut curl = Command::new(tool("curl"));
    curl.args(["--silent", "--show-error", "--fail", "--netrc", &world.url("files", "/one.bin")]);
    assert!(run(&mut as_host(root, &curl)).stdout == fs::read(&world.file.path).expect("a file"));
    let mut git = Command::new(tool("git"));
    git.args(["clone", "--quiet", &format!("http://{}/group/main.git", world.git), "main"]);
    run(&mut as_host(root, &git));
    assert_eq!(read(&root.join("main/file")), "content");
    for arguments in [&["repo", "update"][..], &["pull", "hub/web"]] {
        run(&mut as_host(root, Command::new(tool("helm3")).args(arguments)));
    }
    let mut dnf = Command::new(tool("dnf"));
    let there = |name: &str, folder: &str| format!("--setopt={name}={}", root.join(folder).display());
    dnf.args([there("reposdir", "etc/yum.repos.d"), there("cachedir", "dnf-cache"), there("logdir", "dnf-log")]);
    dnf.args(["--releasever=9", "--forcearch=x86_64", "--assumeyes", "--setopt=module_platform_id=platform:el9"]);
    dnf.arg("--installroot").arg(root.join("el")).args(["install", "hello"]);
    run(&mut as_host(root, &dnf));
    assert!(root.join("el/usr/share/airlift/hello").exists() && root.join("web-1.0.0.tgz").exists());
    run(Command::new(tool("python3")).args(["-m", "venv"]).arg(root.join("venv")));
    let mut pip = Command::new(root.join("venv/bin/pip"));
    pip.args(["install", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "six"]);
    run(&mut as_host(root, &pip));
}

#[test]
fn a_certificate_and_users_are_changed_while_it_serves() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let (tls, users) = (world.work.path().join("other-tls"), world.work.path().join("other-users"));
    let init = |names: &[&str]| {
        let mut command = world.airlift.command(["tls", "init", "--dir"]);
        String::from_utf8(run(command.arg(&tls).args(names)).stdout).expect("text")
    };
    assert!(init(&["localhost"]).contains("made the authority"));
    add_user(&world.airlift, &users, "one", "first");
    let with = format!("--tls={}", tls.display());
    let archive = world.work.path().join("archive.tar");
    let served = world.airlift.serve_with(&archive, &[&with, "--htpasswd", users.to_str().expect("UTF-8")]);
    let ask = |name: &str, user: &str| {
        let mut curl = Command::new(tool("curl"));
        let port = served.files().port();
        curl.args([
            "--silent",
            "--noproxy",
            "*",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--user",
            user,
        ]);
        curl.args(["--resolve", &format!("{name}:{port}:127.0.0.1"), "--cacert"]).arg(tls.join("ca.crt"));
        let said = output(curl.arg(format!("https://{name}:{port}/one.bin"))).stdout;
        String::from_utf8_lossy(&said).into_owned()
    };
    assert_eq!((&*ask("localhost", "one:first"), &*ask("mirror.example", "one:first")), ("200", "000"));
    let again = init(&["mirror.example", "localhost"]);
    assert!(!again.contains("made the authority") && again.contains("mirror.example, localhost"), "{again}");
    add_user(&world.airlift, &users, "two", "second");
    let until = |what: &str, so: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !so() {
            assert!(began.elapsed() < Duration::from_secs(30), "{what}:\n{}", served.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    until("the new certificate is shown", &|| ask("mirror.example", "one:first") == "200");
    until("the new user is let in", &|| ask("mirror.example", "two:second") == "200");
    fs::write(tls.join("mirror.crt"), "nonsense").expect("a file");
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(ask("mirror.example", "one:first"), "200", "what was there before is shown");
    init(&["mirror.example"]);
    let again = init(&[]);
    assert!(again.contains("certificate for mirror.example, localhost, 127.0.0.1, ::1\n"), "the same names: {again}");
}

#[test]
fn what_can_not_work_is_refused_with_a_reason() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let archive = world.work.path().join("archive.tar");
    let refused = |arguments: &[&str]| {
        let mut command = world.airlift.command(["serve", "--bind", "127.0.0.1", "--admin-port", "0"]);
        let said = output(command.args(arguments).arg(&archive));
        (said.status.code(), String::from_utf8_lossy(&said.stderr).into_owned())
    };
    let users = world.work.path().join("users").display().to_string();
    let (code, said) = refused(&["--htpasswd", &users]);
    assert!(code == Some(2) && said.contains("plain text") && said.contains("--allow-plain-passwords"), "{said}");
    let (code, said) = refused(&["--tls=/nonexistent"]);
    assert!(code == Some(7) && said.contains("/nonexistent/mirror.crt") && said.contains("airlift tls init"), "{said}");
    let ca = world.ca().display().to_string();
    let key = world.work.path().join("tls/mirror.key").display().to_string();
    let (code, said) = refused(&["--tls-cert", &ca, "--tls-key", &key]);
    assert!(code == Some(7) && said.contains("does not belong") && said.contains("the mirror's own"), "{said}");
    let (code, _) = refused(&["--tls-cert", &ca]);
    assert_eq!(code, Some(2));
}
