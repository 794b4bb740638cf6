//! One request: which kind answers it, and what is counted and logged of it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use airlift_kind::respond::{self, Body};
use airlift_kind::{Asked, Reply, Scheme};
use airlift_store::StoreError;
use bytes::Bytes;
use http::header::{RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};

use crate::access_log::Entry;
use crate::path;
use crate::question::Question;
use crate::site::{Current, Site};
use crate::users::{CHALLENGE, Refusal};

/// What one listener answers for: positions in the site's list of kinds.
pub(crate) struct Desk {
    site: Arc<Site>,
    kinds: Vec<usize>,
    /// Their names, for who reads what was asked for in vain.
    names: Arc<str>,
    /// How clients come to it.
    scheme: Scheme,
}

impl Desk {
    /// Answers for these kinds.
    pub(crate) fn new(site: Arc<Site>, kinds: Vec<usize>, scheme: Scheme) -> Self {
        let names: Vec<&str> = kinds.iter().map(|&kind| site.kinds[kind].name()).collect();
        let names = names.join(", ").into();
        Self { site, kinds, names, scheme }
    }

    /// Answers a request. Its body is read where a kind asks for it, and else never.
    pub(crate) async fn answer<B: http_body::Body>(
        &self,
        client: SocketAddr,
        request: Request<B>,
    ) -> Response<Tracked> {
        let began = Instant::now();
        let line = self.site.log.is_some().then(SystemTime::now);
        let (parts, body) = request.into_parts();
        let (user, (kind, response)) = match self.site.admit(client, &parts).await {
            Ok(user) => (user, self.respond(&parts, &mut Question::new(body)).await),
            Err(refusal) => (None, self.refuse(refusal)),
        };
        if response.status() == StatusCode::NOT_FOUND {
            self.site.misses.note(&self.names, &parts.uri);
        }
        let line = line.map(|began| Box::new(Line { client, user, began, parts }));
        let account = Account { site: Arc::clone(&self.site), kind, began, line };
        let status = response.status();
        response.map(|body| Tracked { body, sent: 0, status, account: Some(account) })
    }

    /// What a client is told that may not ask, in the words of this port's protocol, and which kind told it.
    fn refuse(&self, refusal: Refusal) -> (usize, Response<Body>) {
        let (status, message) = refusal.told();
        let first = self.kinds.first().copied().unwrap_or(self.site.kinds.len());
        let response = match self.site.kinds.get(first) {
            Some(kind) => respond::plain(kind.refusal(status, &message)),
            None => respond::text(status, format!("{message}\n")),
        };
        (first, refusal.challenge(response))
    }

    /// The response, and which kind made it. Where that is an error of the store's and another snapshot has become the
    /// current one, that one is asked: pruning may have removed what the old one names.
    async fn respond<B: http_body::Body>(&self, parts: &Parts, question: &mut Question<B>) -> (usize, Response<Body>) {
        let current = self.site.current();
        let (kind, response) = self.respond_from(&current, parts, question).await;
        if !response.status().is_server_error() {
            return (kind, response);
        }
        if let Err(error) = self.site.refresh().await {
            tracing::warn!("the store can't be read: {error}");
        }
        let newest = self.site.current();
        match newest.id == current.id {
            true => (kind, response),
            false => self.respond_from(&newest, parts, question).await,
        }
    }

    /// The response of one snapshot, and which kind made it: the position behind all kinds where none did.
    async fn respond_from<B: http_body::Body>(
        &self,
        current: &Current,
        parts: &Parts,
        question: &mut Question<B>,
    ) -> (usize, Response<Body>) {
        let site = &*self.site;
        let nobody = site.kinds.len();
        let path = match path::check_host(&parts.headers).and_then(|()| path::clean(parts.uri.path())) {
            Ok(path) => path,
            Err(reason) => return (nobody, respond::text(StatusCode::BAD_REQUEST, format!("{reason}\n"))),
        };
        let (method, query) = (&parts.method, parts.uri.query());
        let asked = Asked { method, path: &path, query, headers: &parts.headers, scheme: self.scheme };
        let mut alias = None;
        for &kind in &self.kinds {
            let mut reply = current.lookups[kind].lookup(&asked);
            let reply = loop {
                reply = match reply {
                    Reply::Later(later) => later.await,
                    Reply::Asks(asks) => match question.read(asks.limit).await {
                        Ok(body) => (asks.answer)(body),
                        Err((status, reason)) => return (kind, respond::text(status, format!("{reason}\n"))),
                    },
                    reply => break reply,
                };
            };
            match reply {
                Reply::Pass => {}
                Reply::Alias(_) => alias = alias.or(Some((kind, reply))),
                reply => return (kind, site.responder.respond(&asked, current.header.created, reply).await),
            }
        }
        if let Some((kind, reply)) = alias {
            return (kind, site.responder.respond(&asked, current.header.created, reply).await);
        }
        (nobody, self.not_found(current, &path))
    }

    fn not_found(&self, current: &Current, path: &str) -> Response<Body> {
        let names = self.kinds.iter().map(|&kind| self.site.kinds[kind].name());
        let omission = names.clone().find_map(|name| current.omission(name, path));
        let reason = match omission {
            Some(omission) => format!(
                "It was left out when the snapshot was collected: {}\nTo bring it, collect again without --keep-going, \
                 carry the archive over and load it.\n",
                omission.omitted
            ),
            None => "To bring it, add it to the manifest, collect, carry the archive over and load it.\n".to_owned(),
        };
        let kinds = names.collect::<Vec<_>>().join(", ");
        let text = format!("There is no {path} in the snapshot {} ({kinds}).\n{reason}", current.describe());
        respond::text(StatusCode::NOT_FOUND, text)
    }
}

impl Site {
    /// Who sent a request, where that is asked for.
    pub(crate) async fn admit(&self, client: SocketAddr, parts: &Parts) -> Result<Option<String>, Refusal> {
        match &self.users {
            None => Ok(None),
            Some(users) => users.admit(client.ip(), &parts.headers).await.map(Some),
        }
    }
}

impl Refusal {
    /// The headers that a refusal has.
    pub(crate) fn challenge<B>(self, mut response: Response<B>) -> Response<B> {
        match self {
            Self::Nobody | Self::Wrong => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            Self::Guessing(wait) => {
                response.headers_mut().insert(RETRY_AFTER, wait.as_secs().into());
            }
        }
        response
    }
}

/// A body that tells how it ended.
pub(crate) struct Tracked {
    body: Body,
    sent: u64,
    status: StatusCode,
    account: Option<Account>,
}

/// What is counted when a response is over.
struct Account {
    site: Arc<Site>,
    kind: usize,
    began: Instant,
    line: Option<Box<Line>>,
}

/// What is logged beside it.
struct Line {
    client: SocketAddr,
    user: Option<String>,
    began: SystemTime,
    parts: Parts,
}

impl Tracked {
    /// A body that is neither counted nor logged.
    pub(crate) const fn unaccounted(body: Body) -> Self {
        Self { body, sent: 0, status: StatusCode::OK, account: None }
    }
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = Arc<StoreError>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Arc<StoreError>>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            this.sent += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let Some(account) = self.account.take() else { return };
        let Account { site, kind, began, line } = account;
        let took = began.elapsed();
        site.metrics.count(&site.counts[kind], self.status, self.sent, took);
        let (Some(log), Some(line)) = (&site.log, line) else { return };
        let Line { client, user, began, parts } = *line;
        log.push(Entry {
            began,
            client,
            user,
            kind: site.kinds.get(kind).map_or("none", |kind| kind.name()),
            agent: parts.headers.get(USER_AGENT).cloned(),
            method: parts.method,
            uri: parts.uri,
            status: self.status,
            bytes: self.sent,
            complete: self.body.is_empty(),
            took,
        });
    }
}

/// What a port that no kind answers for has to say.
pub(crate) fn plain(status: StatusCode, media_type: &'static str, text: String) -> Response<Tracked> {
    let mut response = respond::text(status, text);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.map(Tracked::unaccounted)
}
