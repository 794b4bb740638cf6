//! Small things, fetched into memory.

use airlift_core::{Algorithm, Request, UpstreamUrl};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};

use crate::answer::{self, Answer, Validators};
use crate::error::{FetchError, Transport, TransportKind};
use crate::exchange::{Ask, exchange};
use crate::fetcher::{Document, Expected, Fetcher, Head};
use crate::memo::Memo;
use crate::retry::{Again, Attempts, Trouble};
use crate::verify::{Sums, check_encoding, check_limit, check_size, is_wrong_content};

/// The limit of documents for which none is given.
pub(crate) const LIMIT: u64 = 64 << 20;

/// How often wrong bytes are fetched before they count as what upstream has.
pub(crate) const WRONG_BYTES: u32 = 3;

/// What is asked for by GET where HEAD is answered like this: signed URLs and simple servers know no HEAD.
pub(crate) const NO_HEAD: &[u16] = &[403, 405, 501];

/// The same for what upstream's own list names: ChartMuseum says 404 to HEAD of charts that it has. Of anything else, 404 is
/// an answer, and a second question would be counted by who counts them.
pub(crate) const NO_HEAD_OF_LISTED: &[u16] = &[403, 404, 405, 501];

/// Asks what upstream says about something: by HEAD, and by GET where the answer to that is one of these.
pub(crate) async fn head(fetcher: &Fetcher, request: &Request, no_head: &[u16]) -> Result<Head, FetchError> {
    let mut attempts = Attempts::new(fetcher, &request.url);
    let mut method = Method::HEAD;
    loop {
        let ask = Ask { method: method.clone(), ..Ask::get(request) };
        match exchange(fetcher, &ask).await {
            Ok(answer) => return Ok(head_of(request, &answer)),
            // The body of the GET is left unread.
            Err(trouble)
                if method == Method::HEAD && trouble.error.status().is_some_and(|status| no_head.contains(&status)) =>
            {
                method = Method::GET;
            }
            Err(trouble) => attempts.again(trouble).await?,
        }
    }
}

fn head_of(request: &Request, answer: &Answer) -> Head {
    let headers = answer.headers.clone();
    Head {
        size: answer.total(),
        media_type: answer::media_type(&headers),
        modified: answer::modified(&headers, request),
        digest: answer::named(&headers, request),
        headers,
    }
}

/// Fetches a document, or takes it from the store where a promise and a memo say that it is this one.
pub(crate) async fn fetch(fetcher: &Fetcher, request: &Request, expected: &Expected) -> Result<Document, FetchError> {
    let promised = !expected.checksums.is_empty();
    let _alone = fetcher.alone(&crate::memo::key(request)).await;
    if promised && let Some(document) = from_store(fetcher, request, expected).await? {
        return Ok(document);
    }
    let document = receive(fetcher, request, expected).await?;
    fetcher.keep(&document).await?;
    if promised {
        remember(fetcher, request, (&document, expected));
    }
    Ok(document)
}

/// Fetches a document into memory, and nowhere else.
pub(crate) async fn receive(fetcher: &Fetcher, request: &Request, expected: &Expected) -> Result<Document, FetchError> {
    let expected = Expected { limit: expected.limit.or(Some(LIMIT)), ..expected.clone() };
    let mut attempts = Attempts::new(fetcher, &request.url);
    let mut wrong = 0;
    loop {
        match once(fetcher, request, &expected, wrong > 0).await {
            Ok(document) => return Ok(document),
            Err(mut trouble) => {
                if is_wrong_content(&trouble.error) {
                    wrong += 1;
                    trouble.again = if wrong < WRONG_BYTES { Again::Yes } else { Again::No };
                }
                attempts.again(trouble).await?;
            }
        }
    }
}

async fn once(fetcher: &Fetcher, request: &Request, expected: &Expected, fresh: bool) -> Result<Document, Trouble> {
    let mut ask = Ask::get(request);
    if fresh {
        ask.headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
    }
    let answer = exchange(fetcher, &ask).await?;
    check_encoding(&request.url, expected, &answer.headers)?;
    if let Some(total) = answer.total() {
        check_size(&request.url, expected, total, true)?;
    }
    let (headers, url) = (answer.headers.clone(), final_url(request, &answer)?);
    // A name of another algorithm is what the document will be asked for by: it must be its name indeed. A SHA-256 is
    // computed anyway, and one that a registry tells of an old signed manifest is of a part of it only.
    let named = answer::named(&headers, request).filter(|named| named.algorithm() != Algorithm::Sha256);
    let mut expected = expected.clone();
    expected.checksums.extend(named.clone().filter(|named| !expected.checksums.contains(named)));
    let limit = expected.limit.unwrap_or(LIMIT).min(expected.size.unwrap_or(u64::MAX));
    let (bytes, _) = read(&request.url, answer, limit).await?;
    let mut sums = Sums::new(&expected.checksums);
    sums.update(&bytes);
    check_limit(&request.url, &expected, sums.size())?;
    let digest = sums.check(&request.url, &expected)?;
    Ok(Document {
        digest,
        named,
        bytes,
        media_type: answer::media_type(&headers),
        modified: answer::modified(&headers, request),
        headers,
        url,
        cached: false,
    })
}

/// The URL that answered. The query that a redirect leads to is left out: it is often a signature.
fn final_url(request: &Request, answer: &Answer) -> Result<UpstreamUrl, FetchError> {
    let asked = request.url.expose();
    if asked.path() == answer.url.path() && answer.from.is_none() {
        return Ok(request.url.clone());
    }
    let mut url = answer.url.clone();
    url.set_query(None);
    UpstreamUrl::try_from(url)
        .map_err(|error| FetchError::Redirect { url: Box::new(request.url.clone()), reason: error.reason })
}

/// Reads a body to its end, up to one byte more than the limit.
pub(crate) async fn read(url: &UpstreamUrl, mut answer: Answer, limit: u64) -> Result<(Bytes, HeaderMap), Trouble> {
    let announced = answer.total().filter(|_| answer.status == StatusCode::OK);
    let mut body =
        BytesMut::with_capacity(usize::try_from(announced.unwrap_or(0).min(limit).min(1 << 20)).unwrap_or(0));
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() as u64 + chunk.len() as u64 > limit => {
                return Err(FetchError::TooLarge { url: Box::new(url.clone()), limit }.into());
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(Trouble::on_the_way(url, answer.from.clone(), error.into())),
        }
    }
    let received = body.len() as u64;
    if announced.is_some_and(|announced| announced != received) {
        let message = format!("the answer ended after {received} of {} bytes", announced.unwrap_or_default());
        let source = Transport { kind: TransportKind::Broken, message };
        return Err(Trouble::on_the_way(url, answer.from.clone(), source));
    }
    Ok((body.freeze(), answer.headers))
}

/// A document that was fetched from this URL before and is in the store.
async fn from_store(fetcher: &Fetcher, request: &Request, expected: &Expected) -> Result<Option<Document>, FetchError> {
    let Some(memo) = Memo::load(fetcher, request).await?.filter(|memo| memo.fits(expected)) else { return Ok(None) };
    let limit = expected.limit.unwrap_or(LIMIT);
    let Some(blob) = fetcher.store().blob(memo.digest, memo.size).await.map_err(FetchError::store)? else {
        return Ok(None);
    };
    // Damage in the store is healed by fetching again.
    let Ok(bytes) = blob.bytes(limit).await else { return Ok(None) };
    let mut sums = Sums::new(&expected.checksums);
    sums.update(&bytes);
    let Ok(digest) = sums.check(&request.url, expected) else { return Ok(None) };
    let modified = memo.modified_for(request);
    let (headers, url) = (HeaderMap::new(), request.url.clone());
    let media_type = memo.media_type;
    Ok(Some(Document { digest, named: None, bytes, media_type, modified, headers, url, cached: true }))
}

fn remember(fetcher: &Fetcher, request: &Request, (document, expected): (&Document, &Expected)) {
    let memo = Memo {
        digest: document.digest,
        size: document.bytes.len() as u64,
        validators: Validators::of(&document.headers),
        media_type: document.media_type.clone(),
        modified: answer::date(&document.headers),
        checksums: expected.checksums.clone(),
    };
    memo.save(fetcher, request);
}
