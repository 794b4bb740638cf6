//! Counting a plan.

use airlift_core::Plan;
use futures::{StreamExt, stream};

use super::job::{Job, Work, jobs};
use super::{Measured, is_fatal};
use crate::error::FetchError;
use crate::fetcher::Fetcher;

/// Counts what a plan names: blobs, bytes, and how many of these are in the store. Upstream is asked for the sizes that
/// are not promised.
///
/// # Errors
///
/// [`FetchError`] only where going on makes no sense; what upstream does not tell is in [`Measured::unknown`].
pub async fn measure(fetcher: &Fetcher, plan: &Plan) -> Result<Measured, FetchError> {
    let jobs = jobs(&plan.entries);
    let mut measured = Measured { blobs: jobs.len() as u64, ..Measured::default() };
    let sizes = stream::iter(&jobs).map(|job| async move { (job, size(fetcher, job).await) });
    let mut sizes = std::pin::pin!(sizes.buffer_unordered(fetcher.settings().jobs.max(1)));
    while let Some((job, size)) = sizes.next().await {
        match size {
            Ok(Some((size, cached))) => {
                measured.bytes += size;
                measured.cached_bytes += if cached { size } else { 0 };
            }
            Err(error) if is_fatal(&error) => return Err(error),
            Ok(None) | Err(_) => {
                let names = job.entries.iter().filter_map(|place| plan.entries.get(*place));
                measured.unknown.extend(names.map(|entry| entry.path.clone()));
            }
        }
    }
    measured.unknown.sort();
    Ok(measured)
}

/// The size of a blob, and whether it is in the store.
async fn size(fetcher: &Fetcher, job: &Job) -> Result<Option<(u64, bool)>, FetchError> {
    let (mut size, cached) = job.known(fetcher).await?;
    if let (None, Work::Fetch { requests, .. }) = (size, &job.work)
        && let Some(request) = requests.first()
    {
        size = fetcher.head(request).await?.size;
    }
    Ok(size.map(|size| (size, cached)))
}
