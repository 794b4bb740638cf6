//! The one HTTP responder: what a path means, turned into a response.
//!
//! Every kind on every port answers through [`Responder::respond`]. It speaks the methods, conditions and ranges of
//! RFC 9110: a `HEAD` has the status and the headers of the `GET` with the same request headers, lengths are exact,
//! nothing is ever encoded.
//!
//! * [`body`]: what a response carries.
//! * `range`, `validate`: the request's headers.
//! * `source`: where the bytes come from, and what is kept open.
//! * `verify`: no blob is served before its bytes were found to have its digest.

pub mod body;
mod range;
mod source;
mod validate;
mod verify;

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use airlift_core::{Digest, Failure, Time};
use airlift_store::{Store, StoreError};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderValue, LAST_MODIFIED, LOCATION,
};
use http::{HeaderName, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

pub use self::body::Body;
use self::range::Selection;
use self::source::{Blobs, Source};
use self::validate::{Validators, Verdict};
use crate::reply::{Answer, Asked, Content, Found, Piece, Reply};

/// What may not stand in a URL's path and query (RFC 3986), and what would end a header.
const NOT_IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Answers requests from the blobs of one store, for as many snapshots as come and go.
pub struct Responder {
    blobs: Blobs,
}

/// What is about to be sent, however it came to be.
struct Representation {
    validators: Validators,
    size: u64,
    media_type: HeaderValue,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Responder {
    /// A responder for the blobs of a store.
    pub fn new(store: Store) -> Self {
        Self { blobs: Blobs::new(store) }
    }

    /// How many blobs were found damaged and were refused.
    pub fn damaged(&self) -> usize {
        self.blobs.damaged()
    }

    /// The response to a request for which a kind has said what it means.
    ///
    /// `created` is the snapshot's date, for blobs that have none of their own. [`Reply::Pass`] is answered with a bare 404;
    /// whoever knows more of the request answers it first.
    pub async fn respond(&self, asked: &Asked<'_>, created: Time, mut reply: Reply) -> Response<Body> {
        while let Reply::Later(later) = reply {
            reply = later.await;
        }
        let response = match reply {
            Reply::Found(found) | Reply::Alias(found) if asked.reads() => self.found(asked, created, found).await,
            Reply::Content(content) if content.status != StatusCode::OK => plain(content),
            Reply::Content(content) if asked.reads() => from_memory(asked, content),
            Reply::Found(_) | Reply::Alias(_) | Reply::Content(_) => not_allowed(asked.method),
            Reply::Redirect(path) => redirect(&path),
            Reply::Answer(answer) => self.answer(answer).await,
            Reply::Asks(_) => text(StatusCode::BAD_REQUEST, "There is no question in this request.\n".to_owned()),
            Reply::Pass | Reply::Later(_) => text(StatusCode::NOT_FOUND, "There is nothing at this path.\n".to_owned()),
        };
        match *asked.method == Method::HEAD {
            true => response.map(|_| Body::empty()),
            false => response,
        }
    }

    async fn answer(&self, answer: Answer) -> Response<Body> {
        let Answer { media_type, blob, pieces } = answer;
        let size = blob.map_or(0, |(_, size)| size);
        if pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Range(range) if range.start > range.end || range.end > size))
        {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "The answer lies outside of its blob.\n".to_owned());
        }
        let source = match blob {
            Some((blob, size)) => self.blobs.get(blob, size).await,
            None => Ok(Source::Memory(Bytes::new())),
        };
        let body = match source {
            Ok(source) => source.pieces(pieces),
            Err(error) => return failed(&error),
        };
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
        *response.body_mut() = body;
        response
    }

    async fn found(&self, asked: &Asked<'_>, created: Time, found: Found) -> Response<Body> {
        let Found { blob, size, media_type, modified, headers } = found;
        let media_type =
            HeaderValue::from_str(&media_type).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
        let validators = Validators::new(blob, Some(modified.unwrap_or(created)));
        let representation = Representation { validators, size, media_type, headers };
        let selection = match representation.select(asked.headers) {
            Ok(selection) => selection,
            Err(response) => return *response,
        };
        match self.blobs.get(blob, size).await {
            Ok(source) => representation.respond(blob, source, selection),
            Err(error) => failed(&error),
        }
    }
}

impl Representation {
    /// What of it shall be sent, or the response that sends nothing of it.
    fn select(&self, headers: &HeaderMap) -> Result<Selection, Box<Response<Body>>> {
        match self.validators.judge(headers) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Err(Box::new(self.without_body(StatusCode::NOT_MODIFIED))),
            Verdict::Failed => {
                let reason = "What is here does not fulfil the request's condition.\n".to_owned();
                return Err(Box::new(text(StatusCode::PRECONDITION_FAILED, reason)));
            }
        }
        let selection =
            self.validators.range(headers).map_or(Selection::Whole, |range| range::select(range, self.size));
        if selection != Selection::Unsatisfiable {
            return Ok(selection);
        }
        let reason = format!("There are {} bytes here, and the range lies outside of them.\n", self.size);
        let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, reason);
        response.headers_mut().insert(CONTENT_RANGE, value(format!("bytes */{}", self.size)));
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        Err(Box::new(response))
    }

    fn respond(self, digest: Digest, source: Source, selection: Selection) -> Response<Body> {
        match selection {
            Selection::Whole | Selection::Unsatisfiable => {
                let mut response = self.without_body(StatusCode::OK);
                self.describe(&mut response, self.media_type.clone(), source.whole(self.size));
                response
            }
            Selection::One(range) => {
                let mut response = self.without_body(StatusCode::PARTIAL_CONTENT);
                response.headers_mut().insert(CONTENT_RANGE, value(content_range(&range, self.size)));
                let body = source.pieces(vec![Piece::Range(range)]);
                self.describe(&mut response, self.media_type.clone(), body);
                response
            }
            Selection::Many(ranges) => {
                let mut response = self.without_body(StatusCode::PARTIAL_CONTENT);
                // No blob has its own digest in it, so that this never occurs between two boundaries. It has the
                // characters that librepo, zchunk and podman look for, and no quotes.
                let boundary: String = digest.hex().chars().take(40).collect();
                let media_type = value(format!("multipart/byteranges; boundary={boundary}"));
                let body = source.pieces(self.parts(&boundary, ranges));
                self.describe(&mut response, media_type, body);
                response
            }
        }
    }

    /// The parts in the order in which they were asked for. Each delimiter begins with a line break, the first one
    /// too: zchunk up to 1.1 does not find it otherwise.
    fn parts(&self, boundary: &str, ranges: Vec<Range<u64>>) -> Vec<Piece> {
        let media_type = String::from_utf8_lossy(self.media_type.as_bytes());
        let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
        for range in ranges {
            let range_line = content_range(&range, self.size);
            let head = format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range_line}\r\n\r\n");
            pieces.push(Piece::Made(head.into()));
            pieces.push(Piece::Range(range));
        }
        pieces.push(Piece::Made(format!("\r\n--{boundary}--\r\n").into()));
        pieces
    }

    /// A response with the headers that do not depend on what is sent of it; with status 304 it has no others.
    fn without_body(&self, status: StatusCode) -> Response<Body> {
        let mut headers = HeaderMap::with_capacity(8 + self.headers.len());
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
        headers.insert(ETAG, value(self.validators.tag.clone()));
        if let Some(modified) = self.validators.modified {
            headers.insert(LAST_MODIFIED, value(httpdate::fmt_http_date(modified.system())));
        }
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        headers.remove(CONTENT_ENCODING);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    fn describe(&self, response: &mut Response<Body>, media_type: HeaderValue, body: Body) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, media_type);
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        *response.body_mut() = body;
    }
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// A header value of digits, letters and punctuation.
fn value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(""))
}

/// Bytes that a kind made, served like a blob. They have no date: another program may make others of the same snapshot.
fn from_memory(asked: &Asked<'_>, content: Content) -> Response<Body> {
    let Content { media_type, bytes, headers, .. } = content;
    let digest = Digest::of(&bytes);
    let representation = Representation {
        validators: Validators::new(digest, None),
        size: bytes.len() as u64,
        media_type: HeaderValue::from_static(media_type),
        headers,
    };
    match representation.select(asked.headers) {
        Ok(selection) => representation.respond(digest, Source::Memory(bytes), selection),
        Err(response) => *response,
    }
}

/// Bytes that a kind made, as they are.
pub fn plain(content: Content) -> Response<Body> {
    let Content { status, media_type, bytes, headers } = content;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
    *response.body_mut() = bytes.into();
    response
}

/// A text for a person, as a response.
pub fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response.headers_mut().insert(CONTENT_LENGTH, text.len().into());
    *response.body_mut() = Bytes::from(text).into();
    response
}

fn not_allowed(method: &Method) -> Response<Body> {
    let reason = format!("This mirror is read-only: it answers GET and HEAD here, not {method}.\n");
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, reason);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn redirect(path: &str) -> Response<Body> {
    // Two slashes at the beginning would name another host; browsers take a backslash for one.
    let path = format!("/{}", utf8_percent_encode(path.trim_start_matches(['/', '\\']), NOT_IN_URL));
    let mut response = text(StatusCode::MOVED_PERMANENTLY, format!("It is at {path}\n"));
    response.headers_mut().insert(LOCATION, value(path));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What a client is told when a blob can't be served: which, where it should be, and what helps.
fn failed(error: &Arc<StoreError>) -> Response<Body> {
    let (status, hint) = match **error {
        StoreError::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, None),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, error.hint()),
    };
    let mut message = format!("error: {error}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!("caused by: {cause}\n"));
        source = cause.source();
    }
    if let Some(hint) = hint {
        message.push_str(&format!("hint: {hint}\n"));
    }
    let mut response = text(status, message);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
