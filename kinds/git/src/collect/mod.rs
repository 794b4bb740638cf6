//! Which repositories, which of their names, and where they are put.

mod again;
mod assemble;
mod remote;
mod repository;
mod trouble;
mod unpack;

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Omission, Plan, Request, Secret, TreePath, UpstreamUrl, failure};
use airlift_fetch::Fetcher;
use airlift_fetch::engine::is_fatal;
use gix_hash::ObjectId;

pub(crate) use self::again::restore;
use self::repository::Made;
use crate::error::GitError;
use crate::format::address::{self, Address};
use crate::format::id_of_hex;
use crate::spec::{Pattern, RepositorySpec, Spec, Submodules};

/// What is wanted of one repository.
#[derive(Clone, Debug)]
struct Wanted {
    url: UpstreamUrl,
    headers: Vec<(String, Secret)>,
    /// Its names; all branches and tags where there are no patterns.
    patterns: Vec<Pattern>,
    all: bool,
    submodules: Submodules,
    /// Commits that must be there besides, and who needs them.
    pins: BTreeMap<ObjectId, String>,
}

impl Wanted {
    fn of(spec: &RepositorySpec) -> Self {
        let commit = |pattern: &Pattern| match pattern {
            Pattern::Commit(id) => Some((*id, "the manifest".to_owned())),
            Pattern::Names(_) => None,
        };
        Self {
            url: spec.url.clone(),
            headers: spec.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            patterns: spec.refs.iter().filter(|pattern| matches!(pattern, Pattern::Names(_))).cloned().collect(),
            all: spec.refs.is_empty(),
            submodules: spec.submodules,
            pins: spec.refs.iter().filter_map(commit).collect(),
        }
    }

    /// Takes what somebody else wants in addition; whether that changes anything.
    fn join(&mut self, other: Self) -> bool {
        let before = (self.all, self.patterns.len(), self.submodules, self.pins.len());
        self.all |= other.all;
        let new =
            other.patterns.into_iter().filter(|new| !self.patterns.iter().any(|p| p.to_string() == new.to_string()));
        let new: Vec<Pattern> = new.collect();
        self.patterns.extend(new);
        self.submodules = self.submodules.max(other.submodules);
        other.pins.into_iter().for_each(|(id, why)| {
            self.pins.entry(id).or_insert(why);
        });
        if self.headers.is_empty() {
            self.headers = other.headers;
        }
        before != (self.all, self.patterns.len(), self.submodules, self.pins.len())
    }
}

/// How to ask again for something of a repository: nothing of it is got by a plain request.
pub(crate) fn request_again(spec: &Spec, url: UpstreamUrl) -> Request {
    let same = |one: &&RepositorySpec| one.url.to_string() == url.to_string();
    let headers = spec.git.iter().find(same).map(|one| one.headers.clone()).unwrap_or_default();
    Request { headers: headers.into_iter().collect(), ..Request::new(url) }
}

pub(crate) async fn collect(spec: &Spec, fetcher: &Fetcher) -> Result<Plan, GitError> {
    let mut wanted: BTreeMap<Address, Wanted> = BTreeMap::new();
    for one in &spec.git {
        let one = Wanted::of(one);
        join(&mut wanted, address_of(&one.url)?, one);
    }
    let mut todo: BTreeSet<Address> = wanted.keys().cloned().collect();
    let mut plans: BTreeMap<Address, Plan> = BTreeMap::new();
    // A repository that turns out to be wanted for more is collected once more.
    while let Some(address) = todo.pop_first() {
        let one = wanted[&address].clone();
        let mut plan = Plan::default();
        match repository::collect(fetcher, &address, &one, &mut plan).await {
            Ok(made) => {
                for (address, module) in modules(&one, &made, (&address, &mut plan)) {
                    if join(&mut wanted, address.clone(), module) {
                        todo.insert(address);
                    }
                }
            }
            Err(GitError::Fetch { source, url, what }) if is_fatal(&source) => {
                return Err(GitError::Fetch { url, what, source });
            }
            // What is missing was named already.
            Err(GitError::Content { .. }) if !plan.omissions.is_empty() => {}
            Err(error) => {
                let omitted = failure::line(&error);
                let reason = one.pins.values().next().map(|why| format!("{omitted} (wanted by {why})"));
                plan.omissions.push(omission(&address, None, reason.unwrap_or(omitted)));
            }
        }
        plans.insert(address, plan);
    }
    let mut whole = Plan::default();
    plans.into_values().for_each(|plan| whole.extend(plan));
    Ok(whole)
}

fn join(wanted: &mut BTreeMap<Address, Wanted>, address: Address, new: Wanted) -> bool {
    match wanted.get_mut(&address) {
        Some(known) => known.join(new),
        None => {
            wanted.insert(address, new);
            true
        }
    }
}

fn address_of(url: &UpstreamUrl) -> Result<Address, GitError> {
    Address::of(url).map_err(|source| GitError::Address { url: Box::new(url.clone()), source })
}

/// The repositories of the submodules that a repository has.
fn modules(of: &Wanted, made: &Made, (address, plan): (&Address, &mut Plan)) -> Vec<(Address, Wanted)> {
    let submodules = match of.submodules {
        Submodules::None => return Vec::new(),
        Submodules::Own => Submodules::None,
        Submodules::Recursive => Submodules::Recursive,
    };
    let mut modules = Vec::new();
    for link in &made.links {
        let place = address::resolve(&of.url, &link.url).and_then(|url| Ok((Address::of(&url)?, url)));
        match (place, id_of_hex(link.commit.as_bytes())) {
            (Ok((place, url)), Some(commit)) => {
                let same_host = url.authority() == of.url.authority();
                let headers = if same_host { of.headers.clone() } else { Vec::new() };
                let why = format!("the submodule {} of {}", link.path, of.url);
                let pins = [(commit, why)].into();
                let wanted = Wanted { url, headers, patterns: Vec::new(), all: true, submodules, pins };
                modules.push((place, wanted));
            }
            (Err(error), _) => plan.omissions.push(omission(address, Some(&link.path), error.to_string())),
            (Ok(_), None) => {}
        }
    }
    modules
}

/// Something of a repository that is not there.
fn omission(address: &Address, what: Option<&str>, reason: String) -> Omission {
    let folder = format!("git/repositories/{}", address.as_str());
    let path = what.and_then(|what| TreePath::new(format!("{folder}/{what}")).ok());
    let path = path
        .or_else(|| TreePath::new(folder).ok())
        .unwrap_or_else(|| "git/repositories".parse().expect("a plain path"));
    Omission { path, omitted: reason, origin: None }
}
