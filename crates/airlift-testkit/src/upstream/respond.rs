//! How the upstream answers.

use std::convert::Infallible;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use url::form_urlencoded;

use super::{Fault, Guard, Recorded, Resource, State};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How the body of an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Drop(usize),
    Stall(usize),
}

/// Accepts connections until it is aborted, and everything that it began with it.
pub(super) async fn listen(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
                connections.spawn(async move {
                    let Some(acceptor) = acceptor else { return serve(stream, false, state).await };
                    // A client that does not trust the certificate ends here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    serve(stream, http2, state).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, http2: bool, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(&state, request).await) }
    });
    let stream = TokioIo::new(stream);
    // Connections break: that is what this upstream is for.
    let _ = match http2 {
        true => hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await,
        false => hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await,
    };
}

/// Counts a request for as long as its answer is on the way.
struct Active(Arc<State>);

impl Active {
    fn new(state: &Arc<State>) -> Self {
        let now = state.active.fetch_add(1, Ordering::SeqCst) + 1;
        state.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(state))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let active = Active::new(state);
    let (head, body) = request.into_parts();
    let path = name(state, &head.uri);
    let record = |status: u16| {
        state.requests().push(Recorded {
            method: head.method.to_string(),
            target: head.uri.to_string().replacen(&state.base, "", 1),
            headers: head.headers.clone(),
            version: head.version,
            status,
        });
    };
    if path == "/token" {
        let form = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let response = token(state, (head.uri.query(), &head.headers), &form);
        record(response.status().as_u16());
        return response;
    }
    let fault = {
        let mut shelf = state.shelf();
        let queued = shelf.faults.get_mut(&path).and_then(std::collections::VecDeque::pop_front);
        queued.or_else(|| shelf.always.get(&path).cloned()).unwrap_or(Fault::None)
    };
    if matches!(fault, Fault::Silence) {
        record(0);
        std::future::pending::<()>().await;
    }
    let response = respond(state, (&head.method, &path, &head.headers), fault, active);
    record(response.status().as_u16());
    response
}

/// What a request is about: path and query where something was put there, and otherwise the path whatever its query.
fn name(state: &Arc<State>, uri: &http::Uri) -> String {
    let whole = uri.path_and_query().map(ToString::to_string);
    let known = whole.filter(|whole| state.shelf().resources.contains_key(whole));
    known.unwrap_or_else(|| uri.path().to_owned())
}

/// The answer to a request for a path, with one fault.
fn respond(
    state: &Arc<State>,
    (method, path, headers): (&Method, &str, &HeaderMap),
    fault: Fault,
    active: Active,
) -> Response<Body> {
    match &fault {
        Fault::Replace(resource) => drop(state.shelf().resources.insert(path.to_owned(), (**resource).clone())),
        Fault::Status(status, headers, text) => return plain(*status, headers, text),
        Fault::TooManySeconds(seconds) => {
            return plain(429, &[("retry-after".to_owned(), seconds.to_string())], "slow down");
        }
        Fault::TooManyDate(seconds) => {
            let date = httpdate_of(SystemTime::now() + Duration::from_secs(*seconds));
            return plain(429, &[("retry-after".to_owned(), date)], "slow down");
        }
        Fault::Redirect(status, to) => return plain(*status, &[("location".to_owned(), to.clone())], ""),
        _ => {}
    }
    let Some(resource) = state.shelf().resources.get(path).cloned() else {
        return plain(404, &[("content-type".to_owned(), "text/plain".to_owned())], "no such thing here");
    };
    if let Some(refusal) = refuse(state, &resource.guard, headers) {
        return refusal;
    }
    if method == Method::HEAD && !resource.head {
        return plain(405, &[], "");
    }
    send(state, (method, headers), (&resource, &fault), active)
}

/// Ranges, conditions and bodies (RFC 9110), as far as they are needed and not broken on purpose.
fn send(
    state: &Arc<State>,
    (method, headers): (&Method, &HeaderMap),
    (resource, fault): (&Resource, &Fault),
    active: Active,
) -> Response<Body> {
    let date = resource.modified.map(httpdate_of);
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let known = |value: &str| Some(value) == resource.etag.as_deref() || Some(value) == date.as_deref();
    let unchanged = match (text(header::IF_NONE_MATCH), text(header::IF_MODIFIED_SINCE)) {
        (Some(tag), _) => known(tag),
        (None, Some(since)) => known(since),
        (None, None) => false,
    };
    let body = content(state, resource, fault);
    let total = body.len();
    let wanted = text(header::RANGE).filter(|_| resource.ranges && !matches!(fault, Fault::IgnoreRange));
    let guarded = text(header::IF_RANGE).is_none_or(known);
    let range = wanted.filter(|_| guarded).and_then(|range| parse_range(range, total));
    let mut response = Response::builder();
    for (name, value) in &resource.headers {
        response = response.header(name, value);
    }
    for (name, value) in
        [(header::ETAG, &resource.etag), (header::LAST_MODIFIED, &date), (header::CONTENT_TYPE, &resource.media_type)]
    {
        if let Some(value) = value {
            response = response.header(name, value);
        }
    }
    if resource.ranges {
        response = response.header(header::ACCEPT_RANGES, "bytes");
    }
    let (status, part) = match range {
        _ if unchanged => (StatusCode::NOT_MODIFIED, 0..0),
        None => (StatusCode::OK, 0..total),
        Some(Range { start, end }) if start >= end => {
            response = response.header(header::CONTENT_RANGE, format!("bytes */{total}"));
            (StatusCode::RANGE_NOT_SATISFIABLE, 0..0)
        }
        Some(Range { start, end }) => {
            let start = if matches!(fault, Fault::WrongRange) { start / 2 } else { start };
            let says = match fault {
                Fault::SaysRange(says) => says.clone(),
                _ => format!("bytes {start}-{}/{total}", end - 1),
            };
            response = response.header(header::CONTENT_RANGE, says);
            (StatusCode::PARTIAL_CONTENT, start..end)
        }
    };
    if resource.sized && status != StatusCode::NOT_MODIFIED {
        response = response.header(header::CONTENT_LENGTH, part.len());
    }
    let end = end(state, fault, part.len());
    let body = if method == Method::HEAD { Bytes::new() } else { body.slice(part) };
    let end = if method == Method::HEAD { End::Whole } else { end };
    response.status(status).body(stream_of(body, (end, resource.pace), active)).expect("the test's headers are headers")
}

/// The bytes that are sent, right or not.
fn content(state: &State, resource: &Resource, fault: &Fault) -> Bytes {
    let mut body = resource.body.clone();
    match fault {
        Fault::Short(len) => body.truncate(*len),
        Fault::Wrong if !body.is_empty() => {
            let at = usize::try_from(state.shelf().below(body.len() as u64)).unwrap_or(0);
            let mut wrong = body.to_vec();
            wrong[at] ^= 0x40;
            body = wrong.into();
        }
        _ => {}
    }
    body
}

/// How a body of so many bytes ends.
fn end(state: &State, fault: &Fault, len: usize) -> End {
    match fault {
        Fault::Drop(at) => End::Drop(usize::try_from(*at).unwrap_or(usize::MAX).min(len)),
        Fault::DropAnywhere => {
            let at = state.shelf().below(len as u64);
            End::Drop(usize::try_from(at).unwrap_or(0))
        }
        Fault::Stall(at) => End::Stall(usize::try_from(*at).unwrap_or(usize::MAX).min(len)),
        _ => End::Whole,
    }
}

/// The body in pieces of 64 KiB, ending well or not.
fn stream_of(body: Bytes, (end, pace): (End, Duration), active: Active) -> Body {
    let cut = match end {
        End::Whole => body.len(),
        End::Drop(at) | End::Stall(at) => at,
    };
    let body = body.slice(..cut.min(body.len()));
    let pieces: Vec<Bytes> =
        (0..body.len()).step_by(64 << 10).map(|at| body.slice(at..body.len().min(at + (64 << 10)))).collect();
    let good = stream::iter(pieces).then(move |piece| async move {
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
        }
        Ok(Frame::data(piece))
    });
    let last = stream::once(async move {
        // What was written has to reach the client before the connection breaks.
        tokio::time::sleep(Duration::from_millis(if end == End::Whole { 0 } else { 20 })).await;
        if matches!(end, End::Stall(_)) {
            std::future::pending::<()>().await;
        }
        drop(active);
        match end {
            End::Whole => None,
            _ => Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))),
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(good.chain(last.filter_map(std::future::ready))))
}

/// `bytes=5-`, `bytes=5-9` and `bytes=-5`; an empty range where it begins behind the end, or has no bytes.
fn parse_range(text: &str, total: usize) -> Option<Range<usize>> {
    let (start, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if start.is_empty() {
        return Some(total.saturating_sub(last.parse().ok()?)..total);
    }
    let start: usize = start.parse().ok()?;
    let end = match last {
        "" => total,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(total),
    };
    Some(start..end.max(start.min(end)))
}

fn plain(status: u16, headers: &[(String, String)], text: &str) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let body = http_body_util::Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|never| match never {});
    response.body(BodyExt::boxed_unsync(body)).expect("the test's headers are headers")
}

/// The `401` for whoever may not read something.
fn refuse(state: &Arc<State>, guard: &Guard, headers: &HeaderMap) -> Option<Response<Body>> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let challenge = match guard {
        Guard::Open => return None,
        Guard::Basic { user, password } if sent == Some(basic(user, password).as_str()) => return None,
        Guard::Basic { .. } => "Basic realm=\"test\"".to_owned(),
        Guard::Bearer { scope, realm } => {
            let token = sent.and_then(|sent| sent.strip_prefix("Bearer ")).unwrap_or_default();
            if state.shelf().given.contains(&(token.to_owned(), scope.clone())) {
                return None;
            }
            let realm = realm.clone().unwrap_or_else(|| format!("{}/token", state.base));
            format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"{scope}\"")
        }
    };
    let headers = [("www-authenticate".to_owned(), challenge), ("content-type".to_owned(), "text/plain".to_owned())];
    // A careless upstream, which repeats what it was told.
    Some(plain(401, &headers, &format!("not for {}", sent.unwrap_or("strangers"))))
}

/// Gives a token for a scope.
fn token(state: &Arc<State>, (query, headers): (Option<&str>, &HeaderMap), form: &[u8]) -> Response<Body> {
    let mut shelf = state.shelf();
    let parts = [query.unwrap_or_default().as_bytes(), form];
    let pairs: Vec<(String, String)> =
        parts.into_iter().flat_map(|part| form_urlencoded::parse(part).into_owned()).collect();
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let identified = shelf.tokens.identity.is_some() && shelf.tokens.identity == value("refresh_token");
    let allowed = match &shelf.tokens.login {
        Some((user, password)) => identified || sent == Some(basic(user, password).as_str()),
        None => shelf.tokens.identity.is_none() || identified,
    };
    if !allowed {
        return plain(
            401,
            &[("content-type".to_owned(), "application/json".to_owned())],
            "{\"details\":\"wrong password\"}",
        );
    }
    shelf.count += 1;
    let token = format!("secret-token-{}", shelf.count);
    for (_, scope) in pairs.iter().filter(|(name, _)| name == "scope") {
        shelf.given.insert((token.clone(), scope.clone()));
    }
    let expires = shelf.tokens.expires_in.map(|seconds| format!(",\"expires_in\":{seconds}")).unwrap_or_default();
    let name = if identified { "access_token" } else { "token" };
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    plain(200, &headers, &format!("{{\"{name}\":\"{token}\"{expires}}}"))
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

fn httpdate_of(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}
