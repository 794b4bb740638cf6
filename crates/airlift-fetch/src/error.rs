//! What can go wrong between an upstream and the store.

use std::path::PathBuf;
use std::time::Duration;

use airlift_core::{Class, Digest, Failure, UpstreamUrl};
use airlift_store::StoreError;

/// Why something could not be fetched. No variant holds a password, a token, or a query string that may be signed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Upstream answered, and the answer was no.
    #[error("{url} answered {}{}{}", reason_phrase(*.status), sent_on(.from), said_text(.said))]
    Status {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// Where the answer came from, when a redirect led to another host.
        from: Option<String>,
        /// The HTTP status.
        status: u16,
        /// The first 200 characters of what it said.
        said: Option<String>,
        /// Under which name credentials were looked for.
        credentials: Option<CredentialsNote>,
    },
    /// No answer, or a broken one, as often as was tried.
    #[error("{url} could not be fetched{}{}", sent_on(.from), tried(*.attempts))]
    Transport {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// Which host failed, when a redirect led to another one.
        from: Option<String>,
        /// How many attempts were made.
        attempts: u32,
        /// What happened.
        source: Transport,
    },
    /// Upstream asks for more patience than the settings allow.
    #[error("{url} asks to wait {}, longer than the {} that are allowed{}", span(*.wait), span(*.longest), said_text(.said))]
    Throttled {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// For how long.
        wait: Duration,
        /// How long it may be.
        longest: Duration,
        /// What it said.
        said: Option<String>,
    },
    /// A redirect that is not followed.
    #[error("{url} is redirected, and the redirect is not followed: {reason}")]
    Redirect {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// Why not.
        reason: String,
    },
    /// The bytes are not those that were promised.
    #[error("{url} does not have the promised checksum: expected {expected}, received {received} ({size} bytes)")]
    Checksum {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// The promise.
        expected: String,
        /// The same checksum of what arrived.
        received: String,
        /// How many bytes arrived.
        size: u64,
    },
    /// The bytes are more or fewer than were promised.
    #[error("{url} does not have the promised size: expected {expected} bytes, {} {received}", if *.announced { "upstream announces" } else { "received" })]
    Size {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// The promise in bytes.
        expected: u64,
        /// What arrived or was announced, in bytes.
        received: u64,
        /// Whether it was announced only.
        announced: bool,
    },
    /// More bytes than the one who asked is ready to take.
    #[error("{url} is larger than the {limit} bytes that are accepted for it")]
    TooLarge {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// The limit in bytes.
        limit: u64,
    },
    /// An answer that is compressed on the way, although it was asked for as it is.
    #[error("{url} is sent with the encoding '{encoding}', although it was asked for without any")]
    Encoded {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// The `Content-Encoding`.
        encoding: String,
    },
    /// No token from the place that a registry sends for one.
    #[error("{url} asks for a token, and {realm} gives none")]
    Token {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// The host that gives tokens.
        realm: String,
        /// Why not.
        source: Box<FetchError>,
    },
    /// A file on this machine: a `file://` source, or a partial download.
    #[error("can't {doing} {}", .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A `file://` URL that does not name a regular file.
    #[error("{url} can't be read: {reason}")]
    NoFile {
        /// What was asked.
        url: Box<UpstreamUrl>,
        /// Why not.
        reason: &'static str,
    },
    /// A request that can't be made at all: a header with a line break.
    #[error("{url} can't be asked: {reason}")]
    Request {
        /// What was to be asked.
        url: Box<UpstreamUrl>,
        /// What is wrong.
        reason: String,
    },
    /// Settings that can't be used.
    #[error("{what} can't be used: {reason}")]
    Setup {
        /// Which setting.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The store could not take or give something.
    #[error("the store could not be used")]
    Store {
        /// What the store says.
        source: Box<StoreError>,
    },
    /// A lock names something that has neither a URL nor content, and whoever made it has not made it again.
    #[error(
        "the lock has neither a URL nor the content of {digest}, and no kind made it again: was the lock changed by hand?"
    )]
    Unmade {
        /// The blob.
        digest: Digest,
    },
    /// Stopped from outside; what had arrived is kept.
    #[error("stopped")]
    Interrupted,
}

/// Where credentials were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsNote {
    /// The name that they would have in the credential files.
    pub name: String,
    /// Whether there were any, and they were sent.
    pub sent: bool,
    /// Why some that may be there could not be read.
    pub trouble: Option<String>,
}

/// What happened on the way to an upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Transport {
    /// The kind of trouble, from which the advice follows.
    pub kind: TransportKind,
    /// The innermost cause, in the words of whoever noticed it.
    pub message: String,
}

/// Kinds of trouble on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// The host's name has no address.
    Dns,
    /// The host is not reached.
    Connect,
    /// The host's certificate is not trusted.
    Certificate,
    /// A proxy refused.
    Proxy,
    /// Nothing came for too long.
    Stall,
    /// The connection broke, or the answer ended early.
    Broken,
    /// The answer makes no sense.
    Protocol,
}

impl FetchError {
    pub(crate) fn store(source: StoreError) -> Self {
        Self::Store { source: Box::new(source) }
    }

    pub(crate) fn file(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }

    /// Whether upstream says that there is no such thing (404, 410), or a `file://` source is not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            other => matches!(other.status(), Some(404 | 410)),
        }
    }

    /// The HTTP status that upstream answered with.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Failure for FetchError {
    fn class(&self) -> Class {
        match self {
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Class::Upstream,
            Self::File { source, .. } => airlift_core::failure::io_class(source),
            Self::Store { source } => source.class(),
            Self::Setup { .. } => Class::Machine,
            Self::Request { .. } => Class::Usage,
            Self::Interrupted => Class::Interrupted,
            Self::Token { source, .. } => source.class(),
            _ => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Status { status, credentials, url, .. } => status_hint(*status, credentials.as_ref(), url),
            Self::Transport { source, url, from, .. } => {
                let host = from.clone().unwrap_or_else(|| url.authority());
                source.kind.hint(&host)
            }
            Self::Throttled { .. } => Some(
                "what is there already is kept: run the same command again later, or log in to upstream for a higher limit"
                    .to_owned(),
            ),
            Self::Checksum { .. } | Self::Size { .. } => Some(
                "either upstream replaced the file (then change what the manifest or the lock promises, after finding out why), or a proxy on the way delivers something else"
                    .to_owned(),
            ),
            Self::Encoded { .. } => Some(
                "upstream keeps it compressed: take it from elsewhere, or, if exactly the bytes that are sent are wanted, give their checksum"
                    .to_owned(),
            ),
            Self::Token { source, .. } => source.hint(),
            Self::Store { source } => source.hint(),
            Self::Interrupted => Some("run the same command again: it goes on where it stopped".to_owned()),
            _ => None,
        }
    }
}

fn status_hint(status: u16, credentials: Option<&CredentialsNote>, url: &UpstreamUrl) -> Option<String> {
    match (status, credentials) {
        (401 | 403, Some(CredentialsNote { name, trouble: Some(trouble), .. })) => {
            Some(format!("the credentials for '{name}' can't be read: {trouble}"))
        }
        (401 | 403, Some(CredentialsNote { name, sent: true, .. })) => {
            Some(format!("the credentials that are kept for '{name}' were refused: they may be old, or lack the right to read this"))
        }
        (401 | 403, Some(CredentialsNote { name, sent: false, .. })) => Some(format!(
            "no credentials were found for '{name}': looked in ~/.docker/config.json (log in with 'docker login {name}') and in ~/.netrc (machine {})",
            url.expose().host_str().unwrap_or_default(),
        )),
        (404 | 410, _) => Some("there is no such thing upstream, or it is hidden from whoever is not logged in: check the name and the version in the manifest; where upstream's own list names it, upstream is being changed or lags: run the same command again later".to_owned()),
        (407, _) => Some("the proxy wants a user and a password: give them in the proxy's URL".to_owned()),
        (429, _) => Some("upstream limits how much may be fetched: run the same command again later, or log in for a higher limit".to_owned()),
        (500.., _) => Some("upstream has trouble of its own: run the same command again later; what is there already is kept".to_owned()),
        _ => None,
    }
}

impl TransportKind {
    /// What a person can do about it.
    fn hint(self, host: &str) -> Option<String> {
        match self {
            Self::Dns => Some(format!(
                "the name of {host} has no address: check its spelling, /etc/resolv.conf, and whether a proxy has to be used (HTTPS_PROXY)"
            )),
            Self::Connect => Some(format!(
                "is {host} up, and may this machine reach it? A proxy is set with HTTPS_PROXY, exceptions with NO_PROXY"
            )),
            Self::Certificate => Some(format!(
                "if {host} has a certificate of a private authority, give that authority's certificate (PEM) with --ca, or set SSL_CERT_FILE"
            )),
            Self::Proxy => Some(
                "check the proxy's URL in HTTPS_PROXY and HTTP_PROXY, or leave the host out with NO_PROXY".to_owned(),
            ),
            Self::Stall | Self::Broken => Some("run the same command again: it goes on where it stopped".to_owned()),
            Self::Protocol => None,
        }
    }
}

fn reason_phrase(status: u16) -> String {
    let phrase = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match phrase {
        Some(phrase) => format!("{status} {phrase}"),
        None => status.to_string(),
    }
}

fn sent_on(from: &Option<String>) -> String {
    from.as_ref().map(|host| format!(" (sent on to {host})")).unwrap_or_default()
}

fn said_text(said: &Option<String>) -> String {
    said.as_ref().map(|said| format!(": \"{said}\"")).unwrap_or_default()
}

fn tried(attempts: u32) -> String {
    match attempts {
        0 | 1 => String::new(),
        attempts => format!(" in {attempts} attempts"),
    }
}

fn span(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}
