//! Credentials: where they are kept, to whom they are sent, and what became known of how an upstream wants them.
//!
//! They are kept in the URL itself, in `~/.docker/config.json` with its helpers, and in `~/.netrc`. What is in a netrc
//! under a host's name is sent at once, as curl does; everything else is sent only when the host asks for it. Nothing is
//! ever sent to a host that it is not kept for; after a redirect to another host, only what is kept for that host counts.

mod challenge;
mod docker;
mod netrc;
mod token;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use airlift_core::{Event, Request, Secret};
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::error::{CredentialsNote, FetchError};
use crate::fetcher::Fetcher;
use crate::redirect;
use crate::settings::Settings;
use netrc::Netrc;
use token::{Key, Token};

/// What somebody logs in with.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that is exchanged for others (OAuth2's refresh token).
    Identity(Secret),
}

/// Who is asked: a URL on the way of a request.
pub(crate) struct Place<'a> {
    pub(crate) request: &'a Request,
    pub(crate) url: &'a Url,
    /// Whether the request was made for this very host.
    pub(crate) home: bool,
    /// The name under which credentials are kept.
    pub(crate) name: String,
}

impl<'a> Place<'a> {
    pub(crate) fn new(request: &'a Request, url: &'a Url) -> Self {
        let home = redirect::is_home(request, url);
        let name = request.credentials.clone().filter(|_| home).unwrap_or_else(|| redirect::authority(url));
        Self { request, url, home, name }
    }

    /// What an answer about authorization is remembered under.
    fn key(&self) -> (String, Option<String>) {
        let scope = self.request.scope.clone().filter(|_| self.home);
        (format!("{}://{} {}", self.url.scheme(), redirect::authority(self.url), self.name), scope)
    }

    /// The user and the password that stand in the request's URL.
    fn in_url(&self) -> Option<Login> {
        let url = self.request.url.expose();
        if !self.home || (url.username().is_empty() && url.password().is_none()) {
            return None;
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = Secret::new(decode(url.password().unwrap_or_default()));
        Some(Login::Basic { user: decode(url.username()), password })
    }
}

/// How an upstream wants credentials.
#[derive(Clone)]
enum Known {
    Basic(HeaderValue),
    Bearer(Key),
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;
type Kept = Arc<tokio::sync::Mutex<Option<Result<Option<Login>, String>>>>;

/// All credentials, and what became known.
pub(crate) struct Auth {
    netrc: Netrc,
    docker: Option<PathBuf>,
    known: Mutex<HashMap<(String, Option<String>), Known>>,
    tokens: Mutex<HashMap<Key, Slot>>,
    kept: Mutex<HashMap<String, Kept>>,
    troubles: Mutex<HashMap<String, String>>,
}

impl Auth {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            netrc: settings.netrc.as_ref().map(|text| Netrc::parse(text.expose())).unwrap_or_default(),
            docker: settings.docker_config.clone(),
            known: Mutex::default(),
            tokens: Mutex::default(),
            kept: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    /// The `Authorization` that is sent without being asked for.
    pub(crate) async fn unasked(
        &self,
        fetcher: &Fetcher,
        place: &Place<'_>,
    ) -> Result<Option<HeaderValue>, FetchError> {
        let known = lock(&self.known).get(&place.key()).cloned();
        match known {
            Some(Known::Basic(header)) => return Ok(Some(header)),
            Some(Known::Bearer(key)) => return self.token(fetcher, &key, place, None).await.map(Some),
            None => {}
        }
        let in_netrc = || self.in_netrc(place, false);
        Ok(place.in_url().or_else(in_netrc).as_ref().and_then(basic_header))
    }

    /// The `Authorization` that a `401` asks for; none where nothing is there that could be sent, or where it was
    /// `used` already.
    pub(crate) async fn asked(
        &self,
        fetcher: &Fetcher,
        place: &Place<'_>,
        headers: &HeaderMap,
        used: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, FetchError> {
        let challenges = challenge::challenges(headers);
        let bearer = challenges.iter().filter(|challenge| challenge.scheme == "bearer");
        if let Some(key) = bearer.filter_map(|challenge| Key::of(challenge, place)).next() {
            let header = self.token(fetcher, &key, place, used).await?;
            lock(&self.known).insert(place.key(), Known::Bearer(key));
            return Ok(Some(header).filter(|header| Some(header) != used));
        }
        if !challenges.iter().any(|challenge| challenge.scheme == "basic") {
            return Ok(None);
        }
        let login = self.login(fetcher, place).await;
        let header = login.as_ref().and_then(basic_header).filter(|header| Some(header) != used);
        if let Some(header) = &header {
            lock(&self.known).insert(place.key(), Known::Basic(header.clone()));
        }
        Ok(header)
    }

    /// What a person is told about credentials when the answer is no.
    pub(crate) fn note(&self, place: &Place<'_>, sent: bool) -> CredentialsNote {
        CredentialsNote { name: place.name.clone(), sent, trouble: self.trouble(&place.name) }
    }

    /// Why credentials that may be there could not be read.
    pub(crate) fn trouble(&self, name: &str) -> Option<String> {
        lock(&self.troubles).get(name).cloned()
    }

    /// The token for a key: a fresh one that is there, or a new one, which everybody who needs it waits for together.
    async fn token(
        &self,
        fetcher: &Fetcher,
        key: &Key,
        place: &Place<'_>,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, FetchError> {
        let slot: Slot = Arc::clone(lock(&self.tokens).entry(key.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref().filter(|token| token.is_fresh() && Some(&token.header) != refused) {
            return Ok(token.header.clone());
        }
        let login = self.login(fetcher, place).await;
        let token = key.fetch(fetcher, login.as_ref(), &place.request.url).await?;
        let header = token.header.clone();
        *slot = Some(token);
        Ok(header)
    }

    /// What is kept for a place, wherever that is.
    async fn login(&self, fetcher: &Fetcher, place: &Place<'_>) -> Option<Login> {
        if let Some(login) = place.in_url() {
            return Some(login);
        }
        let in_docker = self.in_docker(fetcher, &place.name).await;
        in_docker.or_else(|| self.in_netrc(place, true))
    }

    fn in_netrc(&self, place: &Place<'_>, asked: bool) -> Option<Login> {
        let entry = self.netrc.machine(place.url.host_str()?);
        // The entry for every other host is meant for those that the person named, not for wherever they send on to.
        let entry = entry.or_else(|| self.netrc.any().filter(|_| asked && place.home))?;
        let password = entry.password.clone().unwrap_or_else(|| Secret::new(""));
        Some(Login::Basic { user: entry.login.clone(), password })
    }

    /// What Docker keeps under a name, asked once: a helper may ask a person to unlock something.
    async fn in_docker(&self, fetcher: &Fetcher, name: &str) -> Option<Login> {
        let path = self.docker.clone()?;
        let kept: Kept = Arc::clone(lock(&self.kept).entry(name.to_owned()).or_default());
        let mut kept = kept.lock().await;
        if kept.is_none() {
            let owned = name.to_owned();
            let found = tokio::task::spawn_blocking(move || docker::lookup(&path, &owned)).await;
            let found = found.unwrap_or_else(|_| Err("the credential helper could not be waited for".to_owned()));
            if let Err(reason) = &found {
                lock(&self.troubles).insert(name.to_owned(), reason.clone());
                let message = format!("the credentials for {name} can't be read, so none are sent: {reason}");
                fetcher.tell(&Event::Notice { message });
            }
            *kept = Some(found);
        }
        kept.clone()?.ok()?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn basic_header(login: &Login) -> Option<HeaderValue> {
    let Login::Basic { user, password } = login else { return None };
    let mut header = HeaderValue::from_str(&token::basic(user, password)).ok()?;
    header.set_sensitive(true);
    Some(header)
}
