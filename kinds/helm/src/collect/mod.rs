//! What the manifest asks for, turned into a plan.
//!
//! Indexes first, then the charts that are meant, and then, in waves, the charts that these depend on. A chart is fetched
//! while planning where it has to be looked into: for its dependencies or its images. Everything else is left to the
//! engine.
//!
//! Indexes are no roots of the plan: some servers write a new one for every request. They need not be, since a chart is
//! taken by the digest that the index names.

mod dependencies;
mod look;
mod registry;
mod repository;
mod select;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use airlift_core::plan::Also;
use airlift_core::{LockEntry, Notice, Omission, Plan, PlanEntry, Request, Source, TreePath, UpstreamUrl};
use airlift_fetch::Fetcher;
use airlift_kind::{CollectContext, Machine};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use crate::error::HelmError;
use crate::format::index::Index;
use crate::format::name;
use crate::spec::{Place, RepositorySpec, Spec};
use crate::stored::{LIST, Stored};
use repository::{Repository, Stop};
use wanted::Wanted;

/// How many charts are fetched at a time. The fetcher has its own limits per host; this only bounds what waits for them.
const AT_ONCE: usize = 8;

pub(crate) async fn collect(spec: &Spec, context: &CollectContext) -> Result<Plan, HelmError> {
    let mut collector = Collector {
        spec,
        fetcher: &context.fetcher,
        machine: Arc::clone(&context.machine),
        repositories: Vec::new(),
        plan: Plan::default(),
        asked: BTreeSet::new(),
        unreachable: BTreeMap::new(),
    };
    let mut wave = Vec::new();
    collector.indexes().await?;
    for repository in &spec.helm {
        wave.extend(match &repository.url {
            Place::Index(_) => collector.of_index(repository)?,
            Place::Registry(folder) => collector.of_registry(repository, folder).await?,
        });
    }
    let mut seen = BTreeSet::new();
    while !wave.is_empty() {
        wave.retain(|wanted: &Wanted<'_>| seen.insert(wanted.key()));
        wave = collector.look(wave).await?;
    }
    collector.finish()
}

/// How to ask again for a chart: with the headers that the manifest has for its repository.
pub(crate) fn request_again(spec: &Spec, entry: &LockEntry, url: UpstreamUrl) -> Request {
    let id = entry.path.below("helm").and_then(|path| path.split_once("/charts/")).map(|(id, _)| id);
    let repository = spec.helm.iter().find(|repository| Some(repository.name.as_str()) == id);
    match (registry::scope(&url), repository) {
        (Some(scope), _) => Request { scope: Some(scope), ..Request::new(url) },
        (None, Some(RepositorySpec { url: Place::Index(base), headers, .. })) => {
            repository::request(base, headers, url)
        }
        (None, _) => Request::new(url),
    }
}

async fn load<'a>(
    spec: &'a RepositorySpec,
    url: &'a UpstreamUrl,
    fetcher: &'a Fetcher,
) -> Result<Repository<'a>, (&'a RepositorySpec, &'a UpstreamUrl, Stop)> {
    let repository = Repository::load(spec.name.clone(), url.clone(), (Some(spec), fetcher)).await;
    repository.map_err(|stop| (spec, url, stop))
}

/// What is known while planning.
struct Collector<'a> {
    spec: &'a Spec,
    fetcher: &'a Fetcher,
    /// Runs Helm, where it is there.
    machine: Arc<dyn Machine>,
    /// Those of the manifest, and those that came along.
    repositories: Vec<Repository<'a>>,
    plan: Plan,
    /// The images that were asked for, each once.
    asked: BTreeSet<String>,
    /// Repositories that can't be had, by URL and by `@` and the manifest's name, each with a sentence.
    unreachable: BTreeMap<String, String>,
}

impl<'a> Collector<'a> {
    /// Fetches the indexes of the manifest's repositories. One that can't be had is missed, and the others go on.
    async fn indexes(&mut self) -> Result<(), HelmError> {
        let fetcher = self.fetcher;
        let indexes = self.spec.helm.iter().filter_map(|spec| match &spec.url {
            Place::Index(url) => Some(load(spec, url, fetcher).boxed()),
            Place::Registry(_) => None,
        });
        // Boxed, since the compiler can't see that closures over references fit every lifetime here.
        let indexes: Vec<BoxFuture<'a, _>> = indexes.collect();
        let loaded: Vec<_> = stream::iter(indexes).buffered(AT_ONCE).collect().await;
        for loaded in loaded {
            let repository = match loaded {
                Ok(repository) => repository,
                Err((spec, url, stop)) => {
                    let reason = stop.of_manifest(url)?;
                    // Its charts may be what others depend on, by its URL or by its name.
                    let lacking = format!("its repository '{}' can't be had: {reason}", spec.name);
                    self.unreachable.insert(repository::key(url), lacking.clone());
                    self.unreachable.insert(format!("@{}", spec.name), lacking);
                    self.omit(&name::index(&spec.name), reason, &url.to_string())?;
                    continue;
                }
            };
            if let Some(other) = self.repositories.iter().find(|other| other.key() == repository.key()) {
                let (first, second) = (other.id.clone(), repository.id);
                return Err(HelmError::Twice { first, second, url: other.key() });
            }
            self.take(repository)?;
        }
        Ok(())
    }

    /// Makes a repository one of the plan's. Its place among them.
    fn take(&mut self, repository: Repository<'a>) -> Result<usize, HelmError> {
        for reason in &repository.index.passed_over {
            self.notice(&name::index(&repository.id), format!("{reason}; it was passed over"), &repository.id)?;
        }
        self.repositories.push(repository);
        Ok(self.repositories.len() - 1)
    }

    fn notice(&mut self, path: &str, notice: String, repository: &str) -> Result<(), HelmError> {
        self.plan.notices.push(Notice { path: tree(path, repository)?, notice });
        Ok(())
    }

    fn omit(&mut self, path: &str, omitted: String, origin: &str) -> Result<(), HelmError> {
        let origin = (!origin.is_empty()).then(|| origin.into());
        self.plan.omissions.push(Omission { path: tree(path, path)?, omitted, origin });
        Ok(())
    }

    /// Asks for something of another kind, once.
    fn ask(&mut self, also: Also) {
        if self.asked.insert(format!("{} {}", also.key, also.value)) {
            self.plan.also.push(also);
        }
    }

    /// The plan, with the indexes of what was chosen.
    fn finish(mut self) -> Result<Plan, HelmError> {
        let mut merged = Index::default();
        let mut listed = Vec::new();
        for repository in std::mem::take(&mut self.repositories) {
            let stored =
                Stored { name: repository.id.clone(), url: repository.key(), implied: repository.spec.is_none() };
            listed.push(stored);
            let (index, entries) = repository.finish()?;
            merged.merge(&index);
            self.plan.entries.push(index_entry(&name::index(&listed[listed.len() - 1].name), &index)?);
            self.plan.entries.extend(entries);
        }
        if listed.len() > 1 {
            self.plan.entries.push(index_entry("helm/index.yaml", &merged)?);
        }
        if !listed.is_empty() {
            let mut text = serde_json::to_string_pretty(&listed).expect("plain data with string keys is always JSON");
            text.push('\n');
            let entry = PlanEntry::new(tree(&format!("helm/{LIST}"), LIST)?, Source::Generated(text.into()));
            self.plan.entries.push(PlanEntry { media_type: Some("application/json".into()), ..entry });
        }
        Ok(self.plan)
    }
}

fn index_entry(path: &str, index: &Index) -> Result<PlanEntry, HelmError> {
    let entry = PlanEntry::new(tree(path, path)?, Source::Generated(index.print().into()));
    Ok(PlanEntry { media_type: Some(name::INDEX_TYPE.into()), modified: index.modified(), ..entry })
}

fn tree(path: &str, repository: &str) -> Result<TreePath, HelmError> {
    TreePath::new(path).map_err(|source| HelmError::Name { repository: repository.to_owned(), source })
}
