//! Coming.
use crate::*; use airlift_core::Request; use crate::fetcher::Wanted;
pub(crate) async fn fetch(_: &Fetcher, _: &Request, _: &Expected, _: Wanted) -> Result<Fetched, FetchError> { todo!() }
