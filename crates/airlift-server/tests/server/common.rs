//! A server with two toy kinds, and a client that sends bytes as they are.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use airlift_core::{Digest, Event, Lock, LockEntry, Observer, Omission, Plan, Request, Time, UpstreamUrl};
use airlift_fetch::FetchError;
use airlift_kind::{Asked, CollectContext, Content, DynKind, Erased, Found, Kind, Lookup, Reply, View};
use airlift_server::{Server, Settings};
use airlift_store::{Snapshot, Store};
use bytes::Bytes;
use futures::FutureExt;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A kind that serves its nodes, one of them only after a while, and makes a few answers itself.
pub(crate) struct Toy;
/// Another kind, which serves its nodes and nothing else.
pub(crate) struct Other;

pub(crate) static TOY: Erased<Toy> = Erased::new();
pub(crate) static OTHER: Erased<Other> = Erased::new();

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct NoSpec {}

macro_rules! toy_kind {
    ($name:ident, $text:literal) => {
        impl Kind for $name {
            const NAME: &'static str = $text;
            const TITLE: &'static str = $text;
            const KEYS: &'static [&'static str] = &[$text];
            const PORT: u16 = 0;
            type Spec = NoSpec;
            type Error = FetchError;

            async fn collect(_: &NoSpec, _: &CollectContext) -> Result<Plan, FetchError> {
                Ok(Plan::default())
            }

            fn request(_: &NoSpec, _: &LockEntry, url: UpstreamUrl) -> Request {
                Request::new(url)
            }

            fn serve(view: View) -> Arc<dyn Lookup> {
                Arc::new(Nodes { view, makes: $text == "toy" })
            }

            fn url_path(path: &str) -> String {
                format!("/{path}")
            }
        }
    };
}
toy_kind!(Toy, "toy");
toy_kind!(Other, "other");

struct Nodes {
    view: View,
    makes: bool,
}

impl Lookup for Nodes {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let path = asked.path.trim_start_matches('/');
        match path {
            "made" if self.makes => return Reply::Content(Content::text(StatusCode::OK, self.view.describe())),
            "base" if self.makes => return Reply::Content(Content::text(StatusCode::OK, asked.base())),
            "old" if self.makes => return Reply::Redirect("/new place".to_owned()),
            _ => {}
        }
        let Some(node) = self.view.get(path) else { return Reply::Pass };
        let found = Found::node(node);
        match path {
            path if path.starts_with("alias/") && !self.makes => Reply::Alias(found),
            path if path.starts_with("later/") => Reply::Later(
                async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Reply::Found(found)
                }
                .boxed(),
            ),
            _ => Reply::Found(found),
        }
    }
}

/// Bytes that repeat only after a prime number of them.
pub(crate) fn bytes_of(size: usize) -> Bytes {
    let pattern: Vec<u8> =
        (0..65_521_usize).map(|position| (position.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut bytes = pattern.repeat(size / pattern.len() + 1);
    bytes.truncate(size);
    bytes.into()
}

/// Puts nodes into a store and publishes them as a snapshot.
pub(crate) async fn publish(store: &Store, name: &str, nodes: &[(&str, Bytes)]) {
    let mut entries = Vec::new();
    for (path, bytes) in nodes {
        entries.push(LockEntry {
            path: path.parse().expect("a path"),
            blob: store.put(bytes.clone()).await.expect("a stored blob"),
            size: bytes.len() as u64,
            media_type: "application/x-test".to_owned(),
            url: None,
            pinned: None,
            modified: None,
            purl: None,
            content: Some(LockEntry::content_of(bytes)),
        });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let omission = Omission {
        path: "toy/left/out".parse().expect("a path"),
        omitted: "upstream answered 404.".to_owned(),
        origin: None,
    };
    let mut lock = Lock::new(name, Digest::of(b""), entries, vec![omission]);
    lock.created = Time::from_seconds(1_795_000_000);
    let snapshot = Snapshot::new(&lock, |_| Bytes::from_static(b"{}")).expect("a snapshot");
    store.publish(&snapshot).await.expect("a published snapshot");
}

#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Observer for Events {
    fn observe(&self, event: &Event) {
        self.0.lock().expect("events").push(event.clone());
    }
}

impl Events {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().expect("events").clone()
    }
}

/// Where the access log of a test goes.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a sink").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let bytes = self.0.lock().expect("a sink").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) kinds: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) events: Arc<Events>,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: JoinHandle<usize>,
}

pub(crate) fn local() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

/// Starts a server for the toy kind with short limits, changed as the test likes.
pub(crate) async fn start(store: &Store, change: impl FnOnce(&mut Settings)) -> Running {
    let mut settings = Settings::new(vec![(&TOY as &'static dyn DynKind, local())]);
    settings.admin = Some(local());
    settings.poll = Duration::from_millis(50);
    settings.drain = Duration::from_secs(5);
    change(&mut settings);
    let events = Arc::new(Events::default());
    let server = Server::bind(store.clone(), settings, Arc::<Events>::clone(&events)).await.expect("a bound server");
    let addresses: Vec<SocketAddr> = server.addresses().map(|(_, address)| address).collect();
    let stop = CancellationToken::new();
    let ended = tokio::spawn(server.run(stop.clone()));
    Running { kinds: addresses[0], admin: addresses[addresses.len() - 1], events, stop, ended }
}

/// Sends bytes and reads until the server closes the connection.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes.as_ref()).await.expect("a request");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    read.await.expect("an answer in time").expect("an answer");
    answer
}

/// One request on its own connection: the head and the body of the answer.
pub(crate) async fn get(address: SocketAddr, target: &str) -> (String, Vec<u8>) {
    request(address, &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

pub(crate) async fn request(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    split(&exchange(address, request).await)
}

pub(crate) fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8(answer[..end].to_vec()).expect("text"), answer[end..].to_vec())
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Shortens every file of one size below a folder.
pub(crate) fn cut_files_of(folder: &std::path::Path, size: u64, shorter: u64) {
    for entry in fs_err::read_dir(folder).expect("a folder").flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().expect("its size"));
        if metadata.is_dir() {
            cut_files_of(&path, size, shorter);
        } else if metadata.len() == size {
            let mut permissions = metadata.permissions();
            #[expect(clippy::permissions_set_readonly_false, reason = "it is the test's own file")]
            permissions.set_readonly(false);
            fs_err::set_permissions(&path, permissions).expect("a writable file");
            let file = fs_err::OpenOptions::new().write(true).open(&path).expect("a file");
            file.set_len(shorter).expect("a shorter file");
        }
    }
}
