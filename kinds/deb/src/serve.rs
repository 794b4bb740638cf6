//! Repositories by their paths, and the files that point apt at them.

use airlift_kind::hosts::asked_for;
use airlift_kind::{Asked, Content, Found, Hosts, Lookup, Reply, View};
use futures::FutureExt;
use http::header::VARY;
use http::{HeaderValue, StatusCode};

use crate::client::{self, Asker, Site};
use crate::stored::{self, ReadError, Stored, path};

/// The repositories of one snapshot.
pub(crate) struct Repositories {
    view: View,
    archive: String,
}

/// The two styles of a client file.
#[derive(Clone, Copy)]
enum Style {
    Sources,
    List,
}

impl Repositories {
    pub(crate) fn new(view: View) -> Self {
        let archive = view.describe().to_owned();
        Self { view, archive }
    }

    /// A file that points a client at one repository, or at all of them.
    fn client_file(&self, asked: &Asked<'_>) -> Option<Reply> {
        let name = asked.path.trim_start_matches('/');
        let styles = [(".sources", Style::Sources), (".list", Style::List)];
        let (id, style) = styles.iter().find_map(|(ending, style)| Some((name.strip_suffix(ending)?, *style)))?;
        let ids = match id {
            "airlift" => stored::ids(&self.view),
            id => self.view.get(&path(id)).map(|_| vec![id.to_owned()]).unwrap_or_default(),
        };
        if ids.is_empty() || id.contains('/') {
            return None;
        }
        let key_path = asked.parameter("signed-by").filter(|path| is_plain_path(path));
        let (view, archive, base) = (self.view.clone(), self.archive.clone(), asked.base());
        let host = asked_for(asked);
        let made = async move {
            let read = match all(&view, &ids).await {
                Ok(read) => read,
                Err(error) => {
                    return Reply::Content(Content::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
                }
            };
            let parts = || read.iter().flat_map(|(stored, _)| stored.parts.iter().map(|part| &part.hosts));
            let asker = match &host {
                Some(host) => Asker::Said(host),
                None if Hosts::agree(parts()) => Asker::Fits,
                None => Asker::Unknown,
            };
            let site = Site { base: &base, archive: &archive, key_path: key_path.as_deref(), asker };
            let texts = read.iter().map(|(stored, key)| match style {
                Style::Sources => client::sources(stored, key.as_deref(), site),
                Style::List => client::list(stored, site),
            });
            Reply::Content(text(texts.collect::<Vec<_>>().join("\n")))
        };
        Some(Reply::Later(made.boxed()))
    }
}

fn text(text: String) -> Content {
    let media_type = "text/plain; charset=utf-8";
    let content = Content { status: StatusCode::OK, media_type, bytes: text.into(), headers: Vec::new() };
    content.with_header(VARY, HeaderValue::from_static("Host"))
}

/// A repository with its keys.
type Described = (Stored, Option<String>);

async fn all(view: &View, ids: &[String]) -> Result<Vec<Described>, ReadError> {
    let mut all = Vec::new();
    for id in ids {
        all.push(stored::read(view, id).await?);
    }
    Ok(all)
}

/// Whether a path can stand in a client file.
fn is_plain_path(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-".contains(c))
}

impl Lookup for Repositories {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        match self.view.get(asked.path.trim_start_matches('/')) {
            Some(node) => Reply::Found(Found::node(node)),
            None => self.client_file(asked).unwrap_or(Reply::Pass),
        }
    }
}
