//! Repositories by their paths, and the files that point apt at them.

use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use bytes::Bytes;
use futures::FutureExt;
use http::header::VARY;
use http::{HeaderValue, StatusCode};

use crate::client::{self, Site};
use crate::stored::{Stored, key_path, path};

/// The most bytes of a description or a key.
const LONGEST: u64 = 16 << 20;

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

/// Why a client file can't be made.
#[derive(Debug, thiserror::Error)]
enum ClientFileError {
    /// The archive can't be read.
    #[error("the repository {id} can't be read: {source}")]
    Store { id: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The description is none.
    #[error("the description of the repository {id} can't be read: {source}")]
    Description { id: String, source: serde_json::Error },
    /// The archive has the repository, and not what is needed to point a client at it.
    #[error("{path} of the repository {id} is missing in the archive")]
    Missing { id: String, path: String },
}

impl Repositories {
    pub(crate) fn new(view: View) -> Self {
        let archive = view.describe().to_owned();
        Self { view, archive }
    }

    /// Every repository's name.
    fn ids(&self) -> Vec<String> {
        let nodes = self.view.below("").iter();
        let described = nodes.filter_map(|node| self.view.path_of(node).strip_suffix(".json"));
        described.filter(|id| !id.contains('/')).map(str::to_owned).collect()
    }

    /// A file that points a client at one repository, or at all of them.
    fn client_file(&self, asked: &Asked<'_>) -> Option<Reply> {
        let name = asked.path.trim_start_matches('/');
        let styles = [(".sources", Style::Sources), (".list", Style::List)];
        let (id, style) = styles.iter().find_map(|(ending, style)| Some((name.strip_suffix(ending)?, *style)))?;
        let ids = match id {
            "airlift" => self.ids(),
            id => self.view.get(&path(id)).map(|_| vec![id.to_owned()]).unwrap_or_default(),
        };
        if ids.is_empty() || id.contains('/') {
            return None;
        }
        let key_path = asked.parameter("signed-by").filter(|path| is_plain_path(path));
        let (view, archive, base) = (self.view.clone(), self.archive.clone(), asked.base());
        let made = async move {
            let site = Site { base: &base, archive: &archive, key_path: key_path.as_deref() };
            let mut texts = Vec::new();
            for id in ids {
                match one(&view, &id, (style, site)).await {
                    Ok(text) => texts.push(text),
                    Err(error) => {
                        return Reply::Content(Content::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()));
                    }
                }
            }
            Reply::Content(text(texts.join("\n")))
        };
        Some(Reply::Later(made.boxed()))
    }
}

fn text(text: String) -> Content {
    let media_type = "text/plain; charset=utf-8";
    let content = Content { status: StatusCode::OK, media_type, bytes: text.into(), headers: Vec::new() };
    content.with_header(VARY, HeaderValue::from_static("Host"))
}

async fn one(view: &View, id: &str, how: (Style, Site<'_>)) -> Result<String, ClientFileError> {
    let stored: Stored = serde_json::from_slice(&read(view, id, &path(id)).await?)
        .map_err(|source| ClientFileError::Description { id: id.to_owned(), source })?;
    let key = match stored.signed {
        true => Some(String::from_utf8_lossy(&read(view, id, &key_path(id)).await?).into_owned()),
        false => None,
    };
    Ok(match how {
        (Style::Sources, site) => client::sources(&stored, key.as_deref(), site),
        (Style::List, site) => client::list(&stored, site),
    })
}

async fn read(view: &View, id: &str, path: &str) -> Result<Bytes, ClientFileError> {
    let missing = || ClientFileError::Missing { id: id.to_owned(), path: path.to_owned() };
    let node = view.get(path).ok_or_else(missing)?;
    let bytes = view.read(node, LONGEST).await;
    bytes.map_err(|source| ClientFileError::Store { id: id.to_owned(), source: Box::new(source) })
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
