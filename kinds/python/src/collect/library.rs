//! What indexes say of projects, and what files say of themselves, each asked once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airlift_core::{Digest, Event, Request, UpstreamUrl};
use airlift_fetch::{Expected, FetchError, Fetcher};
use bytes::Bytes;
use futures::lock::OwnedMutexGuard;
use pep440_rs::Version;
use pep508_rs::PackageName;

use super::early::Early;
use super::places::{Place, Places};
use super::project::{Offered, Project};
use super::{repository, sdist, wheel};
use crate::error::PythonError;
use crate::format::file_name::FileName;
use crate::format::index::{self, File, Page, Promise};
use crate::format::metadata::Metadata;
use crate::format::{Requirement, plain};

/// The most bytes of a project's page.
const PAGE: u64 = 128 << 20;
/// Pages of more files, and of more bytes, are read where it keeps nobody waiting: some have thousands, and a thread for
/// each of the others would take longer.
const MANY: usize = 256;
const LONG: usize = 128 << 10;
/// The most bytes of a file's metadata.
const METADATA: u64 = 16 << 20;

/// What was asked so far. Several environments share it.
pub(crate) struct Library<'a> {
    pub(crate) fetcher: &'a Fetcher,
    places: Places,
    early: Early,
    projects: Mutex<HashMap<PackageName, Arc<Project>>>,
    /// By [`key`].
    abouts: Mutex<HashMap<String, Arc<About>>>,
    /// By what is being asked for: many requirements lead to one project, and would all ask for it at the same time.
    asking: Mutex<HashMap<String, Arc<futures::lock::Mutex<()>>>>,
}

/// What a file says about itself.
#[derive(Debug)]
pub(crate) struct About {
    /// What was understood, or why the file can't be used.
    pub(crate) metadata: Result<Metadata, String>,
    /// Where the text of the metadata is, for wheels.
    pub(crate) text: Option<Text>,
    /// What building it takes; for source distributions only.
    pub(crate) build: Vec<Requirement>,
}

/// The text of a wheel's metadata.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// Upstream offers it by itself; it is in the store.
    Stored(Digest, Request),
    /// It was taken out of the wheel.
    Taken(Bytes),
}

impl Text {
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Stored(digest, _) => *digest,
            Self::Taken(bytes) => Digest::of(bytes),
        }
    }
}

impl<'a> Library<'a> {
    pub(crate) fn new(fetcher: &'a Fetcher, places: Places, early: Early) -> Self {
        let (projects, abouts, asking) = Default::default();
        Self { fetcher, places, early, projects, abouts, asking }
    }

    /// Where it is said which wheels will be needed.
    pub(crate) const fn early(&self) -> &Early {
        &self.early
    }

    /// Waits until nobody else asks for the same.
    async fn alone(&self, what: &str) -> OwnedMutexGuard<()> {
        let asking = Arc::clone(lock(&self.asking).entry(what.to_owned()).or_default());
        asking.lock_owned().await
    }

    /// A project, where it was asked for.
    pub(crate) fn project(&self, name: &PackageName) -> Option<Arc<Project>> {
        lock(&self.projects).get(name).cloned()
    }

    /// What a file says, where it was asked.
    pub(crate) fn about(&self, offered: &Offered) -> Option<Arc<About>> {
        lock(&self.abouts).get(&key(&offered.file)).cloned()
    }

    /// The name of the index that alone answers for a project, where one does.
    pub(crate) fn answering(&self, name: &PackageName) -> Option<&str> {
        self.places.answering(name)
    }

    /// Asks for a project.
    pub(crate) async fn load_project(&self, name: &PackageName) -> Result<Arc<Project>, PythonError> {
        let _alone = match self.project(name) {
            Some(project) => return Ok(project),
            None => self.alone(name.as_ref()).await,
        };
        if let Some(project) = self.project(name) {
            return Ok(project);
        }
        let pages = match self.places.is_indexed(name) {
            true => self.places.pages(name, self.fetcher).await?,
            false => Vec::new(),
        };
        let is_long = pages.iter().any(|page| page.files.len() + page.unwanted.len() > MANY);
        let own = name.clone();
        let mut project = apart(is_long, move || Project::new(own, pages)).await;
        for place in self.places.elsewhere(name) {
            self.add(&mut project, place).await?;
        }
        let project = Arc::new(project);
        let mut projects = lock(&self.projects);
        let project = Arc::clone(projects.entry(name.clone()).or_insert(project));
        drop(projects);
        if !project.odd.is_empty() {
            let names = project.odd.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let message = format!("the page of {name} has files that can't be of it, which are refused: {names}");
            self.fetcher.observer().observe(&Event::Notice { message });
        }
        Ok(project)
    }

    /// Adds what is at a place to its project. What a repository says is asked now, since its version is a part of that.
    async fn add(&self, project: &mut Project, place: &Place) -> Result<(), PythonError> {
        let repository = match place {
            Place::File(file) => {
                let parsed = FileName::parse(&file.name, &project.name);
                // Its name was read when the requirement was.
                parsed.into_iter().for_each(|parsed| project.add(place, (file.clone(), parsed), false));
                return Ok(());
            }
            Place::Repository(repository) => repository,
        };
        let (about, has_version) = repository::about(self.fetcher, &project.name, repository).await?;
        let version = about.metadata.as_ref().map_or_else(|_| Version::new([0]), |metadata| metadata.version.clone());
        let (reference, folder) = (repository.reference.as_deref(), repository.folder.as_deref());
        let name = format!("{}@{}#{}", repository.url, reference.unwrap_or_default(), folder.unwrap_or_default());
        let file = File::at(name, repository.url.clone());
        lock(&self.abouts).insert(key(&file), Arc::new(about));
        project.add(place, (file, FileName::Repository(version)), !has_version);
        Ok(())
    }

    /// Asks what a file says about itself.
    pub(crate) async fn load_about(&self, project: &Project, offered: &Offered) -> Result<Arc<About>, PythonError> {
        let key = key(&offered.file);
        let _alone = match self.about(offered) {
            Some(about) => return Ok(about),
            None => self.alone(&key).await,
        };
        if let Some(about) = self.about(offered) {
            return Ok(about);
        }
        let mut about = match offered.name {
            FileName::Wheel(_) => self.about_wheel(offered).await?,
            FileName::Sdist(_) => sdist::about(self.fetcher, offered).await?,
            // It was asked when its project was.
            FileName::Repository(_) => About { metadata: Err("is gone".to_owned()), text: None, build: Vec::new() },
        };
        if let Ok(metadata) = &about.metadata
            && (metadata.name != project.name || metadata.version != *offered.name.version())
        {
            let says = format!("{} {}", metadata.name, plain(&metadata.version.to_string(), 60));
            about.metadata =
                Err(format!("has metadata that says it is {says}, not what the name of {} says", offered.file.name));
        }
        if let Err(reason) = &about.metadata {
            let message = format!("{} {} is not used: it {reason}", project.name, offered.name.version());
            self.fetcher.observer().observe(&Event::Notice { message });
        }
        Ok(Arc::clone(lock(&self.abouts).entry(key).or_insert(Arc::new(about))))
    }

    async fn about_wheel(&self, offered: &Offered) -> Result<About, PythonError> {
        let text = match self.offered_metadata(offered).await? {
            Some((bytes, request, digest)) => (bytes, Text::Stored(digest, request)),
            None => match wheel::metadata(self.fetcher, &offered.file).await? {
                Ok(bytes) => (bytes.clone(), Text::Taken(bytes)),
                Err(reason) => return Ok(About { metadata: Err(reason), text: None, build: Vec::new() }),
            },
        };
        let metadata = Metadata::parse(&text.0).map_err(|error| format!("has metadata that can't be used: {error}"));
        Ok(About { metadata, text: Some(text.1), build: Vec::new() })
    }

    /// The metadata that the index offers by itself (PEP 658).
    async fn offered_metadata(&self, offered: &Offered) -> Result<Option<(Bytes, Request, Digest)>, PythonError> {
        let expected = match offered.file.metadata {
            Promise::None => return Ok(None),
            Promise::Unchecked => Expected::limit(METADATA),
            Promise::Checked(digest) => Expected { limit: Some(METADATA), ..Expected::digest(digest) },
        };
        let mut url = offered.file.url.expose().clone();
        let path = format!("{}.metadata", url.path());
        url.set_path(&path);
        let Ok(url) = UpstreamUrl::try_from(url) else { return Ok(None) };
        let request = Request::new(url);
        match self.fetcher.document(&request, &expected).await {
            Ok(document) => Ok(Some((document.bytes, request, document.digest))),
            // Some mirrors promise what they do not have; the wheel itself has it.
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(failed(&format!("the metadata of {}", offered.file.name), source)),
        }
    }
}

/// What a file is known by: its address, and its name, for those of a repository have one address.
fn key(file: &File) -> String {
    format!("{} {}", file.url.expose(), file.name)
}

/// Whether upstream answered that there is no such thing.
pub(crate) fn is_absent(error: &FetchError) -> bool {
    matches!(error, FetchError::Status { status: 404 | 410, .. })
        || matches!(error, FetchError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

/// An error of this kind around one of the fetcher's.
pub(crate) fn failed(what: &str, source: FetchError) -> PythonError {
    PythonError::Fetch { what: what.to_owned(), source: Box::new(source) }
}

/// Reads an index's page, JSON or HTML: of JSON only the files whose names are wanted.
pub(crate) async fn page(
    fetcher: &Fetcher,
    url: UpstreamUrl,
    (what, is_wanted): (&str, impl Fn(&str) -> bool + Send + 'static),
) -> Result<Option<Page>, PythonError> {
    let request = Request::new(url).with_header("accept", index::ACCEPT);
    let document = match fetcher.listing(&request, PAGE).await {
        Ok(document) => document,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(source) => return Err(failed(what, source)),
    };
    let is_json = match document.media_type.as_deref() {
        Some(media_type) => media_type.ends_with("json"),
        None => document.bytes.trim_ascii_start().starts_with(b"{"),
    };
    let (bytes, url) = (document.bytes, document.url.clone());
    let page = apart(bytes.len() > LONG, move || match is_json {
        true => index::from_json(&bytes, &url, is_wanted),
        false => index::from_html(&bytes, &url),
    });
    page.await.map(Some).map_err(|source| PythonError::Page { url: Box::new(document.url), source })
}

/// Does what takes long, if it does, where it keeps nobody waiting.
async fn apart<T: Send + 'static>(is_long: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if !is_long {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
