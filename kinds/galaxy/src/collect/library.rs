//! What is known of collections: it is asked for once, and grows while solving.

use std::collections::BTreeMap;

use airlift_core::{Request, UpstreamUrl};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use semver::Version;

use super::api::{Server, Trouble};
use crate::error::GalaxyError;
use crate::format::answer::{Detail, ListedVersion};
use crate::format::name::CollectionName;
use crate::format::version;

/// How much is asked at a time.
const AT_ONCE: usize = 8;

/// The versions of a collection, oldest first, and where they are.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) versions: Vec<Version>,
    /// The server's place among the library's; none for a packed collection that somebody names.
    server: Option<usize>,
}

/// One version of a collection: what is said of it, and how it is asked for.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) detail: Detail,
    pub(super) request: Request,
    /// Whether it is in the store already.
    pub(super) stored: bool,
}

/// What a solve has to have before it can go on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The versions of a collection.
    Versions(CollectionName),
    /// What one of them needs.
    Detail(CollectionName, usize),
}

/// What is known.
pub(super) struct Library<'a> {
    servers: Vec<Server<'a>>,
    sources: BTreeMap<CollectionName, usize>,
    offers: BTreeMap<CollectionName, Result<Offer, String>>,
    details: BTreeMap<(CollectionName, usize), Result<Known, String>>,
}

/// An answer to a [`Need`].
enum Fact {
    Offer(CollectionName, Result<Offer, String>),
    Known((CollectionName, usize), Box<Result<Known, String>>),
}

impl<'a> Library<'a> {
    /// A library that asks a server.
    pub(super) fn new(server: Server<'a>) -> Self {
        Self { servers: vec![server], sources: BTreeMap::new(), offers: BTreeMap::new(), details: BTreeMap::new() }
    }

    /// The server that is asked where nothing else is said.
    pub(super) fn server(&self) -> &Server<'a> {
        &self.servers[0]
    }

    /// The place of the server with this URL.
    pub(super) fn find(&self, url: &UpstreamUrl) -> Option<usize> {
        let plain = |url: &UpstreamUrl| url.to_string().trim_end_matches('/').to_owned();
        self.servers.iter().position(|server| plain(&server.url) == plain(url))
    }

    /// Adds a server; its place.
    pub(super) fn add(&mut self, server: Server<'a>) -> usize {
        self.servers.push(server);
        self.servers.len() - 1
    }

    /// Takes a collection from this server alone.
    pub(super) fn take_from(&mut self, name: &CollectionName, server: usize) -> Result<(), GalaxyError> {
        let known = *self.sources.entry(name.clone()).or_insert(server);
        if known == server {
            return Ok(());
        }
        let url = |place: usize| self.servers[place].url.to_string();
        Err(GalaxyError::Sources { name: name.to_string(), first: url(known), second: url(server) })
    }

    /// Makes a packed collection the only version of its name.
    pub(super) fn put(&mut self, name: CollectionName, version: Version, known: Known) -> Result<(), GalaxyError> {
        if let Some(Ok(other)) = self.details.get(&(name.clone(), 0)) {
            let (first, second) = (other.request.url.to_string(), known.request.url.to_string());
            if first != second {
                return Err(GalaxyError::Sources { name: name.to_string(), first, second });
            }
        }
        self.offers.insert(name.clone(), Ok(Offer { versions: vec![version], server: None }));
        self.details.insert((name, 0), Ok(known));
        Ok(())
    }

    /// The versions of a collection; none where they were not asked for yet, a sentence where there are none.
    pub(super) fn offer(&self, name: &CollectionName) -> Option<Result<&Offer, &str>> {
        self.offers.get(name).map(|offer| offer.as_ref().map_err(String::as_str))
    }

    /// What is said of a version.
    pub(super) fn known(&self, name: &CollectionName, place: usize) -> Option<Result<&Known, &str>> {
        self.details.get(&(name.clone(), place)).map(|known| known.as_ref().map_err(String::as_str))
    }

    /// Asks for what is needed.
    pub(super) async fn learn(&mut self, needs: impl IntoIterator<Item = Need>) -> Result<(), GalaxyError> {
        let this: &Self = self;
        let asked = needs.into_iter().map(|need| this.ask(need).boxed()).collect::<Vec<_>>();
        let facts: Vec<Fact> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        for fact in facts {
            match fact {
                Fact::Offer(name, offer) => drop(self.offers.insert(name, offer)),
                Fact::Known(key, known) => drop(self.details.insert(key, *known)),
            }
        }
        Ok(())
    }

    async fn ask(&self, need: Need) -> Result<Fact, GalaxyError> {
        match need {
            Need::Versions(name) => {
                let place = self.sources.get(&name).copied().unwrap_or(0);
                let offer = versions(&self.servers[place], &name).await?;
                Ok(Fact::Offer(name, offer.map(|versions| Offer { versions, server: Some(place) })))
            }
            Need::Detail(name, place) => {
                let known = match self.offers.get(&name) {
                    Some(Ok(Offer { versions, server: Some(server) })) if place < versions.len() => {
                        detail(&self.servers[*server], &name, &versions[place]).await?
                    }
                    _ => Err("its versions are not known".to_owned()),
                };
                Ok(Fact::Known((name, place), Box::new(known)))
            }
        }
    }
}

async fn versions(server: &Server<'_>, name: &CollectionName) -> Result<Result<Vec<Version>, String>, GalaxyError> {
    let CollectionName { namespace, name: own } = name;
    let url = match server.api("v3", &format!("collections/{namespace}/{own}/versions/?limit=100")) {
        Ok(url) => url,
        Err(trouble) => return Ok(Err(said(server, trouble))),
    };
    let listed = match server.list::<ListedVersion>(url).await? {
        Ok(listed) => listed,
        Err(trouble) => return Ok(Err(said(server, trouble))),
    };
    // What is no version is none for ansible-galaxy either.
    let mut versions: Vec<Version> = listed.iter().filter_map(|listed| version::parse(&listed.version)).collect();
    versions.sort_by(version::order);
    versions.dedup();
    Ok(match versions.is_empty() {
        true => Err(said(server, Trouble::Missing)),
        false => Ok(versions),
    })
}

async fn detail(
    server: &Server<'_>,
    name: &CollectionName,
    version: &Version,
) -> Result<Result<Known, String>, GalaxyError> {
    let CollectionName { namespace, name: own } = name;
    let text = version.to_string();
    let url = match server.api("v3", &format!("collections/{namespace}/{own}/versions/{text}/")) {
        Ok(url) => url,
        Err(trouble) => return Ok(Err(said(server, trouble))),
    };
    let bytes = match server.get(url).await? {
        Ok(bytes) => bytes,
        Err(trouble) => return Ok(Err(said(server, trouble))),
    };
    let detail = match Detail::read(&bytes, (namespace, own, &text)) {
        Ok(detail) => detail,
        Err(error) => return Ok(Err(airlift_core::failure::line(&error))),
    };
    Ok(server.elsewhere(&detail.download_url).map(|request| Known { detail, request, stored: false }))
}

fn said(server: &Server<'_>, trouble: Trouble) -> String {
    match trouble {
        Trouble::Missing => format!("{} has none", server.url),
        Trouble::Other(reason) => reason,
    }
}
