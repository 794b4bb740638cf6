//! The admin port: is it well, what has it done, and pages for a person.

use std::sync::Arc;

use airlift_kind::Asked;
use airlift_kind::respond;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use crate::page::Page;
use crate::path;
use crate::service::{Tracked, plain};
use crate::site::Site;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers on the admin port.
pub(crate) struct Admin {
    pub(crate) site: Arc<Site>,
    pub(crate) page: Page,
}

impl Admin {
    pub(crate) async fn answer<B>(&self, request: &Request<B>) -> Response<Tracked> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This port is only read.\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "application/json", self.health()),
            "/metrics" => {
                let (damaged, misses) = (self.site.responder.damaged(), self.site.misses.counts());
                plain(StatusCode::OK, PROMETHEUS, self.site.metrics.render(damaged, misses))
            }
            path => self.page(request, path).await,
        }
    }

    async fn page<B>(&self, request: &Request<B>, path: &str) -> Response<Tracked> {
        let path = match path::clean(path) {
            Ok(path) => path,
            Err(reason) => return plain(StatusCode::BAD_REQUEST, TEXT, format!("{reason}\n")),
        };
        let (method, query, headers) = (request.method(), request.uri().query(), request.headers());
        let asked = Asked { method, path: &path, query, headers };
        let reply = self.page.answer(&asked).await;
        let created = self.site.current().header.created;
        let response: Response<respond::Body> = self.site.responder.respond(&asked, created, reply).await;
        response.map(Tracked::unaccounted)
    }

    fn health(&self) -> String {
        let current = self.site.current();
        let health = json!({
            "status": "ok",
            "snapshot": { "name": current.header.name, "id": current.id, "created": current.header.created },
            "omitted": current.omitted(),
            "damaged": self.site.responder.damaged(),
        });
        format!("{health}\n")
    }
}
