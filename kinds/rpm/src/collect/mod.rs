//! Whole repositories, byte for byte: their signed root, all metadata that it names, and all packages that this names;
//! and parts of repositories ([`partial`]).

mod host;
mod loose;
mod made;
mod mirrors;
mod partial;
mod primary;
mod root;
mod signed;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use airlift_core::failure::line;
use airlift_core::path::PathError;
use airlift_core::{Digest, Event, Failure, Plan, PlanEntry, Request, Root, Source, Time, TreePath, UpstreamUrl};
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::CollectContext;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::RpmError;
use crate::format::FormatError;
use crate::format::repomd::{Data, Repomd};
use crate::spec::Spec;
use crate::stored;

use host::Repository;
use root::Trusted;

pub(crate) use signed::{Signed, signed};

/// How many repositories are read at a time.
const AT_ONCE: usize = 4;

/// How often a repository that changes is read before it counts as never standing still.
const MOST_ATTEMPTS: u32 = 4;

/// How long is waited after a first, a second and a third attempt for a signature that is not of its root: upstreams put
/// one there after the other.
const WAITS: [Duration; MOST_ATTEMPTS as usize - 1] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(6)];

pub(crate) async fn collect(spec: &Spec, context: &CollectContext) -> Result<Plan, RpmError> {
    let repositories = host::resolve(spec, &context.fetcher).await?;
    let mut ids = BTreeSet::new();
    if let Some(twice) = repositories.iter().find(|repository| !ids.insert(&repository.id)) {
        let reason = "two repositories have this id; give one of them another".to_owned();
        return Err(RpmError::Manifest { id: twice.id.clone(), reason });
    }
    if repositories.iter().any(|repository| !repository.choice.is_whole()) {
        let read: Vec<BoxFuture<'_, _>> =
            repositories.iter().map(|repository| partial::read(repository, context).boxed()).collect();
        let read = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        let plan = partial::plan(&repositories, read, &spec.yum, context).await?;
        return described(&repositories, plan);
    }
    // Boxed, since the compiler can't see that closures over references fit every lifetime here.
    let plans: Vec<BoxFuture<'_, _>> =
        repositories.iter().map(|repository| of_any(repository, context).boxed()).collect();
    let plans: Vec<Plan> = stream::iter(plans).buffered(AT_ONCE).try_collect().await?;
    let mut all = Plan::default();
    plans.into_iter().for_each(|plan| all.extend(plan));
    described(&repositories, all)
}

/// The plan, with what is kept of the repositories for the files of their clients.
fn described(repositories: &[Repository], mut plan: Plan) -> Result<Plan, RpmError> {
    for Repository { id, audience, module_hotfixes, .. } in repositories {
        let entry = stored::described(id, audience, *module_hotfixes);
        let refused = |error: PathError| RpmError::Manifest { id: id.clone(), reason: error.to_string() };
        plan.entries.extend(entry.map_err(refused)?);
    }
    Ok(plan)
}

/// The media type of a package.
pub(crate) const PACKAGE: &str = "application/x-rpm";

/// A request for something whose date is upstream's.
pub(crate) const fn dated(url: UpstreamUrl) -> Request {
    let mut request = Request::new(url);
    request.dated = true;
    request
}

/// A repository that upstream has, or a folder of packages that becomes one.
async fn of_any(repository: &Repository, context: &CollectContext) -> Result<Plan, RpmError> {
    let keys = root::Keys::of(&repository.id, &repository.gpgkeys, &context.fetcher).await?;
    match (repository.loose.is_empty(), repository.bases.first()) {
        (false, Some(base)) => {
            let keys = keys.into_ring();
            let (id, base, packages) = (repository.id.clone(), base.clone(), repository.loose.clone());
            loose::Folder { id, base, packages, keys }.plan(context).await
        }
        _ => match of_repository(repository, &keys, &context.fetcher, Wanted::Plan).await? {
            Read::Planned(plan) => Ok(plan),
            Read::Metadata(_) => unreachable!("a plan was wanted"),
        },
    }
}

/// What is wanted of a repository that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The plan of all of it.
    Plan,
    /// What it says of itself, to choose from.
    Metadata,
}

/// What was wanted of a repository.
enum Read {
    Planned(Plan),
    Metadata(Box<partial::Snapshot>),
}

/// The first mirror that has all of a repository's metadata, whole and signed.
async fn of_repository(
    repository: &Repository,
    keys: &root::Keys,
    fetcher: &Fetcher,
    wanted: Wanted,
) -> Result<Read, RpmError> {
    let mirrors = mirrors::of(repository, fetcher).await?;
    let (mut reasons, mut class) = (Vec::new(), airlift_core::Class::Upstream);
    for base in &mirrors.bases {
        let mirror = Mirror { repository, keys, base, promised: &mirrors.roots, fetcher };
        match mirror.read_as(wanted).await {
            Ok(read) => return Ok(read),
            Err(error) if mirrors.bases.len() > 1 && error.is_upstreams() => {
                let reason = line(&error);
                let message = format!("yum repository {}: {base} is passed over: {reason}", repository.id);
                fetcher.observer().observe(&Event::Notice { message });
                class = error.class();
                reasons.push(reason);
            }
            Err(error) => return Err(error),
        }
    }
    Err(RpmError::Mirrors { id: repository.id.clone(), reasons, class })
}

/// A repository at one of its mirrors.
pub(crate) struct Mirror<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) keys: &'a root::Keys,
    pub(crate) base: &'a UpstreamUrl,
    pub(crate) promised: &'a [airlift_core::Checksum],
    pub(crate) fetcher: &'a Fetcher,
}

impl Mirror<'_> {
    /// Reads it. Where it is changed meanwhile, again: what does not fit together was then read from two states.
    async fn read_as(&self, wanted: Wanted) -> Result<Read, RpmError> {
        for wait in WAITS.into_iter().map(Some).chain([None]) {
            let repomd = self.document("repodata/repomd.xml").await?;
            let read = match wanted {
                Wanted::Plan => self.plan_of(&repomd).await.map(Read::Planned),
                Wanted::Metadata => self.read(&repomd).await.map(|read| Read::Metadata(Box::new(read))),
            };
            let Err(error) = read else { return read };
            let Some(wait) = wait else { return Err(error) };
            if error.is_mismatched() {
                tokio::time::sleep(wait).await;
                continue;
            }
            let now = self.document("repodata/repomd.xml").await?;
            if now.digest == repomd.digest {
                return Err(error);
            }
        }
        unreachable!("the loop ends with its last attempt")
    }

    async fn plan_of(&self, repomd: &airlift_fetch::Document) -> Result<Plan, RpmError> {
        let Trusted { repomd: Repomd { data, .. }, documents, mut notices } = self.trust(repomd).await?;
        notices.extend(self.without_deltas(&data)?);
        let mut entries = Entries { mirror: self, found: BTreeMap::new() };
        for (name, document) in documents {
            entries.stored(name, &document)?;
        }
        let primary = self.primary_of(&data)?;
        for data in data.iter().filter(|data| *data != primary) {
            entries.metadata(data)?;
        }
        let (fetched, packages) = self.packages(primary).await?;
        entries.fetched(primary.href.path().as_str(), (fetched.digest, fetched.size, fetched.modified))?;
        for package in packages {
            entries.add(package)?;
        }
        self.tree(&mut entries).await?;
        let mut entries: Vec<PlanEntry> = entries.found.into_values().collect();
        entries.extend(self.keys_entry());
        Ok(Plan { entries, notices, roots: vec![self.root(repomd)?], ..Plan::default() })
    }

    /// What the plan stands on.
    fn root(&self, repomd: &airlift_fetch::Document) -> Result<Root, RpmError> {
        Ok(Root { request: dated(self.url("repodata/repomd.xml")?), digest: repomd.digest })
    }

    /// The keys, as clients get them.
    fn keys_entry(&self) -> Option<PlanEntry> {
        made::keys(&self.repository.id, self.keys.armored()?).ok()
    }

    /// Where something is at this mirror.
    pub(crate) fn url(&self, name: &str) -> Result<UpstreamUrl, RpmError> {
        let href = crate::format::href::Href::new(name).and_then(|href| href.at(self.base));
        href.map_err(|source| self.refused(self.base.clone(), source))
    }

    /// Fetches something small that may change at any time.
    pub(crate) async fn document(&self, name: &str) -> Result<airlift_fetch::Document, RpmError> {
        let request = dated(self.url(name)?);
        let fetched = self.fetcher.document(&request, &Expected::limit(root::MOST_BYTES)).await;
        fetched.map_err(|source| self.missed(name, source))
    }

    pub(crate) fn missed(&self, what: &str, source: airlift_fetch::FetchError) -> RpmError {
        RpmError::Fetch { id: self.repository.id.clone(), what: what.to_owned(), source: source.into() }
    }

    pub(crate) fn refused(&self, url: UpstreamUrl, source: FormatError) -> RpmError {
        RpmError::Metadata { id: self.repository.id.clone(), url: url.into(), source }
    }
}

/// What is planned, by its path in the repository.
struct Entries<'a> {
    mirror: &'a Mirror<'a>,
    found: BTreeMap<TreePath, PlanEntry>,
}

impl Entries<'_> {
    /// A document that planning has fetched already.
    fn stored(&mut self, name: &str, document: &airlift_fetch::Document) -> Result<(), RpmError> {
        self.fetched(name, (document.digest, document.bytes.len() as u64, document.modified))
    }

    /// The same of which only this is known: its digest, its size, and when it was last changed.
    fn fetched(&mut self, name: &str, (digest, size, modified): (Digest, u64, Option<Time>)) -> Result<(), RpmError> {
        let url = self.mirror.url(name)?;
        let path = self.mirror.path(name)?;
        let source = Source::Stored { digest, request: dated(url) };
        self.add(PlanEntry {
            media_type: Some(media_type(name).into()),
            size: Some(size),
            modified,
            ..PlanEntry::new(path, source)
        })
    }

    /// A file of metadata that is passed on unread.
    fn metadata(&mut self, data: &Data) -> Result<(), RpmError> {
        let url =
            data.href.at(self.mirror.base).map_err(|source| self.mirror.refused(self.mirror.base.clone(), source))?;
        let path = self.mirror.path(data.href.path().as_str())?;
        let entry = PlanEntry::new(path, Source::Fetch(dated(url)));
        self.add(PlanEntry {
            media_type: Some(media_type(data.href.path().as_str()).into()),
            size: data.size,
            checksums: vec![data.checksum.clone()],
            ..entry
        })
    }

    /// That two packages have one path is no harm where they are the same file.
    fn add(&mut self, entry: PlanEntry) -> Result<(), RpmError> {
        let path = entry.path.clone();
        let same = |old: &PlanEntry| old.checksums == entry.checksums && old.size == entry.size;
        if self.found.get(&path).is_some_and(|old| !same(old)) {
            let reason = format!("its metadata has two different files at {path}");
            return Err(self.mirror.refused(self.mirror.base.clone(), FormatError::refused(reason)));
        }
        self.found.insert(path, entry);
        Ok(())
    }
}

impl Mirror<'_> {
    /// The path of something in an archive.
    pub(crate) fn path(&self, below: &str) -> Result<TreePath, RpmError> {
        let path = TreePath::new(format!("rpm/{}/{below}", self.repository.id));
        path.map_err(|error| self.refused(self.base.clone(), FormatError::refused(error.to_string())))
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "xml" => "application/xml",
        "gz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "asc" => "application/pgp-signature",
        "key" => "application/pgp-keys",
        "rpm" => PACKAGE,
        _ => "application/octet-stream",
    }
}
