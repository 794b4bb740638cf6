//! Repositories by their paths, and the client files that are made for them.

use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use bytes::Bytes;
use http::StatusCode;

use crate::client::{Served, repo_file, served};
use crate::format::link::KEYS;

/// The repositories of one snapshot.
pub(crate) struct Tree {
    view: View,
    archive: String,
    repositories: Vec<Served>,
}

impl Tree {
    pub(crate) fn new(view: View) -> Self {
        let archive = view.describe().to_owned();
        let repositories = served(&view);
        Self { view, archive, repositories }
    }

    /// A generated client file.
    fn client_file(&self, asked: &Asked<'_>, name: &str) -> Option<Reply> {
        let id = name.strip_suffix(".repo")?;
        let wanted: Vec<&Served> = match id {
            "airlift" => self.repositories.iter().collect(),
            id => self.repositories.iter().filter(|repository| repository.id == id).collect(),
        };
        if wanted.is_empty() {
            return None;
        }
        let base = asked.base();
        let key = |id: &str| format!("{base}/{KEYS}/{id}.pub");
        let text = repo_file(&wanted, (&base, &key), &self.archive);
        let content = Content {
            status: StatusCode::OK,
            media_type: "text/plain; charset=utf-8",
            bytes: Bytes::from(text),
            headers: Vec::new(),
        };
        Some(Reply::Content(content))
    }
}

impl Lookup for Tree {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let path = asked.path.trim_start_matches('/');
        // A key is the same under both names, armored as rpm and zypper want it.
        let key = path.strip_suffix(".asc").filter(|_| path.starts_with("gpgkeys/")).map(|stem| format!("{stem}.pub"));
        if let Some(node) = self.view.get(key.as_deref().unwrap_or(path)) {
            return Reply::Found(Found::node(node));
        }
        self.client_file(asked, path).unwrap_or(Reply::Pass)
    }
}
