//! The packages that a request means.

use std::collections::BTreeMap;

use airlift_solve::Root;

use super::host::Host;
use super::universe::{Package, Symbol, Universe};
use super::{Found, Request};
use crate::format::raw;
use crate::format::selector::{Pattern, Selector, What};

/// How unlike a name may be that is proposed for one that is not there.
const MOST_UNLIKE: f64 = 0.75;

/// What an entry of the manifest asks for, as far as a host's lists have it.
pub(super) fn found(host: &Host<'_>, universe: &Universe, of: (usize, &Request)) -> Vec<Found> {
    let (at, request) = of;
    request.partial.packages.iter().flat_map(|selector| one(host, universe, (at, request), selector)).collect()
}

fn one(host: &Host<'_>, universe: &Universe, of: (usize, &Request), selector: &Selector) -> Vec<Found> {
    let (at, request) = of;
    let mut groups = BTreeMap::<(Symbol, Symbol), Vec<usize>>::new();
    for number in candidates(host, universe, selector) {
        let package = &universe.packages[number];
        let of_request = package.places.iter().any(|place| {
            let list = &universe.lists[place.list];
            request.repositories.contains(&list.repository)
        });
        if of_request && host.sees(number) && meant(host, universe, package, selector) {
            groups.entry((package.name, host.architecture(package.architecture))).or_default().push(number);
        }
    }
    let any_host = groups.keys().any(|(_, architecture)| *architecture != host.native);
    let text = selector.to_string();
    let root = |label: String, packages: &[usize]| Root { needs: host.among(&label, packages), label, required: true };
    let mut found = Vec::new();
    for packages in groups.values_mut() {
        universe.sort(packages);
        let versions = packages.chunk_by(|a, b| universe.packages[*a].version == universe.packages[*b].version);
        for (rank, same) in versions.take(request.partial.newest).enumerate() {
            let package = &universe.packages[same[0]];
            let name = universe.symbols.name(package.name);
            let label = match (rank, selector.exact_name()) {
                (0, Some(_)) => text.clone(),
                (0, None) => format!("{text}: {name}"),
                _ => format!("{text}: {name} ({})", package.version),
            };
            found.push(Found { request: at, text: text.clone(), root: root(label, same), any_host, older: rank > 0 });
        }
    }
    if found.is_empty()
        && let What::Name { name: Pattern::Exact(name), version: None, architecture: None } = selector.what()
    {
        let packages = host.virtual_packages(name);
        if !packages.is_empty() {
            found.push(Found { request: at, text: text.clone(), root: root(text, &packages), any_host, older: false });
        }
    }
    found
}

/// The packages among which the ones that are meant are.
fn candidates(host: &Host<'_>, universe: &Universe, selector: &Selector) -> Vec<usize> {
    match selector.exact_name().map(|name| universe.symbols.find(name)) {
        Some(Some(name)) => universe.named(name).to_vec(),
        Some(None) => Vec::new(),
        None => host.packages().collect(),
    }
}

fn meant(host: &Host<'_>, universe: &Universe, package: &Package, selector: &Selector) -> bool {
    let own = host.architecture(package.architecture) == host.native;
    let field = |name| raw::field(universe.stanza(package), name).unwrap_or_default();
    match selector.what() {
        What::Name { name, architecture, version } => {
            let wanted = architecture.as_deref().map(|name| universe.symbols.find(name));
            let right = match wanted {
                None => own,
                Some(wanted) => wanted.is_some_and(|wanted| {
                    host.architecture(wanted) == host.architecture(package.architecture)
                        || wanted == package.architecture
                }),
            };
            let version = version.as_ref().is_none_or(|version| version.matches(&package.version));
            right && version && name.matches(universe.symbols.name(package.name))
        }
        What::Task(task) => own && field("Task").split([',', ' ', '\n']).any(|name| *name == **task),
        What::Section(section) => {
            let found = field("Section");
            own && (*found == **section || found.rsplit('/').next() == Some(section))
        }
        What::Priority(priority) => own && *field("Priority") == **priority,
        What::Essential => own && package.essential,
    }
}

/// Why nothing is meant by a request.
pub(super) fn absence(selector: &Selector, request: &Request, universe: &Universe) -> String {
    let Some(name) = selector.exact_name() else {
        return format!("no package of {} is meant by it", request.id);
    };
    if let What::Name { architecture: Some(architecture), .. } = selector.what()
        && let Some(reason) = other_architecture(architecture, request)
    {
        return reason;
    }
    let named = universe.symbols.find(name).map_or(&[][..], |name| universe.named(name));
    let here = |number: &usize| {
        let places = &universe.packages[*number].places;
        places.iter().any(|place| request.repositories.contains(&universe.lists[place.list].repository))
    };
    let describe = |number: usize| {
        let package = &universe.packages[number];
        format!("{} ({})", package.version, universe.symbols.name(package.architecture))
    };
    let mut listed: Vec<usize> = named.iter().copied().filter(here).collect();
    universe.sort(&mut listed);
    if !listed.is_empty() {
        let versions: Vec<String> = listed.into_iter().take(5).map(describe).collect();
        return format!("{} has {name} in other versions or architectures: {}", request.id, versions.join(", "));
    }
    if !named.is_empty() {
        return format!(
            "{} has no package {name}, and another repository of this manifest has: ask for it there",
            request.id
        );
    }
    let near = universe.symbols.all().map(|known| (strsim::jaro_winkler(known, name), known));
    let near = near.filter(|(likeness, _)| *likeness >= MOST_UNLIKE);
    match near.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((_, known)) => format!("{} has no package {name}; there is {known}", request.id),
        None => format!("{} has no package {name}", request.id),
    }
}

/// Why there are no packages of an architecture, where the manifest does not ask for that one.
fn other_architecture(architecture: &str, request: &Request) -> Option<String> {
    let hosts = &request.architectures;
    let foreign = &request.partial.foreign;
    if matches!(architecture, "all" | "any" | "native") || hosts.contains(architecture) {
        return None;
    }
    if foreign.iter().any(|one| one == architecture) {
        return None;
    }
    let hosts = hosts.iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
    Some(format!(
        "hosts of {hosts} have no packages of {architecture} unless 'foreign-architectures: [{architecture}]' says so"
    ))
}
