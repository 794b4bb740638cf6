//! Repositories of which only a part travels: what is asked for, with all that it needs from any repository of the manifest.
//!
//! `load` reads the lists of every repository that may be needed, [`crate::closure`] says which packages travel, and `suite`
//! writes the metadata anew: the stanzas as they were, below a `Release` that this host signs.

mod load;
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlift_core::{Omission, Plan};
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::CollectContext;
use bytes::Bytes;

use super::notice;
use super::repository::Repository;
use super::tree::{Tree, request};
use crate::closure::universe::Universe;
use crate::closure::{ClosureError, Group, Outcome, Request, solve};
use crate::error::DebError;
use crate::spec::{HostPath, Partial};
use load::Loaded;

/// The most bytes of a list of installed packages.
const LARGEST_INSTALLED: u64 = 256 << 20;

/// The stanzas that travel, by their list: where they begin, and where they end.
type Stanzas = BTreeMap<usize, BTreeSet<(usize, usize)>>;

/// Entries of the manifest whose hosts are alike, and which are therefore solved as one.
struct Hosts<'a> {
    repositories: Vec<usize>,
    partial: &'a Partial,
    target: Option<&'a str>,
    installed: Option<Bytes>,
}

/// Plans every repository of which only a part travels.
pub(crate) async fn plan(repositories: &[Repository], context: &CollectContext) -> Result<Plan, DebError> {
    let fetcher = &context.fetcher;
    let groups = hosts(repositories, fetcher).await?;
    let sees = |at: usize| groups.iter().any(|hosts| hosts.sees(&repositories[at]));
    let mut universe = Universe::default();
    let mut loaded = Vec::new();
    for (at, repository) in repositories.iter().enumerate().filter(|(at, one)| one.debs.is_empty() && sees(*at)) {
        loaded.push(load::load(repository, at, &mut universe, fetcher).await?);
    }
    let mut universe = universe;
    let (mut stanzas, mut outcomes) = (Stanzas::new(), Vec::new());
    for hosts in &groups {
        let (back, outcome, sees) = solved(universe, hosts, repositories, &loaded).await?;
        universe = back;
        mark(&universe, &outcome, &sees, &mut stanzas);
        outcomes.push(outcome);
    }
    let mut plan = Plan::default();
    if loaded.iter().any(|loaded| loaded.repository.partial.is_some()) {
        let key = context.signer.key().await;
        let id = || repositories.iter().find(|one| one.partial.is_some()).map(|one| one.id.clone()).unwrap_or_default();
        let key = key.map_err(|source| DebError::Signer { id: id(), source })?;
        for loaded in loaded.iter().filter(|loaded| loaded.repository.partial.is_some()) {
            plan.extend(suite::plan(loaded, (&universe, &stanzas), &key)?);
        }
    }
    for outcome in outcomes {
        report(&outcome, repositories, &mut plan)?;
    }
    Ok(plan)
}

/// The groups of entries that are for the same hosts.
async fn hosts<'a>(repositories: &'a [Repository], fetcher: &Fetcher) -> Result<Vec<Hosts<'a>>, DebError> {
    let mut groups: Vec<Hosts<'a>> = Vec::new();
    for (at, repository) in repositories.iter().enumerate() {
        let Some(partial) = repository.partial.as_deref() else { continue };
        let target = repository.target.as_deref();
        let same = |group: &&mut Hosts<'_>| {
            let one = group.partial;
            let alike =
                (one.recommends, &one.assume, &one.foreign) == (partial.recommends, &partial.assume, &partial.foreign);
            alike && one.installed == partial.installed && group.target == target
        };
        if let Some(group) = groups.iter_mut().find(same) {
            group.repositories.push(at);
            continue;
        }
        let installed = match &partial.installed {
            Some(path) => Some(installed(path, &repository.id, fetcher).await?),
            None => None,
        };
        groups.push(Hosts { repositories: vec![at], partial, target, installed });
    }
    Ok(groups)
}

async fn installed(path: &HostPath, id: &str, fetcher: &Fetcher) -> Result<Bytes, DebError> {
    let expected = Expected::limit(LARGEST_INSTALLED);
    let document = fetcher.document(&request(path.url(fetcher)?), &expected).await;
    let failed = |source| DebError::Fetch { id: id.to_owned(), source: Box::new(source) };
    Ok(document.map_err(failed)?.bytes)
}

impl Hosts<'_> {
    /// Whether these hosts know of a repository.
    fn sees(&self, repository: &Repository) -> bool {
        repository.target.is_none() || repository.target.as_deref() == self.target
    }
}

/// Solves for some hosts, off the runtime: it may take seconds. When nobody waits for it any longer, it stops.
async fn solved(
    universe: Universe,
    hosts: &Hosts<'_>,
    repositories: &[Repository],
    loaded: &[Loaded<'_>],
) -> Result<(Universe, Outcome, BTreeSet<usize>), DebError> {
    struct Stop(Arc<AtomicBool>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let sees: BTreeSet<usize> = (0..repositories.len()).filter(|at| hosts.sees(&repositories[*at])).collect();
    let entries: BTreeSet<usize> = hosts.repositories.iter().map(|at| repositories[*at].entry).collect();
    let mut requests = Vec::new();
    for entry in entries {
        let of_entry: BTreeSet<usize> =
            hosts.repositories.iter().copied().filter(|at| repositories[*at].entry == entry).collect();
        let Some(first) = of_entry.first().map(|at| &repositories[*at]) else { continue };
        let Some(partial) = &first.partial else { continue };
        let of = |wanted: &BTreeSet<usize>| -> BTreeSet<String> {
            let of = loaded.iter().filter(|loaded| wanted.contains(&loaded.at));
            of.flat_map(|loaded| loaded.architectures(&universe)).collect()
        };
        // A repository of packages for all architectures alone is for the hosts that the others are for.
        let mut architectures = of(&of_entry);
        if architectures.is_empty() {
            architectures = of(&sees);
        }
        if architectures.is_empty() {
            architectures.insert("all".to_owned());
        }
        requests.push(Request {
            partial: Arc::clone(partial),
            repositories: of_entry,
            id: first.id.clone(),
            architectures,
        });
    }
    let group = Group { requests, sees: sees.clone(), installed: hosts.installed.clone() };
    let stop = Stop(Arc::default());
    let (mut universe, flag) = (universe, Arc::clone(&stop.0));
    let work = tokio::task::spawn_blocking(move || {
        let outcome = solve(&mut universe, &group, &flag);
        (universe, outcome)
    });
    let (universe, outcome) = work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let id = hosts.repositories.first().map(|at| repositories[*at].id.clone()).unwrap_or_default();
    let outcome = outcome.map_err(|source: ClosureError| DebError::Closure { id, source })?;
    Ok((universe, outcome, sees))
}

/// Marks what travels in every list that has it and that the hosts read.
fn mark(universe: &Universe, outcome: &Outcome, sees: &BTreeSet<usize>, stanzas: &mut Stanzas) {
    for (host, chosen) in &outcome.chosen {
        for number in chosen {
            let package = &universe.packages[*number];
            let own = universe.symbols.name(package.architecture);
            for place in &package.places {
                let list = &universe.lists[place.list];
                let read = match list.architecture.as_deref() {
                    None | Some("all") => true,
                    Some(name) => name == host || name == own,
                };
                if read && sees.contains(&list.repository) {
                    stanzas.entry(place.list).or_default().insert((place.stanza.start, place.stanza.end));
                }
            }
        }
    }
}

/// Says what can't be had, and what else is to be known.
fn report(outcome: &Outcome, repositories: &[Repository], plan: &mut Plan) -> Result<(), DebError> {
    for (id, text, reason) in &outcome.unsolved {
        let Some(repository) = repositories.iter().find(|repository| repository.id == *id) else { continue };
        let name: String = text.chars().map(|c| if c == '/' { '_' } else { c }).collect();
        let path = Tree::new(repository).path(&format!("{id}/packages/{name}"))?;
        let origin = Some(repository.uri.to_string().into());
        plan.omissions.push(Omission { path, omitted: format!("'{text}' can't be had: {reason}"), origin });
    }
    for (id, remark) in &outcome.remarks {
        let Some(repository) = repositories.iter().find(|repository| repository.id == *id) else { continue };
        notice(plan, repository, format!("apt repository {id}: {remark}"))?;
    }
    Ok(())
}
