//! Apt repositories upstream: packages by dpkg-deb, metadata by reprepro, aptly and apt-ftparchive, signatures by gpg.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::FileServer;
use crate::process::{run, text};
use crate::random::Random;
use crate::temporary;
use crate::tools::tool;

/// The programs that make repositories.
pub const BUILDERS: [&str; 7] = ["reprepro", "aptly", "apt-ftparchive", "dpkg-deb", "gpg", "apt-get", "nginx"];

/// The name of the key that signs; its public half is served as `Upstream.asc`. `Stranger` is the other one.
pub const KEY: &str = "Upstream";

/// A folder that is served, and what is needed to fill it with repositories and to sign them again.
#[derive(Debug)]
pub struct Upstream {
    server: FileServer,
    work: tempfile::TempDir,
}

/// What a package is besides its name and version.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// Its architecture.
    pub architecture: &'a str,
    /// More fields of its control file, each with a line end.
    pub fields: &'a str,
    /// How many bytes its file has.
    pub size: usize,
    /// How it is packed: `gzip`, `xz`, `zstd` or `none`.
    pub packed: &'a str,
}

impl Default for Package<'_> {
    fn default() -> Self {
        Self { architecture: "all", fields: "", size: 100, packed: "gzip" }
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self::new()
    }
}

impl Upstream {
    /// A served folder with two keys and nothing else.
    pub fn new() -> Self {
        let this = Self { server: FileServer::start(), work: temporary::folder() };
        fs::create_dir(this.gnupg()).expect("a folder");
        run(Command::new("chmod").arg("700").arg(this.gnupg()));
        for name in [KEY, "Stranger"] {
            run(this.gpg().args(["--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never"]));
            let key = this.root().join(format!("{name}.asc"));
            run(this.gpg().args(["--armor", "--output"]).arg(key).args(["--export", name]));
        }
        this
    }

    /// The folder that is served.
    pub fn root(&self) -> PathBuf {
        self.server.root()
    }

    /// A folder that is not.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The URL of a file or folder.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.server.address())
    }

    /// Where gpg keeps its keys.
    pub fn gnupg(&self) -> PathBuf {
        self.work.path().join("gnupg")
    }

    /// gpg with these keys.
    pub fn gpg(&self) -> Command {
        let mut gpg = Command::new(tool("gpg"));
        gpg.args(["--quiet", "--batch", "--yes", "--homedir"]).arg(self.gnupg());
        gpg
    }

    /// The folder of the packages that were built.
    pub fn debs(&self) -> PathBuf {
        self.work.path().join("debs")
    }

    /// Builds a package with one file of random bytes, the same for the same size: `/usr/share/airlift/<name>`.
    pub fn build(&self, name: &str, version: &str, of: Package<'_>) {
        let folder = self.work.path().join("build").join(name);
        let share = folder.join("usr/share/airlift");
        for folder in [&folder.join("DEBIAN"), &share, &self.debs()] {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(share.join(name), Random::fixed(of.size as u64).bytes(of.size)).expect("a file");
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {}\nSection: misc\nPriority: optional\n\
             Maintainer: T <t@example.invalid>\n{}Description: {name}\n",
            of.architecture, of.fields
        );
        fs::write(folder.join("DEBIAN/control"), control).expect("a file");
        let mut build = Command::new(tool("dpkg-deb"));
        build.args(["--root-owner-group", &format!("-Z{}", of.packed), "-b"]);
        run(build.arg(&folder).arg(self.debs()));
    }

    /// Every package that was built, by name.
    pub fn built(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.debs()).expect("a folder");
        let mut debs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        debs.sort();
        debs
    }

    /// Copies every package that was built into a folder.
    pub fn copy_debs(&self, to: &Path) {
        fs::create_dir_all(to).expect("a folder");
        for deb in self.built() {
            fs::copy(&deb, to.join(deb.file_name().expect("a name"))).expect("a copy");
        }
    }

    /// Puts packages into a repository of reprepro below the served folder; `distributions` is its configuration.
    pub fn reprepro(&self, name: &str, distributions: &str, arguments: &[&str], debs: &[PathBuf]) {
        let base = self.root().join(name);
        fs::create_dir_all(base.join("conf")).expect("a folder");
        fs::write(base.join("conf/distributions"), distributions).expect("a file");
        let mut reprepro = Command::new(tool("reprepro"));
        reprepro.args(["--silent", "--gnupghome"]).arg(self.gnupg()).arg("-b").arg(&base).args(arguments).args(debs);
        run(&mut reprepro);
    }

    /// Publishes packages by aptly below the served folder, signed and with lists by hash, as the suite `stable`.
    pub fn aptly(&self, name: &str, debs: &[PathBuf]) {
        let configuration = self.work.path().join("aptly.conf");
        let (pool, root) = (self.work.path().join("aptly"), self.root());
        fs::write(
            &configuration,
            format!(
                "{{ \"rootDir\": \"{}\", \"gpgProvider\": \"gpg\", \"FileSystemPublishEndpoints\": {{ \"served\": \
                 {{ \"rootDir\": \"{}\", \"linkMethod\": \"copy\" }} }} }}\n",
                pool.display(),
                root.display()
            ),
        )
        .expect("a file");
        let aptly = |arguments: &[&str]| {
            let mut aptly = Command::new(tool("aptly"));
            aptly.arg("-config").arg(&configuration).args(arguments).env("GNUPGHOME", self.gnupg());
            aptly
        };
        run(&mut aptly(&["repo", "create", "-component=main", "-distribution=stable", name]));
        run(aptly(&["repo", "add", name]).args(debs));
        let key = format!("-gpg-key={KEY}");
        run(&mut aptly(&[
            "publish",
            "repo",
            "-batch",
            &key,
            "-acquire-by-hash",
            name,
            &format!("filesystem:served:{name}"),
        ]));
    }

    /// A list of packages, as apt-ftparchive makes it of what lies below a path.
    pub fn packages(folder: &Path, path: &str) -> String {
        Self::ftparchive(folder, &["packages", path]) + "\n"
    }

    /// What apt-ftparchive prints in a folder.
    pub fn ftparchive(folder: &Path, arguments: &[&str]) -> String {
        text(Command::new(tool("apt-ftparchive")).current_dir(folder).args(arguments))
    }

    /// Writes the `Release` of a folder with these fields before what apt-ftparchive makes, and signs it.
    pub fn release(&self, folder: &Path, fields: &str) {
        for old in ["Release", "InRelease", "Release.gpg"] {
            // It may not have been there.
            let _ = fs::remove_file(folder.join(old));
        }
        let release = Self::ftparchive(folder, &["release", "."]);
        fs::write(folder.join("Release"), format!("{fields}{release}\n")).expect("a file");
        self.sign(&folder.join("Release"), KEY);
    }

    /// Signs a `Release`: `InRelease` and `Release.gpg` beside it.
    pub fn sign(&self, release: &Path, key: &str) {
        let folder = release.parent().expect("a folder");
        let mut inline = self.gpg();
        run(inline.args(["--local-user", key, "--clearsign", "--output"]).arg(folder.join("InRelease")).arg(release));
        let mut detached = self.gpg();
        detached.args(["--local-user", key, "--armor", "--detach-sign", "--output"]);
        run(detached.arg(folder.join("Release.gpg")).arg(release));
    }

    /// An entry of a manifest for a repository below the served folder; `rest` is `, more: fields`.
    pub fn entry(&self, id: &str, suites: &str, rest: &str) -> String {
        let key = self.url(&format!("{KEY}.asc"));
        let uri = self.url(id);
        format!("  - {{ id: {id}, uri: \"{uri}\", suites: [{suites}], signed-by: \"{key}\"{rest} }}\n")
    }
}

/// The checksum of a file, as `sha256sum` and its relatives print it.
pub fn sum(algorithm: &str, path: &Path) -> String {
    let line = text(Command::new(format!("{algorithm}sum")).arg(path));
    line.split(' ').next().expect("a sum").to_owned()
}
