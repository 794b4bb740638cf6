//! A Galaxy server that answers as the public one does, and what is collected from it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use airlift_core::event::Silent;
use airlift_core::{Digest, Plan, Source};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_galaxy::Galaxy;
use airlift_store::Store;
use airlift_testkit::upstream::{Resource, Upstream};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) static GALAXY: Erased<Galaxy> = Erased::new();

/// Where the public server has its collections.
const PUBLISHED: &str = "/api/v3/plugin/ansible/content/published/collections";

/// Files packed as `ansible-galaxy collection build` and GitHub do, the same bytes for the same files.
pub(crate) fn pack(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).expect("memory");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory")
}

/// A packed collection.
pub(crate) fn collection(namespace: &str, name: &str, version: &str, dependencies: &Value) -> Vec<u8> {
    let info = json!({ "namespace": namespace, "name": name, "version": version, "dependencies": dependencies });
    let manifest = json!({ "collection_info": info, "format": 1 }).to_string();
    pack(&[("MANIFEST.json", &manifest), ("README.md", "x")])
}

/// The server.
pub(crate) struct Site {
    pub(crate) upstream: Upstream,
    collections: Mutex<BTreeMap<String, Vec<String>>>,
    roles: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let upstream = Upstream::start().await;
        let root = json!({
            "available_versions": { "v3": "v3/", "pulp-v3": "pulp/api/v3/", "v1": "v1/" },
            "server_version": "4.10.0dev", "current_version": "v3",
        });
        upstream.put("/", Resource::new("<html>Ansible Galaxy</html>"));
        upstream.put("/api/", Resource::new(root.to_string()));
        Self { upstream, collections: Mutex::default(), roles: Mutex::default() }
    }

    /// Publishes a version of a collection; what is said of it.
    pub(crate) fn publish(&self, name: &str, version: &str, dependencies: Value) -> Value {
        let (namespace, own) = name.split_once('.').expect("namespace.name");
        let packed = collection(namespace, own, version, &dependencies);
        let file = format!("{namespace}-{own}-{version}.tar.gz");
        let detail = json!({
            "version": version, "href": format!("{PUBLISHED}/index/{namespace}/{own}/versions/{version}/"),
            "created_at": "2024-05-01T00:00:00.123456Z", "updated_at": "2024-05-02T00:00:00.123456Z",
            "requires_ansible": ">=2.15.0", "marks": [],
            "artifact": { "filename": file, "sha256": Digest::of(&packed).hex(), "size": packed.len() },
            "collection": { "id": "x", "name": own, "href": "x" },
            "download_url": self.upstream.url(&format!("{PUBLISHED}/artifacts/{file}")),
            "name": own, "namespace": { "name": namespace, "metadata_sha256": null }, "signatures": [],
            "metadata": { "authors": ["A"], "contents": [], "dependencies": dependencies, "license": ["MIT"], "tags": [] },
            "git_url": null, "git_commit_sha": null, "manifest": {}, "files": {},
        });
        self.upstream.put(&format!("{PUBLISHED}/artifacts/{file}"), Resource::new(packed));
        self.say(name, version, &detail);
        let mut collections = self.collections.lock().expect("no panic");
        let versions = collections.entry(name.to_owned()).or_default();
        if !versions.iter().any(|known| known == version) {
            versions.insert(0, version.to_owned());
        }
        self.list(name, versions);
        detail
    }

    /// Says something else of a version.
    pub(crate) fn say(&self, name: &str, version: &str, detail: &Value) {
        let path = format!("/api/v3/collections/{}/versions/{version}/", name.replace('.', "/"));
        self.upstream.put(&path, Resource::new(detail.to_string()));
    }

    /// Lists versions, two on a page.
    pub(crate) fn list(&self, name: &str, versions: &[String]) {
        let path = format!("/api/v3/collections/{}/versions/", name.replace('.', "/"));
        let pages: Vec<&[String]> = versions.chunks(2).collect();
        for (number, page) in pages.iter().enumerate() {
            let next = (number + 1 < pages.len()).then(|| format!("{path}?limit=2&offset={}", 2 * (number + 1)));
            let data: Vec<Value> = page.iter().map(|version| json!({ "version": version, "href": "x" })).collect();
            let page = json!({ "meta": { "count": versions.len() }, "links": { "next": next }, "data": data });
            let at = if number == 0 { path.clone() } else { format!("{path}?limit=2&offset={}", 2 * number) };
            self.upstream.put(&at, Resource::new(page.to_string()));
        }
    }

    /// Publishes a version of a role, whose archive is on this host as well; its dependencies are YAML.
    pub(crate) fn role(&self, name: &str, version: &str, dependencies: &str) {
        let meta = format!("galaxy_info: {{author: A}}\ndependencies: {dependencies}\n");
        let folder = format!("ansible-role-{name}-{version}");
        let files =
            [(format!("{folder}/meta/main.yml"), meta), (format!("{folder}/tasks/main.yml"), "[]\n".to_owned())];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        self.role_archive(name, version, pack(&files));
    }

    /// The same with whatever archive.
    pub(crate) fn role_archive(&self, name: &str, version: &str, archive: Vec<u8>) {
        let (owner, own) = name.rsplit_once('.').expect("owner.name");
        let path = format!("/{owner}/{own}/archive/{version}.tar.gz");
        self.upstream.put(&path, Resource::new(archive));
        let mut roles = self.roles.lock().expect("no panic");
        let versions = roles.entry(name.to_owned()).or_default();
        versions.retain(|known| known != version);
        versions.push(version.to_owned());
        let id = 1000 + own.len() * 26 + usize::from(own.as_bytes()[0]);
        let role = json!({
            "id": id, "github_user": owner, "github_repo": own, "github_branch": "main", "username": owner, "name": own,
        });
        let found = json!({ "count": 1, "next": null, "previous": null, "results": [role] });
        self.upstream
            .put(&format!("/api/v1/roles/?owner__username={owner}&name={own}"), Resource::new(found.to_string()));
        let results: Vec<Value> = versions
            .iter()
            .map(|version| {
                let url = self.upstream.url(&format!("/{owner}/{own}/archive/{version}.tar.gz"));
                json!({ "id": -1, "name": version, "version": version, "download_url": url })
            })
            .collect();
        let all = json!({ "count": results.len(), "next": null, "next_link": null, "results": results });
        self.upstream.put(&format!("/api/v1/roles/{id}/versions/"), Resource::new(all.to_string()));
        let none = json!({ "count": 0, "next": null, "results": [] });
        self.upstream.put("/api/v1/roles/", Resource::new(none.to_string()));
    }

    /// A manifest with one entry.
    pub(crate) fn manifest(&self, entry: &str) -> String {
        format!("version: 1\ngalaxy:\n  - {{ {entry}, server: \"{}\" }}\n", self.upstream.url(""))
    }

    pub(crate) async fn plan(&self, entry: &str) -> Result<Plan, String> {
        plan(&self.manifest(entry)).await
    }
}

/// Settings that give up soon.
pub(crate) fn settings() -> Settings {
    Settings { attempts: 2, first_wait: std::time::Duration::from_millis(5), ..Settings::default() }
}

pub(crate) async fn plan(manifest: &str) -> Result<Plan, String> {
    plan_with(manifest, settings()).await
}

pub(crate) async fn plan_with(manifest: &str, settings: Settings) -> Result<Plan, String> {
    let fetcher = Fetcher::new(settings, Store::memory(), Arc::new(Silent), CancellationToken::new());
    let context = airlift_testkit::signing::context(fetcher.expect("a fetcher"));
    let section = GALAXY.section(manifest).map_err(|error| error.to_string())?;
    section.collect(&context).await.map_err(|error| airlift_core::failure::line(&*error))
}

/// The packed collections and roles of a plan.
pub(crate) fn packed(plan: &Plan) -> Vec<&str> {
    let paths = plan.entries.iter().map(|entry| entry.path.below("galaxy").expect("below galaxy"));
    let mut packed: Vec<&str> = paths.filter(|path| path.ends_with(".tar.gz")).collect();
    packed.sort_unstable();
    packed
}

pub(crate) fn omissions(plan: &Plan) -> Vec<String> {
    plan.omissions.iter().map(|omission| format!("{}: {}", omission.path, omission.omitted)).collect()
}

pub(crate) fn notices(plan: &Plan) -> Vec<String> {
    plan.notices.iter().map(|notice| format!("{}: {}", notice.path, notice.notice)).collect()
}

/// What was made for a path.
pub(crate) fn made(plan: &Plan, below: &str) -> Value {
    let entry = plan.entries.iter().find(|entry| entry.path.below("galaxy") == Some(below));
    match &entry.unwrap_or_else(|| panic!("no {below}")).source {
        Source::Generated(bytes) => serde_json::from_slice(bytes).expect("JSON"),
        other => panic!("{below} is {other:?}"),
    }
}
