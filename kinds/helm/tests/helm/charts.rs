//! Chart repositories that are made for a test.

use std::sync::{Arc, Mutex};

use airlift_core::event::Silent;
use airlift_core::{Digest, Plan};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{Asked, DynKind, Lookup, Reply, Scheme, View};
use airlift_store::{Snapshot, Store};
use airlift_testkit::conformance::{self, Case};
use airlift_testkit::upstream::{Options, Resource, Upstream};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::HELM;

/// A packaged chart of these files, the same bytes for the same files.
pub(crate) fn pack(name: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).expect("memory");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory")
}

/// A repository with an index.
pub(crate) struct Repository {
    pub(crate) upstream: Upstream,
    entries: Mutex<Vec<(String, String)>>,
}

impl Repository {
    pub(crate) async fn start() -> Self {
        Self { upstream: Upstream::start().await, entries: Mutex::default() }
    }

    pub(crate) async fn with_tls() -> Self {
        let upstream = Upstream::with(Options { tls: true, ..Options::default() }).await;
        Self { upstream, entries: Mutex::default() }
    }

    /// Its URL, as the manifest has it.
    pub(crate) fn url(&self) -> String {
        self.upstream.url("/charts")
    }

    /// Its entry in a manifest.
    pub(crate) fn entry(&self, name: &str, more: &str) -> String {
        format!("  - {{name: {name}, url: \"{}\"{more}}}\n", self.url())
    }

    /// Adds a chart with an empty template; `more` is put into its `Chart.yaml`.
    pub(crate) fn add(&self, name: &str, version: &str, more: &str) -> Vec<u8> {
        self.add_files(name, version, (more, &[]))
    }

    pub(crate) fn add_files(&self, name: &str, version: &str, (more, files): (&str, &[(&str, &str)])) -> Vec<u8> {
        let chart = format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"9\"\n{more}");
        let mut all = vec![("Chart.yaml", chart.as_str()), ("templates/x.yaml", "a: 1\n")];
        all.extend(files);
        let packed = pack(name, &all);
        let file = format!("{name}-{version}.tgz");
        self.upstream.put(&format!("/charts/{file}"), Resource::new(packed.clone()));
        let digest = Digest::of(&packed).hex();
        let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
        self.list(name, &format!("version: {version}\n    apiVersion: v2\n    urls: [{file}]\n    digest: {digest}\n    created: \"2024-05-01T00:00:00Z\"\n{more}"));
        packed
    }

    /// Adds an entry to the index.
    pub(crate) fn list(&self, name: &str, fields: &str) {
        let mut entries = self.entries.lock().expect("no panic");
        entries.push((name.to_owned(), format!("  - name: \"{name}\"\n    {}\n", fields.trim_end())));
        let mut names: Vec<&String> = entries.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let mut index = String::from("apiVersion: v1\nentries:\n");
        for name in names {
            index.push_str(&format!("  \"{name}\":\n"));
            entries.iter().filter(|(other, _)| other == name).for_each(|(_, entry)| index.push_str(entry));
        }
        index.push_str("generated: \"2024-06-01T00:00:00Z\"\n");
        self.upstream.put("/charts/index.yaml", Resource::new(index));
    }

    /// Gives a chart a provenance file.
    pub(crate) fn sign(&self, name: &str, version: &str) {
        let text = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: {name}\n");
        self.upstream.put(&format!("/charts/{name}-{version}.tgz.prov"), Resource::new(text));
    }
}

/// The plan of a manifest, or why there is none.
pub(crate) async fn plan(manifest: &str) -> Result<Plan, String> {
    plan_with(manifest, settings()).await
}

/// Settings that give up soon.
pub(crate) fn settings() -> Settings {
    Settings { attempts: 2, first_wait: std::time::Duration::from_millis(5), ..Settings::default() }
}

pub(crate) async fn plan_with(manifest: &str, settings: Settings) -> Result<Plan, String> {
    let fetcher = Fetcher::new(settings, Store::memory(), Arc::new(Silent), CancellationToken::new());
    let context = airlift_testkit::signing::context(fetcher.expect("a fetcher"));
    let section = HELM.section(manifest).map_err(|error| error.to_string())?;
    section.collect(&context).await.map_err(|error| airlift_core::failure::line(&*error))
}

pub(crate) fn paths(plan: &Plan) -> Vec<&str> {
    plan.entries.iter().map(|entry| entry.path.as_str()).collect()
}

pub(crate) fn omissions(plan: &Plan) -> Vec<String> {
    plan.omissions.iter().map(|omission| format!("{}: {}", omission.path, omission.omitted)).collect()
}

/// A manifest's charts, served.
pub(crate) struct Served {
    pub(crate) snapshot: Snapshot,
    store: Store,
    lookup: Arc<dyn Lookup>,
}

impl Served {
    pub(crate) async fn of(manifest: String) -> Self {
        let store = Store::memory();
        let snapshot = conformance::collect(&Case { kind: &HELM, manifest, absent: "" }, &store).await;
        let lookup = HELM.serve(View::new("helm", store.clone(), &snapshot));
        Self { snapshot, store, lookup }
    }

    /// Status and body of what is at a URL, by a host's name.
    pub(crate) async fn get_from(&self, host: &str, url: &str) -> (StatusCode, Vec<u8>) {
        let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, host.parse().expect("a header"));
        let asked = Asked { method: &Method::GET, path, query, headers: &headers, scheme: Scheme::Http };
        let mut reply = self.lookup.lookup(&asked);
        while let Reply::Later(later) = reply {
            reply = later.await;
        }
        match reply {
            Reply::Found(found) => {
                let blob = self.store.blob(found.blob, found.size).await.expect("a store").expect("a blob");
                (StatusCode::OK, blob.bytes(1 << 30).await.expect("bytes").to_vec())
            }
            Reply::Content(content) => (content.status, content.bytes.to_vec()),
            _ => (StatusCode::NOT_FOUND, Vec::new()),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> (StatusCode, Vec<u8>) {
        self.get_from("mirror:8002", url).await
    }

    pub(crate) async fn json(&self, url: &str) -> Value {
        let (status, body) = self.get(url).await;
        assert_eq!(status, StatusCode::OK, "{url}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }
}
