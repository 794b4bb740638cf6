//! What is done to a host, file by file, for whoever shows it.

use std::fmt;

use serde::Serialize;

/// Something that was done, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// For which client.
    pub client: String,
    /// To which file.
    pub path: String,
    /// What.
    #[serde(flatten)]
    pub done: Done,
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// It was put where there was none.
    New,
    /// It took the place of another one, which is kept.
    Replaced,
    /// It is one of ours already, and has other content now.
    Updated,
    /// It is as it has to be.
    Unchanged,
    /// It names other places, and was set aside.
    Aside,
    /// It was left as it is, for this reason.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It was changed by hand since it was put there; what it was then is beside it now.
    ByHand {
        /// The other file.
        beside: String,
    },
    /// It was put there by us, changed by hand since, and stays.
    Stays,
    /// It is as it was before.
    PutBack,
    /// It is gone, as before.
    Removed,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, path, done } = self;
        match done {
            Done::New => write!(f, "{client}: {path} (new)"),
            Done::Replaced => write!(f, "{client}: {path} (what it was is kept)"),
            Done::Updated => write!(f, "{client}: {path} (brought up to date)"),
            Done::Unchanged => write!(f, "{client}: {path} is as it has to be"),
            Done::Aside => write!(f, "{client}: {path} is set aside: it names other places"),
            Done::Skipped { reason } => write!(f, "{client}: {path} is left as it is: {reason}"),
            Done::ByHand { beside } => write!(f, "{client}: {path} was changed by hand; see {beside} as well"),
            Done::Stays => write!(f, "{client}: {path} was changed by hand, and stays"),
            Done::PutBack => write!(f, "{client}: {path} is as it was before"),
            Done::Removed => write!(f, "{client}: {path} is gone, as before"),
        }
    }
}
