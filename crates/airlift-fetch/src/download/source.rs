//! A body that is read up to a boundary, with what lies behind it kept for the next piece.

use bytes::Bytes;

use crate::answer::Answer;

/// An answer's body.
pub(super) struct Source {
    pub(super) answer: Answer,
    rest: Bytes,
}

impl Source {
    pub(super) const fn new(answer: Answer) -> Self {
        Self { answer, rest: Bytes::new() }
    }

    /// The next bytes, at most so many.
    pub(super) async fn pull(&mut self, most: u64) -> Result<Option<Bytes>, reqwest::Error> {
        while self.rest.is_empty() {
            match self.answer.chunk().await? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(None),
            }
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.rest.len());
        Ok(Some(self.rest.split_to(most)))
    }
}
