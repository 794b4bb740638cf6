//! Where to listen, and the limits.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use airlift_kind::DynKind;
use airlift_tls::Files;

/// What a server needs to know beside its store.
pub struct Settings {
    /// What is served, and where. Kinds with the same address share it and are asked in this order; port 0 takes any
    /// free port, one for each kind.
    pub kinds: Vec<(&'static dyn DynKind, SocketAddr)>,
    /// Where `/healthz` and `/metrics` are.
    pub admin: Option<SocketAddr>,
    /// With what all ports speak TLS; they speak plain HTTP without it.
    pub tls: Option<Tls>,
    /// A file of users, as Apache's `htpasswd -B` writes it; everybody may ask without it.
    pub users: Option<PathBuf>,
    /// Whether passwords may come in plain text, over ports without TLS.
    pub plain_passwords: bool,
    /// Where the access log goes, one JSON object a line.
    pub access_log: Option<Box<dyn io::Write + Send>>,
    /// How many connections may be open at the same time; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a client may take for a request's head or stay silent between two requests, and how long it may take no
    /// byte of a response.
    pub patience: Duration,
    /// How long open requests may go on after the server was told to stop.
    pub drain: Duration,
    /// How often the store is asked for another current snapshot.
    pub poll: Duration,
}

/// What TLS is spoken with. The files are read again when they change.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate and its key.
    pub files: Files,
    /// The certificate of the private authority that issued it, which clients have to trust: offered at `/ca.crt`.
    pub authority: Option<PathBuf>,
}

impl Settings {
    /// The usual limits, no admin port, no TLS, no users and no access log.
    pub fn new(kinds: Vec<(&'static dyn DynKind, SocketAddr)>) -> Self {
        Self {
            kinds,
            admin: None,
            tls: None,
            users: None,
            plain_passwords: false,
            access_log: None,
            connections: 4096,
            patience: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            poll: Duration::from_secs(2),
        }
    }
}
