//! The engine: a whole plan, each blob once, into the store.
//!
//! [`collect`] fetches; [`measure`] only counts; [`locked`] makes the plan that collects a lock again, and [`changes`]
//! tells what upstream has changed since. [`moved`] tells whether upstream was changed while it was read.

mod changes;
mod collect;
mod job;
mod locked;
mod measure;
mod roots;

use airlift_core::{Class, Failure, LockEntry, Omission, PlanEntry, Source, TreePath, UpstreamUrl, failure};

pub use changes::{Change, changes};
pub use collect::collect;
pub use locked::locked;
pub use measure::measure;
pub use roots::moved;

use crate::error::FetchError;

/// How to collect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leave out what can't be had, and say so in the lock, instead of failing at the end.
    pub keep_going: bool,
}

/// What was collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Every node that is in the store now, sorted by path.
    pub entries: Vec<LockEntry>,
    /// What is left out, sorted by path: what the plan could not offer and, with `keep_going`, what could not be had.
    pub omitted: Vec<Omission>,
}

/// The extent of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many different blobs there are.
    pub blobs: u64,
    /// Their bytes, as far as sizes are known.
    pub bytes: u64,
    /// How many of these bytes are in the store already.
    pub cached_bytes: u64,
    /// Names whose sizes even upstream does not tell.
    pub unknown: Vec<TreePath>,
    /// What upstream was asked for and would not give, in the order of the paths: collecting will miss it, too.
    pub missing: Vec<Miss>,
}

/// One thing that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The names that it would have had.
    pub paths: Vec<TreePath>,
    /// The URL that it would have come from, without secrets.
    pub origin: Option<Box<str>>,
    /// Why not, with all causes, in one line.
    pub reason: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// Why a plan was not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Some things could not be had. The rest is in the store.
    #[error("{} of what the manifest names could not be fetched:{}", count(.missed), list(.missed))]
    Missed {
        /// All of them, in the order of their paths.
        missed: Vec<Miss>,
    },
    /// Nothing more could be fetched: the run was stopped, or the store can't take any more.
    #[error("collecting stopped before the end")]
    Stopped {
        /// Why.
        source: FetchError,
    },
}

impl Failure for CollectError {
    fn class(&self) -> Class {
        match self {
            Self::Missed { .. } => Class::Upstream,
            Self::Stopped { source } => source.class(),
        }
    }

    fn hint(&self) -> Option<String> {
        let Self::Missed { missed } = self else {
            let Self::Stopped { source } = self else { return None };
            return source.hint();
        };
        // One cause often has many victims: its hint is said once.
        let mut hints: Vec<&str> = Vec::new();
        for hint in missed.iter().filter_map(|miss| miss.hint.as_deref()) {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints.truncate(3);
        let kept = "what was fetched is kept for the next run; --keep-going leaves out what can't be had";
        Some(hints.into_iter().chain([kept]).collect::<Vec<_>>().join("\n"))
    }
}

/// Whether everything else would fail in the same way: the run was stopped, or this machine or its store has trouble.
/// Kinds let such an error out instead of making an omission of it.
pub fn is_fatal(error: &FetchError) -> bool {
    !matches!(error.class(), Class::Upstream | Class::Usage)
}

/// What a person is told about entries that can't be had.
fn miss<'a>(entries: impl IntoIterator<Item = &'a PlanEntry>, error: &FetchError) -> Miss {
    let mut paths = Vec::new();
    let mut origin = None;
    for entry in entries {
        paths.push(entry.path.clone());
        origin = origin.or_else(|| url_of(entry).map(|url| url.to_string().into()));
    }
    Miss { paths, origin, reason: failure::line(error), hint: error.hint() }
}

const fn url_of(entry: &PlanEntry) -> Option<&UpstreamUrl> {
    match &entry.source {
        Source::Fetch(request) | Source::Stored { request, .. } => Some(&request.url),
        Source::Generated(_) | Source::Made { .. } => None,
    }
}

fn in_order(missed: &mut [Miss]) {
    missed.iter_mut().for_each(|miss| miss.paths.sort());
    missed.sort_by(|a, b| a.paths.cmp(&b.paths));
}

fn count(missed: &[Miss]) -> String {
    match missed.iter().map(|miss| miss.paths.len()).sum::<usize>() {
        1 => "1 thing".to_owned(),
        many => format!("{many} things"),
    }
}

fn list(missed: &[Miss]) -> String {
    let mut text = String::new();
    for miss in missed {
        for path in &miss.paths {
            text.push_str("\n  ");
            text.push_str(path.as_str());
        }
        text.push_str("\n    ");
        text.push_str(&miss.reason);
    }
    text
}
