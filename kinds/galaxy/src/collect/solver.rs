//! Which version of which collection: the newest that fit together.
//!
//! The solver is pubgrub. It asks and must be answered at once, so that it is run over what is known, stops where it is
//! asked for what is not, and is run again when that was fetched: a run takes milliseconds.
//!
//! A version is named by its place in its collection, oldest first; a set of versions is what a range contains. So the
//! rules of ranges are the ranges' own.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges,
};

use super::explain;
use super::library::{Library, Need};
use crate::error::GalaxyError;
use crate::format::name::CollectionName;
use crate::format::version::Range;

/// What the solver decides about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Package {
    /// What is wanted.
    Root,
    /// A collection.
    Collection(CollectionName),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("what is wanted"),
            Self::Collection(name) => write!(f, "{name}"),
        }
    }
}

/// A set of versions of a collection, by their places.
pub(super) type Set = Ranges<u32>;

/// A wanted collection, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) name: CollectionName,
    pub(super) range: Range,
    /// The file that names it, or the manifest.
    pub(super) of: String,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", wanted(&self.name, &self.range))
    }
}

/// A collection as a person would want it: `community.general >=9,<10`.
pub(super) fn wanted(name: &CollectionName, range: &Range) -> String {
    if range.is_any() { name.to_string() } else { format!("{name} {range}") }
}

/// Which version of which collection, by its place.
pub(super) type Solution = BTreeMap<CollectionName, usize>;

/// Something has to be fetched first.
#[derive(Debug, thiserror::Error)]
#[error("something has to be fetched first")]
pub(super) struct Needs;

/// Answers the solver.
pub(super) struct Provider<'s> {
    pub(super) library: &'s Library<'s>,
    pub(super) roots: &'s [&'s Root],
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    needs: BTreeSet<Need>,
    /// In which order packages were first seen.
    seen: HashMap<Package, usize>,
    /// How a set of versions was written by whoever wants it.
    texts: HashMap<(Package, Set), String>,
    /// Ranges in which there is no version. Each stands for a place that no version has, so that it can be told.
    barren: BTreeMap<(CollectionName, String), u32>,
    /// Versions that somebody names exactly.
    pinned: BTreeSet<(CollectionName, u32)>,
}

/// Solves; the inner error is an explanation.
pub(super) async fn solve(library: &mut Library<'_>, roots: &[&Root]) -> Result<Result<Solution, String>, GalaxyError> {
    loop {
        let needs = match run(library, roots) {
            Ok(solved) => return Ok(solved),
            Err(needs) => needs,
        };
        library.learn(needs).await?;
    }
}

/// One run over what is known: an outcome, or what has to be fetched first.
fn run(library: &Library<'_>, roots: &[&Root]) -> Result<Result<Solution, String>, BTreeSet<Need>> {
    let provider = Provider { library, roots, state: RefCell::default() };
    let outcome = pubgrub::resolve(&provider, Package::Root, 0_u32);
    let solution = match outcome {
        Ok(selected) => {
            let chosen = selected.iter().filter_map(|(package, place)| match package {
                Package::Collection(name) => Some((name.clone(), *place as usize)),
                Package::Root => None,
            });
            Ok(chosen.collect())
        }
        Err(PubGrubError::NoSolution(tree)) => Err(explain::unsolvable(&provider, &tree)),
        Err(_) => return Err(provider.state.into_inner().needs),
    };
    Ok(solution)
}

impl Provider<'_> {
    /// How a set was written by whoever wants it.
    pub(super) fn text(&self, package: &Package, set: &Set) -> Option<String> {
        self.state.borrow().texts.get(&(package.clone(), set.clone())).cloned()
    }

    fn need(&self, need: Need) -> Needs {
        self.state.borrow_mut().needs.insert(need);
        Needs
    }

    /// The versions that a range allows; a collection that is nowhere has none.
    fn set(&self, name: &CollectionName, range: &Range) -> Result<Set, Needs> {
        let offer = self.library.offer(name).ok_or_else(|| self.need(Need::Versions(name.clone())))?;
        let set = match offer {
            Err(_) => Set::full(),
            Ok(_) if range.is_any() => Set::full(),
            Ok(offer) => {
                let fitting = (0_u32..).zip(&offer.versions).filter(|(_, version)| range.matches(version));
                let fitting: Vec<u32> = fitting.map(|(place, _)| place).collect();
                if range.is_one() {
                    self.state.borrow_mut().pinned.extend(fitting.iter().map(|place| (name.clone(), *place)));
                }
                match runs(fitting.into_iter()) {
                    set if set == Set::empty() => {
                        let barren = &mut self.state.borrow_mut().barren;
                        let next = u32::MAX - u32::try_from(barren.len()).unwrap_or_default() - 1;
                        Set::singleton(*barren.entry((name.clone(), range.to_string())).or_insert(next))
                    }
                    set => set,
                }
            }
        };
        let package = Package::Collection(name.clone());
        let text = wanted(name, range);
        self.state.borrow_mut().texts.entry((package, set.clone())).or_insert(text);
        Ok(set)
    }

    fn constraints<'r>(
        &self,
        wanted: impl Iterator<Item = (&'r CollectionName, &'r Range)>,
    ) -> Result<DependencyConstraints<Package, Set>, Needs> {
        let (mut sets, mut missing) = (BTreeMap::<Package, Set>::new(), None);
        for (name, range) in wanted {
            match self.set(name, range) {
                // Two that want the same one both have to be satisfied.
                Ok(set) => {
                    let package = Package::Collection(name.clone());
                    let both = sets.get(&package).map_or_else(|| set.clone(), |other| other.intersection(&set));
                    sets.insert(package, both);
                }
                // All that is missing is asked for together.
                Err(needs) => missing = Some(needs),
            }
        }
        missing.map_or_else(|| Ok(sets.into_iter().collect()), Err)
    }
}

/// Ascending places as ranges.
fn runs(places: impl Iterator<Item = u32>) -> Set {
    let mut set = Set::empty();
    let mut places = places.peekable();
    while let Some(begin) = places.next() {
        let mut end = begin + 1;
        while places.next_if_eq(&end).is_some() {
            end += 1;
        }
        set = set.union(&Set::between(begin, end));
    }
    set
}

impl DependencyProvider for Provider<'_> {
    type P = Package;
    type V = u32;
    type VS = Set;
    /// Trouble first, then in the order of being seen.
    type Priority = (bool, Reverse<usize>);
    type M = String;
    type Err = Needs;

    fn prioritize(&self, package: &Package, _: &Set, statistics: &PackageResolutionStatistics) -> Self::Priority {
        let mut state = self.state.borrow_mut();
        let next = state.seen.len();
        let seen = *state.seen.entry(package.clone()).or_insert(next);
        (statistics.conflict_count() >= 5, Reverse(seen))
    }

    fn choose_version(&self, package: &Package, set: &Set) -> Result<Option<u32>, Needs> {
        let Package::Collection(name) = package else { return Ok(Some(0)) };
        let offer = self.library.offer(name).ok_or_else(|| self.need(Need::Versions(name.clone())))?;
        let Ok(offer) = offer else { return Ok(None) };
        let only_pre = offer.versions.iter().all(|version| !version.pre.is_empty());
        let pinned = &self.state.borrow().pinned;
        // A pre-release is for who names exactly it, and where there is nothing else.
        let allowed = |place: u32, version: &semver::Version| {
            only_pre || version.pre.is_empty() || pinned.contains(&(name.clone(), place))
        };
        let fitting =
            (0_u32..).zip(&offer.versions).filter(|(place, version)| set.contains(place) && allowed(*place, version));
        Ok(fitting.map(|(place, _)| place).last())
    }

    fn get_dependencies(&self, package: &Package, version: &u32) -> Result<Dependencies<Package, Set, String>, Needs> {
        let Package::Collection(name) = package else {
            let roots = self.roots.iter().map(|root| (&root.name, &root.range));
            return self.constraints(roots).map(Dependencies::Available);
        };
        let place = *version as usize;
        let known = self.library.known(name, place).ok_or_else(|| self.need(Need::Detail(name.clone(), place)))?;
        let known = match known {
            Ok(known) => known,
            Err(reason) => return Ok(Dependencies::Unavailable(format!("can't be had: {reason}"))),
        };
        let mut wanted = Vec::new();
        for (dependency, range) in known.detail.metadata.dependencies.iter().flatten() {
            match (dependency.parse::<CollectionName>(), range.parse::<Range>()) {
                (Ok(name), Ok(range)) => wanted.push((name, range)),
                (Err(reason), _) | (_, Err(reason)) => {
                    return Ok(Dependencies::Unavailable(format!("needs {dependency}, and {reason}")));
                }
            }
        }
        self.constraints(wanted.iter().map(|(name, range)| (name, range))).map(Dependencies::Available)
    }
}
