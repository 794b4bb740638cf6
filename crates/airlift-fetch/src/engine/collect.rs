//! Fetching a plan.

use std::os::unix::fs::MetadataExt;

use airlift_core::event::Task;
use airlift_core::{Event, Failure, LockEntry, Omission, Plan, PlanEntry, Source, UpstreamUrl};
use airlift_store::space;
use futures::StreamExt;
use futures::stream;

use super::job::{Job, jobs};
use super::{CollectError, Collected, Miss, Options, is_fatal};
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
    let stopped = |source| CollectError::Stopped { source };
    let Plan { entries: planned, omissions, .. } = plan;
    let jobs = jobs(&planned);
    let counted = announce(fetcher, &jobs).await.map_err(stopped)?;
    let mut collected = Collected::default();
    let mut missed: Vec<Miss> = Vec::new();
    let work = stream::iter(jobs.iter().zip(counted)).map(|(job, counted)| {
        let name = job.entries.first().and_then(|place| planned.get(*place)).map(|entry| entry.path.to_string());
        async move { (job, run(fetcher, name.unwrap_or_default(), (job, counted)).await) }
    });
    // More than run at the same time: those that wait for a busy host must not keep an idle one waiting.
    let mut work = std::pin::pin!(work.buffer_unordered(fetcher.settings().jobs.saturating_mul(4).max(4)));
    while let Some((job, result)) = work.next().await {
        let entries = job.entries.iter().filter_map(|place| planned.get(*place));
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
    finish(fetcher, (collected, missed, omissions), options)
}

/// Tells the extent, and which blobs are counted in it; refuses what would not fit.
async fn announce(fetcher: &Fetcher, jobs: &[Job]) -> Result<Vec<bool>, FetchError> {
    let mut counted = Vec::with_capacity(jobs.len());
    let mut bytes = 0;
    for job in jobs {
        let missing = match job.known(fetcher).await? {
            (_, true) => 0,
            (size, false) => size.unwrap_or(0),
        };
        bytes += missing;
        counted.push(missing > 0);
    }
    if let Some(root) = fetcher.store().root().filter(|_| bytes > 0) {
        let more = bytes.saturating_sub(unfinished(fetcher)?);
        space::require(root, more, "collecting").map_err(FetchError::store)?;
    }
    fetcher.tell(&Event::Began { task: Task::Collect, items: jobs.len() as u64, bytes });
    Ok(counted)
}

/// The bytes of unfinished downloads, which have their room on the disk already: without them a run that goes on could
/// be refused although it fits.
fn unfinished(fetcher: &Fetcher) -> Result<u64, FetchError> {
    let part = fetcher.store().part("the folder of unfinished downloads").map_err(FetchError::store)?;
    let beside = part.path().parent().map(fs_err::read_dir);
    let files = beside.and_then(Result::ok).into_iter().flatten().filter_map(Result::ok);
    // A file with holes takes less room than its length.
    let bytes = files.filter_map(|file| file.metadata().ok()).map(|meta| meta.blocks() * 512).sum();
    part.discard().map_err(FetchError::store)?;
    Ok(bytes)
}

async fn run(fetcher: &Fetcher, name: String, (job, counted): (&Job, bool)) -> Result<Fetched, FetchError> {
    let generated = matches!(job.work, super::job::Work::Put(_));
    let fetched = job.run(fetcher).await?;
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
        missed.iter_mut().for_each(|miss| miss.paths.sort());
        missed.sort_by(|a, b| a.paths.cmp(&b.paths));
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

fn miss<'a>(entries: impl IntoIterator<Item = &'a PlanEntry>, error: &FetchError) -> Miss {
    let mut paths = Vec::new();
    let mut origin = None;
    for entry in entries {
        paths.push(entry.path.clone());
        origin = origin.or_else(|| url_of(entry).map(|url| url.to_string().into()));
    }
    Miss { paths, origin, reason: error.line(), hint: error.hint() }
}

const fn url_of(entry: &PlanEntry) -> Option<&UpstreamUrl> {
    match &entry.source {
        Source::Fetch(request) | Source::Stored { request, .. } => Some(&request.url),
        Source::Generated(_) => None,
    }
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
