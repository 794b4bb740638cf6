//! Where a repository is, after its list of mirrors was asked.

use airlift_core::{Checksum, Request, UpstreamUrl};
use airlift_fetch::{Expected, Fetcher};

use super::host::Repository;
use crate::error::RpmError;
use crate::format::metalink;

/// The most bytes of a list of mirrors.
const MOST_BYTES: u64 = 4 << 20;

/// How many mirrors are tried.
const MOST_TRIED: usize = 8;

pub(super) struct Mirrors {
    /// The repository's URLs, the preferred first.
    pub(super) bases: Vec<UpstreamUrl>,
    /// What its root may be; empty where nothing is promised.
    pub(super) roots: Vec<Checksum>,
}

pub(super) async fn of(repository: &Repository, fetcher: &Fetcher) -> Result<Mirrors, RpmError> {
    let id = || repository.id.clone();
    let Some(list) = &repository.mirrors else {
        return Ok(Mirrors { bases: repository.bases.clone(), roots: Vec::new() });
    };
    let document = fetcher.document(&Request::new(list.clone()), &Expected::limit(MOST_BYTES)).await;
    let document = document.map_err(|source| RpmError::Fetch {
        id: id(),
        what: "its list of mirrors".to_owned(),
        source: source.into(),
    })?;
    let refused = |source| RpmError::Metadata { id: id(), url: list.clone().into(), source };
    let metalink::Mirrors { urls, roots } = metalink::read(&document.bytes).map_err(refused)?;
    let bases: Vec<UpstreamUrl> = urls.iter().filter_map(|url| url.parse().ok()).take(MOST_TRIED).collect();
    match bases.is_empty() {
        true => Err(RpmError::Manifest { id: id(), reason: format!("{list} names no mirror with a usable URL") }),
        false => Ok(Mirrors { bases, roots }),
    }
}
