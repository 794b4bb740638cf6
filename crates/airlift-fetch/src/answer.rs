//! What the headers of an answer say, and what its body says when the answer is no.

use std::time::Duration;

use airlift_core::text::turns;
use airlift_core::{Checksum, Request, Time};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::limits::Permit;

/// An answer whose body is not read yet.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The URL that answered.
    pub(crate) url: Url,
    /// Its host, where that is not the one that was asked.
    pub(crate) from: Option<String>,
    response: reqwest::Response,
    _permit: Permit,
}

impl Answer {
    pub(crate) fn new(response: reqwest::Response, url: Url, from: Option<String>, permit: Permit) -> Self {
        Self { status: response.status(), headers: response.headers().clone(), url, from, response, _permit: permit }
    }

    /// The next bytes of the body.
    pub(crate) async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, reqwest::Error> {
        self.response.chunk().await
    }

    /// The size of the whole thing in bytes: of the body, or as a range of it tells.
    pub(crate) fn total(&self) -> Option<u64> {
        match self.status {
            StatusCode::PARTIAL_CONTENT => content_range(&self.headers).and_then(|range| range.total),
            _ => number(&self.headers, &header::CONTENT_LENGTH),
        }
    }

    /// What upstream says about why not: the first 200 characters of a text, and never a secret.
    pub(crate) async fn said(mut self, secrets: &[String]) -> Option<String> {
        let kind = media_type(&self.headers).unwrap_or_default();
        let html = kind.contains("html");
        if !(kind.is_empty() || html || kind.starts_with("text/") || kind.contains("json") || kind.contains("xml")) {
            return None;
        }
        let mut body = Vec::new();
        let patience = tokio::time::sleep(Duration::from_secs(5));
        tokio::pin!(patience);
        while body.len() < 8192 {
            tokio::select! {
                () = &mut patience => break,
                chunk = self.response.chunk() => match chunk {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        body.truncate(8192);
        let mut text = String::from_utf8_lossy(&body).into_owned();
        if html {
            text = title(&text)?.to_owned();
        }
        for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
            text = text.replace(secret.as_str(), "REDACTED");
        }
        Some(clean(&text, 200)).filter(|text| !text.is_empty())
    }
}

/// The title of an HTML page: the part of it that is for people.
fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower.get(start..)?.find("</title>")?;
    page.get(start..end)
}

/// A text in one line, without control characters, cut at so many characters.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let invisible = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200d}') || turns(c);
    let spaced: String = text.chars().map(|c| if invisible(c) { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(most).collect()
}

/// A header's value as text.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The media type, in lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = text(headers, &header::CONTENT_TYPE)?;
    let media_type = text.split([';', ',']).next()?.trim().to_ascii_lowercase();
    media_type.contains('/').then_some(media_type)
}

/// How the body is encoded, where it is.
pub(crate) fn encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let text = clean(&values.join(", "), 100);
    // Object stores that were written to with chunks keep this name, and undo the chunks.
    let plain =
        |name: &str| name.is_empty() || ["identity", "aws-chunked"].iter().any(|none| name.eq_ignore_ascii_case(none));
    (!text.split(',').map(str::trim).all(plain)).then_some(text)
}

/// The checksum in the header that the request names.
pub(crate) fn named(headers: &HeaderMap, request: &Request) -> Option<Checksum> {
    headers.get(request.digest_header?)?.to_str().ok()?.trim().parse().ok()
}

/// When it last changed, where the request says that upstream knows.
pub(crate) fn modified(headers: &HeaderMap, request: &Request) -> Option<Time> {
    date(headers).filter(|_| request.dated)
}

/// The `Last-Modified` date.
pub(crate) fn date(headers: &HeaderMap) -> Option<Time> {
    httpdate::parse_http_date(&text(headers, &header::LAST_MODIFIED)?).ok().map(Time::from)
}

/// A `Content-Range: bytes 0-9/100` (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The first byte.
    pub(crate) start: u64,
    /// The byte behind the last.
    pub(crate) end: u64,
    /// The size of the whole.
    pub(crate) total: Option<u64>,
}

pub(crate) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = text(headers, &header::CONTENT_RANGE)?;
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let (start, last): (u64, u64) = (start.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let end = last.checked_add(1)?;
    (start < end && total.is_none_or(|total| end <= total)).then_some(ContentRange { start, end, total })
}

/// What tells one version of something from another: an `ETag` and a `Last-Modified`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_modified: Option<String>,
}

impl Validators {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self { etag: text(headers, &header::ETAG), last_modified: text(headers, &header::LAST_MODIFIED) }
    }

    /// What `If-Range` takes: a strong entity tag or else the date (RFC 9110, section 13.1.5).
    pub(crate) fn if_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| etag.starts_with('"'));
        strong.or(self.last_modified.as_deref())
    }

    /// Whether another answer may be about the same version: nothing that both tell differs.
    pub(crate) fn agree(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        !differ(&self.etag, &other.etag) && (self.etag.is_some() || !differ(&self.last_modified, &other.last_modified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a value"))])
    }

    #[test]
    fn ranges_that_make_no_sense_are_none() {
        let range = |text| content_range(&headers(header::CONTENT_RANGE, text));
        assert_eq!(range("bytes 5-9/100"), Some(ContentRange { start: 5, end: 10, total: Some(100) }));
        assert_eq!(range("bytes 5-9/*"), Some(ContentRange { start: 5, end: 10, total: None }));
        for text in
            ["bytes */100", "bytes 9-5/100", "bytes 5-100/100", "lines 5-9/100", "bytes 5-18446744073709551615/*"]
        {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn words_of_strangers_are_cleaned() {
        assert_eq!(clean("a\x1b[31m\r\n\tb\u{202e}c\0", 200), "a [31m b c");
        assert_eq!(clean(&"ä".repeat(300), 200).chars().count(), 200);
        assert_eq!(title("<html><TITLE>502 Bad Gateway</TITLE>x"), Some("502 Bad Gateway"));
        assert_eq!(title("<title>"), None);
    }

    #[test]
    fn media_types_lose_their_parameters() {
        let of = |text| media_type(&headers(header::CONTENT_TYPE, text));
        assert_eq!(of("Text/HTML; charset=utf-8").as_deref(), Some("text/html"));
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn only_strong_tags_and_dates_guard_a_range() {
        let validators = |etag: &str, date: &str| Validators {
            etag: Some(etag.to_owned()).filter(|etag| !etag.is_empty()),
            last_modified: Some(date.to_owned()).filter(|date| !date.is_empty()),
        };
        assert_eq!(validators("\"a\"", "d").if_range(), Some("\"a\""));
        assert_eq!(validators("W/\"a\"", "d").if_range(), Some("d"));
        assert_eq!(validators("W/\"a\"", "").if_range(), None);
        assert!(validators("\"a\"", "d").agree(&validators("\"a\"", "e")));
        assert!(!validators("\"a\"", "d").agree(&validators("\"b\"", "d")));
        assert!(!validators("", "d").agree(&validators("", "e")));
    }
}
