//! Which files, and at which paths.
//!
//! A file has up to two paths: `<host>/<path>`, the layout that Kubespray documents for a files repository, and its name.
//! A name that two URLs share belongs to neither, unless the manifest gives it to one.

use std::collections::BTreeMap;

use airlift_core::{Event, Plan, PlanEntry, Request, Source, TreePath, UpstreamUrl};
use airlift_fetch::Fetcher;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::FilesError;
use crate::format::disposition;
use crate::spec::{FileSpec, Spec};

/// How many upstreams are asked for a file's name at a time.
const AT_ONCE: usize = 8;

pub(crate) async fn collect(spec: &Spec, fetcher: &Fetcher) -> Result<Plan, FilesError> {
    // Boxed, since the compiler can't see that closures over references fit every lifetime here.
    let files: Vec<BoxFuture<'_, _>> = spec.files.iter().map(|file| Named::of(file, fetcher).boxed()).collect();
    let files: Vec<Named<'_>> = stream::iter(files).buffered(AT_ONCE).try_collect().await?;
    let mut paths = Paths::default();
    for file in files.iter().filter(|file| file.file.name.is_some()) {
        paths.claim(&file.name, file.file)?;
    }
    for file in &files {
        if let Some(by_host) = &file.by_host {
            paths.claim(by_host, file.file)?;
        }
    }
    for (name, sharers) in by_name(&files) {
        match sharers.as_slice() {
            [one] => paths.offer(&name, one),
            _ => fetcher.observer().observe(&Event::Notice { message: shared_name(&name, &sharers) }),
        }
    }
    Ok(Plan { entries: paths.entries()?, ..Plan::default() })
}

/// How to ask again for a file: with the headers that the manifest has for its URL.
pub(crate) fn request_again(spec: &Spec, url: UpstreamUrl) -> Request {
    let same = |file: &&FileSpec| file.url.to_string() == url.to_string();
    spec.files.iter().find(same).map_or_else(|| dated(Request::new(url)), request)
}

fn request(file: &FileSpec) -> Request {
    let headers = file.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    dated(Request { headers, ..Request::new(file.url.clone()) })
}

const fn dated(mut request: Request) -> Request {
    request.dated = true;
    request
}

/// A file and the paths that it may have.
struct Named<'a> {
    file: &'a FileSpec,
    name: String,
    by_host: Option<String>,
}

impl<'a> Named<'a> {
    async fn of(file: &'a FileSpec, fetcher: &Fetcher) -> Result<Self, FilesError> {
        let path = file.url.decoded_path().unwrap_or_default();
        let plain = file.url.expose().query().is_none() && !path.ends_with('/') && !path.is_empty();
        let host = match file.url.authority() {
            host if host.is_empty() => "localhost".to_owned(),
            host => host,
        };
        let by_host = plain.then(|| format!("{host}/{path}"));
        // A path that can't be one here is no harm where the manifest gives another name.
        let by_host = by_host.filter(|path| file.name.is_none() || TreePath::new(path.as_str()).is_ok());
        let from_url = || path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
        let name = match &file.name {
            Some(name) => Some(name.as_str().to_owned()),
            None if plain => from_url(),
            // What a script answers is named by the script, if at all.
            None => name_from_upstream(file, fetcher).await?.or_else(from_url),
        };
        let name = name.ok_or_else(|| FilesError::Nameless { url: Box::new(file.url.clone()) })?;
        Ok(Self { file, name, by_host })
    }
}

/// The name that upstream tells. A name must not depend on whether upstream had a good moment.
async fn name_from_upstream(file: &FileSpec, fetcher: &Fetcher) -> Result<Option<String>, FilesError> {
    let head = fetcher.head(&request(file)).await;
    let head =
        head.map_err(|source| FilesError::Unnamed { url: Box::new(file.url.clone()), source: Box::new(source) })?;
    let header = head.headers.get(http::header::CONTENT_DISPOSITION);
    Ok(header.and_then(|value| value.to_str().ok()).and_then(disposition::file_name))
}

/// The names that the manifest does not give, each with the files that could have it.
fn by_name<'a>(files: &[Named<'a>]) -> BTreeMap<String, Vec<&'a FileSpec>> {
    let mut names = BTreeMap::<String, Vec<&FileSpec>>::new();
    for file in files.iter().filter(|file| file.file.name.is_none()) {
        let sharers = names.entry(file.name.clone()).or_default();
        if !sharers.iter().any(|other| other.url == file.file.url) {
            sharers.push(file.file);
        }
    }
    names
}

fn shared_name(name: &str, sharers: &[&FileSpec]) -> String {
    let urls: Vec<String> = sharers.iter().map(|file| file.url.to_string()).collect();
    format!(
        "several files are called {name}, so /{name} is none of them; they are served by host and path: {}",
        urls.join(", ")
    )
}

/// Which file is at which path.
#[derive(Default)]
struct Paths<'a>(BTreeMap<String, &'a FileSpec>);

impl<'a> Paths<'a> {
    /// A path that the file must have.
    fn claim(&mut self, path: &str, file: &'a FileSpec) -> Result<(), FilesError> {
        match self.0.insert(path.to_owned(), file) {
            Some(other) if other.url != file.url => Err(FilesError::Twice {
                path: path.to_owned(),
                first: Box::new(other.url.clone()),
                second: Box::new(file.url.clone()),
            }),
            _ => Ok(()),
        }
    }

    /// A path that the file gets if it is free and no folder.
    fn offer(&mut self, path: &str, file: &'a FileSpec) {
        let folder = format!("{path}/");
        let is_folder = self.0.range(folder.clone()..).next().is_some_and(|(other, _)| other.starts_with(&folder));
        if !is_folder {
            self.0.entry(path.to_owned()).or_insert(file);
        }
    }

    fn entries(self) -> Result<Vec<PlanEntry>, FilesError> {
        let entries = self.0.into_iter().map(|(path, file)| {
            let path = TreePath::new(format!("files/{path}"));
            let path = path.map_err(|source| FilesError::Name { url: Box::new(file.url.clone()), source })?;
            let entry = PlanEntry::new(path, Source::Fetch(request(file)));
            let checksums = file.sha256.into_iter().map(Into::into).collect();
            Ok(PlanEntry { checksums, purl: Some(purl(file)), ..entry })
        });
        entries.collect()
    }
}

/// The package URL of a file (purl specification, type `generic`).
fn purl(file: &FileSpec) -> Box<str> {
    let path = file.url.decoded_path().unwrap_or_default();
    let name = crate::format::link::encode(path.rsplit('/').next().unwrap_or_default());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("download_url", file.url.redacted().as_str());
    file.sha256.iter().for_each(|digest| {
        query.append_pair("checksum", &digest.to_string());
    });
    format!("pkg:generic/{name}?{}", query.finish()).into()
}
