//! Tokens of registries: asked for where the registry's challenge sends, and kept until they expire.
//!
//! The protocol is that of the distribution project's token authentication; with an identity token it is OAuth2.

use std::time::{Duration, Instant};

use airlift_core::{Request, Secret, UpstreamUrl};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use super::{Login, Place};
use crate::auth::challenge::Challenge;
use crate::error::{CredentialsNote, FetchError};
use crate::exchange::{Ask, exchange};
use crate::fetcher::Fetcher;
use crate::retry::{Attempts, Trouble};

/// What a token is good for; requests with the same key share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) realm: Url,
    pub(crate) service: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Under which name the credentials are kept.
    pub(crate) name: String,
}

/// A token, ready to be sent.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    expires: Instant,
}

impl Token {
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.expires
    }
}

/// The answer of a token endpoint; one of the two names is used.
#[derive(Deserialize)]
struct Grant {
    token: Option<Secret>,
    access_token: Option<Secret>,
    expires_in: Option<f64>,
}

impl Key {
    /// What a challenge asks for, where its realm may be asked.
    pub(crate) fn of(challenge: &Challenge, place: &Place<'_>) -> Option<Self> {
        let realm = place.url.join(challenge.get("realm")?).ok()?;
        // Credentials that would be safe with the registry must not leave it in clear text.
        let safe = realm.scheme() == "https" || (realm.scheme() == "http" && place.url.scheme() == "http");
        let scope = challenge.get("scope").or(place.request.scope.as_deref().filter(|_| place.home));
        let scopes = scope.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect();
        let service = challenge.get("service").map(str::to_owned);
        (safe && realm.has_host()).then(|| Self { realm, service, scopes, name: place.name.clone() })
    }

    /// Asks for a token.
    pub(crate) async fn fetch(
        &self,
        fetcher: &Fetcher,
        login: Option<&Login>,
        asked: &UpstreamUrl,
    ) -> Result<Token, FetchError> {
        let failed = |source: FetchError| FetchError::Token {
            url: Box::new(asked.clone()),
            realm: crate::redirect::authority(&self.realm),
            source: Box::new(source),
        };
        let (url, form) = self.question(login);
        let url = UpstreamUrl::try_from(url)
            .map_err(|error| FetchError::Redirect { url: Box::new(asked.clone()), reason: error.reason })?;
        let mut request = Request::new(url);
        if let Some(Login::Basic { user, password }) = login {
            request = request.with_header("authorization", basic(user, password));
        }
        let ask = Ask {
            method: if form.is_some() { Method::POST } else { Method::GET },
            form,
            authorize: false,
            ..Ask::get(&request)
        };
        let mut attempts = Attempts::new(fetcher, &request.url);
        loop {
            match self.once(fetcher, &ask).await {
                Ok(token) => return Ok(token),
                Err(mut trouble) => {
                    if let FetchError::Status { credentials, .. } = &mut trouble.error {
                        *credentials = Some(CredentialsNote {
                            name: self.name.clone(),
                            sent: login.is_some(),
                            trouble: fetcher.auth().trouble(&self.name),
                        });
                    }
                    attempts.again(trouble).await.map_err(failed)?;
                }
            }
        }
    }

    /// The URL, and the form where an identity token is exchanged.
    fn question(&self, login: Option<&Login>) -> (Url, Option<String>) {
        let mut url = self.realm.clone();
        if let Some(Login::Identity(identity)) = login {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token").append_pair("client_id", "airlift");
            form.append_pair("refresh_token", identity.expose());
            form.extend_pairs(self.service.iter().map(|service| ("service", service)));
            if !self.scopes.is_empty() {
                form.append_pair("scope", &self.scopes.join(" "));
            }
            return (url, Some(form.finish()));
        }
        if self.service.is_some() || !self.scopes.is_empty() {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.service.iter().map(|service| ("service", service)));
            query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        }
        (url, None)
    }

    async fn once(&self, fetcher: &Fetcher, ask: &Ask<'_>) -> Result<Token, Trouble> {
        let url = &ask.request.url;
        // The exchange that needs this token is the same function.
        let answer = Box::pin(exchange(fetcher, ask)).await?;
        let (bytes, _) = crate::document::read(url, answer, 1 << 20).await?;
        let nonsense = |reason: &str| {
            Trouble::last(FetchError::Transport {
                url: Box::new(url.clone()),
                from: None,
                attempts: 1,
                source: crate::error::Transport {
                    kind: crate::error::TransportKind::Protocol,
                    message: reason.to_owned(),
                },
            })
        };
        let grant: Grant = serde_json::from_slice(&bytes).map_err(|_| nonsense("the answer is not a token in JSON"))?;
        let token = grant.token.into_iter().chain(grant.access_token).find(|token| !token.expose().is_empty());
        let token = token.ok_or_else(|| nonsense("the answer has no token"))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| nonsense("the token has characters that can't be sent"))?;
        header.set_sensitive(true);
        // Without a word on it a token lives for a minute; a tenth is left for the way and for clocks.
        let seconds = grant.expires_in.filter(|seconds| seconds.is_finite()).unwrap_or(60.0).clamp(10.0, 86_400.0);
        Ok(Token { header, expires: Instant::now() + Duration::from_secs_f64(seconds * 0.9) })
    }
}

/// The value of an `Authorization` header for a user and a password (RFC 7617).
pub(crate) fn basic(user: &str, password: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
}
