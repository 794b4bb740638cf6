//! What is left of a repository by `newest`, `arches` and `sources`, without anybody asking for a package.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use airlift_kind::hosts::debian_arch;

use crate::format::modules::{Says, Stream};
use crate::spec::Choice;

use super::universe::{Sym, Universe};

/// The packages of a repository that its choice keeps.
pub(super) fn kept(universe: &Universe, packages: &[u32], choice: &Choice, modules: &[&Says]) -> Vec<u32> {
    let mut kept = packages.to_vec();
    if let Some(arches) = &choice.arches {
        kept.retain(|package| {
            let package = universe.package(*package);
            arches.contains(&package.info.arch) || (package.is_source() && choice.sources == Some(true))
        });
    }
    if let Some(newest) = choice.newest {
        let limit = usize::try_from(newest).unwrap_or(usize::MAX);
        kept = newest_of(universe, kept, limit, modules);
    }
    match choice.sources {
        Some(false) => kept.retain(|package| !universe.package(*package).is_source()),
        Some(true) if choice.newest.is_some() || choice.arches.is_some() => keep_sources(universe, &mut kept),
        _ => {}
    }
    kept
}

/// Why `arches` leaves nothing of a repository that has packages; none where it leaves some, or is not there.
pub(super) fn no_arch(universe: &Universe, packages: &[u32], choice: &Choice) -> Option<(String, String)> {
    let wanted = choice.arches.as_ref()?;
    let there: BTreeSet<&str> = packages.iter().map(|package| universe.package(*package).info.arch.as_str()).collect();
    if there.is_empty() || wanted.iter().any(|arch| there.contains(arch.as_str())) {
        return None;
    }
    let there: Vec<&str> = there.into_iter().collect();
    let other = wanted.iter().find_map(|arch| {
        let here = there.iter().find(|here| debian_arch(here) == arch)?;
        Some(format!("; Debian's {arch} is {here} here"))
    });
    let reason = format!("no package is of these architectures; there are: {}", there.join(", "));
    Some((format!("arches: [{}]", wanted.join(", ")), reason + &other.unwrap_or_default()))
}

/// The newest versions of each name and architecture; of modules, the packages of the newest builds of each stream.
fn newest_of(universe: &Universe, packages: Vec<u32>, limit: usize, modules: &[&Says]) -> Vec<u32> {
    let (mut modular, mut new) = (HashSet::new(), HashSet::new());
    let mut builds = BTreeMap::<[&str; 4], Vec<&Stream>>::new();
    for says in modules {
        if let Says::Stream(build) = says {
            let key = [&build.name, &build.stream, &build.context, &build.arch].map(String::as_str);
            builds.entry(key).or_default().push(build);
            modular.extend(build.artifacts.iter().map(String::as_str));
        }
    }
    for builds in builds.values_mut() {
        builds.sort_by_key(|build| std::cmp::Reverse(build.version));
        new.extend(builds.iter().take(limit).flat_map(|build| build.artifacts.iter().map(String::as_str)));
    }
    let mut versions = HashMap::<(Sym, Sym), Vec<u32>>::new();
    let mut kept = Vec::new();
    for package in packages {
        let one = universe.package(package);
        let artifact = if modular.is_empty() { String::new() } else { one.artifact() };
        match (modular.contains(artifact.as_str()), new.contains(artifact.as_str())) {
            (true, true) => kept.push(package),
            (true, false) => {}
            (false, _) => versions.entry((one.name, one.arch)).or_default().push(package),
        }
    }
    for packages in versions.values_mut() {
        packages.sort_by(|a, b| universe.package(*b).evr().cmp(&universe.package(*a).evr()));
        let mut different = 0;
        for (place, package) in packages.iter().enumerate() {
            let same = place > 0 && universe.package(packages[place - 1]).evr() == universe.package(*package).evr();
            different += usize::from(!same);
            if different <= limit {
                kept.push(*package);
            }
        }
    }
    kept.sort_unstable();
    kept
}

/// Drops the sources that nothing else that is kept was built from.
fn keep_sources(universe: &Universe, kept: &mut Vec<u32>) {
    let wanted: HashSet<&str> = kept.iter().filter_map(|package| source_of(universe, *package)).collect();
    let is_wanted = |package: u32| {
        let one = universe.package(package);
        !one.is_source() || wanted.contains(file_name(universe, package).as_str())
    };
    kept.retain(|package| is_wanted(*package));
}

/// The file name of a package's source.
pub(super) fn source_of(universe: &Universe, package: u32) -> Option<&str> {
    universe.package(package).source.map(|source| universe.strings.text(source)).filter(|name| !name.is_empty())
}

/// The file name that a source package has by its name and version.
pub(super) fn file_name(universe: &Universe, package: u32) -> String {
    let info = &universe.package(package).info;
    format!("{}-{}-{}.{}.rpm", info.name, info.version, info.release, info.arch)
}
