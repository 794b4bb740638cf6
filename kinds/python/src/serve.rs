//! Project pages by content negotiation, and the files that they name.
//!
//! Everything was made at collect time: a request is a lookup. What is not here is a 404, and never another host.

use std::sync::Arc;

use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use http::header::{ACCEPT, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use pep508_rs::PackageName;

use crate::client;
use crate::format::accept::{Form, choose};
use crate::format::page::{HTML, HTML_V1, JSON};

/// The index of one snapshot.
pub(crate) struct Index {
    view: View,
    archive: String,
    json: Arc<str>,
    html: Arc<str>,
    html_v1: Arc<str>,
}

impl Index {
    pub(crate) fn new(view: View) -> Self {
        let archive = view.describe().to_owned();
        Self { view, archive, json: JSON.into(), html: HTML.into(), html_v1: HTML_V1.into() }
    }

    /// A page in the form that the client prefers; `folder` is `simple` or `simple/<name>`.
    fn page(&self, folder: &str, headers: &HeaderMap) -> Option<Reply> {
        let (json, html) = (format!("{folder}/index.v1_json"), format!("{folder}/index.html"));
        let accepts: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let Some(form) = choose(&accepts.join(",")) else {
            self.view.get(&json)?;
            let text = format!("This index has {JSON}, {HTML_V1} and text/html, and none of them is accepted.");
            return Some(Reply::Content(varied(Content::text(StatusCode::NOT_ACCEPTABLE, text))));
        };
        let (path, media_type) = match form {
            Form::Json => (json, &self.json),
            Form::Html => (html, &self.html),
            Form::HtmlV1 => (html, &self.html_v1),
        };
        let mut found = Found::node(self.view.get(&path)?);
        found.media_type = Arc::clone(media_type);
        found.headers.push((VARY, HeaderValue::from_static("Accept")));
        Some(Reply::Found(found))
    }

    /// What is below `/simple/`.
    fn simple(&self, rest: &str, headers: &HeaderMap) -> Option<Reply> {
        let (name, slash) = match rest.strip_suffix('/') {
            Some(name) => (name, true),
            None => (rest, false),
        };
        if name.is_empty() && slash || rest.is_empty() {
            return self.page("simple", headers);
        }
        let normal = PackageName::new(name.to_owned()).ok()?;
        let folder = format!("simple/{normal}");
        if slash && normal.as_ref() == name {
            return self.page(&folder, headers);
        }
        // Only what is here has another name: anything else is missing under its own.
        self.view.get(&format!("{folder}/index.html"))?;
        Some(Reply::Redirect(format!("/{folder}/")))
    }

    /// The older JSON under a name that is not the normal one.
    fn legacy(&self, rest: &str) -> Option<Reply> {
        let (name, rest) = rest.split_once('/')?;
        let normal = PackageName::new(name.to_owned()).ok()?;
        let path = format!("pypi/{normal}/{rest}");
        (normal.as_ref() != name && self.view.get(&path).is_some()).then(|| Reply::Redirect(format!("/{path}")))
    }

    fn client_file(&self, asked: &Asked<'_>) -> Option<Reply> {
        let text = match asked.path {
            "/pip.conf" => client::pip_conf(&asked.base(), &self.archive),
            "/uv.toml" => client::uv_toml(&asked.base(), &self.archive),
            _ => return None,
        };
        let media_type = "text/plain; charset=utf-8";
        let content = Content { status: StatusCode::OK, media_type, bytes: text.into(), headers: Vec::new() };
        Some(Reply::Content(content.with_header(VARY, HeaderValue::from_static("Host"))))
    }

    fn missing(&self, path: &str) -> Reply {
        let text = format!(
            "{path} is not in {}. What its manifest names at 'python' was collected; add it there, collect, and load the new archive.",
            self.archive
        );
        Reply::Content(varied(Content::text(StatusCode::NOT_FOUND, text)))
    }
}

fn varied(content: Content) -> Content {
    content.with_header(VARY, HeaderValue::from_static("Accept"))
}

impl Lookup for Index {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let path = asked.path.trim_start_matches('/');
        if let Some(node) = self.view.get(path) {
            return Reply::Found(Found::node(node));
        }
        let found = match path.split_once('/') {
            Some(("simple", rest)) => self.simple(rest, asked.headers),
            Some(("pypi", rest)) => self.legacy(rest),
            None if path.is_empty() || path == "simple" => Some(Reply::Redirect("/simple/".to_owned())),
            _ => self.client_file(asked),
        };
        match found {
            Some(reply) => reply,
            None if ["simple", "pypi", "packages"].iter().any(|own| path.starts_with(own)) => self.missing(asked.path),
            None => Reply::Pass,
        }
    }
}
