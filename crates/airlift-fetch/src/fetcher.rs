//! The fetcher: one upstream, one thing, into the store.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use airlift_core::event::Task;
use airlift_core::{Checksum, Digest, Event, Observer, Request, Time, UpstreamUrl};
use airlift_store::{Store, StoreError};
use bytes::Bytes;
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::error::FetchError;
use crate::limits::Gate;
use crate::reader::Reader;
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::{client, document, download, file, question};

/// Asks upstreams for things, and puts what arrives into a store. Cheap to clone; all clones share limits and tokens.
///
/// `http`, `https` and `file` URLs go through the same functions.
#[derive(Clone)]
pub struct Fetcher(Arc<Inner>);

struct Inner {
    settings: Settings,
    store: Store,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
    client: reqwest::Client,
    gate: Gate,
    auth: Auth,
    keys: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// What is known beforehand about something that is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Checksums that were promised; all of them are checked.
    pub checksums: Vec<Checksum>,
    /// The size in bytes that was promised.
    pub size: Option<u64>,
    /// The size in bytes above which it is refused. Documents have a limit of 64 MiB where none is given.
    pub limit: Option<u64>,
}

impl Expected {
    /// Nothing is known but the limit.
    pub const fn limit(bytes: u64) -> Self {
        Self { checksums: Vec::new(), size: None, limit: Some(bytes) }
    }

    /// The digest is known.
    pub fn digest(digest: Digest) -> Self {
        Self { checksums: vec![digest.into()], size: None, limit: None }
    }

    /// The promised blob's name, where a SHA-256 was promised.
    pub(crate) fn blob(&self) -> Option<Digest> {
        self.checksums.iter().find_map(Checksum::digest)
    }
}

/// What upstream says about something without sending it.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its media type, without parameters.
    pub media_type: Option<String>,
    /// When it last changed, where the request is dated.
    pub modified: Option<Time>,
    /// Its digest, of whatever algorithm, where the request names the header that has it.
    pub digest: Option<Checksum>,
    /// All headers of the answer; none for `file` URLs.
    pub headers: HeaderMap,
}

/// Something small that was fetched into memory, and, unless it is a listing, is in the store as well.
#[derive(Clone, Debug)]
pub struct Document {
    /// The blob's name.
    pub digest: Digest,
    /// What the header that the request names calls it, where that is of another algorithm than SHA-256. The bytes were
    /// checked against it. None where the store had it already.
    pub named: Option<Checksum>,
    /// The bytes.
    pub bytes: Bytes,
    /// Its media type, without parameters.
    pub media_type: Option<String>,
    /// When it last changed, where the request is dated.
    pub modified: Option<Time>,
    /// All headers of the answer; none for `file` URLs and where the store had it.
    pub headers: HeaderMap,
    /// The URL that answered in the end, against which relative links are resolved; without its query after a redirect.
    pub url: UpstreamUrl,
    /// Whether the store had it already.
    pub cached: bool,
}

/// Something that was fetched into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The blob's name.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type, without parameters.
    pub media_type: Option<String>,
    /// When it last changed, where the request is dated.
    pub modified: Option<Time>,
    /// Whether the store had it already.
    pub cached: bool,
}

/// Which facts about a blob are wanted besides its bytes, and who is told of the progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) media_type: bool,
    pub(crate) modified: bool,
    /// Whether the store was just seen to lack the blob, where its name is promised.
    pub(crate) lacking: bool,
    pub(crate) task: Task,
}

impl Fetcher {
    /// A fetcher into this store.
    ///
    /// The TLS provider of `rustls` must have been installed for the process.
    ///
    /// # Errors
    ///
    /// [`FetchError::Setup`] for a proxy, a certificate or a netrc that can't be read.
    pub fn new(
        settings: Settings,
        store: Store,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<Self, FetchError> {
        let client = client::build(&settings)?;
        let gate = Gate::new(settings.jobs, settings.per_host);
        let auth = Auth::new(&settings);
        let keys = Mutex::default();
        Ok(Self(Arc::new(Inner { settings, store, observer, cancel, client, gate, auth, keys })))
    }

    /// The store that everything goes to.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Who is told what happens.
    pub fn observer(&self) -> &dyn Observer {
        &*self.0.observer
    }

    /// What upstream says about something, without fetching it. A server that knows no `HEAD` is asked with `GET`.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow.
    pub async fn head(&self, request: &Request) -> Result<Head, FetchError> {
        self.head_or_get(request, document::NO_HEAD).await
    }

    /// The same of what upstream's own list names, which is there although HEAD may deny it.
    pub(crate) async fn head_of_listed(&self, request: &Request) -> Result<Head, FetchError> {
        self.head_or_get(request, document::NO_HEAD_OF_LISTED).await
    }

    async fn head_or_get(&self, request: &Request, no_head: &[u16]) -> Result<Head, FetchError> {
        self.stoppable(async {
            match file::path_of(&request.url)? {
                Some(path) => file::head(request, &path).await,
                None => Box::pin(document::head(self, request, no_head)).await,
            }
        })
        .await
    }

    /// Fetches something small into memory and into the store.
    ///
    /// What has a promised checksum and was fetched from this URL before comes from the store.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow; wrong bytes are not stored.
    pub async fn document(&self, request: &Request, expected: &Expected) -> Result<Document, FetchError> {
        self.stoppable(async {
            match file::path_of(&request.url)? {
                Some(path) => file::document(self, request, expected, &path).await,
                None => Box::pin(document::fetch(self, request, expected)).await,
            }
        })
        .await
    }

    /// As [`Fetcher::document`] on this thread, which must not be one of the runtime's: each of thousands of small files on
    /// this machine is read in less time than it takes to have another thread do it.
    ///
    /// # Errors
    ///
    /// As [`Fetcher::document`].
    pub fn document_blocking(
        &self,
        request: &Request,
        expected: &Expected,
        runtime: &Handle,
    ) -> Result<Document, FetchError> {
        if self.stopped() {
            return Err(FetchError::Interrupted);
        }
        match file::path_of(&request.url)? {
            Some(path) => file::document_blocking(self.store(), request, expected, (path, runtime)),
            None => runtime.block_on(self.document(request, expected)),
        }
    }

    /// Fetches something small into memory only: a page of a listing, which is read once and is no content.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow; [`FetchError::TooLarge`] above the limit in bytes.
    pub async fn listing(&self, request: &Request, limit: u64) -> Result<Document, FetchError> {
        let expected = Expected::limit(limit);
        self.stoppable(async {
            match file::path_of(&request.url)? {
                Some(path) => file::read(request, &expected, &path).await,
                None => Box::pin(document::receive(self, request, &expected)).await,
            }
        })
        .await
    }

    /// Fetches something of any size into the store; an interrupted download goes on where it stopped, also after a
    /// restart.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow; wrong bytes never become a blob.
    pub async fn blob(&self, request: &Request, expected: &Expected) -> Result<Fetched, FetchError> {
        let (media_type, modified, lacking) = (false, request.dated, false);
        self.blob_for(request, expected, Wanted { media_type, modified, lacking, task: Task::Plan }).await
    }

    pub(crate) async fn blob_for(
        &self,
        request: &Request,
        expected: &Expected,
        wanted: Wanted,
    ) -> Result<Fetched, FetchError> {
        match file::path_of(&request.url)? {
            // These futures are large, and many of them wait at the same time.
            Some(path) => Box::pin(self.stoppable(file::blob(self, request, expected, (&path, wanted.task)))).await,
            None => Box::pin(download::fetch(self, request, expected, wanted)).await,
        }
    }

    /// The bytes of a range of something that is in the store, cut at its end.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where the store does not have it, or can't read it.
    pub async fn stored(&self, digest: Digest, size: u64, range: Range<u64>) -> Result<Bytes, FetchError> {
        let blob = self.store().blob(digest, size).await.map_err(FetchError::store)?;
        let blob = blob.ok_or_else(|| FetchError::store(StoreError::missing(self.store(), digest, size)))?;
        blob.range(range).await.map_err(FetchError::store)
    }

    /// Hashes something that is in the store, as what an earlier run has left there is hashed before it is followed.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where its bytes are not those of its name any more, or can't be read.
    pub async fn verify(&self, digest: Digest, size: u64) -> Result<(), FetchError> {
        let blob = self.store().blob(digest, size).await.map_err(FetchError::store)?;
        let blob = blob.ok_or_else(|| FetchError::store(StoreError::missing(self.store(), digest, size)))?;
        self.stoppable(async { blob.verify().await.map_err(FetchError::store) }).await
    }

    /// A reader of something that is in the store. To be called on a thread that may block, and to be read on one.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where the store does not have it, or can't open it.
    pub fn reader(&self, digest: Digest, size: u64, runtime: &Handle) -> Result<Reader, FetchError> {
        let blob = self.store().blob_blocking(digest, size, runtime).map_err(FetchError::store)?;
        Ok(Reader::new(blob, runtime))
    }

    /// Asks with a body (`POST`), and puts the whole answer into the scratch file. Nothing is resumed, and where the
    /// answer breaks off it is asked for again. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// [`FetchError`], after as many attempts as the settings allow; [`FetchError::TooLarge`] above the limit in bytes.
    pub async fn post(
        &self,
        request: &Request,
        body: Bytes,
        (scratch, limit): (Scratch, u64),
    ) -> Result<Scratch, FetchError> {
        if file::path_of(&request.url)?.is_some() {
            let reason = "a file can't be asked questions";
            return Err(FetchError::NoFile { url: Box::new(request.url.clone()), reason });
        }
        self.stoppable(Box::pin(question::post(self, request, &body, (scratch, limit)))).await
    }

    /// A temporary file in the store. The key tells it from others that are in use.
    ///
    /// # Errors
    ///
    /// [`FetchError::Store`] where the store can't be written, or a file with this key is in use.
    pub fn scratch(&self, key: &str) -> Result<Scratch, FetchError> {
        Scratch::open(self.store(), key)
    }

    /// The `file` URL of a path that a person wrote: an absolute one, or one relative to the manifest's folder. None for
    /// what is no path, and for a relative one where there is no manifest.
    pub fn local(&self, path: &str) -> Option<UpstreamUrl> {
        let path = self.0.settings.folder.as_deref().map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        // A slash at the end says that it is a folder, and a dot nothing.
        let mut plain: PathBuf = path.components().collect();
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            plain.push("");
        }
        url::Url::from_file_path(plain).ok().and_then(|url| UpstreamUrl::try_from(url).ok())
    }

    /// The regular files directly in a folder of this machine, by name; none where the URL is not a folder's.
    ///
    /// # Errors
    ///
    /// [`FetchError::File`] where the folder can't be read.
    pub async fn folder(&self, url: &UpstreamUrl) -> Result<Option<Vec<UpstreamUrl>>, FetchError> {
        match file::path_of(url)? {
            Some(path) => self.stoppable(file::folder(path)).await,
            None => Ok(None),
        }
    }

    /// The regular files anywhere below a folder of this machine, by name; none where the URL is not a folder's. Links to
    /// folders are not followed.
    ///
    /// # Errors
    ///
    /// [`FetchError::File`] where a folder can't be read; [`FetchError::NoFile`] for more than a million files.
    pub async fn folders(&self, url: &UpstreamUrl) -> Result<Option<Vec<UpstreamUrl>>, FetchError> {
        match file::path_of(url)? {
            Some(path) => self.stoppable(file::folders(url.clone(), path)).await,
            None => Ok(None),
        }
    }

    /// Stops at once when the run is stopped.
    pub(crate) async fn stoppable<T>(
        &self,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        tokio::select! {
            biased;
            () = self.0.cancel.cancelled() => Err(FetchError::Interrupted),
            result = work => result,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.0.client
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn stopped(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.0.observer.observe(event);
    }

    /// Waits until nobody else in this process fetches the same thing.
    pub(crate) async fn alone(&self, key: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.len() > 4096 {
                keys.retain(|_, lock| lock.strong_count() > 0);
            }
            match keys.get(key).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::new(tokio::sync::Mutex::new(()));
                    keys.insert(key.to_owned(), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }

    /// The size of a blob, where the store has it.
    pub(crate) async fn find(&self, digest: Digest) -> Result<Option<u64>, FetchError> {
        let blob = self.store().find(digest).await.map_err(FetchError::store)?;
        Ok(blob.map(|blob| blob.size()))
    }

    /// Whether the store has a blob.
    pub(crate) async fn has(&self, digest: Digest, size: u64) -> Result<bool, FetchError> {
        let blob = self.store().blob(digest, size).await.map_err(FetchError::store)?;
        Ok(blob.is_some())
    }

    /// Puts a document, whose digest is that of its bytes, into the store.
    pub(crate) async fn keep(&self, document: &Document) -> Result<(), FetchError> {
        self.store().keep(document.digest, document.bytes.clone()).await.map_err(FetchError::store)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
