//! Entries of a plan that are one blob, and so one piece of work.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use airlift_core::event::Task;
use airlift_core::{Checksum, Digest, PlanEntry, Request, Source, UpstreamUrl};
use bytes::Bytes;

use crate::error::FetchError;
use crate::fetcher::{Expected, Fetched, Fetcher, Wanted};

/// One blob.
pub(super) struct Job {
    /// The places in the plan of the entries that want it.
    pub(super) entries: Vec<usize>,
    pub(super) work: Work,
}

/// How to get it.
pub(super) enum Work {
    /// It is here.
    Put(Digest, Bytes),
    /// The kind has put it into the store.
    Made(Digest),
    /// It is upstream; the requests are made in this order until one brings it.
    Fetch { requests: Vec<Request>, expected: Expected, wanted: Wanted },
}

/// What makes two entries the same piece of work.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Generated(Digest),
    Blob(Digest),
    /// Without a promised SHA-256: everything that is asked and promised is the same.
    Answer(UpstreamUrl, Vec<(String, airlift_core::Secret)>, Vec<Checksum>, Option<u64>),
}

/// The pieces of work of a plan, with the hosts taking turns, so that no host keeps the others waiting.
pub(super) fn jobs(entries: &[PlanEntry]) -> Vec<Job> {
    let mut known: HashMap<Key, usize> = HashMap::with_capacity(entries.len());
    let mut jobs: Vec<Job> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        match known.entry(key(entry)) {
            Entry::Occupied(job) => jobs[*job.get()].join(place, entry),
            Entry::Vacant(new) => {
                jobs.push(Job::new(new.key(), place, entry));
                new.insert(jobs.len() - 1);
            }
        }
    }
    take_turns(jobs)
}

fn key(entry: &PlanEntry) -> Key {
    match &entry.source {
        Source::Generated(bytes) => Key::Generated(Digest::of(bytes)),
        Source::Made { digest } => Key::Blob(*digest),
        Source::Fetch(request) | Source::Stored { request, .. } => match entry.digest() {
            Some(digest) => Key::Blob(digest),
            None => Key::Answer(request.url.clone(), request.headers.clone(), entry.checksums.clone(), entry.size),
        },
    }
}

fn take_turns(jobs: Vec<Job>) -> Vec<Job> {
    let total = jobs.len();
    let mut hosts: BTreeMap<String, VecDeque<Job>> = BTreeMap::new();
    for job in jobs {
        hosts.entry(job.host()).or_default().push_back(job);
    }
    let mut turns = Vec::with_capacity(total);
    while !hosts.is_empty() {
        hosts.retain(|_, queue| {
            turns.extend(queue.pop_front());
            !queue.is_empty()
        });
    }
    turns
}

impl Job {
    fn new(key: &Key, place: usize, entry: &PlanEntry) -> Self {
        let work = match (key, &entry.source) {
            (Key::Generated(digest), Source::Generated(bytes)) => Work::Put(*digest, bytes.clone()),
            (_, Source::Made { digest }) => Work::Made(*digest),
            _ => Work::Fetch {
                // Most have one name and one place; a list that grows by itself begins with room for four.
                requests: Vec::with_capacity(1),
                expected: Expected { checksums: Vec::with_capacity(entry.checksums.len()), ..Expected::default() },
                wanted: Wanted { media_type: false, modified: false, lacking: false, task: Task::Collect },
            },
        };
        let mut job = Self { entries: Vec::with_capacity(1), work };
        job.join(place, entry);
        job
    }

    /// Its entries of the plan that it was made of.
    pub(super) fn of<'a>(&'a self, planned: &'a [PlanEntry]) -> impl Iterator<Item = &'a PlanEntry> {
        self.entries.iter().filter_map(|place| planned.get(*place))
    }

    /// Adds one more name, and what goes with it.
    fn join(&mut self, place: usize, entry: &PlanEntry) {
        self.entries.push(place);
        let Work::Fetch { requests, expected, wanted } = &mut self.work else { return };
        let (Source::Fetch(request) | Source::Stored { request, .. }) = &entry.source else { return };
        wanted.media_type |= entry.media_type.is_none();
        wanted.modified |= request.dated && entry.modified.is_none();
        expected.size = expected.size.or(entry.size);
        let stored = match &entry.source {
            Source::Stored { digest, .. } => Some(Checksum::from(*digest)),
            _ => None,
        };
        for checksum in entry.checksums.iter().cloned().chain(stored) {
            if !expected.checksums.contains(&checksum) {
                expected.checksums.push(checksum);
            }
        }
        // Where the bytes are known, the URL that always answers them comes before the one that may have moved on.
        let pinned = entry.pinned.clone().filter(|_| expected.blob().is_some());
        let pinned = pinned.map(|url| Request { url, ..request.clone() });
        for request in pinned.into_iter().chain([request.clone()]) {
            if !requests.iter().any(|known| known.url == request.url) {
                requests.push(request);
            }
        }
        let dated = requests.iter().any(|request| request.dated);
        requests.iter_mut().for_each(|request| request.dated = dated);
    }

    fn host(&self) -> String {
        match &self.work {
            Work::Put(..) | Work::Made(_) => String::new(),
            Work::Fetch { requests, .. } => requests.first().map(|request| request.url.authority()).unwrap_or_default(),
        }
    }

    /// The blob's name and size, as far as they are known beforehand.
    pub(super) fn promised(&self) -> (Option<Digest>, Option<u64>) {
        match &self.work {
            Work::Put(digest, bytes) => (Some(*digest), Some(bytes.len() as u64)),
            Work::Made(digest) => (Some(*digest), None),
            Work::Fetch { expected, .. } => (expected.blob(), expected.size),
        }
    }

    /// The blob's name and size, where both are.
    pub(super) fn named(&self) -> Option<(Digest, u64)> {
        let (digest, size) = self.promised();
        digest.zip(size)
    }

    /// The size of a blob that has no such name, as far as a promise or the store tells it, and whether the store has it.
    pub(super) async fn known(&self, fetcher: &Fetcher) -> Result<(Option<u64>, bool), FetchError> {
        match self.promised() {
            (Some(digest), None) => {
                let found = fetcher.find(digest).await?;
                Ok((found, found.is_some()))
            }
            (_, size) => Ok((size, false)),
        }
    }

    /// What there is to know of the blob where the store has it; none where upstream has to tell more than is promised.
    pub(super) fn at_hand(&self) -> Option<Fetched> {
        let asks = |wanted: &Wanted| wanted.media_type || wanted.modified;
        if matches!(&self.work, Work::Fetch { wanted, .. } if asks(wanted)) {
            return None;
        }
        let (digest, size) = self.named()?;
        Some(Fetched { digest, size, media_type: None, modified: None, cached: true })
    }

    /// Gets the blob into the store, which may just have been seen to lack it.
    pub(super) async fn run(&self, fetcher: &Fetcher, lacking: bool) -> Result<Fetched, FetchError> {
        match &self.work {
            Work::Put(digest, bytes) => {
                let (digest, size) = (*digest, bytes.len() as u64);
                let cached = !lacking && fetcher.has(digest, size).await?;
                if !cached {
                    // Straight to those that get their names together: a step to another thread for each takes longer than
                    // the disk, and the first of them would not find the others there.
                    fetcher.store().keep_new(digest, bytes.clone()).await.map_err(FetchError::store)?;
                }
                Ok(Fetched { digest, size, media_type: None, modified: None, cached })
            }
            Work::Made(digest) => {
                let found = fetcher.store().find(*digest).await.map_err(FetchError::store)?;
                let size = found.ok_or(FetchError::Unmade { digest: *digest })?.size();
                Ok(Fetched { digest: *digest, size, media_type: None, modified: None, cached: true })
            }
            Work::Fetch { requests, expected, wanted } => {
                let mut first = None;
                for request in requests {
                    match fetcher.blob_for(request, expected, Wanted { lacking, ..*wanted }).await {
                        Ok(fetched) => return Ok(fetched),
                        Err(error) if super::is_fatal(&error) => return Err(error),
                        // The first one tells most: the others are only other ways to the same bytes.
                        Err(error) => first = first.or(Some(error)),
                    }
                }
                Err(first.unwrap_or(FetchError::Interrupted))
            }
        }
    }
}
