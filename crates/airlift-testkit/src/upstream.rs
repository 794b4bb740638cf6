//! An upstream on loopback that breaks in every way upstreams break, and remembers what it was asked.
//!
//! It serves what a test puts into it, over HTTP/1.1 or, with TLS, HTTP/2 as well, with a certificate of an authority
//! that exists for this one upstream only. Faults are queued for each path, one for each request, so that a test knows
//! which request meets which; places that are chosen at random come from a seed.

mod respond;
mod tls;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What makes an upstream differ from the simplest one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Speak TLS, with the certificate of [`Upstream::authority`].
    pub tls: bool,
    /// Offer HTTP/2, which needs TLS.
    pub http2: bool,
    /// Where the places of faults come from; print it when a test fails.
    pub seed: u64,
}

/// Something that is served.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The bytes.
    pub body: Bytes,
    /// The `Content-Type`.
    pub media_type: Option<String>,
    /// The `ETag`, with its quotes.
    pub etag: Option<String>,
    /// The `Last-Modified` date.
    pub modified: Option<SystemTime>,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// Whether ranges are answered; if not, every answer is the whole.
    pub ranges: bool,
    /// Whether the size is announced; if not, it is sent in chunks.
    pub sized: bool,
    /// Whether `HEAD` is understood.
    pub head: bool,
    /// Who may read it.
    pub guard: Guard,
    /// How long to wait before each 64 KiB of the body.
    pub pace: Duration,
}

impl Resource {
    /// A resource with an `ETag` that follows from its bytes, a date, and ranges.
    pub fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            etag: Some(format!("\"{}\"", &airlift_core::Digest::of(&body).hex()[..16])),
            body,
            media_type: Some("application/octet-stream".to_owned()),
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
            headers: Vec::new(),
            ranges: true,
            sized: true,
            head: true,
            guard: Guard::Open,
            pace: Duration::ZERO,
        }
    }

    /// The same behind a guard.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Who may read something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Everybody.
    Open,
    /// Whoever has this user and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has a token for this scope, of this upstream's `/token` or of another place.
    Bearer {
        /// The scope, `repository:a/b:pull`.
        scope: String,
        /// The token endpoint; this upstream's own where none is given.
        realm: Option<String>,
    },
}

/// To whom `/token` gives tokens.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Nobody else gets one: user and password.
    pub login: Option<(String, String)>,
    /// Whoever exchanges this identity token by `POST` gets one, too.
    pub identity: Option<String>,
    /// How long they are good for, in seconds, where that is told.
    pub expires_in: Option<u64>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection breaks after so many bytes of the body.
    Drop(u64),
    /// The connection breaks somewhere in the body.
    DropAnywhere,
    /// Nothing more comes after so many bytes of the body.
    Stall(u64),
    /// Nothing comes at all.
    Silence,
    /// Another status, with these headers and this text.
    Status(u16, Vec<(String, String)>, String),
    /// 429 with `Retry-After` in seconds.
    TooManySeconds(u64),
    /// 429 with `Retry-After` as a date, so many seconds from now.
    TooManyDate(u64),
    /// The body is cut to so many bytes, and announced as if that were all.
    Short(usize),
    /// One byte of the body is another one.
    Wrong,
    /// A range is answered with the whole.
    IgnoreRange,
    /// A range is answered with another one.
    WrongRange,
    /// A range is answered, and its `Content-Range` says this.
    SaysRange(String),
    /// The resource is replaced before it is answered, for this and all later requests.
    Replace(Box<Resource>),
    /// A redirect, by this status, to this place.
    Redirect(u16, String),
    /// No fault: this request is answered well.
    None,
}

/// A request that was made.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The version of HTTP.
    pub version: http::Version,
    /// The status that it was answered with.
    pub status: u16,
}

impl Recorded {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The upstream. It ends when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    authority: Option<Vec<u8>>,
    state: Arc<State>,
    listener: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    base: String,
    shelf: Mutex<Shelf>,
    requests: Mutex<Vec<Recorded>>,
    active: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Default)]
struct Shelf {
    resources: HashMap<String, Resource>,
    faults: HashMap<String, VecDeque<Fault>>,
    always: HashMap<String, Fault>,
    tokens: Tokens,
    given: HashSet<(String, String)>,
    count: u64,
    random: u64,
}

impl State {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// A number below a bound, which follows from the seed (splitmix64).
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

impl Upstream {
    /// A plain HTTP upstream on a free port.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// An upstream on a free port.
    ///
    /// # Panics
    ///
    /// Where loopback has no free port, which ends a test rightly.
    pub async fn with(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a listener has an address");
        let tls = options.tls.then(|| tls::Identity::new(options.http2));
        let scheme = if options.tls { "https" } else { "http" };
        let shelf = Mutex::new(Shelf { random: options.seed, ..Shelf::default() });
        let state = Arc::new(State { base: format!("{scheme}://{address}"), shelf, ..State::default() });
        let authority = tls.as_ref().map(|tls| tls.authority.clone().into_bytes());
        let acceptor = tls.map(|tls| tls.acceptor);
        let listener = tokio::spawn(respond::listen(listener, acceptor, Arc::clone(&state)));
        Self { address, authority, state, listener }
    }

    /// The URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.state.base)
    }

    /// The same by the name `localhost`, which is another host for whoever compares names.
    pub fn url_by_name(&self, path: &str) -> String {
        self.url(path).replacen("127.0.0.1", "localhost", 1)
    }

    /// Address and port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority as PEM; empty without TLS.
    pub fn authority(&self) -> Vec<u8> {
        self.authority.clone().unwrap_or_default()
    }

    /// Serves something, without faults, at a path whatever the query, or at a path with its query.
    pub fn put(&self, path: &str, resource: Resource) {
        self.state.shelf().resources.insert(path.to_owned(), resource);
    }

    /// Serves something no more.
    pub fn remove(&self, path: &str) {
        self.state.shelf().resources.remove(path);
    }

    /// Queues faults for the next requests of a path, one for each.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state.shelf().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// One fault for every request of a path that meets no queued one.
    pub fn fail_always(&self, path: &str, fault: Fault) {
        self.state.shelf().always.insert(path.to_owned(), fault);
    }

    /// Whom `/token` gives tokens to.
    pub fn give_tokens(&self, tokens: Tokens) {
        self.state.shelf().tokens = tokens;
    }

    /// Makes every token worthless that was given.
    pub fn revoke_tokens(&self) {
        self.state.shelf().given.clear();
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests().clone()
    }

    /// The requests of a path so far, whatever their query.
    pub fn requests_of(&self, path: &str) -> Vec<Recorded> {
        let of = |request: &&Recorded| request.target.split('?').next() == Some(path);
        self.state.requests().iter().filter(of).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.state.requests().clear();
        self.state.most.store(0, Ordering::SeqCst);
    }

    /// How many requests were answered at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Bytes that no compression and no luck can guess, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Bytes {
    let mut shelf = Shelf { random: seed, ..Shelf::default() };
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&shelf.below(u64::MAX).to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}
