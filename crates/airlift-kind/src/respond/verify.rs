//! No blob is served before its bytes were found to have its digest.
//!
//! Each blob is hashed once in the life of a process, however many requests wait for it. The hashing goes ahead at its
//! own speed, not at that of a client, and says how far it is: large blobs are sent behind it.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use airlift_core::{Digest, Hasher};
use airlift_store::{Blob, LocalBytes, StoreError};
use futures::TryStreamExt;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many bytes are hashed in one turn.
const TURN: usize = 1 << 20;

/// How long a damaged blob is refused without another look: a new copy may have been loaded.
const REFUSAL: Duration = Duration::from_secs(30);

/// How far the hashing of a blob is.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// So many bytes, from the first.
    pub(super) hashed: u64,
    /// What came out.
    pub(super) verdict: Option<Result<(), Arc<StoreError>>>,
}

/// What is known of a blob.
pub(super) enum Standing {
    /// It has its digest.
    Good,
    /// It is being hashed.
    Running(watch::Receiver<Progress>),
}

/// Hashes blobs, and remembers what came out.
pub(super) struct Verifier {
    shared: Arc<Shared>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Shared {
    /// What the store is, for messages.
    place: String,
    known: Mutex<Known>,
    /// One turn for each processor, handed out in the order of asking, so that small blobs don't wait for large ones.
    turns: Semaphore,
    buffers: Mutex<Vec<Vec<u8>>>,
}

#[derive(Default)]
struct Known {
    good: HashSet<Digest>,
    bad: HashMap<Digest, (Instant, Arc<StoreError>)>,
    running: HashMap<Digest, watch::Receiver<Progress>>,
}

impl Verifier {
    pub(super) fn new(place: String) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let shared =
            Shared { place, known: Mutex::default(), turns: Semaphore::new(processors), buffers: Mutex::default() };
        let stop = CancellationToken::new();
        Self { shared: Arc::new(shared), _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    /// How many blobs were found damaged, and not found well since.
    pub(super) fn damaged(&self) -> usize {
        self.shared.known().bad.len()
    }

    /// What is known of a blob; where nothing is, hashing begins.
    pub(super) fn check(&self, blob: &Blob) -> Result<Standing, Arc<StoreError>> {
        let mut known = self.shared.known();
        if known.good.contains(&blob.digest()) {
            return Ok(Standing::Good);
        }
        if let Some(running) = known.running.get(&blob.digest()) {
            return Ok(Standing::Running(running.clone()));
        }
        if let Some((since, error)) = known.bad.get(&blob.digest())
            && since.elapsed() < REFUSAL
        {
            return Err(Arc::clone(error));
        }
        let (sender, receiver) = watch::channel(Progress::default());
        known.running.insert(blob.digest(), receiver.clone());
        drop(known);
        let (shared, stop, blob) = (Arc::clone(&self.shared), self.stop.clone(), blob.clone());
        tokio::spawn(async move {
            let verdict = tokio::select! {
                () = stop.cancelled() => Err(StoreError::Cancelled),
                verdict = shared.verify(&blob, &sender) => verdict,
            };
            let verdict = shared.conclude(blob.digest(), verdict);
            sender.send_modify(|progress| progress.verdict = Some(verdict));
        });
        Ok(Standing::Running(receiver))
    }

    /// Judges a blob that was hashed elsewhere; there is no digest where its file ends too early.
    ///
    /// Only damage is remembered: who hashes small blobs does so whenever it reads them.
    pub(super) fn judge(&self, blob: &Blob, found: Option<Digest>) -> Result<(), Arc<StoreError>> {
        match self.shared.judge(blob, found) {
            Ok(()) => {
                self.shared.known().bad.remove(&blob.digest());
                Ok(())
            }
            Err(error) => self.shared.conclude(blob.digest(), Err(error)),
        }
    }
}

/// Waits for the verdict.
pub(super) async fn verdict(mut running: watch::Receiver<Progress>) -> Result<(), Arc<StoreError>> {
    let progress = running.wait_for(|progress| progress.verdict.is_some()).await;
    let verdict = progress.ok().and_then(|progress| progress.verdict.clone());
    verdict.unwrap_or_else(|| Err(Arc::new(StoreError::Cancelled)))
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, blob: &Blob, found: Option<Digest>) -> Result<(), StoreError> {
        let reason = match found {
            Some(found) if found == blob.digest() => return Ok(()),
            Some(found) => format!("its bytes have the digest {found}"),
            None => format!("its file ends before its {} bytes", blob.size()),
        };
        Err(StoreError::Corrupt { digest: blob.digest(), place: self.place.clone(), reason })
    }

    fn conclude(&self, digest: Digest, verdict: Result<(), StoreError>) -> Result<(), Arc<StoreError>> {
        let verdict = verdict.map_err(Arc::new);
        let mut known = self.known();
        known.running.remove(&digest);
        match &verdict {
            Ok(()) => {
                known.bad.remove(&digest);
                known.good.insert(digest);
            }
            Err(error) if matches!(**error, StoreError::Corrupt { .. }) => {
                known.bad.insert(digest, (Instant::now(), Arc::clone(error)));
                drop(known);
                tracing::error!(blob = %digest, place = %self.place, "{error}; it is not served");
            }
            // The blob may be well: it could not be read just now.
            Err(_) => {}
        }
        verdict
    }

    async fn verify(self: &Arc<Self>, blob: &Blob, progress: &watch::Sender<Progress>) -> Result<(), StoreError> {
        let found = match blob.local() {
            Some(local) => self.hash_file(local, progress).await?,
            None => self.hash_stream(blob, progress).await?,
        };
        self.judge(blob, found)
    }

    /// The digest of bytes in a file, none where the file ends too early.
    async fn hash_file(
        self: &Arc<Self>,
        local: &LocalBytes,
        progress: &watch::Sender<Progress>,
    ) -> Result<Option<Digest>, StoreError> {
        let mut hasher = Hasher::new();
        let mut hashed = 0;
        while hashed < local.len {
            let _turn = self.turns.acquire().await.map_err(|_| StoreError::Cancelled)?;
            let (shared, file, offset) = (Arc::clone(self), Arc::clone(&local.file), local.offset + hashed);
            let length = (local.len - hashed).min(TURN as u64) as usize;
            let work = move || {
                let mut buffer = shared.buffer();
                let read = file.read_exact_at(&mut buffer[..length], offset);
                if read.is_ok() {
                    hasher.update(&buffer[..length]);
                }
                shared.keep(buffer);
                (hasher, read)
            };
            let (returned, read) = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Cancelled)?;
            match read {
                Ok(()) => hasher = returned,
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(source) => {
                    return Err(StoreError::Io { action: "read", path: local.path.to_path_buf(), source });
                }
            }
            hashed += length as u64;
            progress.send_modify(|progress| progress.hashed = hashed);
        }
        Ok(Some(hasher.finish()))
    }

    /// The digest of bytes from an object store, none where they end too early.
    async fn hash_stream(
        self: &Arc<Self>,
        blob: &Blob,
        progress: &watch::Sender<Progress>,
    ) -> Result<Option<Digest>, StoreError> {
        let mut hasher = Hasher::new();
        let mut hashed = 0;
        let mut chunks = blob.stream(0..blob.size());
        while let Some(chunk) = chunks.try_next().await? {
            let _turn = self.turns.acquire().await.map_err(|_| StoreError::Cancelled)?;
            hashed += chunk.len() as u64;
            let work = move || {
                hasher.update(&chunk);
                hasher
            };
            hasher = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Cancelled)?;
            progress.send_modify(|progress| progress.hashed = hashed);
        }
        Ok((hashed == blob.size()).then(|| hasher.finish()))
    }

    fn buffer(&self) -> Vec<u8> {
        let kept = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| vec![0; TURN])
    }

    fn keep(&self, buffer: Vec<u8>) {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}
