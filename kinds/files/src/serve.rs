//! Files by their paths, and folders as listings.

use std::collections::BTreeMap;

use airlift_core::Node;
use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use bytes::Bytes;
use http::header::{ACCEPT, VARY};
use http::{HeaderValue, StatusCode};

use crate::format::link::encode;
use crate::format::listing::{Entry, Listing};

/// The name under which each folder offers its checksums, unless upstream has such a file there.
const SUMS: &str = "SHA256SUMS";

/// The files of one snapshot.
pub(crate) struct Tree {
    view: View,
}

impl Tree {
    pub(crate) fn new(view: View) -> Self {
        Self { view }
    }

    /// What is in a folder; none where it is no folder.
    fn listing<'a>(&'a self, path: &'a str) -> Option<Listing<'a>> {
        let folder = path.trim_matches('/');
        let nodes = self.view.below(folder);
        if nodes.is_empty() && !folder.is_empty() {
            return None;
        }
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut folders = BTreeMap::<&str, usize>::new();
        let mut files = Vec::new();
        for node in nodes {
            let rest = self.view.path_of(node).get(skip..)?;
            match rest.split_once('/') {
                Some((name, _)) => *folders.entry(name).or_default() += 1,
                None => files.push(file(rest, node)),
            }
        }
        let folders = folders.into_iter().map(|(name, files)| Entry::Folder { name: name.to_owned(), files });
        Some(Listing { path, archive: self.view.describe(), entries: folders.chain(files).collect() })
    }

    fn folder(&self, asked: &Asked<'_>) -> Option<Reply> {
        let listing = self.listing(asked.path)?;
        let (media_type, text) = match wants_json(asked) {
            true => ("application/json", listing.to_json()),
            false => ("text/html; charset=utf-8", listing.to_html()),
        };
        Some(made(media_type, text))
    }

    fn sums(&self, asked: &Asked<'_>) -> Option<Reply> {
        let folder = asked.path.strip_suffix(SUMS).filter(|folder| folder.ends_with('/'))?;
        Some(made("text/plain; charset=utf-8", self.listing(folder)?.to_sums()))
    }
}

fn made(media_type: &'static str, text: String) -> Reply {
    let content = Content { status: StatusCode::OK, media_type, bytes: Bytes::from(text), headers: Vec::new() };
    Reply::Content(content.with_header(VARY, HeaderValue::from_static("Accept")))
}

fn file(name: &str, node: &Node) -> Entry {
    Entry::File { name: name.to_owned(), size: node.size, sha256: node.blob, modified: node.modified }
}

/// Whether JSON is preferred to HTML: a program asks for it by name, a browser does not.
fn wants_json(asked: &Asked<'_>) -> bool {
    let accept = asked.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let position = |media_type: &str| accept.split(',').position(|part| part.trim().starts_with(media_type));
    match (position("application/json"), position("text/html")) {
        (Some(json), Some(html)) => json < html,
        (json, _) => json.is_some(),
    }
}

impl Lookup for Tree {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let path = asked.path.trim_start_matches('/');
        if let Some(node) = self.view.get(path) {
            return Reply::Found(Found::node(node));
        }
        let found = match asked.path.ends_with('/') {
            true => self.folder(asked),
            false => self.sums(asked).or_else(|| {
                let is_folder = !self.view.below(path).is_empty();
                is_folder.then(|| Reply::Redirect(encode(&format!("/{path}/"))))
            }),
        };
        found.unwrap_or(Reply::Pass)
    }
}
