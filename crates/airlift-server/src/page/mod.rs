//! What is here, and how to use it: the admin port's pages for a person with a browser.
//!
//! They are whole without JavaScript, ask no other host for anything, and are made of the snapshot's index alone, for
//! every kind in the same way: a kind says how its nodes are seen ([`airlift_kind::Kind::shown`]), and these pages
//! count, list and search them.
//!
//! * `overview`, `browse`, `entry`, `remarks`: the pages.
//! * `shelf`, `search`, `list`: groups and items, made once a snapshot; looking for them; a page of them at a time.
//! * `views`: what the templates in `templates/` are filled with.
//! * `visitor`: the address that commands name.

mod browse;
mod entry;
mod list;
mod overview;
mod remarks;
mod search;
mod shelf;
mod views;
mod visitor;

use std::collections::BTreeMap;
use std::sync::Arc;

use airlift_core::upstream::encode_path;
use airlift_kind::{Asked, Content, DynKind, Mirror, Reply};
use airlift_store::StoreError;
use askama::Template;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

pub(crate) use self::shelf::Shelf;
use self::views::{Frame, MissingPage, Tab};
use self::visitor::Visitor;
use crate::followed::Followed;
use crate::seats::Seats;
use crate::site::{Current, Site};
use crate::tls::Shown;

/// Nothing from elsewhere, and nothing inside of a page that runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
/// How many searches run at the same time: each may take a second of a processor.
const SEARCHES: usize = 2;

/// The pages.
pub(crate) struct Page {
    site: Arc<Site>,
    /// The port of each kind, in the site's order.
    ports: Vec<u16>,
    /// The certificate, where the ports speak TLS.
    tls: Option<Arc<Followed<Shown>>>,
    searches: Seats,
}

/// One page that is asked for.
struct Visit<'a> {
    page: &'a Page,
    asked: &'a Asked<'a>,
    current: Arc<Current>,
    mirror: Mirror,
    /// Host and port of these pages.
    authority: String,
}

impl Page {
    /// Pages of a site, with the port of each kind in the site's order.
    pub(crate) fn new(site: Arc<Site>, ports: Vec<u16>, tls: Option<Arc<Followed<Shown>>>) -> Self {
        Self { site, ports, tls, searches: Seats::new(SEARCHES) }
    }

    /// What is at a path.
    pub(crate) async fn answer(&self, asked: &Asked<'_>) -> Reply {
        if let Some(asset) = asset(asked.path) {
            return Reply::Content(asset);
        }
        let Visitor { host, authority } = Visitor::of(asked.headers);
        let names = self.site.kinds.iter().map(|kind| kind.name().to_owned());
        let ports: BTreeMap<String, u16> = names.zip(self.ports.iter().copied()).collect();
        let ca = self.tls.as_ref().and_then(|tls| tls.current().authority.clone());
        let ca = ca.map(|pem| String::from_utf8_lossy(&pem).into_owned());
        let mirror = Mirror { host, ports, tls: self.tls.is_some(), ca, users: self.site.users.is_some() };
        let visit = Visit { page: self, asked, current: self.site.current(), mirror, authority };
        match visit.answer().await {
            Ok(Some(content)) => Reply::Content(content),
            Ok(None) => Reply::Content(visit.missing()),
            Err(error) => Reply::Content(Content::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
        }
    }
}

impl<'a> Visit<'a> {
    async fn answer(&self) -> Result<Option<Content>, StoreError> {
        let path = self.asked.path.trim_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        Ok(match (first, rest) {
            ("", _) => Some(self.overview().await?),
            ("search", "") => Some(self.search().await?),
            ("omitted", "") => Some(self.omitted()),
            ("notices", "") => Some(self.notices()),
            ("misses", "") => Some(self.misses()),
            ("browse", rest) => self.browse(rest).await?,
            ("entry", rest) => self.entry(rest).await?,
            _ => None,
        })
    }

    fn site(&self) -> &'a Site {
        &self.page.site
    }

    /// The kind of a name, with its position.
    fn kind(&self, name: &str) -> Option<(usize, &'static dyn DynKind)> {
        let position = self.site().kinds.iter().position(|kind| kind.name() == name)?;
        Some((position, self.site().kinds[position]))
    }

    /// What every page has; `here` is the kind that it is about.
    fn frame(&self, title: impl Into<String>, here: Option<usize>) -> Frame {
        let tab = |(position, kind): (usize, &&'static dyn DynKind)| Tab {
            name: kind.name(),
            title: list::capital(kind.title()),
            here: here == Some(position),
        };
        Frame {
            title: title.into(),
            archive: self.current.header.name.clone(),
            query: String::new(),
            kinds: self.site().kinds.iter().enumerate().map(tab).collect(),
        }
    }

    /// Where a path of a kind's service is.
    fn service(&self, kind: &dyn DynKind, path: &str) -> String {
        let base = self.mirror.address(kind.name()).map(|address| address.base()).unwrap_or_default();
        format!("{base}{path}")
    }

    fn missing(&self) -> Content {
        let wants_page = self.asked.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !wants_page.contains("text/html") {
            let text = format!(
                "There is no {} here. There are / for a person, /healthz and /metrics for programs.",
                self.asked.path
            );
            return Content::text(StatusCode::NOT_FOUND, text);
        }
        let page = MissingPage { frame: self.frame("Nothing here", None), path: self.asked.path.to_owned() };
        Content { status: StatusCode::NOT_FOUND, ..html(&page) }
    }
}

/// A page, with what keeps it from doing anything but being read.
fn html(page: &impl Template) -> Content {
    let (status, text) = match page.render() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let content = Content { status, media_type: "text/html; charset=utf-8", bytes: text.into(), headers: Vec::new() };
    content
        .with_header(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
        .with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .with_header(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        // Commands name the address that the page was asked at.
        .with_header(VARY, HeaderValue::from_static("Host"))
}

/// What pages are dressed with.
fn asset(path: &str) -> Option<Content> {
    let (media_type, bytes): (&str, &[u8]) = match path {
        "/page/style.css" => ("text/css; charset=utf-8", include_bytes!("assets/style.css")),
        "/page/copy.js" => ("text/javascript; charset=utf-8", include_bytes!("assets/copy.js")),
        "/page/icon.svg" => ("image/svg+xml", include_bytes!("assets/icon.svg")),
        _ => return None,
    };
    let content = Content { status: StatusCode::OK, media_type, bytes: Bytes::from_static(bytes), headers: Vec::new() };
    Some(content.with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
}

/// Where the page of a kind's group is.
fn group_href(kind: &dyn DynKind, group: &str) -> String {
    format!("/browse/{}/{}", kind.name(), encode_path(group))
}

/// Where the page of a node is, by its path below the kind's name.
fn entry_href(kind: &dyn DynKind, path: &str) -> String {
    format!("/entry/{}/{}", kind.name(), encode_path(path))
}
