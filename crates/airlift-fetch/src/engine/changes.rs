//! What upstream has changed or lost since a lock was made.

use std::collections::HashSet;

use airlift_core::{Checksum, Event, Lock, LockEntry, Request, TreePath, failure};
use futures::{StreamExt, stream};

use super::is_fatal;
use crate::error::FetchError;
use crate::fetcher::{Fetcher, Head};

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

/// Asks, without fetching, what upstream has now under every name that may move on, and tells each difference as
/// [`Event::Changed`], too. URLs that name the digest itself are not asked.
///
/// # Errors
///
/// [`FetchError`] only where going on makes no sense; an upstream that does not answer is told as [`Event::Notice`].
pub async fn changes(
    fetcher: &Fetcher,
    lock: &Lock,
    request: impl Fn(&LockEntry) -> Request,
) -> Result<Vec<Change>, FetchError> {
    let mut seen = HashSet::new();
    let moving = lock.entries.iter().filter(|entry| may_move(entry)).filter_map(|entry| {
        let request = request(entry);
        seen.insert(request.url.clone()).then_some((entry, request))
    });
    let moving: Vec<(&LockEntry, Request)> = moving.collect();
    let answers = stream::iter(moving).map(|(entry, request)| async move {
        let head = fetcher.head_of_listed(&request).await;
        (entry, request, head)
    });
    let mut answers = std::pin::pin!(answers.buffer_unordered(fetcher.settings().jobs.max(1)));
    let mut changes = Vec::new();
    while let Some((entry, request, head)) = answers.next().await {
        match head {
            Ok(head) => changes.extend(difference(entry, &head)),
            Err(error) if error.is_not_found() => {
                let upstream = match error.status() {
                    Some(status) => format!("nothing any more ({status})"),
                    None => "nothing any more".to_owned(),
                };
                changes.push(Change { path: entry.path.clone(), locked: entry.blob.to_string(), upstream });
            }
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => {
                let message =
                    format!("whether {} has changed could not be found out: {}", request.url, failure::line(&error));
                fetcher.tell(&Event::Notice { message });
            }
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    for Change { path, locked, upstream } in changes.iter().cloned() {
        fetcher.tell(&Event::Changed { path, locked, upstream });
    }
    Ok(changes)
}

/// Whether the entry came from somewhere, under a name that is not its digest.
fn may_move(entry: &LockEntry) -> bool {
    entry.content.is_none() && entry.url.as_ref().is_some_and(|url| !url.expose().path().contains(&entry.blob.hex()))
}

/// The digest decides where upstream tells it, then the size, then the date.
fn difference(entry: &LockEntry, head: &Head) -> Option<Change> {
    let change = |locked: String, upstream: String| Some(Change { path: entry.path.clone(), locked, upstream });
    // A digest of another algorithm says nothing about the lock's.
    if let Some(digest) = head.digest.as_ref().and_then(Checksum::digest) {
        return if digest == entry.blob { None } else { change(entry.blob.to_string(), digest.to_string()) };
    }
    match (head.size, entry.modified, head.modified) {
        (Some(size), ..) if size != entry.size => change(format!("{} bytes", entry.size), format!("{size} bytes")),
        (_, Some(locked), Some(now)) if now != locked => {
            change(format!("{} bytes of {locked}", entry.size), format!("a version of {now}"))
        }
        _ => None,
    }
}
