//! One Galaxy server: where its API is, and how its lists are read.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Request, Secret, UpstreamUrl};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{FetchError, Fetcher};
use serde::Deserialize;
use url::Url;

use crate::error::GalaxyError;
use crate::format::answer::{AnswerError, Page, Root};

/// The largest answer in bytes. What the public server says of the largest collections has about 5 MB.
const ANSWER: u64 = 64 << 20;
/// The most pages and entries of one list.
const PAGES: usize = 1000;
const ENTRIES: usize = 20_000;

/// A server.
pub(super) struct Server<'a> {
    fetcher: &'a Fetcher,
    headers: &'a BTreeMap<String, Secret>,
    /// As the manifest has it.
    pub(super) url: UpstreamUrl,
    root: Url,
    versions: BTreeMap<String, String>,
}

/// Why a list or an answer can't be had.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server has no such thing.
    Missing,
    /// A sentence.
    Other(String),
}

impl Trouble {
    /// The trouble of one request; what concerns the whole run ends it.
    fn of(error: FetchError) -> Result<Self, GalaxyError> {
        match error {
            error if is_fatal(&error) => Err(GalaxyError::stopped(error)),
            error if error.is_not_found() => Ok(Self::Missing),
            error => Ok(Self::Other(airlift_core::failure::line(&error))),
        }
    }
}

impl<'a> Server<'a> {
    /// Finds the API of a server as ansible-galaxy does: at its URL, or at `/api/` below it.
    pub(super) async fn open(
        fetcher: &'a Fetcher,
        url: UpstreamUrl,
        headers: &'a BTreeMap<String, Secret>,
    ) -> Result<Self, GalaxyError> {
        let given = folder(url.expose());
        let api = joined(&given, "api/");
        // A bare host has its page for people there, which says nothing here.
        let places = match given.path() {
            "/" => [api, given],
            _ => [given, api],
        };
        let mut first = None;
        for root in places {
            let request = request(&url, headers, as_upstream(root.clone(), &url));
            let trouble = match fetcher.listing(&request, ANSWER).await {
                Ok(document) => match Root::read(&document.bytes) {
                    Ok(read) => {
                        let versions = read.available_versions;
                        return Ok(Self { fetcher, headers, url, root, versions });
                    }
                    Err(source) => GalaxyError::Server { url: Box::new(url.clone()), source },
                },
                Err(error) if is_fatal(&error) => return Err(GalaxyError::stopped(error)),
                Err(source) => {
                    GalaxyError::Fetch { what: format!("the API of the Galaxy server {url}"), source: Box::new(source) }
                }
            };
            first = first.or(Some(trouble));
        }
        let none = AnswerError::Sense("it has no API".to_owned());
        Err(first.unwrap_or(GalaxyError::Server { url: Box::new(url.clone()), source: none }))
    }

    /// The URL of something in a version of the API.
    pub(super) fn api(&self, version: &str, below: &str) -> Result<Url, Trouble> {
        let Some(place) = self.versions.get(version) else {
            let all = self.versions.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(Trouble::Other(format!("{} has no {version} of the API, only {all}", self.url)));
        };
        let place = place.trim_matches('/');
        let place = if place.is_empty() { String::new() } else { format!("{place}/") };
        Ok(joined(&self.root, &format!("{place}{below}")))
    }

    /// What is at a URL of this server.
    pub(super) async fn get(&self, url: Url) -> Result<Result<bytes::Bytes, Trouble>, GalaxyError> {
        let request = request(&self.url, self.headers, as_upstream(url, &self.url));
        match self.fetcher.listing(&request, ANSWER).await {
            Ok(document) => Ok(Ok(document.bytes)),
            Err(error) => Trouble::of(error).map(Err),
        }
    }

    /// A whole list, page by page.
    pub(super) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        first: Url,
    ) -> Result<Result<Vec<T>, Trouble>, GalaxyError> {
        let other = |reason: String| Ok(Err(Trouble::Other(reason)));
        let (mut next, mut seen, mut all) = (Some(first), BTreeSet::new(), Vec::new());
        while let Some(url) = next {
            if !seen.insert(url.to_string()) {
                return other(format!("its list leads back to {url}"));
            }
            if seen.len() > PAGES {
                return other(format!("its list has more than {PAGES} pages"));
            }
            let page = match self.get(url.clone()).await? {
                Ok(bytes) => Page::<T>::read(&bytes),
                Err(trouble) => return Ok(Err(trouble)),
            };
            let page = match page {
                Ok(page) => page,
                Err(error) => return other(format!("{url}: {}", airlift_core::failure::line(&error))),
            };
            all.extend(page.items);
            if all.len() > ENTRIES {
                return other(format!("its list has more than {ENTRIES} entries"));
            }
            next = match page.next.map(|next| self.root.join(&next)) {
                None => None,
                Some(Ok(next)) if next.origin() == self.root.origin() => Some(next),
                Some(_) => return other("its list goes on at another host".to_owned()),
            };
        }
        Ok(Ok(all))
    }

    /// How something that the server names is asked for: what is elsewhere only by https.
    pub(super) fn elsewhere(&self, text: &str) -> Result<Request, String> {
        let url = self.root.join(text).map_err(|error| format!("its URL {text:?} is none: {error}"))?;
        let own = url.origin() == self.root.origin();
        let url = UpstreamUrl::try_from(url).map_err(|error| error.to_string())?;
        match url.expose().scheme() {
            _ if own => Ok(request(&self.url, self.headers, url)),
            "https" => Ok(request(&self.url, self.headers, url)),
            _ => Err(format!("it is elsewhere ({url}), and not over https")),
        }
    }
}

/// A request. The headers go to the server's own host only.
pub(super) fn request(server: &UpstreamUrl, headers: &BTreeMap<String, Secret>, url: UpstreamUrl) -> Request {
    let own = server.expose().origin() == url.expose().origin();
    let headers = headers.iter().filter(|_| own).map(|(name, value)| (name.clone(), value.clone())).collect();
    Request { headers, ..Request::new(url) }
}

fn as_upstream(url: Url, otherwise: &UpstreamUrl) -> UpstreamUrl {
    UpstreamUrl::try_from(url).unwrap_or_else(|_| otherwise.clone())
}

/// A URL with a slash at its end, and no query.
fn folder(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("");
    }
    url
}

fn joined(base: &Url, below: &str) -> Url {
    base.join(below).unwrap_or_else(|_| base.clone())
}
