//! A registry in memory, on loopback: what an upstream of images may look like, odd corners included.
//!
//! It answers the pull half of the OCI distribution specification 1.1, with or without the referrers API, and pages its
//! listings. Its content is put in by the test.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use airlift_core::Digest;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How many tags a page of the tags' listing has.
const PAGE: usize = 3;

/// A manifest or a blob as the registry has it.
#[derive(Clone)]
struct Stored {
    media_type: String,
    bytes: Bytes,
}

#[derive(Default)]
struct Content {
    /// `<repository>/manifests/<tag or digest>` and `<repository>/blobs/<digest>`.
    objects: BTreeMap<String, Stored>,
    requests: Vec<String>,
}

/// A running registry; it stops when it is dropped.
pub struct Registry {
    address: SocketAddr,
    content: Arc<Mutex<Content>>,
    _accepting: JoinSet<()>,
}

impl Registry {
    /// Starts a registry, with the referrers API or without it.
    pub async fn start(referrers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let content = Arc::new(Mutex::new(Content::default()));
        let shared = Arc::clone(&content);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let content = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = answer(&mut lock(&content), &request, referrers);
                    async move { Ok::<_, Infallible>(response) }
                });
                connections.spawn(async move {
                    // A client that goes away is no concern of the registry's.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, content, _accepting: accepting }
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Every request so far, as `GET /v2/…`.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.content).requests.clone()
    }

    /// Puts a blob into a repository; returns its descriptor.
    pub fn blob(&self, repository: &str, media_type: &str, bytes: impl Into<Bytes>) -> Value {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let descriptor = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() });
        let stored = Stored { media_type: "application/octet-stream".to_owned(), bytes };
        lock(&self.content).objects.insert(format!("{repository}/blobs/{digest}"), stored);
        descriptor
    }

    /// Puts a manifest into a repository, under its digest and under tags; returns its descriptor.
    pub fn manifest(&self, repository: &str, media_type: &str, manifest: &Value, tags: &[&str]) -> Value {
        // Not in the canonical form: whoever serialises it anew changes its digest.
        let bytes = Bytes::from(format!("{manifest:#}\n"));
        let digest = Digest::of(&bytes).to_string();
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        let mut content = lock(&self.content);
        for reference in tags.iter().copied().chain([digest.as_str()]) {
            let stored = Stored { media_type: media_type.to_owned(), bytes: bytes.clone() };
            content.objects.insert(format!("{repository}/manifests/{reference}"), stored);
        }
        descriptor
    }

    /// Makes a manifest of a repository known by another reference as well, such as its SHA-512.
    pub fn also(&self, repository: &str, reference: &str, other: &str) {
        let mut content = lock(&self.content);
        let stored = content.objects[&format!("{repository}/manifests/{reference}")].clone();
        content.objects.insert(format!("{repository}/manifests/{other}"), stored);
    }

    /// The bytes of something, `a/b/manifests/1.0`.
    pub fn content(&self, path: &str) -> Option<Bytes> {
        lock(&self.content).objects.get(path).map(|stored| stored.bytes.clone())
    }

    /// Takes something away, `a/b/manifests/1.0`; true where it was there.
    pub fn remove(&self, path: &str) -> bool {
        lock(&self.content).objects.remove(path).is_some()
    }

    /// Puts an image for one platform into a repository; returns its descriptor with that platform.
    pub fn image(&self, repository: &str, architecture: &str, tags: &[&str]) -> Value {
        let config = json!({ "os": "linux", "architecture": architecture, "created": "2026-01-02T03:04:05.678Z" });
        let config = self.blob(repository, "application/vnd.oci.image.config.v1+json", config.to_string());
        let layer = format!("a layer of {repository} for {architecture}").repeat(50);
        let layer = self.blob(repository, "application/vnd.oci.image.layer.v1.tar+gzip", layer);
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
        let mut descriptor = self.manifest(repository, media_type, &manifest, tags);
        descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
        descriptor
    }

    /// Puts an index over manifests into a repository; returns its descriptor.
    pub fn index(&self, repository: &str, manifests: &[Value], tags: &[&str]) -> Value {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
        self.manifest(repository, media_type, &index, tags)
    }

    /// Puts something that refers to a manifest into a repository; returns its descriptor.
    pub fn referrer(&self, repository: &str, subject: &Value, artifact_type: &str, tags: &[&str]) -> Value {
        let config = self.blob(repository, "application/vnd.oci.empty.v1+json", "{}");
        let layer = self.blob(repository, artifact_type, format!("{artifact_type} of {subject}"));
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let subject: Value =
            ["mediaType", "digest", "size"].iter().map(|key| ((*key).to_owned(), subject[key].clone())).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "artifactType": artifact_type, "config": config,
            "layers": [layer], "subject": subject, "annotations": { "made-by": "a test" },
        });
        self.manifest(repository, media_type, &manifest, tags)
    }
}

fn lock(content: &Mutex<Content>) -> std::sync::MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(content: &mut Content, request: &Request<Incoming>, referrers: bool) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    content.requests.push(format!("{} {path}", request.method()));
    let Some(rest) = path.strip_prefix("/v2/") else { return problem(StatusCode::NOT_FOUND, "UNSUPPORTED") };
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return tags(content, repository, request.uri().query().unwrap_or_default());
    }
    if let Some((repository, digest)) = rest.split_once("/referrers/").filter(|_| referrers) {
        return listing(content, repository, digest);
    }
    let Some(stored) = content.objects.get(rest) else { return problem(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN") };
    let body = if request.method() == Method::HEAD { Bytes::new() } else { stored.bytes.clone() };
    Response::builder()
        .header("content-type", &stored.media_type)
        .header("content-length", stored.bytes.len())
        .header("docker-content-digest", Digest::of(&stored.bytes).to_string())
        .body(Full::new(body))
        .expect("a response")
}

fn tags(content: &Content, repository: &str, query: &str) -> Response<Full<Bytes>> {
    let last = url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "last")
        .map(|(_, value)| value.into_owned());
    let prefix = format!("{repository}/manifests/");
    let all = content.objects.keys().filter_map(|path| path.strip_prefix(&prefix)).filter(|tag| !tag.contains(':'));
    let mut rest = all.filter(|tag| last.as_deref().is_none_or(|last| *tag > last));
    let page: Vec<&str> = rest.by_ref().take(PAGE).collect();
    let response = Response::builder().header("content-type", "application/json");
    let response = match (rest.next(), page.last()) {
        (Some(_), Some(last)) => {
            response.header("link", format!("</v2/{repository}/tags/list?last={last}&n={PAGE}>; rel=\"next\""))
        }
        _ => response,
    };
    response.body(Full::new(json!({ "name": repository, "tags": page }).to_string().into())).expect("a response")
}

fn listing(content: &Content, repository: &str, digest: &str) -> Response<Full<Bytes>> {
    let prefix = format!("{repository}/manifests/sha256:");
    let manifests =
        content.objects.iter().filter(|(path, _)| path.starts_with(&prefix)).filter_map(|(path, stored)| {
            let manifest: Value = serde_json::from_slice(&stored.bytes).ok()?;
            let refers = manifest["subject"]["digest"] == *digest;
            refers.then(|| {
                json!({
                    "mediaType": stored.media_type, "digest": path.rsplit('/').next(), "size": stored.bytes.len(),
                    "artifactType": manifest["artifactType"], "annotations": manifest["annotations"],
                })
            })
        });
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests.collect::<Vec<Value>>() });
    Response::builder()
        .header("content-type", media_type)
        .body(Full::new(index.to_string().into()))
        .expect("a response")
}

fn problem(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = json!({ "errors": [{ "code": code, "message": code }] }).to_string();
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .expect("a response")
}
