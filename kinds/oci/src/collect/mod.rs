//! What the manifest asks for, turned into a plan.
//!
//! Each repository is walked once, several repositories at a time. Manifests are small and are fetched while planning,
//! since they name everything else; configurations and layers are left to the engine.

mod referrers;
pub(crate) mod registry;
mod select;
mod walk;

use std::collections::BTreeMap;

use airlift_core::{Plan, TreePath, failure};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{FetchError, Fetcher};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::OciError;
use crate::format::name::Repository;
use crate::spec::{ImageSpec, Spec};
use registry::Upstream;

/// How many repositories are walked, and how many manifests of one are asked for, at a time. The fetcher has its own
/// limits per host; these only bound what waits for them.
const AT_ONCE: usize = 8;

pub(crate) async fn collect(spec: &Spec, fetcher: &Fetcher) -> Result<Plan, OciError> {
    let mut repositories = BTreeMap::<&Repository, Vec<&ImageSpec>>::new();
    for image in &spec.images {
        repositories.entry(&image.repository).or_default().push(image);
    }
    // Boxed, since the compiler can't see that closures over references fit every lifetime here.
    let plans =
        repositories.into_iter().map(|(repository, images)| of_repository(repository, images, spec, fetcher).boxed());
    let plans: Vec<BoxFuture<'_, _>> = plans.collect();
    let plans: Vec<Plan> = stream::iter(plans).buffered(AT_ONCE).try_collect().await?;
    Ok(plans.into_iter().fold(Plan::default(), |mut all, plan| {
        all.extend(plan);
        all
    }))
}

async fn of_repository(
    repository: &Repository,
    images: Vec<&ImageSpec>,
    spec: &Spec,
    fetcher: &Fetcher,
) -> Result<Plan, OciError> {
    let upstream = Upstream::new(repository.clone(), &spec.mirrors, fetcher)?;
    let mut omissions = Vec::new();
    let wanted = select::wanted(&upstream, &images, &mut omissions).await?;
    let mut plan = walk::walk(&upstream, wanted).await?;
    plan.omissions.extend(omissions);
    Ok(plan)
}

/// Why a manifest is not planned.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Upstream does not give it: a sentence for an omission of the plan.
    LeftOut(String),
    /// It is for a platform that nobody asked for.
    NotWanted,
    /// Planning can't go on.
    Fatal(OciError),
}

impl Stop {
    /// What upstream does not give is left out. What stops everything, such as Ctrl-C or a full disk, stops planning.
    fn explained(error: FetchError, explain: impl FnOnce(&FetchError) -> String) -> Self {
        match is_fatal(&error) {
            true => Self::Fatal(OciError::Stopped { source: error }),
            false => Self::LeftOut(explain(&error)),
        }
    }
}

impl From<OciError> for Stop {
    fn from(error: OciError) -> Self {
        Self::Fatal(error)
    }
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::explained(error, |error| failure::line(error))
    }
}

/// A path below a repository, or the error that names the image.
fn path(repository: &Repository, below: &str) -> Result<TreePath, OciError> {
    repository.path(below).map_err(|source| OciError::Name { image: format!("{repository}/{below}"), source })
}
