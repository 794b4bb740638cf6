//! What a kind wants fetched.
//!
//! A plan is data: it can be counted, shown, compared and refused before a byte of content is fetched.

use std::sync::Arc;

use bytes::Bytes;

use crate::digest::{Checksum, Digest};
use crate::index::{Notice, Omission};
use crate::path::TreePath;
use crate::secret::Secret;
use crate::time::Time;
use crate::upstream::UpstreamUrl;

/// Everything that one kind wants, and what it could not even plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What shall be in the index.
    pub entries: Vec<PlanEntry>,
    /// What the manifest asks for and upstream does not offer.
    pub omissions: Vec<Omission>,
    /// What whoever loads it must know.
    pub notices: Vec<Notice>,
    /// What the plan stands on, and what upstream may change while it is being fetched.
    pub roots: Vec<Root>,
    /// What other kinds shall collect besides.
    pub also: Vec<Also>,
}

/// Something that a kind wants of another one: the images that a chart deploys.
///
/// It is written as a person would write it into the manifest. So no kind knows another, and what is asked for so travels
/// through the same code as what the manifest itself names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// The key of the manifest under which it is put: `images`.
    pub key: String,
    /// What it is called there, for messages, without what tells versions apart: `docker.io/library/nginx`.
    pub name: String,
    /// The entry of the list that the key has.
    pub value: serde_json::Value,
    /// Who wants it: `the chart jupyterhub 4.1.0`.
    pub why: String,
}

/// A document that names, directly or not, all else of a plan: a repository's signed index.
///
/// Upstreams are changed while they are read. A root is asked for again when all else was fetched; where it has changed,
/// the kind plans again, so that never a mix of two states is published.
#[derive(Clone, Debug)]
pub struct Root {
    /// How it was asked for.
    pub request: Request,
    /// What it was.
    pub digest: Digest,
}

impl Plan {
    /// Puts another plan behind this one.
    pub fn extend(&mut self, other: Self) {
        // Ten thousands of entries are not moved where nothing is there yet.
        match self.entries.is_empty() {
            true => self.entries = other.entries,
            false => self.entries.extend(other.entries),
        }
        self.omissions.extend(other.omissions);
        self.notices.extend(other.notices);
        self.roots.extend(other.roots);
        self.also.extend(other.also);
    }
}

/// One node that shall be, and where its bytes come from.
#[derive(Clone, Debug)]
pub struct PlanEntry {
    /// Where it shall appear.
    pub path: TreePath,
    /// Where its bytes come from.
    pub source: Source,
    /// Its media type, or none to take what upstream says.
    pub media_type: Option<Arc<str>>,
    /// Its size in bytes, where it is promised.
    pub size: Option<u64>,
    /// Every checksum that is promised; all are checked.
    pub checksums: Vec<Checksum>,
    /// When it last changed; none to take what upstream says, where the [`Request`] asks to.
    pub modified: Option<Time>,
    /// Its package URL (purl).
    pub purl: Option<Box<str>>,
    /// A URL that always answers these very bytes, where the source's URL may move on (an image's tag).
    pub pinned: Option<UpstreamUrl>,
}

impl PlanEntry {
    /// An entry of which only path and source are known.
    pub const fn new(path: TreePath, source: Source) -> Self {
        Self {
            path,
            source,
            media_type: None,
            size: None,
            checksums: Vec::new(),
            modified: None,
            purl: None,
            pinned: None,
        }
    }

    /// The blob's name, where a promised SHA-256 or the source tells it.
    pub fn digest(&self) -> Option<Digest> {
        match &self.source {
            Source::Stored { digest, .. } | Source::Made { digest } => Some(*digest),
            Source::Generated(bytes) => Some(Digest::of(bytes)),
            Source::Fetch(_) => self.checksums.iter().find_map(Checksum::digest),
        }
    }
}

/// Where the bytes of a planned node come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From an upstream.
    Fetch(Request),
    /// From the kind itself, which made them.
    Generated(Bytes),
    /// From the store, where planning has already put them.
    Stored {
        /// The blob.
        digest: Digest,
        /// What it was fetched with.
        request: Request,
    },
    /// From the store, where the kind has put what it made itself and is too large for a lock. No URL brings it again;
    /// the kind does.
    Made {
        /// The blob.
        digest: Digest,
    },
}

/// What is asked of an upstream.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to get.
    pub url: UpstreamUrl,
    /// More request headers, name and value; they go to this URL's host only.
    pub headers: Vec<(String, Secret)>,
    /// The name under which `~/.docker/config.json` keeps the credentials, where that is not the URL's host.
    pub credentials: Option<String>,
    /// What a bearer token for this request is good for, so that requests with the same scope share one.
    pub scope: Option<String>,
    /// The response header in which upstream tells the digest of what it would answer.
    pub digest_header: Option<&'static str>,
    /// Whether upstream's `Last-Modified` says when the content changed.
    pub dated: bool,
}

impl Request {
    /// A plain request for a URL.
    pub const fn new(url: UpstreamUrl) -> Self {
        Self { url, headers: Vec::new(), credentials: None, scope: None, digest_header: None, dated: false }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), Secret::new(value)));
        self
    }
}
