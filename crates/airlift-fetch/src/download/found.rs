//! What is in the store already, and is not fetched again.

use airlift_core::Request;

use crate::answer::{self, Validators};
use crate::error::FetchError;
use crate::fetcher::{Expected, Fetched, Fetcher, Wanted};
use crate::memo::Memo;

/// What a look into the store brought.
pub(super) enum Found {
    /// The blob, with the facts that are wanted.
    Here(Fetched),
    /// It has to be asked for; upstream may say that nothing changed since this.
    Perhaps(Option<Memo>),
}

/// Looks for a blob in the store before anybody is asked.
pub(super) async fn in_store(
    fetcher: &Fetcher,
    request: &Request,
    expected: &Expected,
    wanted: Wanted,
) -> Result<Found, FetchError> {
    if wanted.lacking && expected.blob().is_some() {
        return Ok(Found::Perhaps(None));
    }
    let facts = wanted.media_type || wanted.modified;
    let mut promised = expected.blob();
    let mut size = match (promised, expected.size) {
        (Some(digest), None) => fetcher.find(digest).await?,
        (_, size) => size,
    };
    let mut memo = None;
    if promised.is_none() || facts {
        memo = Memo::load(fetcher, request).await?.filter(|memo| memo.fits(expected));
        if let Some(memo) = memo.as_ref().filter(|_| !expected.checksums.is_empty()) {
            (promised, size) = (Some(memo.digest), Some(memo.size));
        }
    }
    let (Some(digest), Some(size)) = (promised, size) else { return Ok(Found::Perhaps(memo)) };
    if !fetcher.has(digest, size).await? {
        return Ok(Found::Perhaps(None));
    }
    let (media_type, modified) = match memo {
        Some(memo) => (memo.media_type.clone(), memo.modified_for(request)),
        None if facts => {
            let head = fetcher.head_of_listed(request).await?;
            let (checksums, modified) = (expected.checksums.clone(), answer::date(&head.headers));
            let media_type = head.media_type.clone();
            // Without validators: nobody knows whether upstream has these bytes.
            let memo = Memo { digest, size, validators: Validators::default(), media_type, modified, checksums };
            memo.save(fetcher, request);
            (head.media_type, head.modified)
        }
        None => (None, None),
    };
    Ok(Found::Here(Fetched { digest, size, media_type, modified, cached: true }))
}
