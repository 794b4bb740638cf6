//! Counting a plan.

use airlift_core::{Digest, Plan, Request};
use futures::{StreamExt, stream};

use super::job::{Job, Work, jobs};
use super::{Measured, in_order, is_fatal, miss};
use crate::error::FetchError;
use crate::fetcher::{Expected, Fetcher};
use crate::verify::check_encoding;

/// Counts what a plan names: blobs, bytes, and how many of these are in the store. Upstream is asked for the sizes that
/// are not promised.
///
/// # Errors
///
/// [`FetchError`] only where going on makes no sense; what upstream does not have is in [`Measured::missing`], and what
/// it does not tell in [`Measured::unknown`].
pub async fn measure(fetcher: &Fetcher, plan: &Plan) -> Result<Measured, FetchError> {
    let jobs = jobs(&plan.entries);
    let mut measured = Measured { blobs: jobs.len() as u64, ..Measured::default() };
    let (named, others): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| job.named().is_some());
    count_named(fetcher, named.into_iter().filter_map(Job::named).collect(), &mut measured).await?;
    let sizes = stream::iter(others).map(|job| async move { (job, size(fetcher, job).await) });
    let mut sizes = std::pin::pin!(sizes.buffer_unordered(fetcher.settings().jobs.max(1)));
    while let Some((job, size)) = sizes.next().await {
        match size {
            Ok(Some((size, cached))) => {
                measured.bytes += size;
                measured.cached_bytes += if cached { size } else { 0 };
            }
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => measured.missing.push(miss(job.of(&plan.entries), &error)),
            Ok(None) => measured.unknown.extend(job.of(&plan.entries).map(|entry| entry.path.clone())),
        }
    }
    measured.unknown.sort();
    in_order(&mut measured.missing);
    Ok(measured)
}

/// Counts what a promise tells name and size of: the store is looked at once for all of it.
async fn count_named(fetcher: &Fetcher, named: Vec<(Digest, u64)>, measured: &mut Measured) -> Result<(), FetchError> {
    let bytes = |blobs: &[(Digest, u64)]| blobs.iter().map(|(_, size)| size).sum::<u64>();
    measured.bytes += bytes(&named);
    measured.cached_bytes += bytes(&named);
    let lacking = fetcher.store().lacking(named).await.map_err(FetchError::store)?;
    measured.cached_bytes -= bytes(&lacking);
    Ok(())
}

/// The size of a blob, and whether it is in the store.
async fn size(fetcher: &Fetcher, job: &Job) -> Result<Option<(u64, bool)>, FetchError> {
    let (size, cached) = job.known(fetcher).await?;
    if let (None, Work::Fetch { requests, expected, .. }) = (size, &job.work) {
        let size = ask(fetcher, requests, expected).await?;
        return Ok(size.map(|size| (size, cached)));
    }
    Ok(size.map(|size| (size, cached)))
}

/// The size that the first tells who has it; of several errors the first.
async fn ask(fetcher: &Fetcher, requests: &[Request], expected: &Expected) -> Result<Option<u64>, FetchError> {
    let mut first = None;
    for request in requests {
        let head = fetcher.head_of_listed(request).await;
        match head.and_then(|head| check_encoding(&request.url, expected, &head.headers).map(|()| head.size)) {
            Ok(size) => return Ok(size),
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(None), Err)
}
