//! Chart repositories as ChartMuseum serves them: `index.yaml`, charts and provenance files, and the reading half of its
//! API.
//!
//! Every repository is at `/<name>/`, and at `/<host>/<path>/` and under its upstream's own host and path as well, so
//! that what charts say of their dependencies leads here. `/` is all of them as one.

mod api;

use std::sync::{Arc, OnceLock};

use airlift_core::Node;
use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use bytes::Bytes;
use futures::FutureExt;
use http::header::VARY;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::client;
use crate::stored::{self, Stored};
use api::Api;

/// The most bytes of an index.
const INDEX_LIMIT: u64 = 1 << 30;

/// The repositories of one snapshot.
pub(crate) struct Museum(Arc<Inner>);

struct Inner {
    view: View,
    /// Read when it is first asked for; it names the repositories in the order of the manifest.
    tables: OnceLock<Arc<Tables>>,
}

/// What requests are answered by that name no file.
struct Tables {
    listed: Vec<Stored>,
    /// For each repository, and last for all of them as one: what the API tells.
    apis: Vec<OnceLock<Arc<Api>>>,
}

impl Museum {
    pub(crate) fn new(view: View) -> Self {
        Self(Arc::new(Inner { view, tables: OnceLock::new() }))
    }
}

impl Lookup for Museum {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let inner = &self.0;
        let path = asked.path.trim_start_matches('/');
        match path {
            "health" => return object(StatusCode::OK, &json!({ "healthy": true })),
            "info" => return object(StatusCode::OK, &json!({ "version": concat!("v", env!("CARGO_PKG_VERSION")) })),
            _ if !is_ours(path) => return inner.view.get(path).map_or(Reply::Pass, found),
            _ if inner.view.below("").is_empty() => return Reply::Pass,
            _ => {}
        }
        let question = Question::of(path, asked);
        match inner.tables.get() {
            Some(tables) => answer(inner, tables, &question),
            None => {
                let inner = Arc::clone(inner);
                let first = async move {
                    match tables(&inner).await {
                        Ok(tables) => answer(&inner, &tables, &question),
                        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, &reason, None),
                    }
                };
                Reply::Later(first.boxed())
            }
        }
    }
}

/// A request, so that it can be answered later.
#[derive(Clone, Debug)]
struct Question {
    path: String,
    host: String,
    base: String,
    offset: Option<String>,
    limit: Option<String>,
}

impl Question {
    fn of(path: &str, asked: &Asked<'_>) -> Self {
        let host = asked.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        Self {
            path: path.to_owned(),
            host: host.to_ascii_lowercase(),
            base: asked.base(),
            offset: asked.parameter("offset"),
            limit: asked.parameter("limit"),
        }
    }
}

/// Whether a path is of the form of a repository's files or of the API. What such a path means may depend on the host
/// that was asked for.
fn is_ours(path: &str) -> bool {
    matches!(path, "" | "index.yaml" | "repositories.yaml")
        || path.ends_with("/index.yaml")
        || path.starts_with("charts/")
        || path.contains("/charts/")
        || path.starts_with("api/")
}

async fn tables(inner: &Inner) -> Result<Arc<Tables>, String> {
    if let Some(tables) = inner.tables.get() {
        return Ok(Arc::clone(tables));
    }
    let listed = stored::read(&inner.view).await.map_err(|error| airlift_core::failure::line(&error))?;
    let apis = listed.iter().map(|_| OnceLock::new()).chain([OnceLock::new()]).collect();
    Ok(Arc::clone(inner.tables.get_or_init(|| Arc::new(Tables { listed, apis }))))
}

fn answer(inner: &Arc<Inner>, tables: &Arc<Tables>, question: &Question) -> Reply {
    let path = tables.translate(question);
    let path = path.as_str();
    match path {
        "" => {
            return text(
                "text/plain; charset=utf-8",
                client::welcome(&tables.listed, (&question.base, inner.view.describe())),
            );
        }
        "repositories.yaml" => return text("application/yaml", client::repositories(&tables.listed, &question.base)),
        "index.yaml" => return inner.index(tables, tables.listed.len()).map_or(Reply::Pass, found),
        _ => {}
    }
    if let Some(below) = path.strip_prefix("api/") {
        return api(inner, tables, (below, question));
    }
    if let Some(node) = inner.view.get(path) {
        return found(node);
    }
    match path.strip_prefix("charts/") {
        Some(file) => inner.chart(tables, tables.listed.len(), file).map_or_else(|| inner.no_file(file), found),
        None => match path.rsplit_once("/charts/") {
            Some((repository, file)) if tables.listed.iter().any(|stored| stored.name == repository) => {
                inner.no_file(file)
            }
            _ => Reply::Pass,
        },
    }
}

fn found(node: &Node) -> Reply {
    Reply::Found(Found::node(node))
}

impl Tables {
    /// The path in the archive that is meant by the names that upstream has: its host and path, in the request's own
    /// host and path or both in the path.
    fn translate(&self, question: &Question) -> String {
        let names = [format!("{}/{}", question.host, question.path), question.path.clone()];
        for (stored, name) in self.listed.iter().flat_map(|stored| names.iter().map(move |name| (stored, name))) {
            let upstream = stored.url.split_once("://").map_or("", |(_, upstream)| upstream);
            if let Some(below) = name.strip_prefix(upstream).and_then(|below| below.strip_prefix('/'))
                && (below == "index.yaml" || below.starts_with("charts/"))
            {
                return format!("{}/{below}", stored.name);
            }
        }
        question.path.clone()
    }
}

impl Inner {
    /// The index of a repository by its number, or of all as one.
    fn index(&self, tables: &Tables, number: usize) -> Option<&Node> {
        match (tables.listed.get(number), tables.listed.as_slice()) {
            (Some(stored), _) | (None, [stored]) => self.view.get(&format!("{}/index.yaml", stored.name)),
            (None, _) => self.view.get("index.yaml"),
        }
    }

    /// A file among the charts of a repository, or of all as one: then of the first that has it.
    fn chart(&self, tables: &Tables, number: usize, file: &str) -> Option<&Node> {
        let of = |stored: &Stored| self.view.get(&format!("{}/charts/{file}", stored.name));
        match tables.listed.get(number) {
            Some(stored) => of(stored),
            None => tables.listed.iter().find_map(of),
        }
    }

    fn no_file(&self, file: &str) -> Reply {
        if !file.ends_with(".tgz") && !file.ends_with(".prov") {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "unsupported file extension", None);
        }
        let omitted = self.view.omissions().find(|omission| omission.path.name() == file);
        let detail = match omitted {
            Some(omission) => {
                format!("{file} was left out of {} when it was collected: {}", self.view.describe(), omission.omitted)
            }
            None => format!(
                "{file} is not in {}; add the chart and its version under 'helm' and collect again",
                self.view.describe()
            ),
        };
        error(StatusCode::NOT_FOUND, "object not found", Some(detail))
    }

    fn no_chart(&self, chart: &str, reason: &str) -> Reply {
        let detail = format!(
            "{chart} is not in {}; add the chart and its version under 'helm' and collect again",
            self.view.describe()
        );
        error(StatusCode::NOT_FOUND, reason, Some(detail))
    }
}

/// What is asked below `/api/`.
fn api(inner: &Arc<Inner>, tables: &Arc<Tables>, (below, question): (&str, &Question)) -> Reply {
    let of = |name: &str| below.strip_prefix(name)?.strip_prefix('/').map(str::to_owned);
    let one = tables.listed.iter().enumerate().find_map(|(number, stored)| Some((number, of(&stored.name)?)));
    let (number, below) = one.unwrap_or((tables.listed.len(), below.to_owned()));
    let Some(below) = below.strip_prefix("charts").filter(|below| below.is_empty() || below.starts_with('/')) else {
        return error(StatusCode::NOT_FOUND, "not found", None);
    };
    let parts: Vec<String> = below.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    match tables.apis.get(number).and_then(OnceLock::get) {
        Some(api) => api::answer((inner, tables, number), api, (&parts, question)),
        None => {
            let (inner, tables, question) = (Arc::clone(inner), Arc::clone(tables), question.clone());
            let first = async move {
                match read_api(&inner, &tables, number).await {
                    Ok(api) => api::answer((&inner, &tables, number), &api, (&parts, &question)),
                    Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, &reason, None),
                }
            };
            Reply::Later(first.boxed())
        }
    }
}

async fn read_api(inner: &Inner, tables: &Tables, number: usize) -> Result<Arc<Api>, String> {
    let place = tables.apis.get(number).ok_or("there is no such repository")?;
    let missing = || format!("the index is missing in {}", inner.view.describe());
    let node = inner.index(tables, number).ok_or_else(missing)?;
    let bytes = inner.view.read(node, INDEX_LIMIT).await.map_err(|error| airlift_core::failure::line(&error))?;
    let api = Api::read(bytes).map_err(|error| format!("the index of {}: {error}", inner.view.describe()))?;
    Ok(Arc::clone(place.get_or_init(|| Arc::new(api))))
}

/// An error in ChartMuseum's words, and in ours.
fn error(status: StatusCode, error: &str, detail: Option<String>) -> Reply {
    match detail {
        Some(detail) => object(status, &json!({ "error": error, "detail": detail })),
        None => object(status, &json!({ "error": error })),
    }
}

fn object(status: StatusCode, value: &Value) -> Reply {
    json_bytes(status, value.to_string().into())
}

fn json_bytes(status: StatusCode, bytes: Bytes) -> Reply {
    Reply::Content(Content { status, media_type: "application/json; charset=utf-8", bytes, headers: Vec::new() })
}

fn text(media_type: &'static str, text: String) -> Reply {
    let content = Content { status: StatusCode::OK, media_type, bytes: text.into(), headers: Vec::new() };
    Reply::Content(content.with_header(VARY, HeaderValue::from_static("Host")))
}
