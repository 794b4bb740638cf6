//! What happened, for whoever shows it.
//!
//! The machine never prints. It tells an [`Observer`]; the progress bar, the plain lines and the JSON lines of the
//! program are observers. With `--json` an event is one line: its fields, and its name as `event`.

use serde::Serialize;

use crate::path::TreePath;
use crate::upstream::UpstreamUrl;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Finding out what to fetch.
    Plan,
    /// Fetching.
    Collect,
    /// Writing an archive.
    Pack,
    /// Checking blobs.
    Verify,
    /// Copying an archive into a store.
    Load,
    /// Writing plain folders.
    Export,
}

impl Task {
    /// What is being done, for a person.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Plan => "planning",
            Self::Collect => "collecting",
            Self::Pack => "packing",
            Self::Verify => "verifying",
            Self::Load => "loading",
            Self::Export => "exporting",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A task began; so much is known of its extent.
    Began {
        /// The task.
        task: Task,
        /// Blobs or nodes to do.
        items: u64,
        /// Bytes to do, as far as they are known.
        bytes: u64,
    },
    /// The extent of a task became known better.
    Extended {
        /// The task.
        task: Task,
        /// More blobs or nodes to do.
        items: u64,
        /// More bytes to do.
        bytes: u64,
    },
    /// Bytes were done. Frequent: observers gather them.
    Progress {
        /// The task.
        task: Task,
        /// Bytes done since the last event; below zero where bytes are done again.
        bytes: i64,
    },
    /// One blob or node is done.
    Done {
        /// The task.
        task: Task,
        /// Its path, or its digest where it has no path.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// Whether it was there already.
        cached: bool,
    },
    /// A task ended well.
    Ended {
        /// The task.
        task: Task,
    },
    /// A request failed and is made again.
    Retrying {
        /// What was asked.
        url: UpstreamUrl,
        /// The number of the next attempt, from 2.
        attempt: u32,
        /// How long to wait before it, in milliseconds.
        wait_ms: u64,
        /// What went wrong.
        reason: String,
    },
    /// An upstream asked to be left alone for a while.
    Throttled {
        /// The upstream's host and port.
        host: String,
        /// For how long, in milliseconds.
        wait_ms: u64,
        /// What it said.
        reason: String,
    },
    /// Upstream now answers something else than the lock names; the locked content was collected.
    Changed {
        /// What changed.
        path: TreePath,
        /// What the lock has.
        locked: String,
        /// What upstream has now.
        upstream: String,
    },
    /// Something is left out, since `--keep-going` was typed.
    Omitted {
        /// What is missing.
        path: TreePath,
        /// Why.
        reason: String,
    },
    /// A server listens.
    Listening {
        /// The kinds that it answers for, or `admin`.
        kinds: Vec<String>,
        /// Address and port.
        address: std::net::SocketAddr,
        /// What to type into a client.
        url: String,
    },
    /// A person should know this, and nothing failed.
    Notice {
        /// The message: a sentence.
        message: String,
    },
}

/// Whoever wants to know.
pub trait Observer: Send + Sync {
    /// Is told of an event; it must not block for long.
    fn observe(&self, event: &Event);
}

/// An observer that is not interested.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event) {}
}
