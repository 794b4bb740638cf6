//! Coming.
use super::*; use crate::Fetcher; use airlift_core::Plan;
/// Fetches everything that a plan names, each blob once.
pub async fn collect(_fetcher: &Fetcher, _plan: Plan, _options: &Options) -> Result<Collected, CollectError> { todo!() }
