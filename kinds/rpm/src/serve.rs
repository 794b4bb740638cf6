//! Repositories by their paths, and the client files that are made for them.

use airlift_kind::hosts::asked_for;
use airlift_kind::{Asked, Content, Found, Hosts, Lookup, Reply, View};
use bytes::Bytes;
use futures::FutureExt;
use http::StatusCode;

use crate::client::{On, repo_file_of};
use crate::format::link::KEYS;
use crate::stored::{Served, ids, read};

/// The repositories of one snapshot.
pub(crate) struct Tree {
    view: View,
    archive: String,
    ids: Vec<String>,
}

impl Tree {
    pub(crate) fn new(view: View) -> Self {
        let archive = view.describe().to_owned();
        let ids = ids(&view).into_iter().map(str::to_owned).collect();
        Self { view, archive, ids }
    }

    /// A generated client file.
    fn client_file(&self, asked: &Asked<'_>, name: &str) -> Option<Reply> {
        let id = name.strip_suffix(".repo")?;
        let wanted: Vec<String> = self.ids.iter().filter(|one| id == "airlift" || *one == id).cloned().collect();
        if wanted.is_empty() {
            return None;
        }
        let (view, archive, base, host) = (self.view.clone(), self.archive.clone(), asked.base(), asked_for(asked));
        let made = async move {
            let repositories = match read(&view, wanted.iter().map(String::as_str)).await {
                Ok(repositories) => repositories,
                Err(error) => {
                    return Reply::Content(Content::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
                }
            };
            let key = |id: &str| format!("{base}/{KEYS}/{id}.pub");
            let alike = Hosts::agree(repositories.iter().map(|one| &one.hosts));
            let on = |one: &Served| match &host {
                Some(host) if host.fits(&one.hosts) => On::Yes,
                Some(_) => On::No,
                None if alike || one.hosts.is_all() => On::Yes,
                None => On::Unknown,
            };
            let repositories: Vec<(&Served, On)> = repositories.iter().map(|one| (one, on(one))).collect();
            let text = repo_file_of(&repositories, (&base, &key), &archive);
            let media_type = "text/plain; charset=utf-8";
            let headers = Vec::new();
            Reply::Content(Content { status: StatusCode::OK, media_type, bytes: Bytes::from(text), headers })
        };
        Some(Reply::Later(made.boxed()))
    }
}

impl Lookup for Tree {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let path = asked.path.trim_start_matches('/');
        if let Some(node) = self.view.get(path) {
            return Reply::Found(Found::node(node));
        }
        // A key is the same under both names, armored as rpm and zypper want it. An apt repository of the same name has its
        // own key at the second one.
        let key = path.strip_suffix(".asc").filter(|_| path.starts_with("gpgkeys/")).map(|stem| format!("{stem}.pub"));
        if let Some(node) = key.and_then(|key| self.view.get(&key)) {
            return Reply::Alias(Found::node(node));
        }
        self.client_file(asked, path).unwrap_or(Reply::Pass)
    }
}
