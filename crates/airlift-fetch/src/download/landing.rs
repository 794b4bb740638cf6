//! What becomes of a download in the end.

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
                let fetcher = self.fetcher;
                let facts = wanted.media_type || wanted.modified || self.expected.blob().is_none();
                self.part.commit(digest, size).await.map_err(FetchError::store)?;
                if facts {
                    memo.save(fetcher, request)?;
                }
                let modified = memo.modified_for(request);
                Ok(Fetched { digest, size, media_type: memo.media_type, modified, cached: false })
            }
            Ok(Outcome::Unchanged(memo)) => {
                self.part.discard().map_err(FetchError::store)?;
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
                    self.part.discard().map_err(FetchError::store)?;
                } else if self.assembly.present().count() == 0 {
                    // Nothing arrived: nothing to keep. The first error is the one that matters.
                    let _ = self.part.discard();
                } else {
                    let _ = self.save_notes();
                }
                Err(error)
            }
        }
    }
}
