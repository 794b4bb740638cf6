//! Stands for the hosts that DeepOps fetches from: everything that the profile names, as small real content of the right
//! type, at the profile's own URLs, on one loopback address, behind TLS of a private authority.
//!
//! What can't be stood in for is what is named by its checksum: see [`Internet::site_manifest`].

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use serde_json::Value;

use crate::debs::{self, Package, sum};
use crate::git_server::{GitServer, Repository};
use crate::manifests::{Family, Layer, image};
use crate::process::{Daemon, run};
use crate::random::Random;
use crate::registry::{Registry, Tls, Upstream, push};
use crate::rpms;
use crate::temporary;
use crate::tools::tool;

/// Hosts that are asked beside those of the entries' URLs.
const REGISTRIES: [&str; 4] = ["registry-1.docker.io", "quay.io", "nvcr.io", "registry.k8s.io"];

/// One entry of the resolved profile: its key, and what it says.
pub type Entry = (String, Value);

/// The stand-in; it ends when this value is dropped.
#[derive(Debug)]
pub struct Internet {
    /// Where it listens.
    pub address: Ipv4Addr,
    /// The authority that its certificate is of, PEM.
    pub authority: PathBuf,
    work: tempfile::TempDir,
    hosts: BTreeSet<String>,
    _registry: Registry,
    _git: GitServer,
    _nginx: Option<Daemon>,
}

impl Internet {
    /// Starts it for these entries.
    pub fn start(entries: &[Entry]) -> Self {
        let work = temporary::folder();
        fs::create_dir_all(work.path().join("web")).expect("a folder");
        let registry = fill_registry(entries, &work.path().join("registry"));
        let git = GitServer::start(&work.path().join("git"), false);
        // An address of this process's own, since the ports are the well-known ones.
        let [_, _, high, low] = process::id().to_be_bytes();
        let hosts = REGISTRIES.iter().map(|host| (*host).to_owned()).collect();
        let address = Ipv4Addr::new(127, 77, high, low.max(1));
        let authority = PathBuf::new();
        let mut this = Self { address, authority, work, hosts, _registry: registry, _git: git, _nginx: None };
        this.write_files(entries);
        this.write_packages(entries);
        this.write_charts(entries);
        this.write_wheels(entries);
        this.write_repositories();
        this.listen();
        this
    }

    /// What `/etc/hosts` has to say.
    pub fn hosts_file(&self) -> String {
        let lines = self.hosts.iter().map(|host| format!("{} {host}\n", self.address));
        format!("127.0.0.1 localhost\n{}", lines.collect::<String>())
    }

    /// Where Python packages come from.
    pub fn python_index(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// A site's manifest: the profile, but what is named by checksum or commit is named by the stand-in's, and roles and
    /// collections are left to the site: Galaxy's own server is not stood in for.
    pub fn site_manifest(&self, entries: &[Entry]) -> String {
        let (mut without, mut files) = (String::new(), String::new());
        for (key, entry) in entries {
            let Some(url) = entry["url"].as_str() else { continue };
            if key == "files" && entry["sha256"].is_string() {
                let digest = sum("sha256", &self.path(url));
                without.push_str(&format!("  - \"{url}\"\n"));
                files.push_str(&format!("  - {{ url: \"{url}\", sha256: {digest} }}\n"));
            }
            let commit = |name: &Value| name.as_str().is_some_and(|name| name.len() == 40);
            if key == "git" && entry["refs"].as_array().is_some_and(|refs| refs.iter().any(commit)) {
                without.push_str(&format!("  - \"{url}\"\n"));
            }
        }
        format!(
            "version: 1\nname: deepops\ninclude: [ profile:deepops ]\nvars: {{ os: [el9, ubuntu24.04], galaxy_content: false }}\n\
             without:\n{without}files:\n{files}"
        )
    }

    /// Where the file of a URL is.
    pub fn path(&self, url: &str) -> PathBuf {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        self.work.path().join("web").join(rest.replace("$basearch", "x86_64"))
    }

    /// Writes a file at its URL.
    fn put(&mut self, url: &str, bytes: &[u8]) {
        let path = self.path(url);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
        self.know(url);
    }

    fn know(&mut self, url: &str) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        self.hosts.insert(rest.split('/').next().unwrap_or_default().to_owned());
    }

    fn write_files(&mut self, entries: &[Entry]) {
        for (number, (_, entry)) in entries.iter().enumerate().filter(|(_, (key, _))| key == "files") {
            let url = entry["url"].as_str().expect("a file has a URL").to_owned();
            self.put(&url, &Random::fixed(number as u64).bytes(10_000 + number));
        }
    }

    /// Yum and apt repositories; the keys of both are at whatever URL names one.
    fn write_packages(&mut self, entries: &[Entry]) {
        let (yum, apt) = (yum_repository(), apt_repository());
        let keys = [yum.folder().join("key.asc"), apt.root().join("Upstream.asc")];
        let keys = keys.map(|key| fs::read(key).expect("a key")).concat();
        for (key, entry) in entries {
            let text = |name: &str| entry[name].as_str().map(str::to_owned);
            let (base, from) = match &**key {
                "yum" => (text("baseurl"), yum.folder()),
                "apt" => (text("uri"), apt.root().join("flat")),
                _ => continue,
            };
            let base = base.expect("a repository has a URL");
            self.know(&base);
            let to = self.path(&base);
            fs::create_dir_all(&to).expect("a folder");
            run(Command::new("cp").arg("-a").arg(from.join(".")).arg(&to));
            let listed = entry["gpgkeys"].as_array().cloned().unwrap_or_default();
            for url in listed.iter().filter_map(Value::as_str).chain(entry["signed-by"].as_str()) {
                self.put(url, &keys);
            }
        }
    }

    fn write_charts(&mut self, entries: &[Entry]) {
        for (_, entry) in entries.iter().filter(|(key, _)| key == "helm") {
            let url = entry["url"].as_str().expect("a repository has a URL").to_owned();
            self.put(&format!("{url}/index.yaml"), b"apiVersion: v1\nentries: {}\n");
            let charts = entry["charts"].as_array().cloned().unwrap_or_default();
            let folder = self.path(&url);
            for chart in &charts {
                let (name, version) =
                    (chart["name"].as_str().expect("a name"), chart["version"].as_str().expect("one"));
                let source = self.work.path().join("charts").join(name);
                fs::create_dir_all(source.join("templates")).expect("a folder");
                let about = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
                fs::write(source.join("Chart.yaml"), about).expect("a file");
                fs::write(source.join("templates/empty.yaml"), "# nothing\n").expect("a file");
                run(Command::new(tool("helm3")).arg("package").arg(&source).arg("--destination").arg(&folder));
            }
            if !charts.is_empty() {
                run(Command::new(tool("helm3")).args(["repo", "index", "--url", &url]).arg(&folder));
            }
        }
    }

    fn write_wheels(&mut self, entries: &[Entry]) {
        let wants = |key: &str| key.starts_with("python.") && key.ends_with(".requirements");
        let wanted = entries.iter().filter(|(key, _)| wants(key)).filter_map(|(_, entry)| entry.as_str());
        let wanted = wanted.map(|name| if name.contains("==") { name.to_owned() } else { format!("{name}==1.0") });
        let script = self.work.path().join("wheels.py");
        fs::write(&script, include_str!("wheels.py")).expect("a file");
        let folder = self.work.path().join("web").join(self.address.to_string()).join("simple");
        run(Command::new(tool("python3")).arg(script).arg(folder).args(wanted));
    }

    /// DeepOps with the two submodules that it has.
    fn write_repositories(&mut self) {
        let git = self.work.path().join("git");
        let mut parts = Vec::new();
        for (folder, of) in
            [("submodules/kubespray", "kubernetes-sigs/kubespray"), ("src/packer-maas", "DeepOps/packer-maas")]
        {
            let mut repository = Repository::new(&git.join(format!("{of}.git")));
            let commit = repository.commit("README.md", &format!("# {of}\n"));
            parts.push((folder, of, commit));
        }
        let mut deepops = Repository::new(&git.join("NVIDIA/deepops.git"));
        let modules = parts.iter().map(|(folder, of, _)| {
            format!("[submodule \"{folder}\"]\n\tpath = {folder}\n\turl = https://github.com/{of}.git\n")
        });
        let modules: String = modules.collect();
        deepops.commit(".gitmodules", &modules);
        for (folder, _, commit) in &parts {
            deepops.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{folder}")]);
        }
        deepops.git(&["commit", "--quiet", "-m", "submodules"]);
        deepops.git(&["branch", "-m", "master"]);
        let mut role = Repository::new(&git.join("deepops/ansible-role-ntp.git"));
        let about = "galaxy_info: { author: A, description: d, license: MIT, min_ansible_version: '2.9' }\n";
        role.commit("meta/main.yml", about);
        role.commit("tasks/main.yml", "- ansible.builtin.debug: { msg: ntp }\n");
        role.git(&["tag", "4.0.0"]);
        let mut collection = Repository::new(&git.join("deepops/tools.git"));
        let about = "namespace: deepops\nname: tools\nversion: 1.2.0\nreadme: README.md\nauthors: [A]\n";
        collection.commit("galaxy.yml", about);
        collection.commit("README.md", "# Tools\n");
        collection.git(&["tag", "v1.2.0"]);
        self.know("https://github.com/");
    }

    fn listen(&mut self) {
        let folder = self.work.path();
        let names: Vec<String> = self.hosts.iter().cloned().collect();
        let tls = Tls::create_for(folder, &names);
        let server = |names: &str, root: &str, rest: &str| {
            format!(
                "server {{ listen {0}:443 ssl; listen {0}:80; server_name {names}; root {1}/web/{root};\n\
                 ssl_certificate {2}; ssl_certificate_key {3};\n{rest} }}\n",
                self.address,
                folder.display(),
                tls.certificate.display(),
                tls.key.display()
            )
        };
        let registry =
            format!("location / {{ proxy_pass http://{}; proxy_set_header Host $host; }}", self._registry.address());
        let git = format!(
            "location ~ ^/[^/]+/[^/]+[.]git/ {{ proxy_pass http://{}; proxy_set_header Git-Protocol $http_git_protocol; }}",
            self._git.address()
        );
        let servers = [
            server("_", "$host", ""),
            server(&REGISTRIES.join(" "), "registries", &registry),
            server("github.com", "github.com", &git),
        ];
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String =
            temporary.map(|name| format!("{name}_temp_path {}/{name};\n", folder.display())).concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {0}/pid;\nevents {{}}\nhttp {{\naccess_log {0}/access.log;\n\
             server_names_hash_bucket_size 128;\ntypes {{ text/html html; }}\ndefault_type application/octet-stream;\n{temporary}{1}}}\n",
            folder.display(),
            servers.concat()
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(tool("nginx"));
        command.arg("-c").arg(&file).arg("-p").arg(folder).args(["-e", "stderr"]);
        let mut daemon = Daemon::start(&command, &folder.join("nginx.log"));
        daemon.wait_for((self.address, 443).into());
        self.authority = tls.authority.clone();
        self._nginx = Some(daemon);
    }
}

/// Every image that is named, each with the same small layer.
fn fill_registry(entries: &[Entry], storage: &Path) -> Registry {
    fs::create_dir_all(storage).expect("a folder");
    let registry = Upstream::Docker.start_open(storage);
    let tree = image(Family::Oci, "amd64", &[Layer::gzip(Family::Oci, &[0; 10_240])]);
    for (_, entry) in entries.iter().filter(|(key, _)| key == "images") {
        let name = entry["ref"].as_str().expect("an image has a name");
        let (repository, tag) = name.rsplit_once(':').expect("a name has a tag");
        let (_, repository) = repository.split_once('/').expect("a name has a registry");
        push(registry.address(), repository, tag, &tree);
    }
    registry
}

fn yum_repository() -> rpms::Repository {
    let repository = rpms::Repository::new();
    let packages = [("cuda-drivers", "1.0", ""), ("nvidia-container-toolkit", "1.17", "Requires: cuda-drivers")];
    repository.build("nvidia", &rpms::spec("nvidia", &packages), &[]);
    let built = rpms::Repository::packages(&repository.folder());
    repository.sign_packages(rpms::KEY, built.iter().map(PathBuf::as_path));
    repository.index(&[]);
    repository
}

fn apt_repository() -> debs::Upstream {
    let upstream = debs::Upstream::new();
    upstream.build("cuda-keyring", "1.1", Package::default());
    let needs = "Depends: cuda-keyring\n";
    upstream.build("cuda-drivers", "1.0", Package { architecture: "amd64", fields: needs, ..<_>::default() });
    let folder = upstream.root().join("flat");
    upstream.copy_debs(&folder);
    fs::write(folder.join("Packages"), debs::Upstream::packages(&folder, ".")).expect("a file");
    upstream.release(&folder, "");
    upstream
}
