//! One question and its answer: through the gate, with credentials, along redirects. Nothing is tried again here.

use std::time::{Duration, SystemTime};

use airlift_core::{Event, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use crate::answer::Answer;
use crate::auth::Place;
use crate::error::{FetchError, Transport};
use crate::fetcher::Fetcher;
use crate::limits::Permit;
use crate::ratelimit::{RateLimit, retry_after};
use crate::redirect;
use crate::retry::{Again, Trouble, status_is_temporary};

/// A question.
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request,
    pub(crate) method: Method,
    /// Conditions and ranges: they travel along redirects.
    pub(crate) headers: HeaderMap,
    /// The form that is sent with it.
    pub(crate) form: Option<String>,
    /// Other bytes that are sent with it; the request's headers say what they are.
    pub(crate) body: Option<Bytes>,
    /// Whether credentials are looked for.
    pub(crate) authorize: bool,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(request: &'a Request) -> Self {
        Self { request, method: Method::GET, headers: HeaderMap::new(), form: None, body: None, authorize: true }
    }

    /// Whether a status is an answer: success, and what a condition or a range asks for.
    fn is_answered_by(&self, status: StatusCode) -> bool {
        match status {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => true,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => self.headers.contains_key(header::RANGE),
            StatusCode::NOT_MODIFIED => {
                self.headers.contains_key(header::IF_NONE_MATCH) || self.headers.contains_key(header::IF_MODIFIED_SINCE)
            }
            status => self.form.is_some() && status.is_success(),
        }
    }
}

/// Asks, and follows redirects.
///
/// # Errors
///
/// Every answer that is not what was asked for, with the word whether to ask again.
pub(crate) async fn exchange(fetcher: &Fetcher, ask: &Ask<'_>) -> Result<Answer, Trouble> {
    let mut url = ask.request.url.expose().clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    for _ in 0..=redirect::MOST {
        let answer = at(fetcher, ask, &url).await?;
        if !redirect::is_redirect(answer.status) {
            return Ok(answer);
        }
        let refused = |reason| FetchError::Redirect { url: Box::new(ask.request.url.clone()), reason };
        if ask.form.is_some() {
            return Err(refused("a password is not sent on".to_owned()).into());
        }
        if ask.body.is_some() {
            return Err(refused("a question is asked where it was, and not sent on".to_owned()).into());
        }
        url = redirect::next(&url, answer.headers.get(header::LOCATION)).map_err(refused)?;
    }
    let reason = format!("it is the {}th in a row", redirect::MOST + 1);
    Err(FetchError::Redirect { url: Box::new(ask.request.url.clone()), reason }.into())
}

/// Asks one URL, a second time with credentials if it wants some.
async fn at(fetcher: &Fetcher, ask: &Ask<'_>, url: &Url) -> Result<Answer, Trouble> {
    let place = Place::new(ask.request, url);
    let authorize = ask.authorize && !(place.home && has_authorization(ask.request));
    let mut authorization = match authorize {
        true => fetcher.auth().unasked(fetcher, &place).await?,
        false => None,
    };
    let mut challenged = false;
    loop {
        let answer = send(fetcher, ask, (&place, authorization.as_ref())).await?;
        observe_limits(fetcher, &place, &answer.headers);
        if ask.is_answered_by(answer.status) || redirect::is_redirect(answer.status) {
            return Ok(answer);
        }
        let headers = answer.headers.clone();
        let unauthorized = answer.status == StatusCode::UNAUTHORIZED;
        // This reads the answer to its end and gives the permit back: a token is asked for through the same gate.
        let mut trouble = no(fetcher, ask, (&place, authorization.as_ref()), answer).await;
        if !unauthorized || !authorize || challenged {
            return Err(trouble);
        }
        challenged = true;
        match fetcher.auth().asked(fetcher, &place, &headers, authorization.as_ref()).await? {
            Some(header) => authorization = Some(header),
            None => {
                // What was found out about credentials meanwhile belongs into the hint.
                if let FetchError::Status { credentials: Some(note), .. } = &mut trouble.error {
                    *note = fetcher.auth().note(&place, note.sent);
                }
                return Err(trouble);
            }
        }
    }
}

fn has_authorization(request: &Request) -> bool {
    request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
}

/// Sends one request and waits for the head of its answer.
async fn send(
    fetcher: &Fetcher,
    ask: &Ask<'_>,
    (place, authorization): (&Place<'_>, Option<&HeaderValue>),
) -> Result<Answer, Trouble> {
    let request = ask.request;
    let mut headers = ask.headers.clone();
    // What travels is what is stored: nothing is compressed on the way.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in &request.headers {
        // Elsewhere only the wish for a format counts; the rest may be a secret.
        if place.home || name.eq_ignore_ascii_case("accept") {
            let (name, value) = header_of(request, name, value.expose())?;
            headers.append(name, value);
        }
    }
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let authority = redirect::authority(place.url);
    let from = Some(authority.clone()).filter(|authority| *authority != request.url.authority());
    let permit: Permit = fetcher.gate().enter(&authority).await;
    let mut builder = fetcher.client().request(ask.method.clone(), place.url.clone()).headers(headers);
    if let Some(form) = &ask.form {
        builder = builder.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
    }
    if let Some(body) = &ask.body {
        builder = builder.body(body.clone());
    }
    match builder.send().await {
        Ok(response) => {
            tracing::debug!(method = %ask.method, url = %request.url, from, status = response.status().as_u16(), "answered");
            Ok(Answer::new(response, place.url.clone(), from, permit))
        }
        Err(error) => Err(Trouble::on_the_way(&request.url, from, Transport::from(error))),
    }
}

fn header_of(request: &Request, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FetchError> {
    let invalid = |what| FetchError::Request {
        url: Box::new(request.url.clone()),
        reason: format!("{what} '{}' has characters that a header can't have", crate::answer::clean(name, 40)),
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("the name of the header"))?;
    let mut value = HeaderValue::from_str(value).map_err(|_| invalid("the value of the header"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// The trouble that an answer is which is none; a host that asks for patience gets it from everybody.
async fn no(
    fetcher: &Fetcher,
    ask: &Ask<'_>,
    (place, sent): (&Place<'_>, Option<&HeaderValue>),
    answer: Answer,
) -> Trouble {
    let url = Box::new(place.request.url.clone());
    let (status, from) = (answer.status.as_u16(), answer.from.clone());
    let wait = match status {
        429 | 503 => {
            let limits = || RateLimit::of(&answer.headers).filter(|_| status == 429).and_then(|limit| limit.wait());
            retry_after(&answer.headers, SystemTime::now()).or_else(limits)
        }
        _ => None,
    };
    let said = answer.said(&secrets(ask, place, sent)).await;
    let longest = fetcher.settings().longest_wait;
    let again = match wait {
        Some(wait) if wait > longest => return FetchError::Throttled { url, wait, longest, said }.into(),
        Some(wait) => {
            let reason =
                format!("it answered {status}{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default());
            pause(fetcher, place, wait, reason);
            Again::After(wait)
        }
        None if status_is_temporary(status) => Again::Yes,
        None => Again::No,
    };
    let sent = sent.is_some() || (place.home && has_authorization(place.request));
    let credentials = matches!(status, 401 | 403).then(|| fetcher.auth().note(place, sent));
    Trouble { error: FetchError::Status { url, from, status, said, credentials }, again }
}

/// Tells a person when a registry's limit is nearly used up, and waits when it is.
fn observe_limits(fetcher: &Fetcher, place: &Place<'_>, headers: &HeaderMap) {
    let Some(limit) = RateLimit::of(headers) else { return };
    let authority = redirect::authority(place.url);
    if limit.is_low() && fetcher.gate().is_first_warning(&authority) {
        let most = limit.limit.unwrap_or_default();
        let window = limit.window.map(|window| format!(" in {} s", window.as_secs())).unwrap_or_default();
        let message = format!(
            "{authority} allows {} more of {most} requests{window}: logging in usually raises the limit",
            limit.remaining
        );
        fetcher.tell(&Event::Notice { message });
    }
    if let Some(wait) = limit.wait().filter(|wait| *wait <= fetcher.settings().longest_wait) {
        pause(fetcher, place, wait, "it allows no more requests for now".to_owned());
    }
}

fn pause(fetcher: &Fetcher, place: &Place<'_>, wait: Duration, reason: String) {
    let host = redirect::authority(place.url);
    if fetcher.gate().pause(&host, wait) && !wait.is_zero() {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        fetcher.tell(&Event::Throttled { host, wait_ms, reason });
    }
}

/// Everything in this request that an upstream might repeat and nobody should read.
fn secrets(ask: &Ask<'_>, place: &Place<'_>, sent: Option<&HeaderValue>) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    let headers = place.request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("accept"));
    let values = headers.map(|(_, value)| value.expose()).chain(sent.and_then(|sent| sent.to_str().ok()));
    for value in values {
        secrets.push(value.to_owned());
        if let Some((_, credentials)) = value.split_once(' ') {
            secrets.push(credentials.to_owned());
            secrets.extend(user_and_password(credentials));
        }
    }
    let form = ask.form.as_deref().unwrap_or_default();
    let public = ["grant_type", "client_id", "service", "scope"];
    let pairs = url::form_urlencoded::parse(form.as_bytes()).filter(|(name, _)| !public.contains(&name.as_ref()));
    secrets.extend(pairs.map(|(_, value)| value.into_owned()));
    let given = place.request.url.expose();
    secrets.push(given.username().to_owned());
    secrets.extend(given.password().map(str::to_owned));
    for url in [given, place.url] {
        let values = url.query_pairs().map(|(_, value)| value.into_owned()).filter(|value| value.len() >= 8);
        secrets.extend(values);
        secrets.extend(url.query().filter(|query| query.len() >= 8).map(str::to_owned));
    }
    let others: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    secrets.extend(others);
    // The longest first, so that no part of one is left over.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// The user and the password in the credentials of the scheme `Basic`. Some put a token where the user is.
fn user_and_password(credentials: &str) -> Vec<String> {
    let Ok(decoded) = STANDARD.decode(credentials) else { return Vec::new() };
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    let parts: Vec<String> = decoded.splitn(2, ':').map(str::to_owned).collect();
    parts.into_iter().chain([decoded]).collect()
}

/// The ways in which a text is written in URLs, forms and JSON.
fn spellings(text: &str) -> [String; 3] {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_matches('"').to_owned();
    let url = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    [json, url, url::form_urlencoded::byte_serialize(text.as_bytes()).collect()]
}
