//! What becomes of a download in the end.

use airlift_store::Part;

use super::{Download, Outcome};
use crate::error::FetchError;
use crate::fetcher::Fetched;
use crate::memo::Memo;
use crate::verify::is_wrong_content;

impl Download<'_> {
    /// Gives right bytes their name, throws wrong ones away, and keeps what is unfinished.
    pub(super) async fn end(self, result: Result<Outcome, FetchError>) -> Result<Fetched, FetchError> {
        let (request, wanted) = (self.request, self.wanted);
        match result {
            Ok(Outcome::Right(digest, size)) => {
                let notes = self.notes().clone();
                let memo = Memo {
                    digest,
                    size,
                    validators: notes.validators,
                    media_type: notes.media_type,
                    modified: notes.modified,
                    checksums: self.expected.checksums.clone(),
                };
                let (fetcher, store) = (self.fetcher, self.fetcher.store());
                let facts = wanted.media_type || wanted.modified || self.expected.blob().is_none();
                let kept = match self.part {
                    Some(part) => part.commit(digest, size).await,
                    None => store.keep_new(digest, self.assembly.take()).await,
                };
                kept.map_err(FetchError::store)?;
                if facts {
                    memo.save(fetcher, request);
                }
                let modified = memo.modified_for(request);
                Ok(Fetched { digest, size, media_type: memo.media_type, modified, cached: false })
            }
            Ok(Outcome::Unchanged(memo)) => {
                discard(self.part)?;
                let modified = memo.modified_for(request);
                Ok(Fetched {
                    digest: memo.digest,
                    size: memo.size,
                    media_type: memo.media_type,
                    modified,
                    cached: true,
                })
            }
            Err(error) => {
                if is_wrong_content(&error) || matches!(error, FetchError::TooLarge { .. }) {
                    discard(self.part)?;
                } else if self.assembly.present().count() == 0 {
                    // Nothing arrived: nothing to keep. The first error is the one that matters.
                    let _ = discard(self.part);
                } else {
                    let _ = self.save_notes();
                }
                Err(error)
            }
        }
    }
}

fn discard(part: Option<Part>) -> Result<(), FetchError> {
    part.map_or(Ok(()), Part::discard).map_err(FetchError::store)
}
