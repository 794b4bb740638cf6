//! Fetching a plan.

use std::collections::HashSet;

use airlift_core::event::Task;
use airlift_core::{Event, LockEntry, Omission, Plan, PlanEntry, Source, UpstreamUrl};
use airlift_store::space;
use futures::StreamExt;
use futures::stream;
use tokio_util::task::AbortOnDropHandle;

use super::job::{Job, Work, jobs};
use super::{CollectError, Collected, Miss, Options, in_order, is_fatal, miss, url_of};
use crate::download;
use crate::error::FetchError;
use crate::fetcher::{Fetched, Fetcher};

/// The media type of what nobody knows more about.
const UNKNOWN: &str = "application/octet-stream";

/// Fetches everything that a plan names into the fetcher's store, each blob once however many names it has. What is in
/// the store already is not fetched again.
///
/// It tells `Began`, `Extended`, `Progress`, `Done` (once a blob) and `Ended` of [`Task::Collect`]. The bytes of `Began`
/// and `Extended` are those that are not in the store yet, and what `Progress` tells adds up to them.
///
/// # Errors
///
/// [`CollectError::Missed`] names everything that could not be had, after everything else was fetched;
/// [`CollectError::Stopped`] where going on makes no sense: the run was stopped, or the disk is full.
pub async fn collect(fetcher: &Fetcher, plan: Plan, options: &Options) -> Result<Collected, CollectError> {
    // As a task it runs on the threads of the connections: each wakes the other without asking the system for it, which
    // costs more than a small file does.
    let (fetcher, options) = (fetcher.clone(), *options);
    let task = AbortOnDropHandle::new(tokio::spawn(async move { whole(&fetcher, plan, &options).await }));
    match task.await {
        Ok(collected) => collected,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(CollectError::Stopped { source: FetchError::Interrupted }),
    }
}

async fn whole(fetcher: &Fetcher, plan: Plan, options: &Options) -> Result<Collected, CollectError> {
    let stopped = |source| CollectError::Stopped { source };
    let Plan { entries: planned, omissions, .. } = plan;
    let jobs = jobs(&planned);
    let seen = announce(fetcher, &jobs).await.map_err(stopped)?;
    let mut collected = Collected::default();
    let mut missed: Vec<Miss> = Vec::new();
    let work = stream::iter(jobs.into_iter().zip(seen)).map(|(job, seen)| {
        let name = job.entries.first().and_then(|place| planned.get(*place)).map(|entry| entry.path.to_string());
        async move {
            let result = run(fetcher, name.unwrap_or_default(), (&job, seen)).await;
            (job, result)
        }
    });
    // More than run at the same time: those that wait for a busy host must not keep an idle one waiting.
    let mut work = std::pin::pin!(work.buffer_unordered(fetcher.settings().jobs.saturating_mul(4).max(4)));
    while let Some((job, result)) = work.next().await {
        let entries = job.of(&planned);
        match result {
            Ok(fetched) => {
                for entry in entries {
                    match lock_entry(entry, &fetched) {
                        Ok(entry) => collected.entries.push(entry),
                        Err(error) => missed.push(miss([entry], &error)),
                    }
                }
            }
            Err(error) if is_fatal(&error) => return Err(stopped(error)),
            Err(error) => missed.push(miss(entries, &error)),
        }
    }
    fetcher.store().hurry();
    finish(fetcher, (collected, missed, omissions), options)
}

/// What was seen of a blob before anything was fetched.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Whether the store has it.
    here: bool,
    /// How many bytes of the extent are its own.
    missing: u64,
}

/// Tells the extent, and what was seen of each blob; refuses what would not fit.
async fn announce(fetcher: &Fetcher, jobs: &[Job]) -> Result<Vec<Seen>, FetchError> {
    let promised: Vec<_> = jobs.iter().map(Job::promised).collect();
    let named = promised.iter().filter_map(|(digest, size)| digest.zip(*size)).collect();
    let lacking: HashSet<_> = fetcher.store().lacking(named).await.map_err(FetchError::store)?.into_iter().collect();
    let seen: Vec<Seen> = promised
        .into_iter()
        .map(|promise| match promise {
            (Some(digest), Some(size)) if !lacking.contains(&(digest, size)) => Seen { here: true, missing: 0 },
            (_, size) => Seen { here: false, missing: size.unwrap_or(0) },
        })
        .collect();
    let bytes = seen.iter().map(|seen| seen.missing).sum();
    if let Some(root) = fetcher.store().root() {
        let room = |bytes| space::require(root, bytes, "collecting").map_err(FetchError::store);
        // A run that goes on must not be refused where it fits: what is unfinished is looked for where it matters.
        room(bytes).or_else(|_| room(bytes - unfinished(fetcher, jobs.iter().zip(&seen))?))?;
    }
    fetcher.tell(&Event::Began { task: Task::Collect, items: jobs.len() as u64, bytes });
    Ok(seen)
}

/// How many of the missing bytes have their room on the disk already, as unfinished downloads.
fn unfinished<'a>(fetcher: &Fetcher, jobs: impl Iterator<Item = (&'a Job, &'a Seen)>) -> Result<u64, FetchError> {
    let mut bytes = 0;
    for (job, Seen { missing, .. }) in jobs.filter(|(_, seen)| seen.missing > 0) {
        if let Work::Fetch { requests, expected, .. } = &job.work
            && let Some(request) = requests.first()
        {
            bytes += download::unfinished(fetcher, request, expected)?.min(*missing);
        }
    }
    Ok(bytes)
}

async fn run(fetcher: &Fetcher, name: String, (job, seen): (&Job, Seen)) -> Result<Fetched, FetchError> {
    let (generated, counted) = (matches!(job.work, Work::Put(..)), seen.missing > 0);
    let fetched = match job.at_hand().filter(|_| seen.here) {
        Some(fetched) => fetched,
        None => job.run(fetcher, counted).await?,
    };
    if counted && (fetched.cached || generated) {
        let bytes = i64::try_from(fetched.size).unwrap_or(i64::MAX);
        fetcher.tell(&Event::Progress { task: Task::Collect, bytes });
    }
    let (size, cached) = (fetched.size, fetched.cached);
    fetcher.tell(&Event::Done { task: Task::Collect, name, size, cached });
    Ok(fetched)
}

/// Sorts what there is, and makes an error of what is missing unless that may be left out.
fn finish(
    fetcher: &Fetcher,
    (mut collected, mut missed, omissions): (Collected, Vec<Miss>, Vec<Omission>),
    options: &Options,
) -> Result<Collected, CollectError> {
    missed.extend(omissions.into_iter().map(|omission| Miss {
        paths: vec![omission.path],
        origin: omission.origin,
        reason: omission.omitted,
        hint: None,
    }));
    if !missed.is_empty() && !options.keep_going {
        in_order(&mut missed);
        return Err(CollectError::Missed { missed });
    }
    for miss in missed {
        for path in miss.paths {
            fetcher.tell(&Event::Omitted { path: path.clone(), reason: miss.reason.clone() });
            collected.omitted.push(Omission { path, omitted: miss.reason.clone(), origin: miss.origin.clone() });
        }
    }
    collected.entries.sort_by(|a, b| a.path.cmp(&b.path));
    collected.entries.dedup();
    collected.omitted.sort_by(|a, b| a.path.cmp(&b.path));
    collected.omitted.dedup();
    fetcher.tell(&Event::Ended { task: Task::Collect });
    Ok(collected)
}

/// The entry of the lock. Its URLs have no secrets, in memory either.
fn lock_entry(entry: &PlanEntry, fetched: &Fetched) -> Result<LockEntry, FetchError> {
    let public = |url: &UpstreamUrl| UpstreamUrl::try_from(url.redacted()).ok();
    if let (Some(promised), Some(url)) = (entry.size.filter(|size| *size != fetched.size), url_of(entry)) {
        let url = Box::new(url.clone());
        return Err(FetchError::Size { url, expected: promised, received: fetched.size, announced: false });
    }
    let (dated, content) = match &entry.source {
        Source::Fetch(request) | Source::Stored { request, .. } => (request.dated, None),
        Source::Generated(bytes) => (false, Some(LockEntry::content_of(bytes))),
        Source::Made { .. } => (false, None),
    };
    let upstream = fetched.media_type.as_deref();
    Ok(LockEntry {
        path: entry.path.clone(),
        blob: fetched.digest,
        size: fetched.size,
        media_type: entry.media_type.as_deref().or(upstream).unwrap_or(UNKNOWN).to_owned(),
        url: url_of(entry).and_then(public),
        pinned: entry.pinned.as_ref().and_then(public),
        modified: entry.modified.or(fetched.modified.filter(|_| dated)),
        purl: entry.purl.clone(),
        content,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    use airlift_core::{Digest, Observer, Request};
    use airlift_store::Store;

    use super::*;

    struct Silent;

    impl Observer for Silent {
        fn observe(&self, _: &Event) {}
    }

    fn planned(content: &[u8], size: u64) -> PlanEntry {
        let request = Request::new("https://example.org/x".parse().expect("a URL"));
        let checksums = vec![Digest::of(content).into()];
        let path = format!("files/{}", content.len()).parse().expect("a path");
        PlanEntry { checksums, size: Some(size), ..PlanEntry::new(path, Source::Fetch(request)) }
    }

    #[tokio::test]
    async fn only_unfinished_downloads_of_this_plan_have_their_room() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::folder(folder.path()).expect("a store");
        for (content, size) in [(&b"a"[..], 1 << 20), (b"bc", 1 << 20), (b"of another manifest", 3 << 20)] {
            let part = store.part(&Digest::of(content).to_string()).expect("a part");
            part.file().write_all_at(&vec![1; size], 0).expect("written");
        }
        let fetcher = Fetcher::new(Default::default(), store, Arc::new(Silent), Default::default()).expect("settings");
        let jobs = jobs(&[planned(b"a", 4 << 20), planned(b"bc", 1000), planned(b"not begun", 1 << 30)]);
        let missing = [4 << 20, 1000, 1 << 30].map(|missing| Seen { here: false, missing });
        let found = unfinished(&fetcher, jobs.iter().zip(&missing)).expect("looked for");
        assert!(((1 << 20) + 1000..2 << 20).contains(&found), "{found}");
        let parts = fs_err::read_dir(folder.path().join("partial")).expect("a folder").count();
        assert_eq!(parts, 3, "looking leaves nothing");
        let error = announce(&fetcher, &super::jobs(&[planned(b"a", 1 << 60)])).await.expect_err("it does not fit");
        assert_eq!(airlift_core::Failure::class(&error), airlift_core::Class::Space);
    }
}
