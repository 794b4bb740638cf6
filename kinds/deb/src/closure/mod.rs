//! Which packages travel: what the manifest asks for, with all that it needs.
//!
//! `universe` holds every package of every list that is looked at, `host` is what a host of one architecture can choose from,
//! `request` finds what the manifest names, and the solver does the rest.

mod host;
mod present;
mod request;
pub(crate) mod universe;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airlift_core::Class;
use airlift_solve::{Options, Root, Transactions};
use bytes::Bytes;

use crate::spec::{Assume, Partial};
use host::Host;
use universe::{Symbol, Universe};

pub use universe::UniverseError;

/// The architecture of packages for every architecture.
const ALL: &str = "all";

/// How long a closure may take.
const TIME: Duration = Duration::from_secs(600);

/// Requests that are solved as one, since they are for the same hosts.
pub(crate) struct Group {
    /// What is asked for, in the order of the manifest.
    pub(crate) requests: Vec<Request>,
    /// The repositories that the hosts see, by their positions.
    pub(crate) sees: BTreeSet<usize>,
    /// What a reference host has: the file's bytes.
    pub(crate) installed: Option<Bytes>,
}

/// What one entry of the manifest asks for.
pub(crate) struct Request {
    /// The packages and how they are chosen.
    pub(crate) partial: Arc<Partial>,
    /// Its repositories, by their positions.
    pub(crate) repositories: BTreeSet<usize>,
    /// The name of the first, for messages.
    pub(crate) id: String,
    /// The architectures of its hosts.
    pub(crate) architectures: BTreeSet<String>,
}

/// What travels, and what does not.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The packages by the architecture of the hosts that they are for.
    pub(crate) chosen: BTreeMap<String, BTreeSet<usize>>,
    /// What can't be had: repository, request and reason.
    pub(crate) unsolved: Vec<(String, String, String)>,
    /// What whoever collects wants to know: repository and sentence.
    pub(crate) remarks: Vec<(String, String)>,
}

/// Why there is no closure at all.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// The list of what a reference host has can't be read.
    #[error("the list of installed packages can't be used")]
    Installed {
        /// What is wrong with it.
        source: crate::format::installed::InstalledError,
    },
    /// `assume` names packages that no repository has.
    #[error("'assume: [{assume}]' means packages that no repository of this manifest has")]
    NothingToAssume {
        /// What is assumed.
        assume: &'static str,
    },
    /// Lists that are made to fill memory.
    #[error(
        "the packages of all lists together have more than {most} different relations: more than any distributions have"
    )]
    Relations {
        /// The most.
        most: usize,
    },
    /// The solver gave up.
    #[error(transparent)]
    Solve(#[from] airlift_solve::Error),
}

/// A request that was found, for one host.
struct Found {
    request: usize,
    text: String,
    root: Root,
    /// Whether it is enough that some host can have it.
    any_host: bool,
    /// Whether it is an older version than the best.
    older: bool,
}

/// Solves a group, one architecture of hosts after the other.
pub(crate) fn solve(universe: &mut Universe, group: &Group, stop: &AtomicBool) -> Result<Outcome, ClosureError> {
    let Some(partial) = group.requests.first().map(|request| &*request.partial) else { return Ok(Outcome::default()) };
    let installed = match &group.installed {
        Some(bytes) => present::installed(bytes, universe)?,
        None => Vec::new(),
    };
    let architectures: BTreeSet<&str> =
        group.requests.iter().flat_map(|request| &request.architectures).map(String::as_str).collect();
    let names =
        architectures.iter().copied().chain(partial.foreign.iter().map(String::as_str)).chain([ALL, present::UNSAID]);
    for name in names {
        universe.symbols.intern(name);
    }
    let mut solving = Solving { universe, group, partial, stop, outcome: Outcome::default(), fates: BTreeMap::new() };
    for name in architectures {
        solving.host(name, &installed)?;
    }
    Ok(solving.finish())
}

/// What became of a request.
#[derive(Default)]
struct Fate {
    /// Why hosts of some architecture can't have it.
    reasons: Vec<String>,
    /// Whether it is enough that some host has it, and one has.
    met: bool,
}

/// The state while a group is solved.
struct Solving<'a> {
    universe: &'a Universe,
    group: &'a Group,
    partial: &'a Partial,
    stop: &'a AtomicBool,
    outcome: Outcome,
    /// By the request's position and its text; what was found nowhere is not among them.
    fates: BTreeMap<(usize, String), Fate>,
}

impl Solving<'_> {
    /// Solves for the hosts of one architecture.
    fn host(&mut self, name: &str, installed: &[host::Present]) -> Result<(), ClosureError> {
        let symbols = &self.universe.symbols;
        let find = |name: &str| symbols.find(name).unwrap_or(Symbol(u32::MAX));
        let (native, all) = (find(name), find(ALL));
        let foreign: Vec<Symbol> =
            self.partial.foreign.iter().map(|name| find(name)).filter(|other| *other != native).collect();
        let seen = seen(self.universe, self.group, (native, all), &foreign);
        let bare = || Host::new(self.universe, (native, all), foreign.clone(), seen.clone());
        let mut present = present::on(installed, native, find(present::UNSAID));
        present.extend(present::assumed(&bare(), self.universe, self.partial, self.stop)?);
        let unlisted = self.partial.assume.contains(&Assume::Unlisted);
        let host = bare().with_present(present).assuming_unlisted(unlisted);
        let requests = self.group.requests.iter().enumerate();
        let asked = requests.filter(|(_, request)| request.architectures.contains(name));
        let (newest, older): (Vec<Found>, Vec<Found>) = asked
            .flat_map(|(at, request)| request::found(&host, self.universe, (at, request)))
            .partition(|one| !one.older);
        for found in newest.iter().chain(&older) {
            self.fates.entry((found.request, found.text.clone())).or_default();
        }
        self.roots(&host, name, (&newest, Transactions::TogetherFirst))?;
        self.roots(&host, name, (&older, Transactions::EachByItself))?;
        let unlisted = host.unlisted();
        if !unlisted.is_empty() {
            let names = unlisted.join(", ");
            self.remark(0, format!("for {name}, taken to be on every host, since no list has it: {names}"));
        }
        Ok(())
    }

    fn roots(&mut self, host: &Host<'_>, name: &str, of: (&[Found], Transactions)) -> Result<(), ClosureError> {
        let (found, transactions) = of;
        let roots: Vec<Root> = found.iter().map(|found| found.root.clone()).collect();
        let closure = closure(host, &roots, (self.partial.recommends, transactions), self.stop)?;
        let chosen = self.outcome.chosen.entry(name.to_owned()).or_default();
        chosen.extend(closure.chosen.iter().map(|candidate| candidate.0 as usize));
        let unsolved: BTreeMap<usize, _> = closure.unsolved.iter().map(|(at, why)| (*at, why)).collect();
        for (at, found) in found.iter().enumerate() {
            let fate = self.fates.entry((found.request, found.text.clone())).or_default();
            match unsolved.get(&at) {
                Some(why) => fate.reasons.push(format!("for {name}: {why}")),
                None => fate.met |= found.any_host,
            }
        }
        // Each reason is told of the first that has it.
        let reasons: BTreeMap<String, usize> =
            closure.erasing.iter().rev().map(|(root, why)| (why.to_string(), found[*root].request)).collect();
        for (why, request) in reasons {
            let remark = format!(
                "for {name}, what is asked for can be installed only where something that its hosts have is removed, \
                 downgraded or broken, which apt does not do by itself: {why}"
            );
            self.remark(request, remark);
        }
        if let Some(apart) = closure.apart {
            self.remark(0, format!("for {name}, not all that is asked for can be installed on one host: {apart}"));
        }
        Ok(())
    }

    /// Notes something about a request, by its position; about the first where it is about all.
    fn remark(&mut self, request: usize, remark: String) {
        let id = self.group.requests.get(request).map(|request| request.id.clone()).unwrap_or_default();
        self.outcome.remarks.push((id, remark));
    }

    fn finish(self) -> Outcome {
        let mut outcome = self.outcome;
        for ((at, text), fate) in &self.fates {
            if !fate.met && !fate.reasons.is_empty() {
                let id = self.group.requests[*at].id.clone();
                outcome.unsolved.push((id, text.clone(), fate.reasons.join("; ")));
            }
        }
        for (at, request) in self.group.requests.iter().enumerate() {
            for selector in
                request.partial.packages.iter().filter(|one| !self.fates.contains_key(&(at, one.to_string())))
            {
                let reason = request::absence(selector, request, self.universe);
                outcome.unsolved.push((request.id.clone(), selector.to_string(), reason));
            }
        }
        outcome.unsolved.sort();
        outcome
    }
}

/// Which packages the lists of a host have.
fn seen(universe: &Universe, group: &Group, of: (Symbol, Symbol), foreign: &[Symbol]) -> Vec<bool> {
    let (native, all) = of;
    let lists: Vec<bool> = universe
        .lists
        .iter()
        .map(|list| {
            let read = list.architecture.as_deref().is_none_or(|name| {
                name == "all"
                    || universe.symbols.find(name).is_some_and(|name| name == native || foreign.contains(&name))
            });
            read && group.sees.contains(&list.repository)
        })
        .collect();
    let packages = universe.packages.iter().map(|package| {
        let architecture = package.architecture;
        let right = architecture == native || architecture == all || foreign.contains(&architecture);
        right && package.places.iter().any(|place| lists[place.list])
    });
    packages.collect()
}

fn closure(
    host: &Host<'_>,
    roots: &[Root],
    how: (bool, Transactions),
    stop: &AtomicBool,
) -> Result<airlift_solve::Closure, ClosureError> {
    if roots.is_empty() {
        return Ok(airlift_solve::Closure::default());
    }
    let cancelled = || stop.load(Ordering::Relaxed);
    let options = Options { recommends: how.0, transactions: how.1, time: TIME, cancelled: &cancelled };
    let closure = airlift_solve::closure(host, roots, &options)?;
    match host.is_crowded() {
        true => Err(ClosureError::Relations { most: host::MOST_WANTS }),
        false => Ok(closure),
    }
}

impl ClosureError {
    pub(crate) const fn class(&self) -> Class {
        match self {
            Self::Installed { .. } | Self::NothingToAssume { .. } => Class::Usage,
            Self::Solve(airlift_solve::Error::Cancelled) => Class::Interrupted,
            Self::Relations { .. } | Self::Solve(_) => Class::Upstream,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Installed { .. } => {
                Some("'installed' names the output of dpkg -l or dpkg-query -W, or a copy of /var/lib/dpkg/status".to_owned())
            }
            Self::NothingToAssume { .. } => Some(
                "add the distribution's own repository to the manifest, with 'packages: []' where nothing of it is asked for; \
                 or say 'assume: [unlisted]'"
                    .to_owned(),
            ),
            Self::Relations { .. } | Self::Solve(_) => None,
        }
    }
}
