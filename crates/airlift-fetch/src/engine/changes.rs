//! Coming.
use crate::{Fetcher, FetchError}; use airlift_core::{Lock, LockEntry, Request, TreePath};
/// One thing that upstream answers differently now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub path: TreePath,
    /// What the lock has.
    pub locked: String,
    /// What upstream has now.
    pub upstream: String,
}
/// What upstream has changed or lost since a lock was made; each change is told as an event, too.
pub async fn changes(_fetcher: &Fetcher, _lock: &Lock, _request: impl Fn(&LockEntry) -> Request) -> Result<Vec<Change>, FetchError> { todo!() }
