//! URLs of upstreams, which may carry a password.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// What is encoded in a path: everything but unreserved characters, slashes, colons, and `+`, which is a literal plus.
const PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'+').remove(b':');

/// A path with what must not stand in a URL percent-encoded (RFC 3986).
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, &PATH).to_string()
}

/// What names of query parameters contain whose values are secrets.
const SECRET_PARTS: [&str; 8] =
    ["token", "secret", "password", "passwd", "passphrase", "signature", "credential", "apikey"];

/// Words of names of query parameters whose values are secrets; shorter, so they count as whole words only.
const SECRET_WORDS: [&str; 11] = ["sig", "key", "pass", "pwd", "auth", "code", "jwt", "hmac", "sas", "otp", "session"];

/// Whether the value of a query parameter may be a secret, by the parameter's name.
fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = words(name);
    SECRET_PARTS.iter().any(|part| lower.contains(part)) || words.any(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// The words of `X-Amz-Expires`, `access_key` and `AWSAccessKeyId`, in small letters.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase() || c.is_numeric();
    }
    words.into_iter()
}

/// A text of which somebody is shown a part, such as a line of a manifest, without the users and passwords and the secret
/// parameters of the URLs in it.
pub(crate) fn redact(text: &str) -> String {
    without_secret_parameters(&without_users(text))
}

/// What ends a URL within a text.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>')
}

fn without_users(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        let end = after.find(|c| ends_url(c) || matches!(c, '/' | '?' | '#')).unwrap_or(after.len());
        shown.push_str(before);
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str("REDACTED");
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

fn without_secret_parameters(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['?', '&']) {
        let (before, after) = rest.split_at(at + 1);
        let end = after.find(|c| ends_url(c) || matches!(c, '&' | '#')).unwrap_or(after.len());
        shown.push_str(before);
        rest = match after[..end].split_once('=') {
            Some((name, _)) if is_secret(name) => {
                shown.push_str(name);
                shown.push_str("=REDACTED");
                &after[end..]
            }
            _ => after,
        };
    }
    shown + rest
}

/// An `http`, `https` or `file` URL that prints without its user, password and secret parameters.
///
/// The redacted form is what appears in events, errors, locks and indexes. [`UpstreamUrl::expose`] is for the request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamUrl(Url);

impl UpstreamUrl {
    /// The URL as it was given, with its secrets, for the place that makes the request.
    pub const fn expose(&self) -> &Url {
        &self.0
    }

    /// Host and port where it is not the scheme's own, `registry.example.org:5000`; empty for `file` URLs.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The URL's path after percent-decoding, without its leading slash, where that is UTF-8.
    pub fn decoded_path(&self) -> Option<String> {
        let decoded = percent_encoding::percent_decode_str(self.0.path()).decode_utf8().ok()?;
        Some(decoded.trim_start_matches('/').to_owned())
    }

    /// The same URL with the user and password of another one, where both are of one origin and it has none of its own.
    /// What an upstream names as a URL, and what a lock has of one, comes without them.
    #[must_use]
    pub fn with_user_of(self, other: &Self) -> Self {
        if self.has_user() || self.0.origin() != other.0.origin() {
            return self;
        }
        let mut url = self.0;
        // Both fail only for URLs that can't have a user; one of the same origin has none then.
        let _ = url.set_username(other.0.username());
        let _ = url.set_password(other.0.password());
        Self(url)
    }

    fn has_user(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// The same URL without user, password, fragment and the values of secret parameters.
    pub fn redacted(&self) -> Url {
        self.shown().into_owned()
    }

    /// The same, without a copy of the many that have nothing to hide.
    fn shown(&self) -> Cow<'_, Url> {
        let secret = self.0.query_pairs().any(|(name, _)| is_secret(&name));
        if !secret && !self.has_user() && self.0.fragment().is_none() {
            return Cow::Borrowed(&self.0);
        }
        let mut url = self.0.clone();
        // Both fail only for URLs that can't have a user, which have none then.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        if secret {
            let pairs: Vec<(String, String)> = url
                .query_pairs()
                .map(|(name, value)| match is_secret(&name) {
                    true => (name.into_owned(), "REDACTED".to_owned()),
                    false => (name.into_owned(), value.into_owned()),
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        Cow::Owned(url)
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.shown(), f)
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no URL of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} can't be fetched: {reason}")]
pub struct UrlError {
    /// What was given, without what may be a password.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl TryFrom<Url> for UpstreamUrl {
    type Error = UrlError;

    fn try_from(url: Url) -> Result<Self, UrlError> {
        let this = Self(url);
        match this.0.scheme() {
            "http" | "https" if this.0.host_str().is_some() => Ok(this),
            "file" => Ok(this),
            scheme => {
                Err(UrlError { text: this.to_string(), reason: format!("'{scheme}' is not http, https or file") })
            }
        }
    }
}

impl FromStr for UpstreamUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        match Url::parse(text) {
            Ok(url) => Self::try_from(url),
            Err(error) => {
                let text = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
                Err(UrlError { text: text.chars().take(200).collect(), reason: error.to_string() })
            }
        }
    }
}

impl Serialize for UpstreamUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UpstreamUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for UpstreamUrl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UpstreamUrl".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "uri", "pattern": "^(https?|file)://" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_used_and_not_shown() {
        let url: UpstreamUrl =
            "https://me:hunter2@example.org/a%2Bb?x=1&X-Amz-Signature=s3cr3t".parse().expect("a URL");
        assert_eq!(url.to_string(), "https://example.org/a%2Bb?x=1&X-Amz-Signature=REDACTED");
        assert_eq!(url.expose().password(), Some("hunter2"));
        assert_eq!(url.decoded_path().as_deref(), Some("a+b"));
    }

    #[test]
    fn a_text_is_shown_without_the_secrets_of_its_urls() {
        for (text, shown) in [
            (
                "- { url: \"https://me:hunter2@e.org/a?x=1&sig=s3cr3t\", name: a@b }",
                "- { url: \"https://REDACTED@e.org/a?x=1&sig=REDACTED\", name: a@b }",
            ),
            (
                "https://a:p@ss@e.org/@scope/x?u=https://b:c@f.org",
                "https://REDACTED@e.org/@scope/x?u=https://REDACTED@f.org",
            ),
            ("a://me@é?token=é#x ?key=1", "a://REDACTED@é?token=REDACTED#x ?key=REDACTED"),
            ("images: [ nginx@sha256:00 ] # why? a=b", "images: [ nginx@sha256:00 ] # why? a=b"),
            ("://", "://"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn secret_parameters_are_known_by_their_names() {
        for name in [
            "token",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "sig",
            "api_key",
            "key",
            "AWSAccessKeyId",
            "private_token",
            "authToken",
            "auth",
            "pwd",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["author", "design", "assigned", "id", "monkey", "passage", "file", "version", "Expires", "encoded"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        for text in ["ftp://example.org/x", "x.bin", "git@example.org:x/y"] {
            assert!(text.parse::<UpstreamUrl>().is_err(), "{text}");
        }
    }
}
