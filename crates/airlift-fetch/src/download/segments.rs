//! Large files in several requests at the same time, each for a piece, where upstream allows ranges.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use airlift_core::{Class, Failure};
use http::{StatusCode, header};

use super::Download;
use super::assembly::Ranges;
use super::source::Source;
use crate::answer::Answer;
use crate::error::FetchError;
use crate::exchange::exchange;
use crate::retry::{Again, Attempts, Trouble};

/// Why a worker stopped before the pieces were used up.
enum Stop {
    /// Upstream has another version now, or does not do ranges after all: everything from the beginning.
    Over(Trouble),
    /// It failed too often.
    Failed(FetchError),
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Failed(error)
    }
}

/// What is missing and nobody has taken yet, in its order. It is cut into pieces only when they are taken: how large the
/// whole is, upstream says.
struct Queue {
    gaps: Mutex<VecDeque<Range<u64>>>,
    segment: u64,
}

impl Queue {
    fn new(missing: Vec<Range<u64>>, segment: u64) -> Self {
        Self { gaps: Mutex::new(missing.into()), segment: segment.max(1) }
    }

    fn gaps(&self) -> MutexGuard<'_, VecDeque<Range<u64>>> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece, up to a multiple of the size of a segment.
    fn take(&self) -> Option<Range<u64>> {
        self.take_if(|_| true)
    }

    /// The next piece, if it begins here.
    fn take_at(&self, start: u64) -> Option<Range<u64>> {
        self.take_if(|gap| gap.start == start)
    }

    fn take_if(&self, wanted: impl Fn(&Range<u64>) -> bool) -> Option<Range<u64>> {
        let mut gaps = self.gaps();
        let Range { start, end } = gaps.pop_front_if(|gap| wanted(gap))?;
        let cut = (start / self.segment + 1).saturating_mul(self.segment).min(end);
        if cut < end {
            gaps.push_front(cut..end);
        }
        Some(start..cut)
    }

    fn give_back(&self, piece: Range<u64>) {
        if !piece.is_empty() {
            self.gaps().push_front(piece);
        }
    }
}

fn streams(download: &Download<'_>) -> usize {
    if !download.may_split() {
        return 1;
    }
    let settings = download.fetcher.settings();
    settings.streams.min(settings.per_host).min(settings.jobs).max(1)
}

/// Whether pieces make sense: it has holes already, or much is missing and upstream does ranges that can be guarded.
pub(super) fn worth_it(download: &Download<'_>, answer: &Answer, (present, total): (&Ranges, u64)) -> bool {
    if present.count() > present.prefix() {
        return true;
    }
    let ranges = answer.status == StatusCode::PARTIAL_CONTENT
        || answer.headers.get(header::ACCEPT_RANGES).is_some_and(|ranges| ranges.as_bytes() == b"bytes");
    let much = total - present.prefix().min(total) >= download.fetcher.settings().segment.saturating_mul(2);
    ranges && much && download.may_split() && streams(download) > 1
}

/// Receives everything that is missing. The source is at the first gap, and goes on as long as nobody is before it.
pub(super) async fn receive(
    download: &Download<'_>,
    source: Source,
    (present, total): (&Ranges, u64),
) -> Result<(), Trouble> {
    let queue = Queue::new(present.missing(total), download.fetcher.settings().segment);
    download.in_pieces()?;
    let failed = Mutex::new(None);
    let first = async {
        lead(download, source, &queue).await?;
        work(download, &queue, &failed).await
    };
    let others = futures::future::try_join_all((1..streams(download)).map(|_| work(download, &queue, &failed)));
    match futures::future::try_join(first, others).await {
        Ok(_) => {}
        Err(Stop::Over(trouble)) => {
            download.split_no_more();
            download.start_over().await?;
            return Err(trouble);
        }
        Err(Stop::Failed(error)) => return Err(error.into()),
    }
    download.save_notes()?;
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (queue.take(), failed) {
        // A server that does not like so many questions at once may answer one.
        (Some(_), Some(error)) => {
            download.split_no_more();
            Err(Trouble { error, again: Again::Yes })
        }
        _ => Ok(()),
    }
}

/// Reads the source that is open already, piece after piece, until one is taken by somebody else.
async fn lead(download: &Download<'_>, mut source: Source, queue: &Queue) -> Result<(), Stop> {
    let Some(mut piece) = queue.take() else { return Ok(()) };
    let mut at = piece.start;
    loop {
        match download.pour(&mut source, &mut at, Some(piece.end)).await {
            Ok(true) => match queue.take_at(at) {
                Some(next) => piece = next,
                None => return Ok(()),
            },
            Err(Trouble { error, again: Again::No }) => return Err(error.into()),
            Ok(false) | Err(_) => {
                queue.give_back(at..piece.end);
                return Ok(());
            }
        }
    }
}

/// Asks for pieces until there are none. A worker that fails leaves its piece to the others.
async fn work(download: &Download<'_>, queue: &Queue, failed: &Mutex<Option<FetchError>>) -> Result<(), Stop> {
    while let Some(piece) = queue.take() {
        let mut at = piece.start;
        match fetch(download, &mut at, piece.end).await {
            Ok(()) => download.save_notes()?,
            Err(Stop::Failed(error)) if error.class() == Class::Upstream => {
                queue.give_back(at..piece.end);
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return Ok(());
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(())
}

/// Fetches one piece, in as many attempts as the settings allow.
async fn fetch(download: &Download<'_>, at: &mut u64, end: u64) -> Result<(), Stop> {
    let mut attempts = Attempts::new(download.fetcher, download.url());
    while *at < end {
        let before = *at;
        let trouble = match ask(download, at, end).await? {
            Ok(()) => continue,
            Err(trouble) => trouble,
        };
        if *at - before >= ((end - before) / 16).max(1) {
            attempts.progressed();
        }
        attempts.again(trouble).await?;
    }
    Ok(())
}

/// Asks for the rest of a piece once. The outer result ends the download in pieces, the inner one an attempt.
async fn ask(download: &Download<'_>, at: &mut u64, end: u64) -> Result<Result<(), Trouble>, Stop> {
    let answer = match exchange(download.fetcher, &download.ask_piece(&(*at..end))).await {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Err(trouble)),
    };
    if answer.status != StatusCode::PARTIAL_CONTENT || !download.continues(&answer, *at) {
        let trouble = download.broken(&answer, "it continues with something else: starting over");
        return Err(Stop::Over(trouble));
    }
    let before = *at;
    let mut source = Source::new(answer);
    match download.pour(&mut source, at, Some(end)).await {
        Ok(false) if *at == before => Ok(Err(download.broken(&source.answer, "the answer was empty"))),
        // Less than was asked for is allowed: the rest is asked for again.
        Ok(_) => Ok(Ok(())),
        Err(Trouble { error, again: Again::No }) => Err(error.into()),
        Err(trouble) => Ok(Err(trouble)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_upstream_calls_its_size_takes_no_memory() {
        let queue = Queue::new(Ranges::default().missing(u64::MAX), 1);
        assert_eq!((queue.take(), queue.take()), (Some(0..1), Some(1..2)));
        assert_eq!(queue.gaps().len(), 1);
    }

    #[test]
    fn pieces_are_cut_at_the_same_places_whatever_is_there() {
        let queue = Queue::new(vec![5..8, 12..31], 10);
        assert_eq!(queue.take(), Some(5..8));
        assert_eq!(queue.take_at(20), None);
        assert_eq!(queue.take_at(12), Some(12..20));
        assert_eq!(queue.take(), Some(20..30));
        queue.give_back(25..30);
        queue.give_back(7..7);
        assert_eq!(queue.gaps().iter().cloned().collect::<Vec<_>>(), [25..30, 30..31]);
    }
}
