//! Questions that don't fit into a URL: `POST`, with a body. Their answers are not resumed.

use airlift_core::Request;
use bytes::Bytes;
use http::Method;

use crate::download::blocking;
use crate::error::{FetchError, Transport};
use crate::exchange::{Ask, exchange};
use crate::fetcher::Fetcher;
use crate::retry::{Attempts, Trouble};
use crate::scratch::Scratch;

/// So many bytes are gathered before they are written.
const BATCH: usize = 512 << 10;

/// Asks until the whole answer is in the scratch file.
pub(crate) async fn post(
    fetcher: &Fetcher,
    request: &Request,
    body: &Bytes,
    (mut scratch, limit): (Scratch, u64),
) -> Result<Scratch, FetchError> {
    let mut attempts = Attempts::new(fetcher, &request.url);
    loop {
        scratch.clear()?;
        let (kept, trouble) = once(fetcher, request, body, (scratch, limit)).await?;
        scratch = kept;
        match trouble {
            None => return Ok(scratch),
            Some(trouble) => attempts.again(trouble).await?,
        }
    }
}

/// One attempt, and what was wrong with it.
async fn once(
    fetcher: &Fetcher,
    request: &Request,
    body: &Bytes,
    (mut scratch, limit): (Scratch, u64),
) -> Result<(Scratch, Option<Trouble>), FetchError> {
    let ask = Ask { method: Method::POST, body: Some(body.clone()), ..Ask::get(request) };
    let mut answer = match exchange(fetcher, &ask).await {
        Ok(answer) => answer,
        Err(trouble) => return Ok((scratch, Some(trouble))),
    };
    let mut batch: Vec<Bytes> = Vec::new();
    let (mut gathered, mut received) = (0, 0);
    loop {
        let next = answer.chunk().await;
        if let Ok(Some(bytes)) = &next {
            gathered += bytes.len();
            received += bytes.len() as u64;
            batch.push(bytes.clone());
        }
        if received > limit {
            return Err(FetchError::TooLarge { url: Box::new(request.url.clone()), limit });
        }
        if gathered >= BATCH || (gathered > 0 && !matches!(next, Ok(Some(_)))) {
            let pieces = std::mem::take(&mut batch);
            gathered = 0;
            scratch = blocking(move || {
                pieces.iter().try_for_each(|piece| scratch.append(piece))?;
                Ok(scratch)
            })
            .await?;
        }
        match next {
            Ok(Some(_)) => {}
            Ok(None) => return Ok((scratch, None)),
            Err(error) => {
                let trouble = Trouble::on_the_way(&request.url, answer.from.clone(), Transport::from(error));
                return Ok((scratch, Some(trouble)));
            }
        }
    }
}
