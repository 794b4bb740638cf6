//! One solve for one environment: which version of which project.
//!
//! The solver is pubgrub. It asks and must be answered at once, so that it is run over what is known, stops where it is
//! asked for what is not, and is run again when that was fetched: a run takes milliseconds. `prefetch` goes ahead of it.
//!
//! A version is named by its place in its project, oldest first; a set of versions is made of the versions that a
//! specifier contains. So every rule of PEP 440 is the specifiers' own.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use pep440_rs::{Operator, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName, VersionOrUrl};
use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges,
};

use super::library::Library;
use super::problem::{Choice, Problem, Solution, specifiers_of};
use super::project::{Candidates, Project};
use super::{explain, prefetch};
use crate::error::PythonError;
use crate::format::{Requirement, dependency};

/// What the solver decides about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Package {
    /// What the manifest wants.
    Root,
    /// A project, or one with an extra, which is a package of its own that depends on the project at the same version.
    Project(PackageName, Option<ExtraName>),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the manifest"),
            Self::Project(name, None) => write!(f, "{name}"),
            Self::Project(name, Some(extra)) => write!(f, "{name}[{extra}]"),
        }
    }
}

/// A set of versions of a project, by their places.
pub(crate) type Set = Ranges<u32>;

/// What a run has to have before it can go on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// A project's page.
    Project(PackageName),
    /// What the chosen file of a version says.
    About(PackageName, u32),
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Something has to be fetched first.
    #[error("something has to be fetched first")]
    Needs,
    /// Something was learned that earlier decisions did not know.
    #[error("something was learned that earlier decisions did not know")]
    Learned,
}

/// What was learned of projects from the requirements that were seen; it only grows.
#[derive(Clone, Debug, Default)]
struct Learned {
    /// Projects of which pre-releases may be chosen.
    pre: HashSet<PackageName>,
    /// Versions that somebody pins, which may be withdrawn ones.
    pinned: HashSet<(PackageName, u32)>,
}

/// Answers the solver.
pub(crate) struct Provider<'a> {
    pub(crate) library: &'a Library<'a>,
    pub(crate) problem: &'a Problem,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    learned: Learned,
    needs: BTreeSet<Need>,
    /// Projects that were decided about, and which version was chosen last.
    decided: HashMap<PackageName, Option<u32>>,
    /// In which order packages were first seen.
    seen: HashMap<Package, usize>,
    /// How a set of versions was written by whoever wants it.
    texts: HashMap<(Package, Set), String>,
}

/// Solves.
pub(crate) async fn solve(library: &Library<'_>, problem: &Problem) -> Result<Solution, PythonError> {
    prefetch::ahead(library, problem, problem.requirements.clone()).await;
    let mut learned = Learned::default();
    loop {
        let needs = match run(library, problem, &mut learned)? {
            Ok(solution) => return Ok(solution),
            Err(needs) => needs,
        };
        prefetch::needs(library, problem, &needs).await?;
    }
}

/// One run over what is known: a solution, or what has to be fetched first.
fn run(
    library: &Library<'_>,
    problem: &Problem,
    learned: &mut Learned,
) -> Result<Result<Solution, BTreeSet<Need>>, PythonError> {
    let state = State { learned: std::mem::take(learned), ..State::default() };
    let provider = Provider { library, problem, state: RefCell::new(state) };
    let outcome = pubgrub::resolve(&provider, Package::Root, 0_u32);
    let solution = match outcome {
        Ok(selected) => Some(selected),
        Err(PubGrubError::NoSolution(tree)) => return Err(explain::unsolvable(&provider, tree)),
        Err(_) => None,
    };
    let chosen = solution.map(|selected| {
        let plain = selected.iter().filter_map(|(package, index)| match package {
            Package::Project(name, None) => Some((name.clone(), *index)),
            _ => None,
        });
        plain.filter_map(|(name, index)| Some((name.clone(), provider.choice(&name, index)?))).collect::<Solution>()
    });
    provider.begin();
    let state = provider.state.into_inner();
    *learned = state.learned;
    Ok(chosen.ok_or(state.needs))
}

impl Provider<'_> {
    /// What the environment can use of a project; none where it was not asked for yet.
    pub(crate) fn candidates(&self, name: &PackageName) -> Option<(Arc<Project>, Arc<Candidates>)> {
        let project = self.library.project(name)?;
        let candidates = self.problem.candidates(&project);
        Some((project, candidates))
    }

    fn choice(&self, name: &PackageName, index: u32) -> Option<Choice> {
        self.problem.choice(&self.library.project(name)?, index)
    }

    /// Has what this run chose be fetched: the next one rarely chooses something else.
    fn begin(&self) {
        for (name, index) in &self.state.borrow().decided {
            if let Some(choice) = index.and_then(|index| self.choice(name, index)) {
                self.library.early().begin(choice.offered());
            }
        }
    }

    /// How a set was written by whoever wants it.
    pub(crate) fn text(&self, package: &Package, set: &Set) -> Option<String> {
        self.state.borrow().texts.get(&(package.clone(), set.clone())).cloned()
    }

    /// What requirements mean to the solver; none where a project's page is missing.
    fn constraints<'r>(
        &self,
        of: &Package,
        requirements: impl Iterator<Item = &'r Requirement>,
    ) -> Result<Vec<(Package, Set)>, Stop> {
        let mut constraints = Vec::new();
        let mut complete = true;
        for requirement in requirements {
            let Some((project, candidates)) = self.candidates(&requirement.name) else {
                self.state.borrow_mut().needs.insert(Need::Project(requirement.name.clone()));
                complete = false;
                continue;
            };
            let set = self.set(requirement, &project, &candidates)?;
            let own = matches!(of, Package::Project(name, None) if *name == requirement.name);
            let packages = std::iter::once(None).filter(|_| !own).chain(requirement.extras.iter().map(Some));
            for extra in packages {
                let package = Package::Project(requirement.name.clone(), extra.cloned());
                let text = wanted(&package, requirement);
                self.state.borrow_mut().texts.entry((package.clone(), set.clone())).or_insert(text);
                constraints.push((package, set.clone()));
            }
        }
        if complete { Ok(constraints) } else { Err(Stop::Needs) }
    }

    /// The versions that a requirement allows, whether or not the environment can use them.
    fn set(&self, requirement: &Requirement, project: &Project, candidates: &Candidates) -> Result<Set, Stop> {
        let none = VersionSpecifiers::empty();
        let specifiers = specifiers_of(requirement).unwrap_or(&none);
        let matching: Vec<u32> = (0_u32..)
            .zip(&project.releases)
            .filter(|(_, release)| release.fits(specifiers))
            .map(|(index, _)| index)
            .collect();
        self.learn(requirement, specifiers, (&matching, project, candidates))?;
        let all = matching.len() == project.releases.len();
        Ok(if all { Set::full() } else { runs(&matching) })
    }

    /// Pre-releases are for who names one, and for who can't be served otherwise; withdrawn versions for who pins them.
    fn learn(
        &self,
        requirement: &Requirement,
        specifiers: &VersionSpecifiers,
        (matching, project, candidates): (&[u32], &Project, &Candidates),
    ) -> Result<(), Stop> {
        let usable = || matching.iter().rev().filter(|index| candidates.get(**index).is_some());
        let is_pre = |index: &u32| project.release(*index).is_some_and(|release| release.version.any_prerelease());
        let only_pre = || usable().next().is_some() && usable().all(is_pre);
        // A constraint says it as well as a requirement.
        let constraint = self.problem.policy().constraints.get(&requirement.name);
        let said = || specifiers.iter().chain(constraint.into_iter().flat_map(|specifiers| specifiers.iter()));
        let named = said().any(|one| *one.operator() != Operator::NotEqual && one.any_prerelease());
        let pins = said().any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual));
        let mut state = self.state.borrow_mut();
        let mut grew = false;
        if (named || only_pre()) && state.learned.pre.insert(requirement.name.clone()) {
            grew = true;
        }
        if pins {
            let withdrawn = |index: &&u32| candidates.get(**index).is_some_and(|candidate| candidate.yanked);
            for index in matching.iter().filter(withdrawn) {
                grew |= state.learned.pinned.insert((requirement.name.clone(), *index));
            }
        }
        let late = grew && state.decided.contains_key(&requirement.name);
        if late { Err(Stop::Learned) } else { Ok(()) }
    }

    /// The version that pip would take: the newest, no pre-release and none that was withdrawn unless it must be.
    fn best(&self, name: &PackageName, set: &Set) -> Option<Option<u32>> {
        let (project, candidates) = self.candidates(name)?;
        let state = self.state.borrow();
        let pre = self.problem.policy().pre || state.learned.pre.contains(name);
        let count = u32::try_from(project.releases.len()).unwrap_or(u32::MAX);
        let allowed = |index: &u32| {
            let release = project.release(*index);
            set.contains(index) && (pre || release.is_some_and(|release| !release.version.any_prerelease()))
        };
        let (mut withdrawn, mut built) = (None, None);
        for index in (0..count).rev().filter(allowed) {
            match candidates.get(index) {
                Some(candidate) if !candidate.yanked && self.problem.policy().prefer_binary && !candidate.is_wheel => {
                    built = built.or(Some(index));
                }
                Some(candidate) if !candidate.yanked => return Some(Some(index)),
                Some(_) if state.learned.pinned.contains(&(name.clone(), index)) => {
                    withdrawn = withdrawn.or(Some(index));
                }
                _ => {}
            }
        }
        Some(built.or(withdrawn))
    }
}

/// Consecutive places as ranges.
fn runs(places: &[u32]) -> Set {
    let mut set = Set::empty();
    let mut places = places.iter().copied().peekable();
    while let Some(begin) = places.next() {
        let mut end = begin + 1;
        while places.next_if_eq(&end).is_some() {
            end += 1;
        }
        set = set.union(&Set::between(begin, end));
    }
    set
}

/// A requirement as a person would write it, without its marker.
fn wanted(package: &Package, requirement: &Requirement) -> String {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) if !specifiers.is_empty() => format!("{package}{specifiers}"),
        _ => package.to_string(),
    }
}

impl DependencyProvider for Provider<'_> {
    type P = Package;
    type V = u32;
    type VS = Set;
    /// Trouble first, then what can be one version only, then in the order of being seen.
    type Priority = (bool, bool, Reverse<usize>);
    type M = String;
    type Err = Stop;

    fn prioritize(&self, package: &Package, set: &Set, statistics: &PackageResolutionStatistics) -> Self::Priority {
        let mut state = self.state.borrow_mut();
        let next = state.seen.len();
        let seen = *state.seen.entry(package.clone()).or_insert(next);
        (statistics.conflict_count() >= 5, set.as_singleton().is_some() || is_one(set), Reverse(seen))
    }

    fn choose_version(&self, package: &Package, set: &Set) -> Result<Option<u32>, Stop> {
        let Package::Project(name, _) = package else { return Ok(Some(0)) };
        let Some(best) = self.best(name, set) else {
            self.state.borrow_mut().needs.insert(Need::Project(name.clone()));
            return Err(Stop::Needs);
        };
        self.state.borrow_mut().decided.insert(name.clone(), best);
        Ok(best)
    }

    fn get_dependencies(&self, package: &Package, version: &u32) -> Result<Dependencies<Package, Set, String>, Stop> {
        let markers = &self.problem.environment().markers;
        let Package::Project(name, extra) = package else {
            let roots = self.problem.requirements.iter().filter(|one| dependency::applies(&one.marker, markers, &[]));
            return self.constraints(package, roots).map(|all| Dependencies::Available(all.into_iter().collect()));
        };
        let need = || {
            self.state.borrow_mut().needs.insert(Need::About(name.clone(), *version));
            Stop::Needs
        };
        let (project, candidates) = self.candidates(name).ok_or_else(need)?;
        let candidate = candidates.get(*version).ok_or_else(need)?;
        let offered =
            project.release(*version).and_then(|release| release.files.get(candidate.file)).ok_or_else(need)?;
        let about = self.library.about(offered).ok_or_else(need)?;
        let metadata = match &about.metadata {
            Ok(metadata) => metadata,
            Err(reason) => return Ok(Dependencies::Unavailable(reason.clone())),
        };
        let python = &self.problem.environment().python;
        if let Some(specifiers) = metadata.requires_python.as_ref().filter(|specs| !specs.contains(python)) {
            return Ok(Dependencies::Unavailable(format!("needs Python {specifiers}")));
        }
        let extras: Vec<ExtraName> = extra.iter().cloned().collect();
        let wanted = metadata.requires.iter().filter(|one| {
            dependency::applies(&one.marker, markers, &extras)
                && (extras.is_empty() || !dependency::applies(&one.marker, markers, &[]))
        });
        if let Some(url) = wanted.clone().find(|one| matches!(one.version_or_url, Some(VersionOrUrl::Url(_)))) {
            return Ok(Dependencies::Unavailable(format!("needs {} from a URL of its own", url.name)));
        }
        let mut constraints: DependencyConstraints<Package, Set> =
            self.constraints(package, wanted)?.into_iter().collect();
        if extra.is_some() {
            let base = (Package::Project(name.clone(), None), Set::singleton(*version));
            constraints = constraints.into_iter().chain([base]).collect();
        }
        Ok(Dependencies::Available(constraints))
    }
}

/// Whether a set has one version in it.
fn is_one(set: &Set) -> bool {
    use std::ops::Bound::{Excluded, Included};
    let mut ranges = set.iter();
    match (ranges.next(), ranges.next()) {
        (Some((Included(begin), Excluded(end))), None) => end.saturating_sub(*begin) == 1,
        _ => false,
    }
}
