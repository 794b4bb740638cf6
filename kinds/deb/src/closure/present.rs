//! What hosts have already: what a reference host has, or what every one of them is taken to have.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use airlift_solve::{Root, Transactions};

use super::host::{Host, Present};
use super::universe::{Fields, MultiArch, Package, Symbol, Universe};
use super::{ClosureError, closure};
use crate::format::installed;
use crate::spec::{Assume, Partial};

/// The architecture of what does not say one. No architecture is called so.
pub(super) const UNSAID: &str = "?";

/// The packages of a list that `dpkg` made. What they provide is known from a status file, or else from a package of the
/// same name that some repository has: of the same version, or of any.
pub(super) fn installed(bytes: &[u8], universe: &mut Universe) -> Result<Vec<Present>, ClosureError> {
    let listed = installed::read(bytes).map_err(|source| ClosureError::Installed { source })?;
    let mut present = Vec::with_capacity(listed.len());
    for one in listed {
        let name = universe.symbols.intern(one.name);
        let architecture = universe.symbols.intern(one.architecture.unwrap_or(UNSAID));
        let of = |version: Option<&str>| {
            let mut named = universe.named(name).iter().map(|number| &universe.packages[*number]);
            named.find(|package| version.is_none_or(|version| *package.version == *version))
        };
        let similar = || of(Some(one.version)).or_else(|| of(None)).map(|package| universe.stanza(package));
        let fields = one.stanza.or_else(similar).map(Fields::read);
        let multi_arch = fields.as_ref().map_or(MultiArch::No, |fields| fields.multi_arch);
        let provides = fields.map(|fields| fields.provides()).unwrap_or_default();
        let provides = provides.into_iter().map(|(name, version)| (universe.symbols.intern(&name), version)).collect();
        let version = one.version.into();
        present.push(Present { name, version, architecture, multi_arch, provides, vague: false });
    }
    Ok(present)
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
        vague: true,
    })
}
