//! What a URL answered when it was last fetched, so that what has not changed is not fetched again.
//!
//! Only a store in a folder keeps memos: they are a convenience of the next run, and nothing is lost when one is.

use airlift_core::{Checksum, Digest, Request, Time};
use serde::{Deserialize, Serialize};

use crate::answer::Validators;
use crate::error::FetchError;
use crate::fetcher::{Expected, Fetcher};

/// What is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Memo {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) validators: Validators,
    #[serde(default)]
    pub(crate) media_type: Option<String>,
    /// The `Last-Modified` of upstream, whether or not the request that was made then was dated.
    #[serde(default)]
    pub(crate) modified: Option<Time>,
    /// Other checksums that the blob was found to have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checksums: Vec<Checksum>,
}

/// What tells requests apart whose answers may differ: the URL without secrets, and the wanted format.
pub(crate) fn key(request: &Request) -> String {
    let mut key = request.url.to_string();
    for (_, value) in request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        key.push(' ');
        key.push_str(value.expose());
    }
    key
}

impl Memo {
    /// What was remembered of a request, where its blob is still in the store.
    pub(crate) async fn load(fetcher: &Fetcher, request: &Request) -> Result<Option<Self>, FetchError> {
        let Some(memo) = fetcher.store().memo::<Self>(&key(request)) else { return Ok(None) };
        Ok(fetcher.has(memo.digest, memo.size).await?.then_some(memo))
    }

    /// Remembers.
    pub(crate) fn save(&self, fetcher: &Fetcher, request: &Request) {
        fetcher.store().set_memo(&key(request), self.digest, self);
    }

    /// Whether the blob is known to be what is promised.
    pub(crate) fn fits(&self, expected: &Expected) -> bool {
        let right = |checksum: &Checksum| checksum.digest() == Some(self.digest) || self.checksums.contains(checksum);
        let size = expected.size.is_none_or(|size| size == self.size);
        size && expected.limit.is_none_or(|limit| self.size <= limit) && expected.checksums.iter().all(right)
    }

    /// The date, where the request wants one.
    pub(crate) fn modified_for(&self, request: &Request) -> Option<Time> {
        self.modified.filter(|_| request.dated)
    }
}
