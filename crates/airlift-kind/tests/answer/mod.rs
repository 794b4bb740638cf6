//! A response that has arrived whole.

use airlift_kind::respond::Body;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{Response, StatusCode};
use http_body_util::BodyExt;

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads a response to its end.
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let announced = body.len();
        let body = body.collect().await.expect("a whole body").to_bytes();
        assert_eq!(body.len() as u64, announced);
        Self { status: parts.status, headers: parts.headers, body }
    }

    /// The one value of a header.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() < 2, "twice: {values:?}");
        values.first().map(|value| value.to_str().expect("text"))
    }
}
