//! Whether upstream stood still while it was read.

use airlift_core::{Root, UpstreamUrl};
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::FetchError;
use crate::fetcher::{Expected, Fetcher};

/// The roots that are no longer what they were when the plan was made.
///
/// # Errors
///
/// The first root that can't be asked for again.
pub async fn moved(fetcher: &Fetcher, roots: &[Root]) -> Result<Vec<UpstreamUrl>, FetchError> {
    let asked = roots.iter().map(|root| async move {
        let document = fetcher.document(&root.request, &Expected::default()).await?;
        Ok((document.digest != root.digest).then(|| root.request.url.clone()))
    });
    let asked: Vec<_> = asked.collect();
    let moved: Vec<Option<UpstreamUrl>> = stream::iter(asked).buffered(fetcher.settings().jobs).try_collect().await?;
    Ok(moved.into_iter().flatten().collect())
}
