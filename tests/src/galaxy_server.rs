//! A Galaxy server upstream, in the forms of the public one: collections that `ansible-galaxy collection build` packed, and
//! roles whose archives are here as well.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::digest::sha256;
use crate::http::Answer;
use crate::process::run;
use crate::relay::{self, Request, send};
use crate::tools::tool;

/// Where the public server has its collections.
const PUBLISHED: &str = "/api/v3/plugin/ansible/content/published/collections";

/// Answers by path and query, until the process ends.
#[derive(Debug)]
pub struct GalaxyServer {
    address: SocketAddr,
    work: PathBuf,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    answers: BTreeMap<String, (u16, Vec<u8>)>,
    versions: BTreeMap<String, Vec<String>>,
    roles: BTreeMap<String, Vec<String>>,
    asked: Vec<String>,
}

impl GalaxyServer {
    /// Starts one, which packs what it is given in a folder of its own.
    pub fn start(work: &Path) -> Self {
        fs::create_dir_all(work).expect("a folder can be made");
        let (listener, address) = relay::listen();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up notices that itself.
                let _ = answer(&stream, &shared);
            }
        });
        let this = Self { address, work: work.to_owned(), shelf };
        let root = json!({
            "available_versions": { "v3": "v3/", "pulp-v3": "pulp/api/v3/", "v1": "v1/" },
            "server_version": "4.10.0dev", "galaxy_ng_version": "4.10.0dev", "current_version": "v3",
        });
        this.put("/api/", &root);
        this.put_bytes("/", 200, b"<html>Ansible Galaxy</html>".to_vec());
        this
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked so far, path and query.
    pub fn asked(&self) -> Vec<String> {
        self.shelf.lock().expect("no thread died holding it").asked.clone()
    }

    fn put_bytes(&self, at: &str, status: u16, bytes: Vec<u8>) {
        self.shelf.lock().expect("no thread died holding it").answers.insert(at.to_owned(), (status, bytes));
    }

    fn put(&self, at: &str, value: &Value) {
        self.put_bytes(at, 200, value.to_string().into_bytes());
    }

    /// Builds a collection with a role in it, and publishes it.
    pub fn publish(&self, name: &str, version: &str, dependencies: &[(&str, &str)]) -> PathBuf {
        let (namespace, own) = name.split_once('.').expect("namespace.name");
        let folder = self.work.join(format!("{name}-{version}"));
        fs::create_dir_all(folder.join("roles/hello/tasks")).expect("a folder can be made");
        let needs: BTreeMap<&str, &str> = dependencies.iter().copied().collect();
        let galaxy = json!({
            "namespace": namespace, "name": own, "version": version, "readme": "README.md", "authors": ["A"],
            "license": ["MIT"], "repository": "https://example.org/x", "dependencies": needs,
        });
        fs::write(folder.join("galaxy.yml"), galaxy.to_string()).expect("a file can be written");
        fs::write(folder.join("README.md"), format!("# {name}\n")).expect("a file can be written");
        let task = format!("- ansible.builtin.debug: {{ msg: \"{name} {version}\" }}\n");
        fs::write(folder.join("roles/hello/tasks/main.yml"), task).expect("a file can be written");
        let mut build = Command::new(tool("ansible-galaxy"));
        build.args(["collection", "build", "--force", "--output-path"]).arg(&self.work).arg(&folder);
        run(build.env("HOME", &self.work).env("ANSIBLE_HOME", self.work.join("ansible")));
        let file = format!("{namespace}-{own}-{version}.tar.gz");
        let packed = self.work.join(&file);
        self.list(name, version, (&file, &fs::read(&packed).expect("it was built")), &json!(needs));
        packed
    }

    fn list(&self, name: &str, version: &str, (file, bytes): (&str, &[u8]), needs: &Value) {
        let (namespace, own) = name.split_once('.').expect("namespace.name");
        let short = format!("/api/v3/collections/{namespace}/{own}/versions/");
        let long = format!("{PUBLISHED}/index/{namespace}/{own}/versions/");
        let artifact = format!("{PUBLISHED}/artifacts/{file}");
        let detail = json!({
            "version": version, "href": format!("{long}{version}/"), "created_at": "2025-03-01T10:00:00.123456Z",
            "updated_at": "2025-03-01T10:00:01.123456Z", "requires_ansible": ">=2.15.0", "marks": [],
            "artifact": { "filename": file, "sha256": sha256(bytes).replace("sha256:", ""), "size": bytes.len() },
            "collection": { "id": "0f3d", "name": own, "href": format!("{PUBLISHED}/index/{namespace}/{own}/") },
            "download_url": format!("http://{}{artifact}", self.address),
            "name": own, "namespace": { "name": namespace, "metadata_sha256": null },
            "metadata": { "authors": ["A"], "contents": [], "dependencies": needs, "license": ["MIT"], "tags": [] },
            "signatures": [], "git_url": null, "git_commit_sha": null, "manifest": {}, "files": {},
        });
        // The public server sends its short URLs on to the long ones, and archives to where they are kept.
        self.redirect(&format!("{short}{version}/"), &format!("{long}{version}/"));
        self.put(&format!("{long}{version}/"), &detail);
        self.redirect(&artifact, &format!("/kept/{file}?X-Signature=1"));
        self.put_bytes(&format!("/kept/{file}?X-Signature=1"), 200, bytes.to_vec());
        let versions = {
            let mut shelf = self.shelf.lock().expect("no thread died holding it");
            let versions = shelf.versions.entry(name.to_owned()).or_default();
            versions.insert(0, version.to_owned());
            versions.clone()
        };
        self.redirect(&format!("{short}?limit=100"), &format!("{long}?limit=100"));
        // One version a page, so that there is more than one.
        for (number, version) in versions.iter().enumerate() {
            let next = (number + 1 < versions.len()).then(|| format!("{long}?limit=1&offset={}", number + 1));
            let page = json!({
                "meta": { "count": versions.len() }, "links": { "first": null, "previous": null, "next": next, "last": null },
                "data": [{ "version": version, "href": format!("{long}{version}/"), "marks": [] }],
            });
            let at = if number == 0 { "?limit=100".to_owned() } else { format!("?limit=1&offset={number}") };
            self.put(&format!("{long}{at}"), &page);
        }
    }

    fn redirect(&self, from: &str, to: &str) {
        self.put_bytes(from, 302, to.as_bytes().to_vec());
    }

    /// Publishes a role, packed as GitHub packs a tag.
    pub fn role(&self, name: &str, version: &str, meta: &str) {
        let (owner, own) = name.rsplit_once('.').expect("owner.name");
        let folder = self.work.join(format!("roles/ansible-role-{own}-{version}"));
        for (file, text) in [
            ("meta/main.yml", meta.to_owned()),
            ("tasks/main.yml", format!("- ansible.builtin.debug: {{ msg: \"{name} {version}\" }}\n")),
        ] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        let packed = self.work.join(format!("{name}-{version}.tar.gz"));
        let mut tar = Command::new("tar");
        tar.arg("-czf")
            .arg(&packed)
            .arg("-C")
            .arg(self.work.join("roles"))
            .arg(format!("ansible-role-{own}-{version}"));
        run(&mut tar);
        let url = format!("/github/{owner}/ansible-role-{own}/archive/{version}.tar.gz");
        self.put_bytes(&url, 200, fs::read(&packed).expect("it was packed"));
        let (id, versions) = {
            let mut shelf = self.shelf.lock().expect("no thread died holding it");
            let versions = shelf.roles.entry(name.to_owned()).or_default();
            versions.push(version.to_owned());
            let versions = versions.clone();
            (10_000 + shelf.roles.keys().position(|known| known == name).unwrap_or_default(), versions)
        };
        let role = json!({
            "id": id, "upstream_id": null, "github_user": owner, "github_repo": format!("ansible-role-{own}"),
            "github_branch": "master", "username": owner, "name": own, "summary_fields": { "dependencies": [] },
        });
        let found = json!({ "count": 1, "next": null, "previous": null, "results": [role] });
        self.put(&format!("/api/v1/roles/?owner__username={owner}&name={own}"), &found);
        let results = versions.iter().map(|version| {
            let url = format!("http://{}/github/{owner}/ansible-role-{own}/archive/{version}.tar.gz", self.address);
            json!({ "id": -1, "name": version, "version": version, "commit_sha": null, "download_url": url })
        });
        let results: Vec<Value> = results.collect();
        let all = json!({ "count": results.len(), "next": null, "next_link": null, "results": results });
        self.put(&format!("/api/v1/roles/{id}/versions/?page_size=50"), &all);
    }
}

fn answer(stream: &TcpStream, shelf: &Mutex<Shelf>) -> io::Result<()> {
    let request = Request::read(stream)?;
    let found = {
        let mut shelf = shelf.lock().expect("no thread died holding it");
        shelf.asked.push(request.target.clone());
        shelf.answers.get(&request.target).cloned()
    };
    let (status, body) = found.unwrap_or_else(|| (404, br#"{"detail": "Not found."}"#.to_vec()));
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if status == 302 {
        headers.push(("location".to_owned(), String::from_utf8_lossy(&body).into_owned()));
    }
    send(stream, &Answer { status, headers, body, complete: true }, &request.method)
}
