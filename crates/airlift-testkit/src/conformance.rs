//! One suite for every kind and every place that a snapshot can be in.
//!
//! A kind brings a manifest whose upstreams run; the suite collects it and serves it from memory, from a folder, from an
//! archive in place, and from an archive in an object store. Whatever the place, each node must be answered with its
//! bytes, and as `research/protocols.md` §1 wants it: `HEAD` as `GET`, ranges, validators, no writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlift_core::event::Silent;
use airlift_core::{Digest, Lock, Node, Plan};
use airlift_fetch::engine::{self, Options};
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::respond::{Body, Responder};
use airlift_kind::{Asked, DynKind, Lookup, Mirror, Reply, Scheme, View};
use airlift_store::archive::{self, Target, Watch};
use airlift_store::{Snapshot, Store};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use tokio_util::sync::CancellationToken;

/// A kind, and what it shall collect.
pub struct Case {
    /// The kind.
    pub kind: &'static dyn DynKind,
    /// A manifest; its upstreams must be up.
    pub manifest: String,
    /// A path below the kind's root that nothing is at.
    pub absent: &'static str,
}

/// Runs the whole suite; panics with what does not conform.
pub async fn run(case: &Case) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = Store::memory();
    let in_memory = collect(case, &memory).await;
    let kept = Store::folder(folder.path().join("store")).expect("a store");
    let snapshot = collect(case, &kept).await;
    assert_eq!(snapshot.id(), in_memory.id(), "the same content has to give the same snapshot in every place");
    assert!(!snapshot.index.nodes().is_empty(), "the manifest collects nothing");

    let file = folder.path().join("archive.tar");
    let cancel = CancellationToken::new();
    archive::pack(&kept, &snapshot, Target::File(file.clone()), Watch { observer: &Silent, cancel: &cancel })
        .await
        .expect("an archive");
    let objects = Arc::new(InMemory::new());
    let location = object_store::path::Path::from("archives/archive.tar");
    let bytes = std::fs::read(&file).expect("the archive's bytes");
    objects.put(&location, bytes.into()).await.expect("the archive in an object store");
    let packed = Store::archive(file).await.expect("the archive in place");
    let remote = Store::archive_in(objects, location).await.expect("the archive in an object store");
    for (place, store) in [("memory", memory), ("a folder", kept), ("an archive", packed), ("an object store", remote)]
    {
        let report = archive::verify(&store, &Silent, &cancel).await.expect("a report");
        assert_eq!(report.damages, [], "in {place}");
        Site::open(case, store, place).await.check(case, &snapshot).await;
    }
}

/// Collects a case into a store, as `airlift collect` does.
pub async fn collect(case: &Case, store: &Store) -> Snapshot {
    let fetcher = Fetcher::new(Settings::default(), store.clone(), Arc::new(Silent), CancellationToken::new());
    let fetcher = fetcher.expect("a fetcher");
    let section = case.kind.section(&case.manifest).unwrap_or_else(|error| panic!("{error}"));
    let context = crate::signing::context(fetcher.clone());
    let plan: Plan = section.collect(&context).await.unwrap_or_else(|error| panic!("{error}"));
    let collected =
        engine::collect(&fetcher, plan, &Options::default()).await.unwrap_or_else(|error| panic!("{error}"));
    let lock = Lock::new("conformance", Digest::of(case.manifest.as_bytes()), collected.entries, collected.omitted);
    let snapshot =
        Snapshot::new(&lock, |_| Bytes::from_static(b"{\"schemaVersion\":2,\"manifests\":[]}")).expect("a snapshot");
    store.publish(&snapshot).await.expect("a published snapshot");
    snapshot
}

/// A snapshot that is served from some place.
struct Site<'a> {
    place: &'a str,
    view: View,
    lookup: Arc<dyn Lookup>,
    responder: Responder,
    snapshot: Snapshot,
}

/// A response that has arrived whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl<'a> Site<'a> {
    async fn open(case: &Case, store: Store, place: &'a str) -> Self {
        let snapshot = store.current().await.expect("a readable snapshot").expect("a snapshot");
        let view = View::new(case.kind.name(), store.clone(), &snapshot);
        let lookup = case.kind.serve(view.clone());
        Self { place, view, lookup, responder: Responder::new(store), snapshot }
    }

    async fn check(&self, case: &Case, expected: &Snapshot) {
        assert_eq!(self.snapshot.id(), expected.id(), "in {}", self.place);
        assert_eq!(self.snapshot.index, expected.index, "in {}", self.place);
        for node in expected.index.nodes() {
            let below = node.path.below(case.kind.name()).expect("a path that begins with the kind's name");
            let encoded = case.kind.url_path(below);
            let path = percent_encoding::percent_decode_str(&encoded).decode_utf8().expect("UTF-8").into_owned();
            self.check_node(&path, node).await;
        }
        self.check_shown(case).await;
        let reply = self.lookup.lookup(&Asked {
            method: &Method::GET,
            path: case.absent,
            query: None,
            headers: &HeaderMap::new(),
            scheme: Scheme::Http,
        });
        if !matches!(reply, Reply::Pass) {
            let status = self.ask(Method::GET, case.absent, &[]).await.status;
            assert_eq!(status, StatusCode::NOT_FOUND, "{} in {}", case.absent, self.place);
        }
    }

    async fn check_node(&self, path: &str, node: &Node) {
        let at = format!("{path} in {}", self.place);
        let whole = self.ask(Method::GET, path, &[]).await;
        assert_eq!(whole.status, StatusCode::OK, "{at}: {:?}", whole.body);
        assert_eq!(Digest::of(&whole.body), node.blob, "{at}");
        assert_eq!(whole.headers[CONTENT_LENGTH], node.size.to_string(), "{at}");
        assert!(whole.headers.contains_key(LAST_MODIFIED), "{at}");
        assert!(!whole.headers.contains_key(http::header::CONTENT_ENCODING), "{at}");

        let head = self.ask(Method::HEAD, path, &[]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "HEAD {at}");
        assert_eq!(head.headers, whole.headers, "HEAD {at}");

        let same = self.ask(Method::GET, path, &[(IF_NONE_MATCH, whole.headers[ETAG].clone())]).await;
        assert_eq!(same.status, StatusCode::NOT_MODIFIED, "{at}");
        assert_eq!(self.ask(Method::POST, path, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED, "POST {at}");
        self.check_ranges(path, &whole.body).await;
    }

    /// A person sees something of it, and is told how to get it from here.
    async fn check_shown(&self, case: &Case) {
        let ports = BTreeMap::from([(case.kind.name().to_owned(), 4711)]);
        let mirror = Mirror { host: "mirror".to_owned(), ports, tls: false, ca: None, users: false };
        let address = mirror.address(case.kind.name()).expect("an address");
        let mut items = 0;
        for node in self.view.below("") {
            let shown = case.kind.shown(&self.view, node);
            assert!(!shown.group.is_empty(), "{} has no group", node.path);
            let Some(item) = shown.item else { continue };
            assert!(!item.name.is_empty(), "{} has no name", node.path);
            let uses = case.kind.usage(&self.view, Some(node), address);
            assert!(uses.iter().any(|one| one.text.contains("mirror:4711")), "{}: {uses:?}", node.path);
            case.kind.facts(self.view.clone(), node.clone()).await;
            items += 1;
        }
        assert!(items > 0, "a person sees nothing of it");
    }

    async fn check_ranges(&self, path: &str, whole: &Bytes) {
        let size = whole.len();
        // No range of nothing can be satisfied, and nothing is what a client gets all the same, as from other servers.
        if size == 0 {
            return;
        }
        let beyond = HeaderValue::try_from(format!("bytes={size}-")).expect("a header");
        let refused = self.ask(Method::GET, path, &[(RANGE, beyond)]).await;
        assert_eq!(refused.status, StatusCode::RANGE_NOT_SATISFIABLE, "{path} in {}", self.place);
        assert_eq!(refused.headers[CONTENT_RANGE], format!("bytes */{size}"), "{path}");
        if size < 2 {
            return;
        }
        let middle = size / 2;
        let last = size - 1;
        for (range, start, end) in [
            ("0-0".to_owned(), 0, 1),
            (format!("{middle}-"), middle, size),
            ("-1".to_owned(), last, size),
            (format!("0-{size}"), 0, size),
        ] {
            let value = HeaderValue::try_from(format!("bytes={range}")).expect("a header");
            let part = self.ask(Method::GET, path, &[(RANGE, value)]).await;
            let at = format!("{path}, bytes={range}, in {}", self.place);
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{at}");
            assert_eq!(part.headers[CONTENT_RANGE], format!("bytes {start}-{}/{size}", end - 1), "{at}");
            assert_eq!(part.body, whole.slice(start..end), "{at}");
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(HeaderName, HeaderValue)]) -> Answer {
        let headers: HeaderMap = headers.iter().cloned().collect();
        let asked = Asked { method: &method, path, query: None, headers: &headers, scheme: Scheme::Http };
        let reply = self.lookup.lookup(&asked);
        let response: Response<Body> = self.responder.respond(&asked, self.snapshot.header.created, reply).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{path} in {}: {error}", self.place)).to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
