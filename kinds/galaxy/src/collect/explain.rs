//! Why collections can't be had together: the facts that contradict one another, each a sentence.

use pubgrub::{DerivationTree, External};

use super::solver::{Package, Provider, Set};

/// The most facts that are told.
const MOST: usize = 12;

/// The facts of a contradiction.
pub(super) fn unsolvable(provider: &Provider<'_>, tree: &DerivationTree<Package, Set, String>) -> String {
    let mut facts: Vec<String> = Vec::new();
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        match tree {
            DerivationTree::Derived(derived) => open.extend([&*derived.cause2, &*derived.cause1]),
            DerivationTree::External(external) => {
                if let Some(fact) = fact(provider, external).filter(|fact| !facts.contains(fact)) {
                    facts.push(fact);
                }
            }
        }
    }
    // From what is wanted to what is not there.
    facts.reverse();
    let left = facts.len().saturating_sub(MOST);
    facts.truncate(MOST);
    if left > 0 {
        facts.push(format!("and {left} more"));
    }
    facts.join("; ")
}

fn fact(provider: &Provider<'_>, external: &External<Package, Set, String>) -> Option<String> {
    match external {
        External::NotRoot(..) => None,
        External::NoVersions(package, set) => no_versions(provider, package, set),
        External::Custom(package, set, reason) => Some(format!("{} {reason}", at(provider, package, set))),
        // What a root wants is what it is asked for as.
        External::FromDependencyOf(Package::Root, _, package, set) => {
            let Package::Collection(name) = package else { return None };
            let own = provider.roots.iter().filter(|root| root.name == *name);
            let told: Vec<String> = own.map(|root| format!("{} wants {root}", root.of)).collect();
            Some(if told.is_empty() { format!("{} is wanted", at(provider, package, set)) } else { told.join("; ") })
        }
        External::FromDependencyOf(of, place, package, set) => {
            Some(format!("{} needs {}", at(provider, of, place), at(provider, package, set)))
        }
    }
}

fn no_versions(provider: &Provider<'_>, package: &Package, set: &Set) -> Option<String> {
    let Package::Collection(name) = package else { return None };
    match provider.library.offer(name)? {
        Err(reason) => Some(format!("there is no {name}: {reason}")),
        Ok(offer) => {
            let fitting = (0_u32..).zip(&offer.versions).filter(|(place, _)| set.contains(place));
            let fitting: Vec<_> = fitting.map(|(_, version)| version).collect();
            match (fitting.as_slice(), provider.text(package, set)) {
                // Between and beyond the versions that there are is nothing: that goes without saying.
                ([], None) => None,
                ([], Some(text)) => {
                    let newest = offer.versions.last()?;
                    Some(format!("there is no {text} (of {} versions the newest is {newest})", offer.versions.len()))
                }
                ([.., newest], text) => Some(format!(
                    "of {} there are only pre-releases such as {newest}, which are taken only where one is named exactly",
                    text.unwrap_or_else(|| name.to_string())
                )),
            }
        }
    }
}

/// A collection at some versions: as somebody wrote it, or from which to which.
fn at(provider: &Provider<'_>, package: &Package, set: &Set) -> String {
    let Package::Collection(name) = package else { return package.to_string() };
    if let Some(text) = provider.text(package, set) {
        return text;
    }
    let Some(Ok(offer)) = provider.library.offer(name) else { return name.to_string() };
    let fitting = (0_u32..).zip(&offer.versions).filter(|(place, _)| set.contains(place));
    let fitting: Vec<_> = fitting.map(|(_, version)| version).collect();
    match fitting.as_slice() {
        [] => format!("any other {name}"),
        [one] => format!("{name} {one}"),
        all if all.len() == offer.versions.len() => format!("every {name}"),
        [first, .., last] => format!("{name} {first} … {last}"),
    }
}
