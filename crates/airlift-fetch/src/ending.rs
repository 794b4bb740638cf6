//! The end of something large: all that is needed of an archive whose directory stands there.

use airlift_core::Request;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::answer::content_range;
use crate::document;
use crate::error::FetchError;
use crate::exchange::{Ask, exchange};
use crate::fetcher::Fetcher;
use crate::file;
use crate::retry::{Attempts, Trouble};

impl Fetcher {
    /// The last bytes of something, at most so many, and the size of the whole; none where upstream answers no ranges.
    ///
    /// What a checksum of the whole promises of them is not checked, and nothing is stored.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow.
    pub async fn end(&self, request: &Request, bytes: u64) -> Result<Option<(Bytes, u64)>, FetchError> {
        if file::path_of(&request.url)?.is_some() {
            return Ok(None);
        }
        self.stoppable(Box::pin(end(self, request, bytes))).await
    }
}

async fn end(fetcher: &Fetcher, request: &Request, bytes: u64) -> Result<Option<(Bytes, u64)>, FetchError> {
    let mut attempts = Attempts::new(fetcher, &request.url);
    let Ok(range) = HeaderValue::try_from(format!("bytes=-{bytes}")) else { return Ok(None) };
    loop {
        let mut ask = Ask::get(request);
        ask.headers.insert(header::RANGE, range.clone());
        let answer = match exchange(fetcher, &ask).await {
            Ok(answer) if answer.status == StatusCode::PARTIAL_CONTENT => answer,
            // The whole, or no range at all: its body is left unread.
            Ok(_) => return Ok(None),
            Err(trouble) => {
                attempts.again(trouble).await?;
                continue;
            }
        };
        let Some((range, total)) = content_range(&answer.headers).and_then(|range| Some((range, range.total?))) else {
            return Ok(None);
        };
        let length = total - range.start;
        if range.end != total || length > bytes {
            return Ok(None);
        }
        match document::read(&request.url, answer, length).await {
            Ok((body, _)) if body.len() as u64 == length => return Ok(Some((body, total))),
            // Less or more than it says that it is: what it says can't be relied on.
            Ok(_) | Err(Trouble { error: FetchError::TooLarge { .. }, .. }) => return Ok(None),
            Err(trouble) => attempts.again(trouble).await?,
        }
    }
}
