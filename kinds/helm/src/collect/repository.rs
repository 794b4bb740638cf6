//! One repository: its index, and what of it was chosen.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Failure, PlanEntry, Request, Secret, Source, UpstreamUrl, failure};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{FetchError, Fetcher};
use url::Url;

use super::tree;
use crate::error::HelmError;
use crate::format::index::{Entry, Index, IndexError};
use crate::format::name;
use crate::spec::RepositorySpec;

/// The largest index in bytes. The largest public ones have about 20 MB.
const INDEX_LIMIT: u64 = 256 << 20;

/// One repository.
pub(super) struct Repository<'a> {
    /// What it is called in the archive.
    pub(super) id: String,
    /// Where it is.
    pub(super) url: UpstreamUrl,
    /// What the manifest says of it; none where it came along.
    pub(super) spec: Option<&'a RepositorySpec>,
    /// Upstream's index.
    pub(super) index: Index,
    /// The charts and versions that were chosen.
    chosen: BTreeSet<(String, String)>,
    /// What was found out about charts: their entries in the plan, by file name.
    planned: BTreeMap<String, PlanEntry>,
    /// What turned out to be none: it is not listed.
    dropped: BTreeSet<(String, String)>,
}

/// Why a repository can't be loaded.
pub(super) enum Stop {
    /// Its index can't be fetched.
    Fetch(FetchError),
    /// Its index is none.
    Index(IndexError),
}

impl Stop {
    /// Why the index of a repository that the manifest names is missed: a sentence.
    pub(super) fn of_manifest(self, url: &UpstreamUrl) -> Result<String, HelmError> {
        const FOLDER: &str = "the 'url' is the folder in which the index.yaml lies, as 'helm repo add' takes it";
        let advice = match &self {
            Self::Fetch(error) if error.is_not_found() => format!("; {FOLDER}"),
            Self::Fetch(error) => error.hint().map(|hint| format!("; {hint}")).unwrap_or_default(),
            Self::Index(_) => format!("; {FOLDER}; a registry's begins with oci://"),
        };
        let what = match &self {
            Self::Fetch(_) => "the index of the chart repository can't be fetched".to_owned(),
            Self::Index(_) => format!("{url} is not the index of a chart repository"),
        };
        Ok(format!("{what}: {}{advice}", self.explained()?))
    }

    /// Planning goes on without it: a sentence.
    pub(super) fn explained(self) -> Result<String, HelmError> {
        match self {
            Self::Fetch(error) if is_fatal(&error) => Err(HelmError::stopped(error)),
            Self::Fetch(error) => Ok(failure::line(&error)),
            Self::Index(error) => Ok(failure::line(&error)),
        }
    }
}

impl<'a> Repository<'a> {
    /// Fetches a repository's index.
    pub(super) async fn load(
        id: String,
        url: UpstreamUrl,
        (spec, fetcher): (Option<&'a RepositorySpec>, &Fetcher),
    ) -> Result<Self, Stop> {
        let base = folder(&url);
        let headers = spec.map(|spec| &spec.headers).cloned().unwrap_or_default();
        let mut index = base.clone();
        if let Ok(mut path) = index.path_segments_mut() {
            path.pop_if_empty().push("index.yaml");
        }
        let index = UpstreamUrl::try_from(index).unwrap_or_else(|_| url.clone());
        let document = fetcher.listing(&request(&url, &headers, index), INDEX_LIMIT).await.map_err(Stop::Fetch)?;
        let index = Index::read(&document.bytes).map_err(Stop::Index)?;
        Ok(Self { id, url, spec, index, chosen: BTreeSet::new(), planned: BTreeMap::new(), dropped: BTreeSet::new() })
    }

    /// What tells it from others: its URL without secrets and without a slash at the end.
    pub(super) fn key(&self) -> String {
        key(&self.url)
    }

    /// Chooses one version of a chart.
    pub(super) fn choose(&mut self, entry: &Entry) {
        self.chosen.insert((entry.name.clone(), entry.version.clone()));
    }

    /// A chart that is none after all: it is not listed.
    pub(super) fn drop(&mut self, entry: &Entry) {
        self.dropped.insert((entry.name.clone(), entry.version.clone()));
    }

    /// Sets where a file among the charts comes from.
    pub(super) fn put(&mut self, file: String, entry: PlanEntry) {
        self.planned.insert(file, entry);
    }

    /// How a chart is asked for.
    ///
    /// # Errors
    ///
    /// A sentence, where its URL is refused: a chart may be on another host only where the index names its digest and it
    /// is fetched over TLS, and never in this host's files unless the repository is there as well.
    pub(super) fn source(&self, entry: &Entry) -> Result<Location, String> {
        let text = entry.urls.first().map(String::as_str).unwrap_or_default();
        if let Some(image) = text.strip_prefix("oci://") {
            return Ok(Location::Registry(image.to_owned()));
        }
        let base = folder(&self.url);
        let mut url = base.join(text).map_err(|error| format!("its URL {text:?} is none: {error}"))?;
        // As Helm has it: what guards the repository by a query guards its charts.
        if Url::parse(text).is_err() && url.query().is_none() {
            url.set_query(self.url.expose().query());
        }
        let same = match (base.scheme(), url.scheme()) {
            ("file", "file") => url.path().starts_with(base.path()),
            (_, "file") => false,
            _ => base.origin() == url.origin(),
        };
        let shown = UpstreamUrl::try_from(url.clone()).map(|url| url.to_string()).unwrap_or_else(|_| text.to_owned());
        match (same, url.scheme(), entry.digest) {
            (true, ..) | (false, "https", Some(_)) => {}
            (false, "https", None) => {
                return Err(format!(
                    "it is on another host ({shown}), and the index names no digest by which to know it"
                ));
            }
            (false, ..) => return Err(format!("it is elsewhere ({shown}), and not over https")),
        }
        let url = UpstreamUrl::try_from(url).map_err(|error| error.to_string())?;
        let headers = self.spec.map(|spec| &spec.headers).cloned().unwrap_or_default();
        Ok(Location::Request(request(&self.url, &headers, url)))
    }

    /// The index of what was chosen, in upstream's order, and the entries of its charts.
    pub(super) fn finish(mut self) -> Result<(Index, Vec<PlanEntry>), HelmError> {
        let chosen = |entry: &Entry| {
            let key = (entry.name.clone(), entry.version.clone());
            self.chosen.contains(&key) && !self.dropped.contains(&key)
        };
        for versions in self.index.entries.values_mut() {
            versions.retain(chosen);
        }
        self.index.entries.retain(|_, versions| !versions.is_empty());
        Ok((self.index, self.planned.into_values().collect()))
    }

    /// The entry of a file among the charts.
    pub(super) fn entry(&self, file: &str, source: Source) -> Result<PlanEntry, HelmError> {
        Ok(PlanEntry::new(tree(&name::chart_file(&self.id, file), &self.id)?, source))
    }
}

/// Where a chart is.
pub(super) enum Location {
    /// Behind a URL.
    Request(Request),
    /// In a registry: `registry.example.org/charts/a:1.0.0`.
    Registry(String),
}

/// A request for something of a repository. Its headers, and the user of its URL, go to its own host only.
pub(super) fn request(base: &UpstreamUrl, headers: &BTreeMap<String, Secret>, url: UpstreamUrl) -> Request {
    let own = base.expose().origin() == url.expose().origin();
    let headers = headers.iter().filter(|_| own).map(|(name, value)| (name.clone(), value.clone())).collect();
    Request { headers, dated: true, ..Request::new(url.with_user_of(base)) }
}

/// A repository's URL without secrets and without a slash at its end.
pub(super) fn key(url: &UpstreamUrl) -> String {
    let mut url = url.redacted();
    url.set_query(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// A repository's URL as a folder, without its query.
fn folder(url: &UpstreamUrl) -> Url {
    let mut url = url.expose().clone();
    url.set_query(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("");
    }
    url
}
