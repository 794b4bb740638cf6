//! What the tests share: a store in a temporary folder, impatient settings, and a recorder of events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlift_core::{Digest, Event, Observer, Request};
use airlift_fetch::{Expected, Fetcher, Settings};
use airlift_store::Store;
use airlift_testkit::upstream::{Options, Upstream};
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes longer, or something hangs.
const BOUND: Duration = Duration::from_secs(60);

/// Remembers events.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn observe(&self, event: &Event) {
        self.0.lock().expect("no panic while recording").push(event.clone());
    }
}

/// A store and what happened to it.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) cancel: CancellationToken,
}

impl World {
    pub(crate) fn new() -> Self {
        // Several tests may be first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::folder(folder.path().join("store")).expect("a store");
        Self { folder, store, recorder: Arc::default(), cancel: CancellationToken::new() }
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        self.fetcher_with(settings())
    }

    /// A fetcher as a new run of the program would have it.
    pub(crate) fn fetcher_with(&self, settings: Settings) -> Fetcher {
        let observer: Arc<dyn Observer> = Arc::clone(&self.recorder) as Arc<dyn Observer>;
        Fetcher::new(settings, self.store.clone(), observer, self.cancel.clone()).expect("good settings")
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.recorder.0.lock().expect("no panic while recording").clone()
    }

    /// The sum of all progress.
    pub(crate) fn progress(&self) -> i64 {
        self.events().iter().map(|event| if let Event::Progress { bytes, .. } = event { *bytes } else { 0 }).sum()
    }

    pub(crate) fn retries(&self) -> usize {
        self.events().iter().filter(|event| matches!(event, Event::Retrying { .. })).count()
    }

    /// The bytes of a blob, or none where the store does not have it.
    pub(crate) async fn blob(&self, digest: Digest, size: u64) -> Option<bytes::Bytes> {
        let blob = self.store.blob(digest, size).await.expect("a store")?;
        Some(blob.bytes(u64::MAX).await.expect("readable"))
    }

    pub(crate) async fn has(&self, bytes: &[u8]) -> bool {
        self.blob(Digest::of(bytes), bytes.len() as u64).await.is_some_and(|blob| blob == bytes)
    }
}

/// Impatient settings: the waits are short, and so are the pieces.
pub(crate) fn settings() -> Settings {
    Settings {
        first_wait: Duration::from_millis(5),
        stall: Duration::from_millis(400),
        longest_wait: Duration::from_secs(4),
        segment: 1 << 20,
        ..Settings::default()
    }
}

pub(crate) fn request(url: &str) -> Request {
    Request::new(url.parse().expect("a URL"))
}

pub(crate) fn nothing() -> Expected {
    Expected::default()
}

pub(crate) fn promise(bytes: &[u8]) -> Expected {
    Expected { checksums: vec![Digest::of(bytes).into()], size: Some(bytes.len() as u64), limit: None }
}

pub(crate) async fn seeded(seed: u64) -> Upstream {
    Upstream::with(Options { seed, ..Options::default() }).await
}

/// Runs a test that must not hang.
pub(crate) async fn bounded<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, test).await.expect("the test ends in time")
}
