//! Why nothing fulfils all requirements, in the words of people who use pip.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use airlift_core::Failure;
use pubgrub::{DefaultStringReporter, DerivationTree, Derived, External, Map, ReportFormatter, Reporter, Term};

use super::solver::{Package, Provider, Set};
use crate::error::PythonError;

type Tree = DerivationTree<Package, Set, String>;

/// The error for a problem without a solution.
pub(crate) fn unsolvable(provider: &Provider<'_>, tree: Tree) -> PythonError {
    let words = Words { provider };
    let tree = words.without_noise(tree);
    let derivation = DefaultStringReporter::report_with_formatter(&tree, &words);
    let derivation: Vec<String> =
        derivation.lines().filter(|line| !line.is_empty()).map(|line| format!("  {line}")).collect();
    PythonError::Unsolvable {
        environment: provider.problem.environment().label.clone(),
        derivation: derivation.join("\n"),
        hint: words.hint(&tree),
    }
}

/// What was solved, if all was; else everything that was not. What several environments have in common is said once.
pub(crate) fn together<T>(solved: Vec<Result<T, PythonError>>) -> Result<Vec<T>, PythonError> {
    let (mut good, mut bad) = (Vec::new(), Vec::<(Vec<String>, String, Option<String>)>::new());
    for one in solved {
        match one {
            Ok(one) => good.push(one),
            Err(PythonError::Unsolvable { environment, derivation, hint }) => {
                match bad.iter_mut().find(|(_, known, _)| *known == derivation) {
                    Some((environments, ..)) => environments.push(environment),
                    None => bad.push((vec![environment], derivation, hint)),
                }
            }
            Err(error) => return Err(error),
        }
    }
    let mut bad: Vec<PythonError> = bad
        .into_iter()
        .map(|(environments, derivation, hint)| {
            let environment = environments.join("; ");
            PythonError::Unsolvable { environment, derivation, hint }
        })
        .collect();
    match bad.len() {
        0 => Ok(good),
        1 => Err(bad.remove(0)),
        _ => {
            let told = bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let mut hints: Vec<String> = bad.iter().filter_map(Failure::hint).collect();
            hints.dedup();
            Err(PythonError::Unsolvables { told, hint: (!hints.is_empty()).then(|| hints.join("; ")) })
        }
    }
}

struct Words<'a> {
    provider: &'a Provider<'a>,
}

impl Words<'_> {
    /// The tree without what goes without saying: that there is nothing between or beyond the versions that there are.
    fn without_noise(&self, tree: Tree) -> Tree {
        let DerivationTree::Derived(derived) = tree else { return tree };
        let [one, other] = [&derived.cause1, &derived.cause2].map(|cause| self.without_noise((**cause).clone()));
        match (self.is_noise(&one), self.is_noise(&other)) {
            (true, false) => other,
            (false, true) => one,
            _ => DerivationTree::Derived(Derived { cause1: Arc::new(one), cause2: Arc::new(other), ..derived }),
        }
    }

    fn is_noise(&self, tree: &Tree) -> bool {
        let DerivationTree::External(External::NoVersions(package @ Package::Project(name, _), set)) = tree else {
            return false;
        };
        let Some((project, _)) = self.provider.candidates(name) else { return false };
        let has_versions = (0_u32..).zip(&project.releases).any(|(place, _)| set.contains(&place));
        !has_versions && !project.releases.is_empty() && self.provider.text(package, set).is_none()
    }

    /// A package at some versions: as somebody wrote it, or with bounds.
    fn at(&self, package: &Package, set: &Set) -> String {
        let Package::Project(name, _) = package else { return "the manifest".to_owned() };
        if *set == Set::full() {
            return package.to_string();
        }
        if let Some(text) = self.provider.text(package, set) {
            return text;
        }
        let Some((project, _)) = self.provider.candidates(name) else { return package.to_string() };
        let count = project.releases.len();
        let version = |place: usize| project.releases.get(place).map(|release| release.version.to_string());
        let mut parts = Vec::new();
        for (begin, end) in set.iter() {
            let first = match begin {
                Bound::Included(place) => *place as usize,
                Bound::Excluded(place) => *place as usize + 1,
                Bound::Unbounded => 0,
            };
            let last = match end {
                Bound::Included(place) => *place as usize + 1,
                Bound::Excluded(place) => *place as usize,
                Bound::Unbounded => count,
            };
            parts.extend(match (version(first), last.checked_sub(1).and_then(version)) {
                _ if first >= last.min(count) => None,
                (Some(only), _) if first + 1 == last => Some(format!("=={only}")),
                (Some(_), _) if first == 0 && last >= count => Some(String::new()),
                (Some(_), Some(end)) if first == 0 => Some(format!("<={end}")),
                (Some(begin), _) if last >= count => Some(format!(">={begin}")),
                (Some(begin), Some(end)) => Some(format!(">={begin},<={end}")),
                _ => None,
            });
        }
        match parts.as_slice() {
            [] => format!("any other {package}"),
            parts if parts.len() > 6 => format!("{package}{} and others", parts[..6].join(" or ")),
            parts => format!("{package}{}", parts.join(" or ")),
        }
    }

    /// Why versions can't be used, where the index or the environment is the reason.
    fn reasons(&self, package: &Package, set: &Set) -> String {
        let Package::Project(name, _) = package else { return String::new() };
        let Some((project, candidates)) = self.provider.candidates(name) else { return String::new() };
        if let Some(reason) = &project.quarantined {
            return format!(" (the index has put it into quarantine: {reason})");
        }
        if !project.exists {
            return match self.provider.library.answering(name) {
                Some(index) => format!(" (the index '{index}', which alone answers for it, has no such project)"),
                None => " (no index has such a project)".to_owned(),
            };
        }
        let mut reasons = BTreeMap::<String, Vec<String>>::new();
        for (place, release) in (0_u32..).zip(&project.releases).filter(|(place, _)| set.contains(place)) {
            let withdrawn =
                || candidates.get(place).filter(|one| one.yanked).map(|_| "was withdrawn (yanked)".to_owned());
            let pre = || release.version.any_prerelease().then(|| "is a pre-release".to_owned());
            let reason = candidates.reason(place).map(str::to_owned).or_else(withdrawn).or_else(pre);
            if let Some(reason) = reason {
                reasons.entry(reason).or_default().push(release.version.to_string());
            }
        }
        if reasons.is_empty() {
            let newest = project.releases.last().map(|release| release.version.to_string());
            return newest.map(|newest| format!(" (the newest that there is is {newest})")).unwrap_or_default();
        }
        let told: Vec<String> = reasons
            .into_iter()
            .take(4)
            .map(|(reason, versions)| match versions.as_slice() {
                [one] => format!("{one} {reason}"),
                [first, .., last] => format!("{first} … {last} {reason}"),
                [] => reason,
            })
            .collect();
        format!(" ({})", told.join("; "))
    }

    /// What may help, where the tree shows it.
    fn hint(&self, tree: &Tree) -> Option<String> {
        let mut text = String::new();
        let mut open = vec![tree];
        while let Some(tree) = open.pop() {
            match tree {
                DerivationTree::Derived(derived) => open.extend([&*derived.cause1, &*derived.cause2]),
                DerivationTree::External(external) => {
                    text.push_str(&self.format_external(external));
                    text.push('\n');
                }
            }
        }
        let hints = [
            ("sdists: never", "with 'sdists: when-needed' source distributions are taken where there is no wheel"),
            (
                "has no wheel for this platform",
                "a newer 'glibc' or another 'python' in the environment may have wheels",
            ),
            ("is a pre-release", "with 'pre: true', or a requirement that names one, pre-releases are taken"),
            ("no such project", "is its name right? 'packages' of that index say what it alone answers for"),
            ("no index has such a project", "is its name right, and is there an index in the manifest that has it?"),
            (
                "needs Python",
                "an environment of its own for another Python, without this requirement, may be what is meant",
            ),
        ];
        hints.iter().find(|(sign, _)| text.contains(sign)).map(|(_, hint)| (*hint).to_owned())
    }
}

type OneExternal = External<Package, Set, String>;
type Terms = Map<Package, Term<Set>>;
type OneDerived = Derived<Package, Set, String>;

impl ReportFormatter<Package, Set, String> for Words<'_> {
    type Output = String;

    fn format_external(&self, external: &OneExternal) -> String {
        match external {
            External::NotRoot(..) => "the manifest is what is solved".to_owned(),
            External::NoVersions(package, set) => {
                format!("there is no {} that can be used{}", self.at(package, set), self.reasons(package, set))
            }
            External::Custom(package, set, reason) => format!("{} {reason}", self.at(package, set)),
            External::FromDependencyOf(of, at, package, set) => {
                let wants = match (of, &self.provider.problem.environment().builds) {
                    (Package::Root, None) => "you want".to_owned(),
                    (Package::Root, Some(file)) => format!("building {file} needs"),
                    (of, _) => format!("{} needs", self.at(of, at)),
                };
                // Where no version fits, the solver has nothing more to say of it.
                let why = if *set == Set::empty() { self.reasons(package, set) } else { String::new() };
                format!("{wants} {}{why}", self.at(package, set))
            }
        }
    }

    fn format_terms(&self, terms: &Terms) -> String {
        let mut terms: Vec<(&Package, &Term<Set>)> =
            terms.iter().filter(|(package, _)| **package != Package::Root).collect();
        terms.sort_by_key(|(package, _)| *package);
        match terms.as_slice() {
            [] => "what is wanted can't be had together".to_owned(),
            [(package, Term::Positive(set))] => format!("{} can't be used", self.at(package, set)),
            [(package, Term::Negative(set))] => format!("{} is needed", self.at(package, set)),
            [(of, Term::Positive(at)), (package, Term::Negative(set))]
            | [(package, Term::Negative(set)), (of, Term::Positive(at))] => {
                format!("{} needs {}", self.at(of, at), self.at(package, set))
            }
            terms => {
                let each: Vec<String> = terms
                    .iter()
                    .map(|(package, term)| match term {
                        Term::Positive(set) => self.at(package, set),
                        Term::Negative(set) => format!("no {}", self.at(package, set)),
                    })
                    .collect();
                format!("these exclude one another: {}", each.join(", "))
            }
        }
    }

    fn explain_both_external(&self, one: &OneExternal, other: &OneExternal, terms: &Terms) -> String {
        format!(
            "Because {} and {}, {}.",
            self.format_external(one),
            self.format_external(other),
            self.format_terms(terms)
        )
    }

    fn explain_both_ref(
        &self,
        id: usize,
        one: &OneDerived,
        other_id: usize,
        other: &OneDerived,
        terms: &Terms,
    ) -> String {
        let (one, other) = (self.format_terms(&one.terms), self.format_terms(&other.terms));
        format!("Because {one} ({id}) and {other} ({other_id}), {}.", self.format_terms(terms))
    }

    fn explain_ref_and_external(
        &self,
        id: usize,
        derived: &OneDerived,
        external: &OneExternal,
        terms: &Terms,
    ) -> String {
        let (derived, external) = (self.format_terms(&derived.terms), self.format_external(external));
        format!("Because {derived} ({id}) and {external}, {}.", self.format_terms(terms))
    }

    fn and_explain_external(&self, external: &OneExternal, terms: &Terms) -> String {
        format!("And because {}, {}.", self.format_external(external), self.format_terms(terms))
    }

    fn and_explain_ref(&self, id: usize, derived: &OneDerived, terms: &Terms) -> String {
        format!("And because {} ({id}), {}.", self.format_terms(&derived.terms), self.format_terms(terms))
    }

    fn and_explain_prior_and_external(&self, prior: &OneExternal, external: &OneExternal, terms: &Terms) -> String {
        let (prior, external) = (self.format_external(prior), self.format_external(external));
        format!("And because {prior} and {external}, {}.", self.format_terms(terms))
    }
}
