//! What a path means: a kind's answer to a request, before it is HTTP.

use std::ops::Range;
use std::sync::Arc;

use airlift_core::{Digest, Node, Time};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Says what paths mean in one snapshot. It is made once a snapshot and asked once a request, and must not block.
pub trait Lookup: Send + Sync {
    /// What is at this path.
    fn lookup(&self, asked: &Asked<'_>) -> Reply;
}

/// What was asked. The path has been percent-decoded once, `//` and `/./` are collapsed, `..` was refused.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `GET` or `HEAD` or, for a kind that wants to refuse writes in its own words, anything else.
    pub method: &'a Method,
    /// The path with its leading slash.
    pub path: &'a str,
    /// The query as it was sent, without the question mark.
    pub query: Option<&'a str>,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// How the client came.
    pub scheme: Scheme,
}

/// The two ways by which a client comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Asked<'_> {
    /// The first value of a query parameter, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.query?.as_bytes());
        pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Whether only reading is asked.
    pub fn reads(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
    }

    /// Scheme and authority that the client came by, `http://mirror:8004`, for generated client files.
    pub fn base(&self) -> String {
        let host = self.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|host| !host.is_empty()).unwrap_or("localhost");
        format!("{}://{host}", self.scheme.as_str())
    }
}

/// What a kind answers.
pub enum Reply {
    /// The path is none of this kind's: another kind on the same port may know it.
    Pass,
    /// A blob.
    Found(Found),
    /// A blob by a second name: another kind on the same port that has something of its own at this path goes first.
    Alias(Found),
    /// Bytes that the kind made.
    Content(Content),
    /// Another path on this same port, beginning with a slash.
    Redirect(String),
    /// The answer needs a blob to be read first.
    Later(BoxFuture<'static, Reply>),
    /// The answer depends on the request's body: something is asked that does not fit into a URL.
    Asks(Asks),
    /// The answer to such a question. It has no ranges and no validators.
    Answer(Answer),
}

/// A question whose words are in the request's body.
pub struct Asks {
    /// The longest body in bytes; a longer one is refused with status 413.
    pub limit: u64,
    /// What the body means.
    pub answer: Box<dyn FnOnce(Bytes) -> Reply + Send>,
}

/// An answer of ranges of a blob, between bytes that the kind made. Nothing is copied: the ranges are sent as files are.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The media type.
    pub media_type: &'static str,
    /// The blob of which there are ranges, and its size in bytes.
    pub blob: Option<(Digest, u64)>,
    /// What is sent, one behind the other.
    pub pieces: Vec<Piece>,
}

/// A part of an answer: bytes that were made, or a range of a blob.
#[derive(Clone, Debug)]
pub enum Piece {
    /// These bytes.
    Made(Bytes),
    /// These bytes of the blob; they must lie in it.
    Range(Range<u64>),
}

/// A blob, and how it is served.
#[derive(Clone, Debug)]
pub struct Found {
    /// The blob; its digest is also the entity tag.
    pub blob: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The media type, sent as it is.
    pub media_type: Arc<str>,
    /// When it last changed; the responder takes the snapshot's date where there is none.
    pub modified: Option<Time>,
    /// More response headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Found {
    /// A node as it is.
    pub fn node(node: &Node) -> Self {
        Self {
            blob: node.blob,
            size: node.size,
            media_type: Arc::clone(&node.media_type),
            modified: node.modified,
            headers: Vec::new(),
        }
    }
}

/// Bytes that a kind made: a listing, an error. Ranges and validators work on them too where the status is 200.
#[derive(Clone, Debug)]
pub struct Content {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub media_type: &'static str,
    /// The bytes.
    pub bytes: Bytes,
    /// More response headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Content {
    /// A text for a person.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        text.push('\n');
        Self { status, media_type: "text/plain; charset=utf-8", bytes: text.into(), headers: Vec::new() }
    }

    /// JSON for a program.
    pub fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self { status, media_type: "application/json", bytes: value.to_string().into(), headers: Vec::new() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}
