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
    /// The solver's answer breaks a rule that it was given: a mistake in this program, never in the packages.
    #[error("the solver's answer for {root:?} is wrong: {what}")]
    Wrong {
        /// The request it was at.
        root: String,
        /// The rule that the answer breaks.
        what: String,
    },
}
