//! What hosts have already: what a reference host has, or what every one of them is taken to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use airlift_solve::{Root, Transactions, bound};
use bytes::Bytes;

use super::host::{Host, Present};
use super::universe::{Fields, MultiArch, Package, Symbol, Universe};
use super::{ClosureError, closure};
use crate::format::{installed, raw, version};
use crate::spec::{Assume, Partial};

/// The architecture of what does not say one. No architecture is called so.
pub(super) const UNSAID: &str = "?";

/// The packages of a list that `dpkg` made. What they provide and need is known from a status file, or else from the same
/// package in a repository. Of one that no repository has any more, what it provides is that of another version, and what it
/// needs is taken to be what is of its source and version.
pub(super) fn installed(bytes: &Bytes, universe: &mut Universe) -> Result<Vec<Present>, ClosureError> {
    let listed = installed::read(bytes).map_err(|source| ClosureError::Installed { source })?;
    let mut present = Vec::with_capacity(listed.len());
    // What a host has of one source in one version, and can have newer: what needs are known of, and the others.
    let mut families = BTreeMap::<(String, &str), [Vec<usize>; 2]>::new();
    for one in listed {
        let name = universe.symbols.intern(one.name);
        let architecture = universe.symbols.intern(one.architecture.unwrap_or(UNSAID));
        let named = || universe.named(name).iter().map(|number| &universe.packages[*number]);
        let right = |package: &&Package| one.architecture.is_none() || package.architecture == architecture;
        let known = one.stanza.map(|stanza| bytes.slice_ref(stanza));
        let same = || named().filter(right).find(|package| *package.version == *one.version);
        let known = known.or_else(|| same().map(|package| universe.stanza_bytes(package)));
        let similar = known.clone().or_else(|| named().next().map(|package| universe.stanza_bytes(package)));
        let newer = |package: &Package| version::compare(&package.version, one.version).is_gt();
        if let Some(similar) = similar.as_ref().filter(|_| named().filter(right).any(newer)) {
            let (source, _) = raw::source_of(similar, (one.name, one.version));
            let family = families.entry((source.to_owned(), one.version)).or_default();
            family[usize::from(known.is_none())].push(present.len());
        }
        let fields = similar.as_deref().map(Fields::read);
        let multi_arch = fields.as_ref().map_or(MultiArch::No, |fields| fields.multi_arch);
        let provides = fields.map(|fields| fields.provides()).unwrap_or_default();
        let provides = provides.into_iter().map(|(name, version)| (universe.symbols.intern(&name), version)).collect();
        let (version, stanza) = (one.version.into(), known.unwrap_or_default());
        present.push(Present { name, version, architecture, multi_arch, provides, stanza, vague: false });
    }
    for (one, others) in families.into_values().flat_map(|[known, unknown]| bound(&known, &unknown)) {
        let needs: Vec<String> = others.into_iter().map(|other| exactly(&present[other], universe)).collect();
        present[one].stanza = format!("Depends: {}\n", needs.join(", ")).into();
    }
    Ok(present)
}

/// The relation that only this package meets.
fn exactly(present: &Present, universe: &Universe) -> String {
    let of = match universe.symbols.name(present.architecture) {
        UNSAID => String::new(),
        architecture => format!(":{architecture}"),
    };
    format!("{}{of} (= {})", universe.symbols.name(present.name), present.version)
}

/// Those of them that count on a host of an architecture. A list without architectures is one of such a host.
pub(super) fn on(installed: &[Present], native: Symbol, unsaid: Symbol) -> Vec<Present> {
    let of = |present: &Present| {
        let architecture = if present.architecture == unsaid { native } else { present.architecture };
        Present { architecture, ..present.clone() }
    };
    installed.iter().map(of).collect()
}

/// The names of the packages that `assume` may mean.
fn basic_names(universe: &Universe) -> BTreeSet<Symbol> {
    let basic = |package: &&Package| package.essential || package.priority <= 1;
    universe.packages.iter().filter(basic).map(|package| package.name).collect()
}

/// What every host is taken to have: the packages that `assume` means and all that these need, each in the earliest version
/// that a repository offers, as a host has that was installed long ago.
pub(super) fn assumed(
    host: &Host<'_>,
    universe: &Universe,
    partial: &Partial,
    stop: &AtomicBool,
) -> Result<Vec<Present>, ClosureError> {
    let (most, assume) = match (partial.assume.contains(&Assume::Important), partial.assume.contains(&Assume::Base)) {
        (true, _) => (1, "important"),
        (false, true) => (0, "base"),
        (false, false) => return Ok(Vec::new()),
    };
    let mut roots = Vec::new();
    for name in basic_names(universe) {
        let mut packages: Vec<usize> =
            universe.named(name).iter().copied().filter(|number| is_native(host, universe, *number)).collect();
        universe.sort(&mut packages);
        let Some(best) = packages.first().map(|best| &universe.packages[*best]) else { continue };
        if best.essential || best.priority <= most {
            let label = universe.symbols.name(name);
            roots.push(Root { label: label.to_owned(), needs: host.among(label, &packages), required: true });
        }
    }
    if roots.is_empty() {
        return Err(ClosureError::NothingToAssume { assume });
    }
    let closure = closure(host, &roots, (false, Transactions::TogetherFirst), stop)?;
    let chosen: BTreeSet<Symbol> =
        closure.chosen.iter().map(|candidate| universe.packages[candidate.0 as usize].name).collect();
    Ok(chosen.into_iter().filter_map(|name| earliest(host, universe, name)).collect())
}

fn is_native(host: &Host<'_>, universe: &Universe, number: usize) -> bool {
    host.sees(number) && host.architecture(universe.packages[number].architecture) == host.native
}

fn earliest(host: &Host<'_>, universe: &Universe, name: Symbol) -> Option<Present> {
    let mut packages: Vec<usize> =
        universe.named(name).iter().copied().filter(|number| is_native(host, universe, *number)).collect();
    universe.sort(&mut packages);
    let package = &universe.packages[*packages.last()?];
    let provides = Fields::read(universe.stanza(package)).provides().into_iter();
    let provides = provides.filter_map(|(name, version)| Some((universe.symbols.find(&name)?, version)));
    Some(Present {
        name,
        version: package.version.clone(),
        architecture: package.architecture,
        multi_arch: package.multi_arch,
        provides: provides.collect(),
        stanza: universe.stanza_bytes(package),
        vague: true,
    })
}
