//! A yum repository upstream: packages by rpmbuild, metadata by createrepo_c, signatures by gpg.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::FileServer;
use crate::process::{run, text};
use crate::temporary;
use crate::tools::tool;

/// The programs that make a repository.
pub const BUILDERS: [&str; 6] = ["rpmbuild", "rpmsign", "createrepo_c", "modifyrepo_c", "gpg", "nginx"];

/// The name of the key that signs everything.
pub const KEY: &str = "Upstream";

/// A repository upstream, and what is needed to change and sign it.
#[derive(Debug)]
pub struct Repository {
    server: FileServer,
    work: tempfile::TempDir,
}

impl Default for Repository {
    fn default() -> Self {
        Self::new()
    }
}

impl Repository {
    /// A folder that is served, with a key and nothing else.
    pub fn new() -> Self {
        let this = Self { server: FileServer::start(), work: temporary::folder() };
        this.make_key(KEY);
        this.export_key(KEY, "key.asc");
        this
    }

    /// The folder that is served.
    pub fn folder(&self) -> PathBuf {
        self.server.root()
    }

    /// A folder that is not.
    pub fn work(&self) -> &Path {
        self.work.path()
    }

    /// Where it is served.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The URL of a file.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address())
    }

    /// A manifest with this repository, and more in its entry.
    pub fn manifest(&self, id: &str, rest: &str) -> String {
        format!("version: 1\nyum:\n  - {{ id: {id}, baseurl: \"{}\", {rest} }}\n", self.url(""))
    }

    /// The key, as an entry of a manifest names it.
    pub fn gpgkeys(&self) -> String {
        format!("gpgkeys: [\"{}\"]", self.url("key.asc"))
    }

    /// gpg with the keys of this repository.
    pub fn gpg(&self) -> Command {
        let mut gpg = Command::new(tool("gpg"));
        gpg.args(["--quiet", "--batch", "--yes", "--homedir"]).arg(self.gpg_home());
        gpg
    }

    fn gpg_home(&self) -> PathBuf {
        let home = self.work.path().join("gnupg");
        if !home.exists() {
            fs::create_dir(&home).expect("a folder");
            run(Command::new("chmod").arg("700").arg(&home));
        }
        home
    }

    /// Makes a key of this name.
    pub fn make_key(&self, name: &str) {
        run(self.gpg().args(["--passphrase", "", "--quick-gen-key", name, "rsa3072", "sign", "never"]));
    }

    /// The fingerprint of a key.
    pub fn fingerprint(&self, name: &str) -> String {
        let listed = text(self.gpg().args(["--with-colons", "--fingerprint", name]));
        let line = listed.lines().find_map(|line| line.strip_prefix("fpr:")).expect("a fingerprint");
        line.split(':').find(|part| !part.is_empty()).expect("a fingerprint").to_owned()
    }

    /// Serves the public half of a key.
    pub fn export_key(&self, name: &str, file: &str) {
        run(self.gpg().args(["--armor", "--output"]).arg(self.folder().join(file)).args(["--export", name]));
    }

    /// Builds the packages of a spec into `Packages/<architecture>/`.
    pub fn build(&self, name: &str, spec: &str, defines: &[&str]) {
        self.build_into(&self.folder().join("Packages"), (name, spec), defines);
    }

    /// Builds the packages of a spec into a folder.
    pub fn build_into(&self, folder: &Path, (name, spec): (&str, &str), defines: &[&str]) {
        let path = self.work.path().join(format!("{name}.spec"));
        fs::write(&path, spec).expect("a file");
        let own = [
            format!("_topdir {}/build-{name}", self.work.path().display()),
            format!("_rpmdir {}", folder.display()),
            format!("_srcrpmdir {}", folder.display()),
        ];
        let mut build = Command::new(tool("rpmbuild"));
        build.args(["--quiet", "-bb", "--target", "noarch"]);
        for define in own.iter().map(String::as_str).chain(defines.iter().copied()) {
            build.args(["--define", define]);
        }
        run(build.arg(path).env("SOURCE_DATE_EPOCH", "1700000000"));
    }

    /// Signs packages as rpmsign does.
    pub fn sign_packages<'a>(&self, key: &str, packages: impl IntoIterator<Item = &'a Path>) {
        let mut sign = Command::new(tool("rpmsign"));
        let (name, gpg) = (format!("_gpg_name {key}"), format!("__gpg {}", tool("gpg").display()));
        sign.args(["--define", &name, "--define", &gpg, "--addsign"]);
        run(sign.args(packages.into_iter().map(Path::as_os_str)).env("GNUPGHOME", self.gpg_home()));
    }

    /// All packages below a folder, by name.
    pub fn packages(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => open.push(path),
                    false => found.extend(Some(path).filter(|path| path.extension().is_some_and(|end| end == "rpm"))),
                }
            }
        }
        found.sort();
        found
    }

    /// Makes the metadata with these options of createrepo_c, and signs it.
    pub fn index(&self, options: &[&str]) {
        run(Command::new(tool("createrepo_c")).arg("--quiet").args(options).arg(self.folder()));
        self.sign(KEY);
    }

    /// Adds a file to the metadata as this type, and signs it again.
    pub fn add_metadata(&self, kind: &str, name: &str, text: &str) {
        let path = self.work.path().join(name);
        fs::write(&path, text).expect("a file");
        let mut modify = Command::new(tool("modifyrepo_c"));
        run(modify.arg("--mdtype").arg(kind).arg(path).arg(self.folder().join("repodata")));
        self.sign(KEY);
    }

    /// The root of the metadata.
    pub fn repomd(&self) -> PathBuf {
        self.folder().join("repodata/repomd.xml")
    }

    /// Signs the metadata.
    pub fn sign(&self, key: &str) {
        run(self.gpg().args(["--local-user", key, "--armor", "--detach-sign"]).arg(self.repomd()));
        fs::copy(self.folder().join("key.asc"), self.folder().join("repodata/repomd.xml.key")).expect("a copy");
    }
}

/// A spec with many packages: each its name, its version, and its own lines of the preamble; each has a file
/// `/usr/share/airlift/<name>` and whatever `%files` lines are behind a `%%`.
pub fn spec(name: &str, packages: &[(&str, &str, &str)]) -> String {
    let mut text = format!(
        "Name: {name}-base\nVersion: 1\nRelease: 1\nSummary: {name}\nLicense: MIT\nBuildArch: noarch\n\
         %description\n{name}\n"
    );
    let mut install = String::from("%install\nmkdir -p %{buildroot}/usr/share/airlift\n");
    let mut files = String::new();
    for (package, version, lines) in packages {
        let (preamble, more) = lines.split_once("%%").unwrap_or((lines, ""));
        text.push_str(&format!(
            "%package -n {package}\nVersion: {version}\nSummary: {package}\n{preamble}\n%description -n {package}\n{package}\n"
        ));
        install.push_str(&format!("echo {package} > %{{buildroot}}/usr/share/airlift/{package}\n"));
        files.push_str(&format!("%files -n {package}\n/usr/share/airlift/{package}\n"));
        for file in more.split_whitespace() {
            install.push_str(&format!("install -D -m 755 /dev/null '%{{buildroot}}{file}'\n"));
            files.push_str(&format!("{file}\n"));
        }
    }
    text + &install + &files
}
