//! Things of any size, fetched into the store, going on where an earlier attempt or an earlier run stopped.

mod assembly;
mod found;
mod landing;
mod partial;
mod pour;
mod segments;
mod source;

use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use airlift_core::{Digest, Event, Request, UpstreamUrl};
use airlift_store::{Part, space};
use http::{HeaderName, HeaderValue, StatusCode, header};

pub(crate) use self::assembly::blocking;
use self::assembly::{Assembly, Ranges};
use self::found::{Found, in_store};
use self::partial::{Notes, resumable};
use self::source::Source;
use crate::answer::{self, Answer, Validators};
use crate::document::WRONG_BYTES;
use crate::error::{FetchError, Transport, TransportKind};
use crate::exchange::{Ask, exchange};
use crate::fetcher::{Expected, Fetched, Fetcher, Wanted};
use crate::memo::{self, Memo};
use crate::retry::{Again, Attempts, Trouble};
use crate::verify::{check_encoding, check_size, is_wrong_content};

/// Smaller things are fetched anew after a restart: notes about them would cost more than they save. So they are put
/// together in memory, where their size is known beforehand.
const WORTH_NOTES: u64 = 256 << 10;

/// How a download ended.
enum Outcome {
    /// The bytes are what was promised, and this is their name and size.
    Right(Digest, u64),
    /// Upstream still has what the memo describes, which is in the store.
    Unchanged(Memo),
}

/// Fetches a blob, or finds it in the store.
pub(crate) async fn fetch(
    fetcher: &Fetcher,
    request: &Request,
    expected: &Expected,
    wanted: Wanted,
) -> Result<Fetched, FetchError> {
    let key = key(request, expected);
    let alone = fetcher.stoppable(async { Ok(fetcher.alone(&key).await) }).await?;
    let memo = match fetcher.stoppable(in_store(fetcher, request, expected, wanted)).await? {
        Found::Here(fetched) => return Ok(fetched),
        Found::Perhaps(memo) => memo,
    };
    let small = expected.size.is_some_and(|size| size < WORTH_NOTES);
    let part = if small { None } else { Some(fetcher.store().part(&key).map_err(FetchError::store)?) };
    let download = Download::open(fetcher, request, expected, (part, memo, wanted))?;
    let result = fetcher.stoppable(download.run()).await;
    let fetched = download.end(result).await;
    drop(alone);
    fetched
}

/// The name of an unfinished download.
fn key(request: &Request, expected: &Expected) -> String {
    match expected.blob() {
        Some(digest) => digest.to_string(),
        None => format!("download of {}", memo::key(request)),
    }
}

/// How many bytes an unfinished download takes on the disk.
pub(crate) fn unfinished(fetcher: &Fetcher, request: &Request, expected: &Expected) -> Result<u64, FetchError> {
    let part = fetcher.store().part(&key(request, expected)).map_err(FetchError::store)?;
    if part.len() == 0 {
        part.discard().map_err(FetchError::store)?;
        return Ok(0);
    }
    // A file with holes takes less room than its length.
    Ok(part.file().metadata().map_or(0, |meta| meta.blocks() * 512))
}

/// So much more of a whole is progress: then a server that breaks often is only slow, and yet there is an end.
const fn good_piece(total: u64) -> u64 {
    let piece = total / 16;
    if piece < 1 {
        1
    } else if piece > 1 << 20 {
        1 << 20
    } else {
        piece
    }
}

/// Refuses what the disk has no room for.
pub(crate) fn require_room(part: &Part, bytes: u64, url: &UpstreamUrl) -> Result<(), FetchError> {
    if bytes == 0 {
        return Ok(());
    }
    space::require(part.path(), bytes, &format!("fetching {url}")).map_err(FetchError::store)
}

/// What is there of an earlier run: the notes, and the bytes.
fn taken_up(part: &Part, request: &Request, expected: &Expected) -> Result<(Notes, Assembly), FetchError> {
    let (notes, present) = resumable(part, request, expected);
    if part.len() > present.end() {
        part.truncate(present.end()).map_err(FetchError::store)?;
    }
    if present.count() == 0 && part.notes::<Notes>().is_some() {
        // Notes about other bytes must not be taken for notes about those that come now.
        part.set_notes(&Notes::default()).map_err(FetchError::store)?;
    }
    let file = part.file().try_clone().map_err(|source| FetchError::file("open", part.path(), source))?;
    Ok((notes, Assembly::in_file(file, part.path().to_owned(), present)))
}

/// One download.
struct Download<'a> {
    fetcher: &'a Fetcher,
    request: &'a Request,
    expected: &'a Expected,
    assembly: Assembly,
    /// None where it is put together in memory.
    part: Option<Part>,
    memo: Option<Memo>,
    wanted: Wanted,
    notes: Mutex<Notes>,
    /// Whether bytes were wrong, so that no cache on the way is to be trusted, and no range.
    distrust: AtomicBool,
    /// Whether asking for pieces at the same time did not go well.
    single: AtomicBool,
    /// Whether the total was told as an extension of the task.
    extended: AtomicBool,
    /// Bytes that were told as done.
    told: AtomicI64,
    /// Bytes that arrived in this run.
    arrived: AtomicU64,
    noted: AtomicU64,
}

impl<'a> Download<'a> {
    fn open(
        fetcher: &'a Fetcher,
        request: &'a Request,
        expected: &'a Expected,
        (part, memo, wanted): (Option<Part>, Option<Memo>, Wanted),
    ) -> Result<Self, FetchError> {
        let (notes, assembly) = match &part {
            Some(part) => taken_up(part, request, expected)?,
            None => (Notes::default(), Assembly::in_memory()),
        };
        Ok(Self {
            fetcher,
            request,
            expected,
            assembly,
            part,
            memo,
            wanted,
            notes: Mutex::new(notes),
            distrust: AtomicBool::new(false),
            single: AtomicBool::new(false),
            extended: AtomicBool::new(false),
            told: AtomicI64::new(0),
            arrived: AtomicU64::new(0),
            noted: AtomicU64::new(0),
        })
    }

    fn url(&self) -> &UpstreamUrl {
        &self.request.url
    }

    /// The notes, for a moment.
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn total(&self) -> Option<u64> {
        self.notes().total
    }

    /// Receives and sums until the bytes are right, or were wrong too often.
    async fn run(&self) -> Result<Outcome, FetchError> {
        let already = self.assembly.present().count();
        self.tell(i64::try_from(already).unwrap_or(i64::MAX));
        let mut attempts = Attempts::new(self.fetcher, self.url());
        let mut wrong = 0;
        loop {
            let error = match tokio::try_join!(self.receive(), self.assembly.follow(&self.expected.checksums)) {
                Ok((None, sums)) => {
                    let size = sums.size();
                    match sums.check(self.url(), self.expected) {
                        Ok(digest) => return Ok(Outcome::Right(digest, size)),
                        Err(error) => error,
                    }
                }
                Ok((Some(outcome), _)) => return Ok(outcome),
                Err(error) => error,
            };
            if !is_wrong_content(&error) {
                return Err(error);
            }
            // From the second time on the bytes come from one answer: pieces that don't fit together are no proof
            // against upstream.
            wrong += 1;
            self.start_over().await?;
            self.distrust.store(true, Ordering::Relaxed);
            let again = if wrong < WRONG_BYTES { Again::Yes } else { Again::No };
            attempts.again(Trouble { error, again }).await?;
        }
    }

    /// Asks until everything is there, or until it turns out that nothing is needed.
    async fn receive(&self) -> Result<Option<Outcome>, FetchError> {
        let mut attempts = Attempts::new(self.fetcher, self.url());
        let mut best = self.assembly.present().count();
        loop {
            let trouble = match self.attempt().await {
                Ok(outcome) => {
                    self.assembly.finish();
                    return Ok(outcome);
                }
                Err(trouble) => trouble,
            };
            // An attempt that went a good piece further than all others is not counted. Bytes that only come again, since
            // the server begins anew each time, are no progress.
            let (now, good) = (self.assembly.present().count(), self.total().map_or(1 << 20, good_piece));
            if now >= best + good {
                best = now;
                attempts.progressed();
            }
            attempts.again(trouble).await?;
        }
    }

    async fn attempt(&self) -> Result<Option<Outcome>, Trouble> {
        let present = self.assembly.present();
        if let Some(total) =
            self.total().filter(|total| present.prefix() == *total && !self.expected.checksums.is_empty())
        {
            self.learn_total(total, true)?;
            return Ok(None);
        }
        let offset = self.resume_point(&present).await?;
        let ask = self.ask(offset);
        let answer = exchange(self.fetcher, &ask).await?;
        let partial = answer.status == StatusCode::PARTIAL_CONTENT;
        match (answer.status, &self.memo) {
            (StatusCode::NOT_MODIFIED, Some(memo)) => return Ok(Some(Outcome::Unchanged(memo.clone()))),
            (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                self.start_over().await?;
                return Err(self.broken(&answer, "it has less than was received already: starting over"));
            }
            _ if partial && !self.continues(&answer, offset) => {
                self.start_over().await?;
                return Err(self.broken(&answer, "it continues with something else: starting over"));
            }
            _ => {}
        }
        check_encoding(self.url(), self.expected, &answer.headers)?;
        if !partial {
            self.whole(&answer).await?;
        }
        if let Some(total) = answer.total() {
            self.learn_total(total, true)?;
        }
        self.body(answer, if partial { offset } else { 0 }).await?;
        Ok(None)
    }

    /// From where to ask on; from the beginning where what is there can't be guarded, or was wrong.
    async fn resume_point(&self, present: &Ranges) -> Result<u64, FetchError> {
        let trusted = self.guarded() && !self.distrust.load(Ordering::Relaxed);
        if present.count() > 0 && !trusted {
            self.start_over().await?;
            return Ok(0);
        }
        Ok(present.prefix())
    }

    /// Whether it would be noticed if pieces did not belong together.
    fn guarded(&self) -> bool {
        self.notes().validators.if_range().is_some() || !self.expected.checksums.is_empty()
    }

    fn ask(&self, offset: u64) -> Ask<'a> {
        let mut ask = Ask::get(self.request);
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                ask.headers.insert(name, value);
            }
        };
        if self.distrust.load(Ordering::Relaxed) {
            set(header::CACHE_CONTROL, "no-cache");
        } else if offset > 0 {
            set(header::RANGE, &format!("bytes={offset}-"));
            if let Some(guard) = self.notes().validators.if_range() {
                set(header::IF_RANGE, guard);
            }
        } else if let Some(memo) = &self.memo {
            memo.validators.etag.iter().for_each(|etag| set(header::IF_NONE_MATCH, etag));
            memo.validators.last_modified.iter().for_each(|date| set(header::IF_MODIFIED_SINCE, date));
        }
        ask
    }

    /// The question for one piece.
    fn ask_piece(&self, piece: &std::ops::Range<u64>) -> Ask<'a> {
        let mut ask = self.ask(piece.start.max(1));
        if let Ok(range) = HeaderValue::from_str(&format!("bytes={}-{}", piece.start, piece.end - 1)) {
            ask.headers.insert(header::RANGE, range);
        }
        ask
    }

    /// Whether a partial answer belongs to what is there.
    fn continues(&self, answer: &Answer, offset: u64) -> bool {
        let Some(range) = answer::content_range(&answer.headers) else { return false };
        let notes = self.notes();
        let same_total = range.total.is_none() || notes.total.is_none() || range.total == notes.total;
        range.start == offset && same_total && notes.validators.agree(&Validators::of(&answer.headers))
    }

    /// Takes note of an answer that is the whole thing: the server ignores ranges, or has another version now.
    async fn whole(&self, answer: &Answer) -> Result<(), FetchError> {
        if self.assembly.present().count() > 0 {
            self.start_over().await?;
        }
        let notes = Notes::of(self.url(), answer);
        let small = notes.total.is_some_and(|total| total < WORTH_NOTES);
        *self.notes() = notes;
        if small { Ok(()) } else { self.save_notes() }
    }

    /// Takes note of the size, which is checked before a byte is taken, as is the room for what is missing of it.
    fn learn_total(&self, total: u64, announced: bool) -> Result<(), FetchError> {
        check_size(self.url(), self.expected, total, announced)?;
        if let Some(part) = &self.part {
            require_room(part, total.saturating_sub(self.assembly.present().count()), self.url())?;
        }
        self.notes().total = Some(total);
        if self.expected.size.is_none() && !self.extended.swap(true, Ordering::Relaxed) {
            self.fetcher.tell(&Event::Extended { task: self.wanted.task, items: 0, bytes: total });
        }
        Ok(())
    }

    /// Receives the body of an answer that begins at a place.
    async fn body(&self, answer: Answer, at: u64) -> Result<(), Trouble> {
        let present = self.assembly.present();
        if let Some(total) = self.total().filter(|total| segments::worth_it(self, &answer, (&present, *total))) {
            return segments::receive(self, Source::new(answer), (&present, total)).await;
        }
        let mut source = Source::new(answer);
        let mut end = at;
        let full = self.pour(&mut source, &mut end, self.total()).await?;
        match self.total() {
            Some(total) if end < total => {
                Err(self.broken(&source.answer, &format!("the answer ended after {end} of {total} bytes")))
            }
            Some(_) => Ok(()),
            None => {
                debug_assert!(!full, "without a total only the end of the body ends it");
                Ok(self.learn_total(end, false)?)
            }
        }
    }

    /// Whether pieces may be asked for at the same time: what they are pieces of must be guarded.
    fn may_split(&self) -> bool {
        self.guarded() && !self.distrust.load(Ordering::Relaxed) && !self.single.load(Ordering::Relaxed)
    }

    /// One request after the other from now on.
    fn split_no_more(&self) {
        self.single.store(true, Ordering::Relaxed);
    }

    fn broken(&self, answer: &Answer, message: &str) -> Trouble {
        let source = Transport { kind: TransportKind::Broken, message: message.to_owned() };
        Trouble::on_the_way(self.url(), answer.from.clone(), source)
    }
}
