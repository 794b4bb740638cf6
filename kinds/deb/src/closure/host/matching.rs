//! Which packages a relation means (Debian Policy, section 7; deb-control(5)).

use super::{Host, Seen};
use crate::closure::universe::{MultiArch, Provider, Symbol};
use crate::format::relation::{Operator, Relation, groups, relations};

impl Host<'_> {
    /// Whether a package's architecture is one that a relation of a package of architecture `of` means (deb-control(5)).
    fn fits(&self, seen: &Seen<'_>, relation: &Relation<'_>, of: Symbol) -> bool {
        let architecture = self.architecture(seen.architecture);
        match relation.qualifier {
            None => architecture == of || seen.multi_arch == MultiArch::Foreign,
            Some("any") => seen.multi_arch == MultiArch::Allowed,
            Some("native") => architecture == self.native,
            Some(name) => {
                self.universe.symbols.find(name).is_some_and(|wanted| self.architecture(wanted) == architecture)
            }
        }
    }

    /// The packages of a relation's name that meet it, best first.
    pub(super) fn real(&self, relation: &Relation<'_>, of: Symbol) -> Vec<usize> {
        let Some(name) = self.universe.symbols.find(relation.name) else { return Vec::new() };
        let mut listed: Vec<usize> = self.universe.named(name).iter().copied().filter(|one| self.sees(*one)).collect();
        self.universe.sort(&mut listed);
        // Its own architecture first; the sort keeps the rest as it is.
        listed.sort_by_key(|one| self.architecture(self.universe.packages[*one].architecture) != of);
        let present = self.present_by_name.get(&name).into_iter().flatten().copied();
        let meets = |package: &usize| {
            let seen = self.look(*package);
            let versions = relation.versions.is_none_or(|versions| {
                versions.accept(seen.version) && !(seen.vague && versions.operator == Operator::Equal)
            });
            versions && self.fits(&seen, relation, of)
        };
        present.chain(listed).filter(meets).collect()
    }

    /// The packages that provide a relation's name, best first: what every host has, then what many have, then by name.
    pub(super) fn provided(&self, relation: &Relation<'_>, of: Symbol) -> Vec<usize> {
        let Some(name) = self.universe.symbols.find(relation.name) else { return Vec::new() };
        let meets = |provider: &&Provider| {
            let versions = match (relation.versions, &provider.version) {
                (None, _) => true,
                (Some(versions), Some(version)) => versions.accept(version),
                (Some(_), None) => false,
            };
            versions && self.fits(&self.look(provider.package), relation, of)
        };
        let present = self.present_providers.get(&name).into_iter().flatten();
        let mut all: Vec<usize> = present.filter(meets).map(|provider| provider.package).collect();
        let listed = self.universe.providers(name).iter().filter(|provider| self.sees(provider.package));
        let mut listed: Vec<usize> = listed.filter(meets).map(|provider| provider.package).collect();
        self.universe.sort(&mut listed);
        listed.sort_by_key(|number| {
            let package = &self.universe.packages[*number];
            let native = self.architecture(package.architecture) == self.native;
            (!package.essential, package.priority, !native, self.universe.symbols.name(package.name))
        });
        all.extend(listed);
        all
    }

    /// The packages that meet one of the relations of a choice, best first.
    pub(super) fn choice(&self, text: &str, of: Symbol) -> Vec<usize> {
        let Ok(groups) = groups(text) else { return Vec::new() };
        let relations = groups.iter().flatten();
        relations.flat_map(|relation| [self.real(relation, of), self.provided(relation, of)].concat()).collect()
    }

    /// What conflicts: packages of every architecture, unless the relation says which.
    pub(super) fn against(&self, text: &str, own: Symbol) -> Vec<usize> {
        let Ok(relations) = relations(text) else { return Vec::new() };
        let mut found = Vec::new();
        for relation in &relations {
            let qualified = relation.qualifier.is_some_and(|qualifier| qualifier != "any");
            for of in std::iter::once(self.native).chain(self.foreign.iter().copied().filter(|_| !qualified)) {
                let plain = Relation { qualifier: relation.qualifier.filter(|_| qualified), ..*relation };
                found.extend(self.real(&plain, of));
                found.extend(self.provided(&plain, of));
            }
        }
        found.retain(|package| self.name(*package) != own);
        found
    }
}
