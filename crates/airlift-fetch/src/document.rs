//! Coming.
use crate::*; use airlift_core::Request;
pub(crate) async fn head(_: &Fetcher, _: &Request) -> Result<Head, FetchError> { todo!() }
pub(crate) async fn fetch(_: &Fetcher, _: &Request, _: &Expected) -> Result<Document, FetchError> { todo!() }
