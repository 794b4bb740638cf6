//! Parts of repositories: what is asked for, what that needs, and metadata that lists no more than that.

mod catalogue;
mod choose;
mod installed;
mod layers;
mod read;
mod regenerate;
mod requests;
mod select;
mod sight;
mod streams;
mod universe;
mod write;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlift_core::{Event, Notice, Omission, Plan, TreePath, size};
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::CollectContext;
use tokio::runtime::Handle;

use super::host::Repository;
use super::primary::{Packed, Problem, checked};
use super::{dated, root};
use crate::error::RpmError;
use crate::format::comps;
use crate::format::modules;
use crate::spec::{self, Yum, is_relative};

use choose::Choice;
pub(crate) use read::Snapshot;
use read::{Held, Role};
use regenerate::{Around, Writer, Written};
use universe::Universe;

/// The most bytes of a list of what a host has.
const MOST_LISTED: u64 = 64 << 20;

/// A repository that was read.
pub(crate) struct Read {
    pub(crate) snapshot: Snapshot,
    pub(crate) keys: root::Keys,
}

/// What is asked of all repositories.
struct Job {
    asked: Vec<Asked>,
    /// What a host has, as `rpm -qa` lists it.
    installed: String,
    assume: Vec<String>,
    weak: bool,
}

/// What is asked of one repository.
struct Asked {
    id: String,
    entry: usize,
    choice: spec::Choice,
    /// The release and the architecture of the hosts that it is for.
    hosts: [Option<String>; 2],
    /// Whether its packages are seen whatever streams of modules are enabled.
    hotfixes: bool,
}

/// What was chosen, and written of it.
struct Chosen {
    universe: Universe,
    choice: Choice,
    /// The metadata of each repository that does not travel whole.
    written: Vec<Option<Written>>,
}

/// Reads what a repository says of itself.
pub(crate) async fn read(repository: &Repository, context: &CollectContext) -> Result<Read, RpmError> {
    let keys = root::Keys::of(&repository.id, &repository.gpgkeys, &context.fetcher).await?;
    if let (false, Some(base)) = (repository.loose.is_empty(), repository.bases.first()) {
        let (id, base) = (repository.id.clone(), base.clone());
        let plan = super::of_any(repository, context).await?;
        let refused = |source| RpmError::Metadata { id: id.clone(), url: Box::new(base.clone()), source };
        let snapshot = Snapshot::of_loose(&id, base.clone(), plan).map_err(refused)?;
        return Ok(Read { snapshot, keys });
    }
    match super::of_repository(repository, &keys, &context.fetcher, super::Wanted::Metadata).await? {
        super::Read::Metadata(snapshot) => Ok(Read { snapshot: *snapshot, keys }),
        super::Read::Planned(_) => unreachable!("metadata was wanted"),
    }
}

/// Plans repositories of which some do not travel whole.
pub(crate) async fn plan(
    repositories: &[Repository],
    read: Vec<Read>,
    yum: &Yum,
    context: &CollectContext,
) -> Result<Plan, RpmError> {
    let fetcher = &context.fetcher;
    let installed = match &yum.installed {
        Some(place) => listed(place, fetcher).await?,
        None => String::new(),
    };
    let asked = repositories.iter().map(|repository| Asked {
        id: repository.id.clone(),
        entry: repository.entry,
        choice: repository.choice.clone(),
        hosts: repository.hosts.clone(),
        hotfixes: repository.module_hotfixes,
    });
    let job = Job { asked: asked.collect(), installed, assume: yum.assume.clone(), weak: yum.weak };
    let (snapshots, keys): (Vec<Snapshot>, Vec<root::Keys>) =
        read.into_iter().map(|read| (read.snapshot, read.keys)).unzip();
    let snapshots = Arc::new(snapshots);
    let chosen = chosen(job, &snapshots, fetcher).await?;
    tell(repositories, &chosen, fetcher);
    let mut plan = Plan::default();
    for (place, (repository, keys)) in repositories.iter().zip(&keys).enumerate() {
        let one = write::Repository { repository, keys, snapshot: &snapshots[place], chosen: &chosen, place };
        plan.extend(one.plan(context).await?);
    }
    for (place, line, reason) in &chosen.choice.missing {
        let id = &repositories[*place].id;
        let omitted = format!("yum repository {id}: {line} can't be had: {reason}");
        plan.omissions.push(Omission { path: path_of(id, line), omitted, origin: None });
    }
    for (place, remark) in &chosen.choice.remarks {
        let id = &repositories[*place].id;
        let notice = format!("yum repository {id}: {remark}");
        plan.notices.push(Notice { path: path_of(id, ""), notice });
    }
    Ok(plan)
}

/// The path under which it is noted what became of a line.
fn path_of(id: &str, line: &str) -> TreePath {
    let line = line.trim_matches('/');
    let paths = [format!("rpm/{id}/packages/{line}"), format!("rpm/{id}")];
    let mut paths = paths.into_iter().skip(usize::from(line.is_empty())).filter_map(|path| TreePath::new(path).ok());
    paths.next().unwrap_or_else(|| unreachable!("a repository's id makes a path"))
}

/// Reads what a host has.
async fn listed(place: &str, fetcher: &Fetcher) -> Result<String, RpmError> {
    let wrong = || RpmError::Installed { place: place.to_owned() };
    let url = match place.contains("://") {
        true => place.parse().ok(),
        false if place.starts_with('/') || is_relative(place) => fetcher.local(place),
        false => None,
    };
    let document = fetcher.document(&dated(url.ok_or_else(wrong)?), &Expected::limit(MOST_LISTED)).await;
    let missed =
        |source| RpmError::Fetch { id: "installed".to_owned(), what: place.to_owned(), source: Box::new(source) };
    Ok(String::from_utf8_lossy(&document.map_err(missed)?.bytes).into_owned())
}

/// Says of each repository what was asked for, what that brought, and how much it is.
fn tell(repositories: &[Repository], chosen: &Chosen, fetcher: &Fetcher) {
    for (place, part) in &chosen.choice.parts {
        let asked = part.packages.iter().filter(|package| chosen.choice.asked.contains(package)).count();
        let all = part.packages.len();
        let bytes = part.packages.iter().map(|package| chosen.universe.package(*package).info.size).sum();
        let message = format!(
            "yum repository {}: {asked} asked for, and {} that they need: {all} packages of {}",
            repositories[*place].id,
            all - asked,
            size::human(bytes)
        );
        fetcher.observer().observe(&Event::Notice { message });
    }
}

/// Sets a flag when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads all packages, chooses, and writes metadata; off the runtime, since it may take long.
async fn chosen(job: Job, snapshots: &Arc<Vec<Snapshot>>, fetcher: &Fetcher) -> Result<Chosen, RpmError> {
    let stopped = Arc::new(AtomicBool::new(false));
    let _stop = Stop(Arc::clone(&stopped));
    let (snapshots, fetcher, runtime) = (Arc::clone(snapshots), fetcher.clone(), Handle::current());
    let work = tokio::task::spawn_blocking(move || {
        let shelf = Reader { job: &job, snapshots: &snapshots, fetcher: &fetcher, runtime: &runtime };
        let (mut universe, around) = shelf.read()?;
        let choice = choose::choose(&job, &mut universe, &around, &|| stopped.load(Ordering::Relaxed))
            .map_err(|source| RpmError::Solve { source })?;
        let written = shelf.write(&universe, &around, &choice)?;
        Ok(Chosen { universe, choice, written })
    });
    work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Reads and writes metadata.
struct Reader<'a> {
    job: &'a Job,
    snapshots: &'a [Snapshot],
    fetcher: &'a Fetcher,
    runtime: &'a Handle,
}

impl Reader<'_> {
    /// Does something with a repository's metadata of a role, where it has some.
    fn with<T>(
        &self,
        place: usize,
        role: Role,
        work: impl FnOnce(&Held, &Packed) -> Result<T, Problem>,
    ) -> Result<Option<T>, RpmError> {
        let snapshot = &self.snapshots[place];
        let Some(held) = snapshot.of(role) else { return Ok(None) };
        let done = held.packed(self.fetcher, self.runtime).and_then(|packed| work(held, &packed));
        let url = || held.data.href.at(&snapshot.base).unwrap_or_else(|_| snapshot.base.clone());
        done.map(Some).map_err(|problem| problem.of(&self.job.asked[place].id, url()))
    }

    fn read(&self) -> Result<(Universe, Vec<Around>), RpmError> {
        let (mut universe, mut around) = (Universe::default(), Vec::new());
        for place in 0..self.snapshots.len() {
            let listed = self.with(place, Role::Primary, |held, packed| {
                checked(packed, &held.data, |input| universe.load(place, input))
            })?;
            let comps =
                self.with(place, Role::Group, |held, packed| Ok(comps::read(held.text(packed)?.as_bytes())?))?;
            let modules = self.with(place, Role::Modules, |held, packed| {
                let text = held.text(packed)?;
                let documents = modules::read(&text)?;
                Ok((text, documents))
            })?;
            around.push(Around {
                root: listed.map(|listed| listed.root),
                comps: comps.unwrap_or_default(),
                modules: modules.unwrap_or_default(),
            });
        }
        self.files(&mut universe)?;
        Ok((universe, around))
    }

    /// Looks up the files that are asked for in the lists of files, where the lists of packages don't have them.
    fn files(&self, universe: &mut Universe) -> Result<(), RpmError> {
        let (missing, asked) = (universe.missing_files(), choose::asked_files(self.job));
        if missing.is_empty() && asked.is_empty() {
            return Ok(());
        }
        let wanted = |file: &str| missing.contains(file) || asked.iter().any(|pattern| pattern.matches(file));
        for place in 0..self.snapshots.len() {
            self.with(place, Role::Filelists, |held, packed| {
                Ok(universe.load_files(place, held.reader(packed)?, &wanted)?)
            })?;
        }
        Ok(())
    }

    fn write(&self, universe: &Universe, around: &[Around], choice: &Choice) -> Result<Vec<Option<Written>>, RpmError> {
        let travels = |package: &&universe::Package| choice.whole.contains(&package.repository);
        let whole = universe.packages.iter().filter(travels).map(|package| package.info.name.as_str());
        let chosen = choice.parts.values().flat_map(|part| &part.packages);
        let travelling: HashSet<&str> =
            chosen.map(|package| universe.package(*package).info.name.as_str()).chain(whole).collect();
        let mut all: Vec<Option<Written>> = self.snapshots.iter().map(|_| None).collect();
        for (place, part) in &choice.parts {
            let writer = Writer {
                id: &self.job.asked[*place].id,
                snapshot: &self.snapshots[*place],
                around: &around[*place],
                part,
                universe,
                travelling: &travelling,
                fetcher: self.fetcher,
                runtime: self.runtime,
            };
            all[*place] = Some(writer.write()?);
        }
        Ok(all)
    }
}
