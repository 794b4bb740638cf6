//! Where the bytes of a response come from: memory, a mapped file, or the store's stream.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlift_core::Digest;
use airlift_store::{Blob, Store, StoreError};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::body::Body;
use super::verify::{self, Progress, Standing, Verifier};
use crate::reply::Piece;

/// Blobs of up to so many bytes are kept in memory once they were read and verified.
const SMALL: u64 = 16 << 10;
/// So many bytes of small blobs are kept.
const SMALL_TOTAL: u64 = 8 << 20;
/// So many larger blobs are kept open and mapped.
const OPEN: usize = 256;
/// Blobs above so many bytes are sent while they are verified; others are verified before.
const LARGE: u64 = 32 << 20;
/// So many bytes at the end of a large blob, or of a range of it, are held back until the whole is verified.
const HELD_BACK: u64 = 1 << 20;
/// What is held back of a range goes out in so many steps while the blob is hashed, so that no client takes the silence
/// for a dead server; its last byte waits for the verdict.
const STEPS: u64 = 64;

/// The blobs of a store, as they are served.
pub(super) struct Blobs {
    store: Store,
    small: Cache<Digest, Bytes, BySize>,
    open: Cache<Digest, Arc<Open>>,
    verifier: Verifier,
}

#[derive(Clone)]
struct BySize;

impl Weighter<Digest, Bytes> for BySize {
    fn weight(&self, _: &Digest, bytes: &Bytes) -> u64 {
        // What the entry itself costs.
        bytes.len() as u64 + 128
    }
}

/// The bytes of one blob, ready to be sent.
pub(super) enum Source {
    /// Small, verified, in memory.
    Memory(Bytes),
    /// Open and verified.
    Open(Arc<Open>),
    /// Open, large, and being verified.
    Unverified(Arc<Open>, watch::Receiver<Progress>),
}

/// A blob that was opened, and mapped where it lies in a local file.
pub(super) struct Open {
    blob: Blob,
    mapped: Option<Bytes>,
    verified: AtomicBool,
}

impl Blobs {
    pub(super) fn new(store: Store) -> Self {
        let verifier = Verifier::new(store.describe());
        let small = Cache::with_weighter((SMALL_TOTAL / SMALL) as usize, SMALL_TOTAL, BySize);
        Self { store, small, open: Cache::new(OPEN), verifier }
    }

    pub(super) fn damaged(&self) -> usize {
        self.verifier.damaged()
    }

    /// A blob whose bytes have its digest, or will have been found to have it before the last of them is sent.
    pub(super) async fn get(&self, digest: Digest, size: u64) -> Result<Source, Arc<StoreError>> {
        if size <= SMALL {
            return self.small(digest, size).await.map(Source::Memory);
        }
        let open = self.open(digest, size).await?;
        if open.verified.load(Ordering::Acquire) {
            return Ok(Source::Open(open));
        }
        let verdict = match self.verifier.check(&open.blob) {
            Ok(Standing::Running(progress)) if size > LARGE => {
                return Ok(Source::Unverified(open, progress));
            }
            Ok(Standing::Running(progress)) => verify::verdict(progress).await,
            Ok(Standing::Good) => Ok(()),
            Err(error) => Err(error),
        };
        match verdict {
            Ok(()) => open.verified.store(true, Ordering::Release),
            // The next request opens it anew: another file may have taken its place.
            Err(_) => drop(self.open.remove(&digest)),
        }
        verdict.map(|()| Source::Open(open))
    }

    async fn small(&self, digest: Digest, size: u64) -> Result<Bytes, Arc<StoreError>> {
        if let Some(bytes) = self.small.get(&digest) {
            return Ok(bytes);
        }
        let read = async {
            let blob = self.blob(digest, size).await?;
            let bytes = read_small(&blob).await?;
            self.verifier.judge(&blob, bytes.as_deref().map(Digest::of))?;
            Ok(bytes.unwrap_or_default())
        };
        self.small.get_or_insert_async(&digest, read).await
    }

    async fn open(&self, digest: Digest, size: u64) -> Result<Arc<Open>, Arc<StoreError>> {
        if let Some(open) = self.open.get(&digest) {
            return Ok(open);
        }
        let opening = async { Ok(Arc::new(Open::new(self.blob(digest, size).await?))) };
        self.open.get_or_insert_async(&digest, opening).await
    }

    async fn blob(&self, digest: Digest, size: u64) -> Result<Blob, Arc<StoreError>> {
        let blob = self.store.blob(digest, size).await?;
        blob.ok_or_else(|| Arc::new(StoreError::missing(&self.store, digest, size)))
    }
}

/// The bytes of a small blob, none where its file ends too early.
///
/// One read on the spot where the blob lies in a local file: it costs less than a change of threads.
async fn read_small(blob: &Blob) -> Result<Option<Bytes>, Arc<StoreError>> {
    let Some(local) = blob.local() else { return Ok(Some(blob.bytes(SMALL).await?)) };
    let mut bytes = vec![0; local.len as usize];
    match local.file.read_exact_at(&mut bytes, local.offset) {
        Ok(()) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(source) => Err(Arc::new(StoreError::Io { action: "read", path: local.path.to_path_buf(), source })),
    }
}

impl Open {
    fn new(blob: Blob) -> Self {
        let mapped = blob.local().and_then(|local| {
            let mapped = airlift_map::map(&local.file, local.offset..local.offset + local.len);
            // What can't be mapped is streamed, and there the error is told.
            mapped.ok().filter(|bytes| bytes.len() as u64 == blob.size())
        });
        Self { blob, mapped, verified: AtomicBool::new(false) }
    }

    fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, Arc<StoreError>>> {
        match &self.mapped {
            Some(mapped) => stream::iter([Ok(slice(mapped, range))]).boxed(),
            None => self.blob.stream(range).map_err(Arc::new).boxed(),
        }
    }
}

fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    bytes.slice(range.start as usize..range.end as usize)
}

impl Source {
    /// The whole blob.
    pub(super) fn whole(self, size: u64) -> Body {
        match self {
            Self::Memory(bytes) => bytes.into(),
            Self::Unverified(open, progress) => Body::stream(size, following(open, progress, size)),
            Self::Open(open) => match &open.mapped {
                Some(mapped) => mapped.clone().into(),
                None => Body::stream(size, open.stream(0..size)),
            },
        }
    }

    /// Ranges of the blob, between bytes that the responder made.
    pub(super) fn pieces(self, pieces: Vec<Piece>) -> Body {
        let length = |piece: &Piece| match piece {
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Range(range) => range.end - range.start,
        };
        let total = pieces.iter().map(length).sum();
        // Where the first range ends: behind it no range is complete, and nothing may go out before the verdict.
        let first = pieces.iter().position(|piece| matches!(piece, Piece::Range(_))).unwrap_or_default();
        let bound = pieces.iter().take(first + 1).map(length).sum();
        let (open, progress) = match self {
            Self::Memory(bytes) => return in_memory(&bytes, pieces),
            Self::Open(open) => (open, None),
            Self::Unverified(open, progress) => (open, Some(progress)),
        };
        if let (Some(mapped), None) = (&open.mapped, &progress) {
            return in_memory(mapped, pieces);
        }
        let size = open.blob.size();
        let held = pieces.get(first).map_or(0, length).min(HELD_BACK);
        let pieces = stream::iter(VecDeque::from(pieces)).flat_map(move |piece| match piece {
            Piece::Made(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Piece::Range(range) => open.stream(range),
        });
        match progress {
            None => Body::stream(total, pieces),
            Some(progress) => Body::stream(total, beside(pieces.boxed(), progress, Held { bound, held, size })),
        }
    }
}

/// What of a body has to wait for the verdict.
#[derive(Clone, Copy)]
struct Held {
    /// Everything from here on.
    bound: u64,
    /// And so many bytes before, the last of which waits for it.
    held: u64,
    /// The size of the blob that is hashed.
    size: u64,
}

impl Held {
    /// How far the body may be sent.
    fn free(&self, progress: &Progress) -> u64 {
        match progress.verdict {
            Some(Ok(())) => u64::MAX,
            Some(Err(_)) => 0,
            None => {
                let steps = progress.hashed.saturating_mul(STEPS) / self.size.max(1);
                let trickled = (self.held * steps.min(STEPS) / STEPS).min(self.held.saturating_sub(1));
                self.bound - self.held + trickled
            }
        }
    }
}

fn in_memory(bytes: &Bytes, pieces: Vec<Piece>) -> Body {
    Body::pieces(pieces.into_iter().map(|piece| match piece {
        Piece::Made(made) => made,
        Piece::Range(range) => slice(bytes, range),
    }))
}

/// The bytes of a blob as far as they were hashed, the last of them only when the digest is right.
fn following(
    open: Arc<Open>,
    progress: watch::Receiver<Progress>,
    size: u64,
) -> impl futures::Stream<Item = Result<Bytes, Arc<StoreError>>> + Send + 'static {
    let spans = stream::unfold((0, progress), move |(sent, mut progress)| async move {
        if sent == size {
            return None;
        }
        let free = |progress: &Progress| match &progress.verdict {
            Some(Ok(())) => size,
            Some(Err(_)) | None => progress.hashed.min(size - HELD_BACK),
        };
        let moved = progress.wait_for(|progress| progress.verdict.is_some() || free(progress) > sent).await;
        let span = match moved.as_deref() {
            Ok(Progress { verdict: Some(Err(error)), .. }) => Err(Arc::clone(error)),
            Ok(progress) => Ok(sent..free(progress)),
            Err(_) => Err(Arc::new(StoreError::Cancelled)),
        };
        drop(moved);
        // Behind an error there is nothing more.
        let sent = span.as_ref().map_or(size, |span| span.end);
        Some((span, (sent, progress)))
    });
    spans
        .map(move |span| match span {
            Ok(span) => open.stream(span),
            Err(error) => stream::iter([Err(error)]).boxed(),
        })
        .flatten()
}

/// A body that is sent beside the hashing: at once, but for what is held back.
fn beside(
    body: BoxStream<'static, Result<Bytes, Arc<StoreError>>>,
    progress: watch::Receiver<Progress>,
    held: Held,
) -> impl futures::Stream<Item = Result<Bytes, Arc<StoreError>>> + Send + 'static {
    let state = (body, progress, Bytes::new(), 0_u64);
    stream::try_unfold(state, move |(mut body, mut progress, mut bytes, sent)| async move {
        while bytes.is_empty() {
            match body.try_next().await? {
                Some(next) => bytes = next,
                None => return Ok(None),
            }
        }
        let moved = progress.wait_for(|progress| progress.verdict.is_some() || held.free(progress) > sent).await;
        let free = match moved.as_deref() {
            Ok(Progress { verdict: Some(Err(error)), .. }) => return Err(Arc::clone(error)),
            Ok(progress) => held.free(progress),
            Err(_) => return Err(Arc::new(StoreError::Cancelled)),
        };
        drop(moved);
        let piece = bytes.split_to((free - sent).min(bytes.len() as u64) as usize);
        let sent = sent + piece.len() as u64;
        Ok(Some((piece, (body, progress, bytes, sent))))
    })
}
