//! What ends a solve without an answer.

use std::time::Duration;

/// Why there is no closure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// [`Options::cancelled`](crate::Options::cancelled) said so.
    #[error("solving the dependencies was cancelled")]
    Cancelled,
    /// [`Options::time`](crate::Options::time) ran out.
    #[error("the dependencies were not solved within {} s, while at {root:?}", .limit.as_secs())]
    OutOfTime {
        /// The time it had.
        limit: Duration,
        /// The request it was at.
        root: String,
    },
    /// More than a solver's tables hold, or a formula of more than 10,000 parts.
    #[error("the dependencies of {root:?} are beyond what can be solved: {what}")]
    TooLarge {
        /// The request it was at.
        root: String,
        /// What was too large, in words.
        what: String,
    },
}
