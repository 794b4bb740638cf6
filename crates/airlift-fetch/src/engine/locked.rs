//! Coming.
use airlift_core::{Lock, LockEntry, Plan, Request, lock::LockError};
/// The plan that collects exactly what a lock names.
pub fn locked(_lock: &Lock, _request: impl Fn(&LockEntry) -> Request) -> Result<Plan, LockError> { todo!() }
