//! `airlift setup` and `/setup.sh` on the roots of a Debian and of an EL-like system: real clients then use the mirror alone,
//! with every signature checked; a second time nothing changes; and everything goes back, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use airlift_e2e::airlift::Airlift;
use airlift_e2e::debs::{self, Upstream};
use airlift_e2e::dnf::Dnf;
use airlift_e2e::git_server::{GitServer, Repository as GitRepository, git_command};
use airlift_e2e::isolated::Namespace;
use airlift_e2e::listing;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::rpms::{self, Repository};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, say, tool};

/// A mirror in a network in which there is nothing else.
struct Gap {
    namespace: Namespace,
    mirror: Mirror,
    airlift: Airlift,
}

impl Gap {
    fn of(manifest: &str) -> Self {
        let namespace = Namespace::new();
        let mirror = Mirror::inside("deb", manifest, &namespace);
        Self { namespace, mirror, airlift: Airlift::new() }
    }

    /// `airlift setup` for a root.
    fn setup(&self, root: &Path, arguments: &[&str]) -> Output {
        let mut command = self.airlift.command(["setup"]);
        command.args(arguments).arg("--root").arg(root);
        if !arguments.contains(&"--revert") {
            command.args(["--mirror", &self.mirror.served.admin().to_string()]);
        }
        output(&mut self.namespace.inside(&command))
    }

    fn good(&self, root: &Path, arguments: &[&str]) -> String {
        let output = self.setup(root, arguments);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        told
    }

    /// The script that the mirror offers, fetched from inside.
    fn script(&self) -> PathBuf {
        let path = self.mirror.work.path().join("setup.sh");
        let url = format!("http://{}/setup.sh", self.mirror.served.admin());
        fs::write(&path, self.namespace.get(&url)).expect("a file");
        path
    }

    /// A script in a root, as a system that was started from it would run it.
    fn chroot(&self, root: &Path, script: &str) -> Output {
        let mut command = Command::new("chroot");
        command.arg(root).args(["sh", "-euc", script]).env("DEBIAN_FRONTEND", "noninteractive");
        command.env("LC_ALL", "C.UTF-8").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env_remove("http_proxy").env_remove("https_proxy");
        output(&mut self.namespace.inside(&command))
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Sets a root up twice and puts it back, and fails where it is another one then.
fn there_and_back(gap: &Gap, root: &Path) {
    let before = listing::of(root);
    gap.good(root, &["--dry-run"]);
    assert_eq!(listing::differences(&before, &listing::of(root)), [""; 0], "--dry-run changes something");
    gap.good(root, &[]);
    let after = listing::of(root);
    let again = gap.good(root, &[]);
    assert!(again.contains("nothing has to be changed"), "{again}");
    assert_eq!(listing::differences(&after, &listing::of(root)), [""; 0], "a second time changes something");
    gap.good(root, &["--revert"]);
    assert_eq!(listing::differences(&before, &listing::of(root)), [""; 0], "it is another one after --revert");
}

/// A Debian or Ubuntu as this machine's own sources have it.
fn debian(folder: &Path) -> Option<PathBuf> {
    let format = ["indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME)", "Created-By: Packages"];
    let lists = text(Command::new(tool("apt-get")).args(format));
    let line = lists.lines().find(|line| line.starts_with("Debian ") || line.starts_with("Ubuntu "))?.to_owned();
    let words: Vec<&str> = line.split(' ').collect();
    let keyring = ["debian-archive-keyring", "ubuntu-archive-keyring"];
    let keyring = keyring.map(|name| format!("/usr/share/keyrings/{name}.gpg"));
    let keyring = keyring.into_iter().find(|path| Path::new(path).exists())?;
    let root = folder.join("debian");
    let mut debootstrap = Command::new(tool("debootstrap"));
    debootstrap.args(["--variant=minbase", &format!("--keyring={keyring}"), words[2]]).arg(&root).arg(words[1]);
    run(&mut debootstrap);
    Some(root)
}

#[test]
fn a_debian_uses_the_mirror_alone_and_goes_back() {
    if !present(&debs::BUILDERS) || !present(&["debootstrap", "ip", "curl", "git"]) {
        return;
    }
    let upstream = Upstream::new();
    upstream.build("airlift-hello", "1", debs::Package::default());
    let distributions =
        "Suite: stable\nCodename: good\nArchitectures: amd64 arm64\nComponents: main\nSignWith: Upstream\n";
    upstream.reprepro("good", distributions, &["includedeb", "good"], &upstream.built());
    let repositories = temporary::folder();
    let git = GitServer::start(repositories.path(), false);
    GitRepository::new(&repositories.path().join("group/tool.git")).commit("file", "content");
    let manifest = format!(
        "version: 1\napt:\n{}git:\n  - {{ url: \"{}\" }}\n",
        upstream.entry("good", "good", ", components: [main]"),
        git.url("group/tool.git")
    );
    let gap = Gap::of(&manifest);
    gap.namespace.prove_alone(upstream.address());
    let work = temporary::folder();
    let Some(root) = debian(work.path()) else {
        say("SKIPPED: this machine has no lists of Debian or Ubuntu; apt-get update fetches them");
        return;
    };
    let output = gap.setup(&root, &["status"]);
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("apt: /etc/apt/sources.list names other places") && said.contains("apt: also asks"),
        "{said}"
    );
    there_and_back(&gap, &root);

    let before = listing::of(&root.join("etc"));
    gap.good(&root, &[]);
    let said = told(
        &gap.chroot(&root, "apt-get -o APT::Update::Error-Mode=any update && apt-get install --yes airlift-hello"),
    );
    assert!(root.join("usr/share/airlift/airlift-hello").exists() && !said.contains("W: "), "{said}");
    let status = gap.good(&root, &["status"]);
    assert!(status.contains("apt: asks the mirror alone"), "{status}");

    // The key that was put in is the one that counts.
    let key = root.join("etc/apt/keyrings/airlift-good.asc");
    let good_key = fs::read(&key).expect("a key");
    fs::write(&key, fs::read(upstream.root().join("Stranger.asc")).expect("a key")).expect("a file");
    let said = gap.chroot(&root, "rm -r /var/lib/apt/lists/*; apt-get -o APT::Update::Error-Mode=any update");
    assert!(!said.status.success() && told(&said).contains("NO_PUBKEY"), "{}", told(&said));
    fs::write(&key, good_key).expect("a file");

    // git goes by the file as well, although what it is asked for is nowhere to be reached.
    let mut clone = git_command(work.path(), &["clone", "--quiet", &git.url("group/tool.git"), "tool"]);
    clone.env("GIT_CONFIG_SYSTEM", root.join("etc/gitconfig")).env_remove("GIT_CONFIG_NOSYSTEM");
    run(&mut gap.namespace.inside(&clone));
    assert_eq!(fs::read_to_string(work.path().join("tool/file")).expect("a file").trim_end(), "content");

    gap.good(&root, &["--revert"]);
    assert_eq!(listing::differences(&before, &listing::of(&root.join("etc"))), [""; 0]);
}

/// A tree with the files of an EL host that matter here, installed by dnf.
fn enterprise_linux(upstream: &Repository, folder: &Path) -> PathBuf {
    let spec = "Name: el-release\nVersion: 9\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n%install\n\
         mkdir -p %{buildroot}/etc/yum.repos.d %{buildroot}/etc/dnf %{buildroot}/etc/pki/rpm-gpg %{buildroot}/etc/docker\n\
         printf '[baseos]\\nname=b\\nmirrorlist=https://mirrors.example.org/?r=$releasever\\n' >%{buildroot}/etc/yum.repos.d/base.repo\n\
         printf '[disc]\\nname=d\\nbaseurl=file:///media\\nenabled=0\\n' >%{buildroot}/etc/yum.repos.d/disc.repo\n\
         printf '[main]\\ngpgcheck=1\\nplugins=0\\n' >%{buildroot}/etc/dnf/dnf.conf\n\
         printf '{\"log-driver\": \"journald\"}' >%{buildroot}/etc/docker/daemon.json\n\
         %files\n%dir /etc/pki/rpm-gpg\n%config(noreplace) /etc/yum.repos.d/*.repo\n/etc/dnf/dnf.conf\n\
         %attr(0600,root,root) /etc/docker/daemon.json\n";
    upstream.build("el-release", spec, &[]);
    let hello = "Name: hello\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n%install\n\
                 mkdir -p %{buildroot}/usr/share/airlift\necho hello >%{buildroot}/usr/share/airlift/hello\n\
                 %files\n/usr/share/airlift/hello\n";
    upstream.build("hello", hello, &[]);
    upstream.sign_packages(rpms::KEY, Repository::packages(&upstream.folder()).iter().map(PathBuf::as_path));
    upstream.index(&[]);
    let repositories = format!(
        "[up]\nname=up\nbaseurl={}\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey={}\n",
        upstream.url(""),
        upstream.url("key.asc")
    );
    let dnf = Dnf::new(folder.to_owned(), &repositories);
    dnf.run(&["install", "el-release"]);
    dnf.root()
}

#[test]
fn an_enterprise_linux_uses_the_mirror_alone_and_goes_back() {
    if !present(&rpms::BUILDERS) || !present(&["dnf", "ip", "curl", "mount"]) {
        return;
    }
    let upstream = Repository::new();
    let work = temporary::folder();
    let root = enterprise_linux(&upstream, work.path());
    let gap = Gap::of(&upstream.manifest("greetings", &upstream.gpgkeys()));
    gap.namespace.prove_alone(upstream.address());
    there_and_back(&gap, &root);

    // The script does the same, byte for byte, and takes back what the program did.
    let copy = work.path().join("copy");
    run(Command::new("cp").arg("-a").arg(&root).arg(&copy));
    let script = gap.script();
    let sh = |arguments: &[&str]| text(Command::new("sh").arg(&script).arg("--root").arg(&copy).args(arguments));
    sh(&[]);
    gap.good(&root, &[]);
    assert_eq!(listing::without_times(&root), listing::without_times(&copy));
    assert!(sh(&[]).contains("Nothing had to be changed."));
    sh(&["--revert"]);

    let repo = fs::read_to_string(root.join("etc/yum.repos.d/airlift.repo")).expect("a file");
    assert!(repo.contains("gpgcheck=1") && repo.contains("repo_gpgcheck=1"), "{repo}");
    assert!(!root.join("etc/yum.repos.d/base.repo").exists() && root.join("etc/yum.repos.d/disc.repo").exists());

    // dnf of this machine, with the configuration, the repositories and the keys of that root, and of nothing else.
    fs::create_dir(work.path().join("dnf-log")).expect("a folder");
    let dnf = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        let script = "mount --bind \"$0/etc\" /etc && exec \"$@\"";
        command.args(["-euc", script]).arg(&root).arg(tool("dnf")).arg("--installroot").arg(&root);
        command.arg(format!("--setopt=cachedir={}", work.path().join("dnf-cache").display()));
        command.arg(format!("--setopt=logdir={}", work.path().join("dnf-log").display()));
        command.args([
            "--setopt=module_platform_id=platform:el9",
            "--releasever=9",
            "--forcearch=x86_64",
            "--assumeyes",
        ]);
        let command = gap.namespace.inside(command.env("HOME", work.path()).env("LC_ALL", "C.UTF-8").args(arguments));
        let done = output(&mut { command });
        assert!(done.status.success(), "{}", describe(&Command::new("dnf"), &done));
        told(&done)
    };
    let listed = dnf(&["repolist", "-v"]);
    assert!(listed.contains("Repo-id            : greetings") && !listed.contains("example.org"), "{listed}");
    dnf(&["install", "hello"]);
    assert_eq!(fs::read_to_string(root.join("usr/share/airlift/hello")).expect("a file"), "hello\n");

    gap.good(&root, &["--revert"]);
    let mut after = listing::without_times(&root.join("etc"));
    // dnf makes it where it is not there.
    after.remove("dnf/aliases.d");
    assert_eq!(after, listing::without_times(&copy.join("etc")), "the copy was put back by the script");
}
