//! A file that is put together of pieces which arrive in any order, and summed from its beginning while it grows.
//!
//! Whoever receives only writes. One follower reads what lies contiguously from byte 0 and sums it: a download that goes
//! on after a restart, one that is fetched in parallel pieces and one that arrives in order are summed in the same way,
//! and what is summed is what is on the disk. What is small is put together in memory instead: a thread that waits for
//! the disk costs more than all else that is done with it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use airlift_core::Checksum;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::FetchError;
use crate::verify::Sums;

/// How much the follower reads at a time.
const STRIDE: u64 = 4 << 20;
const BUFFER: usize = 512 << 10;

/// Ranges of bytes, sorted, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    pub(super) fn insert(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let first = self.0.partition_point(|range| range.end < new.start);
        let last = self.0.partition_point(|range| range.start <= new.end);
        let start = self.0.get(first).filter(|_| first < last).map_or(new.start, |range| range.start.min(new.start));
        let end = self.0[first..last].last().map_or(new.end, |range| range.end.max(new.end));
        self.0.splice(first..last, std::iter::once(start..end));
    }

    /// Where the bytes end that lie contiguously from 0.
    pub(super) fn prefix(&self) -> u64 {
        self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
    }

    /// Where the last of them ends.
    pub(super) fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    /// How many bytes they are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// What is missing up to an end.
    pub(super) fn missing(&self, total: u64) -> Vec<Range<u64>> {
        let starts = [0].into_iter().chain(self.0.iter().map(|range| range.end));
        let ends = self.0.iter().map(|range| range.start).chain([total]);
        starts.zip(ends).map(|(start, end)| start..end.min(total)).filter(|gap| !gap.is_empty()).collect()
    }

    /// The same without what is behind an end.
    pub(super) fn up_to(&self, end: u64) -> Self {
        let cut = self.0.iter().map(|range| range.start..range.end.min(end));
        Self(cut.filter(|range| !range.is_empty()).collect())
    }

    pub(super) fn pairs(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|range| (range.start, range.end)).collect()
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let mut ranges = Self::default();
        pairs.into_iter().for_each(|(start, end)| ranges.insert(start..end));
        ranges
    }
}

/// The file and what is in it.
pub(super) struct Assembly(Arc<Inner>);

enum Content {
    File { file: File, path: PathBuf },
    Memory(Mutex<Vec<u8>>),
}

struct Inner {
    content: Content,
    /// Counts how often it began anew. Writers hold it for reading, so that none of them is late.
    round: RwLock<u64>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    present: Ranges,
    complete: bool,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn round(&self) -> u64 {
        *self.round.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn write(&self, bytes: &[u8], at: u64) -> Result<(), FetchError> {
        match self {
            Self::File { file, path } => {
                file.write_all_at(bytes, at).map_err(|source| FetchError::file("write", path, source))
            }
            Self::Memory(memory) => {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let end = start.saturating_add(bytes.len());
                if memory.len() < end {
                    memory.resize(end, 0);
                }
                memory[start..end].copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<(), FetchError> {
        match self {
            Self::File { file, path } => {
                file.read_exact_at(buffer, at).map_err(|source| FetchError::file("read", path, source))
            }
            Self::Memory(memory) => {
                let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                buffer.copy_from_slice(&memory[start..start.saturating_add(buffer.len())]);
                Ok(())
            }
        }
    }

    fn cut(&self) -> Result<(), FetchError> {
        match self {
            Self::File { file, path } => file.set_len(0).map_err(|source| FetchError::file("cut", path, source)),
            Self::Memory(memory) => {
                memory.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Ok(())
            }
        }
    }
}

impl Assembly {
    /// A file in which these bytes are already.
    pub(super) fn in_file(file: File, path: PathBuf, present: Ranges) -> Self {
        Self::new(Content::File { file, path }, present)
    }

    /// Something small, of which nothing is there yet. Its size was promised, and no more than that is ever written.
    pub(super) fn in_memory() -> Self {
        Self::new(Content::Memory(Mutex::default()), Ranges::default())
    }

    fn new(content: Content, present: Ranges) -> Self {
        let state = Mutex::new(State { present, complete: false });
        Self(Arc::new(Inner { content, round: RwLock::new(0), state, changed: Notify::new() }))
    }

    /// What was put together in memory; nothing of what is in a file.
    pub(super) fn take(&self) -> Bytes {
        match &self.0.content {
            Content::File { .. } => Bytes::new(),
            Content::Memory(memory) => {
                std::mem::take(&mut *memory.lock().unwrap_or_else(PoisonError::into_inner)).into()
            }
        }
    }

    /// Does something with the content where it keeps nobody else waiting.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, FetchError> {
        let inner = Arc::clone(&self.0);
        match &inner.content {
            Content::Memory(_) => work(&inner),
            Content::File { .. } => blocking(move || work(&inner)).await,
        }
    }

    /// What is there.
    pub(super) fn present(&self) -> Ranges {
        self.0.state().present.clone()
    }

    /// Writes bytes at a place.
    pub(super) async fn write(&self, at: u64, pieces: Vec<Bytes>) -> Result<(), FetchError> {
        let round = self.0.round();
        self.with(move |inner| {
            let now = inner.round.read().unwrap_or_else(PoisonError::into_inner);
            if *now != round {
                return Ok(());
            }
            let mut end = at;
            for piece in &pieces {
                inner.content.write(piece, end)?;
                end += piece.len() as u64;
            }
            inner.state().present.insert(at..end);
            drop(now);
            inner.changed.notify_one();
            Ok(())
        })
        .await
    }

    /// Throws everything away; sums begin anew.
    pub(super) async fn reset(&self) -> Result<(), FetchError> {
        self.with(|inner| {
            let mut round = inner.round.write().unwrap_or_else(PoisonError::into_inner);
            *round += 1;
            *inner.state() = State::default();
            inner.content.cut()
        })
        .await?;
        self.0.changed.notify_one();
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        self.0.state().complete = true;
        self.0.changed.notify_one();
    }

    /// Sums the file from its beginning, as it grows, until it is finished.
    pub(super) async fn follow(&self, checksums: &[Checksum]) -> Result<Sums, FetchError> {
        let mut sums = Sums::new(checksums);
        let mut round = self.0.round();
        loop {
            let now = self.0.round();
            if now != round {
                (sums, round) = (Sums::new(checksums), now);
            }
            let (prefix, complete) = {
                let state = self.0.state();
                (state.present.prefix(), state.complete)
            };
            if sums.size() < prefix {
                sums = self.with(move |inner| inner.sum(sums, prefix, round)).await?;
            } else if complete {
                return Ok(sums);
            } else {
                // A permit is stored when nobody waits, so that no change is missed.
                self.0.changed.notified().await;
            }
        }
    }
}

impl Inner {
    /// Reads on up to an end, at most one stride.
    fn sum(&self, mut sums: Sums, end: u64, round: u64) -> Result<Sums, FetchError> {
        let end = end.min(sums.size() + STRIDE);
        let most = usize::try_from(end - sums.size()).unwrap_or(BUFFER).min(BUFFER);
        let mut buffer = vec![0; most];
        while sums.size() < end {
            let now = self.round.read().unwrap_or_else(PoisonError::into_inner);
            if *now != round {
                break;
            }
            let wanted = usize::try_from(end - sums.size()).unwrap_or(most).min(most);
            self.content.read(&mut buffer[..wanted], sums.size())?;
            drop(now);
            sums.update(&buffer[..wanted]);
        }
        Ok(sums)
    }
}

/// Runs what may wait for a disk where it keeps nobody else waiting.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(FetchError::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::Digest;

    #[test]
    fn ranges_grow_together() {
        let mut ranges = Ranges::default();
        for (start, end) in [(10, 20), (30, 40), (5, 5), (20, 25), (0, 3)] {
            ranges.insert(start..end);
        }
        assert_eq!(ranges.pairs(), [(0, 3), (10, 25), (30, 40)]);
        assert_eq!((ranges.prefix(), ranges.count(), ranges.end()), (3, 28, 40));
        assert_eq!(ranges.missing(50), [3..10, 25..30, 40..50]);
        assert_eq!(ranges.missing(35), [3..10, 25..30]);
        assert_eq!(ranges.up_to(12).pairs(), [(0, 3), (10, 12)]);
        ranges.insert(2..31);
        assert_eq!(ranges.pairs(), [(0, 40)]);
        assert_eq!(ranges.missing(40), Vec::<Range<u64>>::new());
        assert_eq!(Ranges::default().missing(7).first(), Some(&(0..7)));
    }

    fn assemblies() -> [Assembly; 2] {
        let file = tempfile::tempfile().expect("a file");
        [Assembly::in_file(file, "test".into(), Ranges::default()), Assembly::in_memory()]
    }

    #[tokio::test]
    async fn pieces_in_any_order_have_the_sum_of_the_whole() {
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        for assembly in assemblies() {
            let receive = async {
                for start in [2_000_000, 1_000_000, 0] {
                    let piece = Bytes::copy_from_slice(&content[start..start + 1_000_000]);
                    assembly.write(start as u64, vec![piece]).await?;
                    tokio::task::yield_now().await;
                }
                assembly.finish();
                Ok(())
            };
            let ((), sums) = tokio::try_join!(receive, assembly.follow(&[])).expect("summed");
            let url = "file:///x".parse().expect("a URL");
            assert_eq!(sums.check(&url, &crate::Expected::default()).expect("no promise"), Digest::of(&content));
        }
    }

    #[tokio::test]
    async fn beginning_anew_forgets_the_sum() {
        for assembly in assemblies() {
            let receive = async {
                assembly.write(0, vec![Bytes::from_static(b"wrong, and longer")]).await?;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                assembly.reset().await?;
                assembly.write(0, vec![Bytes::from_static(b"right")]).await?;
                assembly.finish();
                Ok(())
            };
            let ((), sums) = tokio::try_join!(receive, assembly.follow(&[])).expect("summed");
            let url = "file:///x".parse().expect("a URL");
            assert_eq!(sums.check(&url, &crate::Expected::default()).expect("no promise"), Digest::of(b"right"));
            let taken = assembly.take();
            assert!(taken.is_empty() || taken == "right", "{taken:?}");
        }
    }
}
