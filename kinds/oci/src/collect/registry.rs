//! A repository in its registry: addresses, requests, listings (OCI distribution specification 1.1).

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::upstream::UrlError;
use airlift_core::{LockEntry, Request, UpstreamUrl};
use airlift_fetch::{Document, Expected, FetchError, Fetcher};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::Stop;
use crate::error::OciError;
use crate::format::manifest::{Descriptor, MANIFEST_LIMIT, MANIFEST_TYPES, Manifest};
use crate::format::name::{DOCKER_HUB, Place, Repository, split};

/// The header by which a registry tells a manifest's digest.
const DIGEST_HEADER: &str = "docker-content-digest";

/// The largest listing, in bytes, with all its pages.
const LISTING_LIMIT: u64 = 64 << 20;

/// How many pages of one listing are read. Registries give 100 to 1000 entries a page.
const MOST_PAGES: usize = 2000;

/// One repository in its registry.
pub(crate) struct Upstream<'a> {
    pub(crate) repository: Repository,
    pub(crate) fetcher: &'a Fetcher,
    address: UpstreamUrl,
    tags: OnceCell<Result<BTreeSet<String>, String>>,
    /// Whether the registry has the referrers API, once that is known.
    pub(crate) has_referrers: OnceCell<bool>,
}

impl<'a> Upstream<'a> {
    /// A repository, fetched from its registry or from the mirror that is set for it.
    pub(crate) fn new(
        repository: Repository,
        mirrors: &BTreeMap<String, UpstreamUrl>,
        fetcher: &'a Fetcher,
    ) -> Result<Self, OciError> {
        let address = match mirrors.get(&repository.registry) {
            Some(mirror) => Ok(mirror.clone()),
            None => default_address(&repository.registry),
        };
        let address = address.map_err(|source| OciError::Address { host: repository.registry.clone(), source })?;
        Ok(Self { repository, fetcher, address, tags: OnceCell::new(), has_referrers: OnceCell::new() })
    }

    /// A request for something in the repository: `manifests/1.29`.
    pub(crate) fn request(&self, below: &str) -> Result<Request, OciError> {
        let base = self.address.expose().as_str().trim_end_matches('/');
        let url = format!("{base}/v2/{}/{below}", self.repository.name);
        let url = url.parse().map_err(|source| OciError::Address { host: self.repository.registry.clone(), source })?;
        Ok(authorised(Request::new(url), &self.repository))
    }

    /// A request for a manifest by tag or digest.
    pub(crate) fn manifest_request(&self, reference: &str) -> Result<Request, OciError> {
        Ok(for_manifest(self.request(&format!("manifests/{reference}"))?))
    }

    /// Every tag, fetched once.
    pub(super) async fn tags(&self) -> Result<&BTreeSet<String>, Stop> {
        let tags = self.tags.get_or_try_init(|| async {
            match self.list_tags().await {
                Err(Stop::LeftOut(reason)) => Ok(Err(reason)),
                tags => tags.map(Ok),
            }
        });
        tags.await?.as_ref().map_err(|reason| Stop::LeftOut(reason.clone()))
    }

    /// Whether there is a tag: by the listing or, in a registry that does not list its tags, by asking for it.
    pub(super) async fn has_tag(&self, tag: &str) -> Result<bool, Stop> {
        match self.tags().await {
            Ok(tags) => Ok(tags.contains(tag)),
            Err(Stop::LeftOut(_)) => self.has(&self.manifest_request(tag)?).await,
            Err(stop) => Err(stop),
        }
    }

    /// Whether upstream has something.
    pub(super) async fn has(&self, request: &Request) -> Result<bool, Stop> {
        match self.fetcher.head(request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn list_tags(&self) -> Result<BTreeSet<String>, Stop> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut request = self.request("tags/list?n=1000")?;
        let first = self.page(&request, LISTING_LIMIT).await?;
        let pages: Vec<Page> = self.rest(&mut request, first).await?;
        Ok(pages.into_iter().flat_map(|page| page.tags.unwrap_or_default()).collect())
    }

    /// What the referrers API says of a digest; none where the registry does not have that API.
    pub(crate) async fn referrers(&self, digest: &str) -> Result<Option<Vec<Descriptor>>, Stop> {
        if self.has_referrers.get() == Some(&false) {
            return Ok(None);
        }
        let mut request = self.request(&format!("referrers/{digest}"))?;
        let first = match self.page(&request, LISTING_LIMIT).await {
            // A registry that has the API never answers 404 or its like (specification, "Listing Referrers").
            Err(error) if matches!(error.status(), Some(400 | 404 | 405 | 406 | 501)) => {
                let _ = self.has_referrers.set(false);
                return Ok(None);
            }
            page => page?,
        };
        let _ = self.has_referrers.set(true);
        let pages: Vec<Manifest> = self.rest(&mut request, first).await?;
        Ok(Some(pages.into_iter().flat_map(|page| page.manifests.unwrap_or_default()).collect()))
    }

    /// All pages of a listing, given the first.
    async fn rest<T: DeserializeOwned>(&self, request: &mut Request, first: Document) -> Result<Vec<T>, Stop> {
        let mut pages = Vec::new();
        let mut left = LISTING_LIMIT;
        let mut document = first;
        loop {
            let page = serde_json::from_slice(&document.bytes);
            pages.push(page.map_err(|error| Stop::LeftOut(format!("{} is not a listing: {error}", request.url)))?);
            left = left.saturating_sub(document.bytes.len() as u64);
            match self.next_page(request, &document)? {
                None => return Ok(pages),
                Some(_) if pages.len() == MOST_PAGES || left == 0 => {
                    return Err(Stop::LeftOut(format!("the listing at {} does not end", request.url)));
                }
                Some(next) => *request = next,
            }
            document = self.page(request, left).await?;
        }
    }

    /// One page; it is looked at and not kept.
    async fn page(&self, request: &Request, limit: u64) -> Result<Document, FetchError> {
        self.fetcher.listing(request, limit).await
    }

    /// The request for the page that a `Link` header with `rel="next"` names (RFC 8288), on the same host only.
    fn next_page(&self, request: &Request, document: &Document) -> Result<Option<Request>, Stop> {
        let links = document.headers.get_all(http::header::LINK).iter().filter_map(|value| value.to_str().ok());
        let next = links.flat_map(|value| value.split(',')).find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next =
                parameters.split(';').any(|p| p.trim().eq_ignore_ascii_case("rel=\"next\"") || p.trim() == "rel=next");
            is_next.then_some(target)
        });
        let Some(target) = next else { return Ok(None) };
        let unreadable = || Stop::LeftOut(format!("{} names '{target}' as the next page", request.url));
        let url = request.url.expose().join(target).map_err(|_| unreadable())?;
        if url.origin() != request.url.expose().origin() {
            return Err(unreadable());
        }
        let url = UpstreamUrl::try_from(url).map_err(|_| unreadable())?;
        Ok(Some(Request { url, ..request.clone() }))
    }
}

/// How to ask again for what a lock names: the same credentials and types as when it was first collected.
pub(crate) fn request_again(entry: &LockEntry, url: UpstreamUrl) -> Request {
    let request = Request::new(url);
    let Some((repository, place)) = entry.path.below("oci").and_then(split) else { return request };
    let Some((registry, name)) = repository.split_once('/') else { return request };
    let repository = Repository { registry: registry.to_owned(), name: name.to_owned() };
    let request = authorised(request, &repository);
    match place {
        Place::Manifest(_) => for_manifest(request),
        Place::Blob(_) | Place::Referrers(_) => request,
    }
}

fn authorised(mut request: Request, repository: &Repository) -> Request {
    request.scope = Some(format!("repository:{}:pull", repository.name));
    // Docker keeps Docker Hub's credentials under this name, for historical reasons. A mirror of it is somebody else, who
    // is given what is kept under its own host's name.
    let own = default_address(DOCKER_HUB).is_ok_and(|hub| hub.authority() == request.url.authority());
    if own && repository.registry == DOCKER_HUB {
        request.credentials = Some("https://index.docker.io/v1/".to_owned());
    }
    request
}

fn for_manifest(mut request: Request) -> Request {
    request.digest_header = Some(DIGEST_HEADER);
    request.with_header("accept", MANIFEST_TYPES.join(", "))
}

/// HTTPS, but for registries on this very host, which speak HTTP unless a mirror is set for them.
fn default_address(registry: &str) -> Result<UpstreamUrl, UrlError> {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let loopback =
        host == "localhost" || host == "[::1]" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match registry {
        DOCKER_HUB => "https://registry-1.docker.io".parse(),
        _ if loopback => format!("http://{registry}").parse(),
        _ => format!("https://{registry}").parse(),
    }
}

/// What is expected of a manifest.
pub(crate) fn manifest_expected(digest: Option<airlift_core::Checksum>, size: Option<u64>) -> Expected {
    Expected { checksums: digest.into_iter().collect(), size, limit: Some(MANIFEST_LIMIT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_asked_without_tls() {
        for (registry, address) in [
            ("docker.io", "https://registry-1.docker.io/"),
            ("nvcr.io", "https://nvcr.io/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/"),
            ("localhost", "http://localhost/"),
            ("[::1]:5000", "http://[::1]:5000/"),
            ("localhost.example.org", "https://localhost.example.org/"),
        ] {
            assert_eq!(default_address(registry).expect(registry).to_string(), address);
        }
    }
}
