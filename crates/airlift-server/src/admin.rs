//! The admin port: is it well, and what has it done.

use std::sync::Arc;

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use crate::service::{Tracked, plain};
use crate::site::Site;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers on the admin port.
pub(crate) struct Admin {
    pub(crate) site: Arc<Site>,
}

impl Admin {
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Response<Tracked> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This port is only read.\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "application/json", self.health()),
            "/metrics" => plain(StatusCode::OK, PROMETHEUS, self.site.metrics.render(self.site.responder.damaged())),
            "/" => {
                let current = self.site.current();
                let text = format!(
                    "Airlift serves {}.\n\n/healthz  whether it is well, and which snapshot it serves (JSON)\n\
                     /metrics  what it has done (Prometheus)\n",
                    current.describe()
                );
                plain(StatusCode::OK, TEXT, text)
            }
            _ => plain(StatusCode::NOT_FOUND, TEXT, "There are /, /healthz and /metrics here.\n".to_owned()),
        }
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
