//! Repositories by their paths, and the files that point apt at them.

use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use futures::FutureExt;
use http::header::VARY;
use http::{HeaderValue, StatusCode};

use crate::client::{self, Site};
use crate::stored::{self, ReadError, path};

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

async fn one(view: &View, id: &str, how: (Style, Site<'_>)) -> Result<String, ReadError> {
    let (stored, key) = stored::read(view, id).await?;
    Ok(match how {
        (Style::Sources, site) => client::sources(&stored, key.as_deref(), site),
        (Style::List, site) => client::list(&stored, site),
    })
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
