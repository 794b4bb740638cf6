//! Coming.
use crate::*; use airlift_core::{*, event::Task}; use std::path::{Path, PathBuf};
pub(crate) fn path_of(_: &UpstreamUrl) -> Result<Option<PathBuf>, FetchError> { todo!() }
pub(crate) async fn head(_: &Request, _: &Path) -> Result<Head, FetchError> { todo!() }
pub(crate) async fn document(_: &Fetcher, _: &Request, _: &Expected, _: &Path) -> Result<Document, FetchError> { todo!() }
pub(crate) async fn blob(_: &Fetcher, _: &Request, _: &Expected, _: (&Path, Task)) -> Result<Fetched, FetchError> { todo!() }
