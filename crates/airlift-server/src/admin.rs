//! The admin port: is it well, what has it done, and pages for a person.

use std::net::SocketAddr;
use std::sync::Arc;

use airlift_kind::respond;
use airlift_kind::{Asked, Scheme};
use bytes::Bytes;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use crate::followed::Followed;
use crate::page::Page;
use crate::path;
use crate::service::{Tracked, plain};
use crate::setup::{self, Setup};
use crate::site::Site;
use crate::tls::Shown;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const CERTIFICATE: &str = "application/x-x509-ca-cert";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers on the admin port.
pub(crate) struct Admin {
    pub(crate) site: Arc<Site>,
    pub(crate) page: Page,
    /// The certificate, where this port and the others speak TLS.
    pub(crate) tls: Option<Arc<Followed<Shown>>>,
    /// How clients come.
    pub(crate) scheme: Scheme,
    pub(crate) setup: Setup,
}

impl Admin {
    /// Where users are asked for their passwords, whoever has none is told whether it is well, and the authority's
    /// certificate: both are needed by those who have no password yet.
    pub(crate) async fn answer<B>(&self, client: SocketAddr, request: Request<B>) -> Response<Tracked> {
        let (parts, _) = request.into_parts();
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This port is only read.\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let path = parts.uri.path();
        if path == "/ca.crt" {
            return self.authority();
        }
        match self.site.admit(client, &parts).await {
            Ok(_) => self.show(&parts).await,
            Err(_) if path == "/healthz" => plain(StatusCode::OK, JSON, "{\"status\":\"ok\"}\n".to_owned()),
            Err(refusal) => {
                let (status, message) = refusal.told();
                refusal.challenge(plain(status, TEXT, format!("{message}\n")))
            }
        }
    }

    async fn show(&self, parts: &Parts) -> Response<Tracked> {
        match parts.uri.path() {
            path if setup::PATHS.contains(&path) => self.setup.answer(path, &parts.headers).await,
            "/healthz" => plain(StatusCode::OK, JSON, self.health()),
            "/metrics" => {
                let expiry = self.tls.as_ref().map(|tls| tls.current().certificate().until);
                let (damaged, misses) = (self.site.responder.damaged(), self.site.misses.counts());
                plain(StatusCode::OK, PROMETHEUS, self.site.metrics.render(damaged, expiry, misses))
            }
            path => self.page(parts, path).await,
        }
    }

    async fn page(&self, parts: &Parts, path: &str) -> Response<Tracked> {
        let path = match path::clean(path) {
            Ok(path) => path,
            Err(reason) => return plain(StatusCode::BAD_REQUEST, TEXT, format!("{reason}\n")),
        };
        let (method, query, headers) = (&parts.method, parts.uri.query(), &parts.headers);
        let asked = Asked { method, path: &path, query, headers, scheme: self.scheme };
        let reply = self.page.answer(&asked).await;
        let created = self.site.current().header.created;
        let response: Response<respond::Body> = self.site.responder.respond(&asked, created, reply).await;
        response.map(Tracked::unaccounted)
    }

    /// The authority's certificate, where there is one.
    fn pem(&self) -> Option<Bytes> {
        self.tls.as_ref()?.current().authority.clone()
    }

    fn authority(&self) -> Response<Tracked> {
        match self.pem() {
            Some(pem) => plain(StatusCode::OK, CERTIFICATE, String::from_utf8_lossy(&pem).into_owned()),
            None => {
                let text = match self.tls {
                    Some(_) => "The certificate of this mirror was not issued by an authority of its own.\n",
                    None => "This mirror speaks plain HTTP: there is no authority to trust.\n",
                };
                plain(StatusCode::NOT_FOUND, TEXT, text.to_owned())
            }
        }
    }

    fn health(&self) -> String {
        let current = self.site.current();
        let mut health = json!({
            "status": "ok",
            "snapshot": { "name": current.header.name, "id": current.id, "created": current.header.created },
            "omitted": current.omitted(),
            "damaged": self.site.responder.damaged(),
        });
        if let Some(tls) = &self.tls {
            let shown = tls.current();
            let certificate = shown.certificate();
            health["certificate"] = json!({ "until": certificate.until, "sha256": certificate.fingerprint });
        }
        format!("{health}\n")
    }
}
