//! `file://` sources: the same functions for what lies on this machine.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use airlift_core::event::Task;
use airlift_core::{Event, Request, Time, UpstreamUrl};
use airlift_store::Store;
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::document::LIMIT;
use crate::download::{blocking, require_room};
use crate::error::FetchError;
use crate::fetcher::{Document, Expected, Fetched, Fetcher, Head};
use crate::verify::{Sums, check_limit, check_size};

const BUFFER: usize = 1 << 20;

/// The path of a `file` URL; none for other URLs.
pub(crate) fn path_of(url: &UpstreamUrl) -> Result<Option<PathBuf>, FetchError> {
    if url.expose().scheme() != "file" {
        return Ok(None);
    }
    match url.expose().to_file_path() {
        Ok(path) => Ok(Some(path)),
        Err(()) => Err(FetchError::NoFile { url: Box::new(url.clone()), reason: "it is not a path on this machine" }),
    }
}

/// Opens a regular file. What could block for ever (a pipe) or never ends (a device) is refused before it is opened.
#[expect(clippy::disallowed_methods, reason = "the error that is made of it names the path")]
fn open(url: &UpstreamUrl, path: &Path) -> Result<(File, std::fs::Metadata), FetchError> {
    let failed = |source| FetchError::file("read", path, source);
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(FetchError::NoFile { url: Box::new(url.clone()), reason: "it is not a regular file" });
    }
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    Ok((file, meta))
}

fn modified(request: &Request, meta: &std::fs::Metadata) -> Option<Time> {
    meta.modified().ok().filter(|_| request.dated).map(Time::from)
}

pub(crate) async fn head(request: &Request, path: &Path) -> Result<Head, FetchError> {
    let (asked, path) = (request.clone(), path.to_owned());
    let (_, meta) = blocking(move || open(&asked.url, &path)).await?;
    let modified = modified(request, &meta);
    Ok(Head { size: Some(meta.len()), media_type: None, modified, digest: None, headers: HeaderMap::new() })
}

/// The regular files in a folder, in the order of their names; none where it is no folder.
#[expect(clippy::disallowed_methods, reason = "the error that is made of it names the path")]
pub(crate) async fn folder(path: PathBuf) -> Result<Option<Vec<UpstreamUrl>>, FetchError> {
    blocking(move || {
        if !path.is_dir() {
            return Ok(None);
        }
        let failed = |source| FetchError::file("list", &path, source);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let url = url::Url::from_file_path(&file).ok().and_then(|url| UpstreamUrl::try_from(url).ok());
            files.extend(url.filter(|_| file.is_file()));
        }
        files.sort();
        Ok(Some(files))
    })
    .await
}

/// The most files that are listed below a folder.
const MOST_FILES: usize = 1_000_000;

/// The regular files anywhere below a folder, in the order of their names; none where it is no folder.
#[expect(clippy::disallowed_methods, reason = "the error that is made of it names the path")]
pub(crate) async fn folders(asked: UpstreamUrl, path: PathBuf) -> Result<Option<Vec<UpstreamUrl>>, FetchError> {
    blocking(move || {
        if !path.is_dir() {
            return Ok(None);
        }
        let (mut files, mut open) = (Vec::new(), vec![path]);
        while let Some(folder) = open.pop() {
            let failed = |source| FetchError::file("list", &folder, source);
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
                if kind.is_dir() {
                    open.push(path);
                    continue;
                }
                let url = url::Url::from_file_path(&path).ok().and_then(|url| UpstreamUrl::try_from(url).ok());
                files.extend(url.filter(|_| kind.is_file() || path.is_file()));
                if files.len() > MOST_FILES {
                    let reason = "it has more than a million files";
                    return Err(FetchError::NoFile { url: Box::new(asked), reason });
                }
            }
        }
        files.sort();
        Ok(Some(files))
    })
    .await
}

/// Reads a small file into memory.
pub(crate) async fn read(request: &Request, expected: &Expected, path: &Path) -> Result<Document, FetchError> {
    let file = Small { request: request.clone(), expected: expected.clone(), path: path.to_owned() };
    blocking(move || file.read()).await
}

/// Reads a small file into memory and into the store: all on one thread, since there may be many of them.
pub(crate) async fn document(
    fetcher: &Fetcher,
    request: &Request,
    expected: &Expected,
    path: &Path,
) -> Result<Document, FetchError> {
    let file = Small { request: request.clone(), expected: expected.clone(), path: path.to_owned() };
    let (store, runtime) = (fetcher.store().clone(), Handle::current());
    blocking(move || file.keep(&store, &runtime)).await
}

/// The same on this thread.
pub(crate) fn document_blocking(
    store: &Store,
    request: &Request,
    expected: &Expected,
    (path, runtime): (PathBuf, &Handle),
) -> Result<Document, FetchError> {
    Small { request: request.clone(), expected: expected.clone(), path }.keep(store, runtime)
}

/// A small file.
struct Small {
    request: Request,
    expected: Expected,
    path: PathBuf,
}

impl Small {
    fn keep(self, store: &Store, runtime: &Handle) -> Result<Document, FetchError> {
        let document = self.read()?;
        store.keep_blocking(document.digest, document.bytes.clone(), runtime).map_err(FetchError::store)?;
        Ok(document)
    }

    fn read(self) -> Result<Document, FetchError> {
        let Self { request, expected, path } = self;
        let (file, meta) = open(&request.url, &path)?;
        let expected = Expected { limit: expected.limit.or(Some(LIMIT)), ..expected };
        check_size(&request.url, &expected, meta.len(), true)?;
        let most = expected.limit.unwrap_or(LIMIT).saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(most)).unwrap_or(0));
        file.take(most).read_to_end(&mut bytes).map_err(|source| FetchError::file("read", &path, source))?;
        let mut sums = Sums::new(&expected.checksums);
        sums.update(&bytes);
        let digest = sums.check(&request.url, &expected)?;
        let (bytes, modified) = (bytes.into(), modified(&request, &meta));
        let (headers, url) = (HeaderMap::new(), request.url);
        Ok(Document { digest, named: None, bytes, media_type: None, modified, headers, url, cached: false })
    }
}

/// Copies a file into the store. A copy that was interrupted begins anew: it is quick, and the file may have changed.
pub(crate) async fn blob(
    fetcher: &Fetcher,
    request: &Request,
    expected: &Expected,
    (path, task): (&Path, Task),
) -> Result<Fetched, FetchError> {
    let key = format!("copy of {}", request.url);
    let _alone = fetcher.alone(&key).await;
    let (asked, place) = (request.clone(), path.to_owned());
    let (file, meta) = blocking(move || open(&asked.url, &place)).await?;
    let (size, modified) = (meta.len(), modified(request, &meta));
    check_size(&request.url, expected, size, true)?;
    if let Some(digest) = expected.blob()
        && fetcher.has(digest, size).await?
    {
        return Ok(Fetched { digest, size, media_type: None, modified, cached: true });
    }
    if expected.size.is_none() {
        fetcher.tell(&Event::Extended { task, items: 0, bytes: size });
    }
    let part = fetcher.store().part(&key).map_err(FetchError::store)?;
    part.truncate(0).map_err(FetchError::store)?;
    if let Err(error) = require_room(&part, size, &request.url) {
        part.discard().map_err(FetchError::store)?;
        return Err(error);
    }
    let target = part.file().try_clone().map_err(|source| FetchError::file("open", part.path(), source))?;
    let (tell, mut told) = mpsc::channel::<u64>(16);
    let copy = Copy {
        request: request.clone(),
        expected: expected.clone(),
        from: path.to_owned(),
        to: part.path().to_owned(),
    };
    let work = blocking(move || copy.run(file, target, &tell));
    let show = async {
        while let Some(bytes) = told.recv().await {
            fetcher.tell(&Event::Progress { task, bytes: i64::try_from(bytes).unwrap_or(i64::MAX) });
        }
    };
    let (result, ()) = tokio::join!(work, show);
    match result {
        Ok((digest, size)) => {
            part.commit(digest, size).await.map_err(FetchError::store)?;
            Ok(Fetched { digest, size, media_type: None, modified, cached: false })
        }
        Err(error) => {
            part.discard().map_err(FetchError::store)?;
            Err(error)
        }
    }
}

struct Copy {
    request: Request,
    expected: Expected,
    from: PathBuf,
    to: PathBuf,
}

impl Copy {
    /// Copies and sums; the name is given afterwards. It ends when nobody listens any more.
    fn run(
        &self,
        mut from: File,
        mut to: File,
        tell: &mpsc::Sender<u64>,
    ) -> Result<(airlift_core::Digest, u64), FetchError> {
        let mut sums = Sums::new(&self.expected.checksums);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = from.read(&mut buffer).map_err(|source| FetchError::file("read", &self.from, source))?;
            if read == 0 {
                break;
            }
            sums.update(&buffer[..read]);
            check_limit(&self.request.url, &self.expected, sums.size())?;
            to.write_all(&buffer[..read]).map_err(|source| FetchError::file("write", &self.to, source))?;
            tell.blocking_send(read as u64).map_err(|_| FetchError::Interrupted)?;
        }
        let size = sums.size();
        Ok((sums.check(&self.request.url, &self.expected)?, size))
    }
}
