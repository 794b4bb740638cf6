//! What a host of one architecture can choose from: a catalogue for the solver.

mod matching;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use airlift_solve::{Candidate, Capability, Catalogue, Conflict, Dependencies, Formula, Slot};
use bytes::Bytes;

use super::universe::{MultiArch, Provider, Symbol, Universe};
use crate::format::relation::{Relation, groups};
use crate::format::{raw, version};

/// A package that a host has already, whether or not a repository offers it.
#[derive(Clone)]
pub(crate) struct Present {
    pub(crate) name: Symbol,
    pub(crate) version: Box<str>,
    pub(crate) architecture: Symbol,
    pub(crate) multi_arch: MultiArch,
    /// What it provides beside its own name.
    pub(crate) provides: Vec<(Symbol, Option<Box<str>>)>,
    /// Where its dependencies and conflicts are written.
    pub(crate) stanza: Bytes,
    /// Whether it is taken to be there in some version that is not known exactly, so that no relation with `=` can rely
    /// on it.
    pub(crate) vague: bool,
}

/// What a host can choose from.
pub(crate) struct Host<'u> {
    universe: &'u Universe,
    /// Its own architecture.
    pub(crate) native: Symbol,
    all: Symbol,
    /// The other architectures that it has packages of.
    foreign: Vec<Symbol>,
    /// Which packages its lists have.
    seen: Vec<bool>,
    present: Vec<Present>,
    present_by_name: HashMap<Symbol, Vec<usize>>,
    present_providers: HashMap<Symbol, Vec<Provider>>,
    /// Whether what no list has at all is taken to be there.
    assumes_unlisted: bool,
    wants: RefCell<Wants>,
}

#[derive(Default)]
struct Wants {
    all: Vec<Want>,
    numbers: HashMap<Want, u32>,
    unlisted: BTreeSet<String>,
    /// Whether there were more of them than are looked at.
    crowded: bool,
}

impl Wants {
    /// The number of a want. Of lists that are made to fill memory, nothing meets what comes after so many.
    fn number(&mut self, want: Want, most: usize) -> u32 {
        let is_new = !self.numbers.contains_key(&want);
        self.crowded |= is_new && self.all.len() >= most;
        let want = if self.crowded && is_new { Want::Broken("one relation too many".into()) } else { want };
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(want.clone()).or_insert(next);
        if number == next {
            self.all.push(want);
        }
        number
    }
}

/// The most different relations that are looked at. Large distributions have some hundred thousand.
pub(super) const MOST_WANTS: usize = 4_000_000;

/// What a capability of the solver is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Want {
    /// A choice of relations, as a package of this architecture writes it.
    Choice(Symbol, Box<str>),
    /// What conflicts with the package of this name, which never means its own other architectures.
    Against(Symbol, Box<str>),
    /// One of these packages.
    Among(Box<str>, Vec<usize>),
    /// Text that is no relation.
    Broken(Box<str>),
}

/// A package as far as relations look at it.
struct Seen<'a> {
    version: &'a str,
    architecture: Symbol,
    multi_arch: MultiArch,
    vague: bool,
}

impl<'u> Host<'u> {
    /// A host that sees some packages.
    pub(crate) fn new(universe: &'u Universe, native: (Symbol, Symbol), foreign: Vec<Symbol>, seen: Vec<bool>) -> Self {
        let (native, all) = native;
        Self {
            universe,
            native,
            all,
            foreign,
            seen,
            present: Vec::new(),
            present_by_name: HashMap::new(),
            present_providers: HashMap::new(),
            assumes_unlisted: false,
            wants: RefCell::default(),
        }
    }

    /// The same with what it has already.
    pub(crate) fn with_present(mut self, present: Vec<Present>) -> Self {
        for (number, one) in present.iter().enumerate() {
            let package = self.universe.packages.len() + number;
            self.present_by_name.entry(one.name).or_default().push(package);
            for (name, version) in &one.provides {
                let provider = Provider { package, version: version.clone() };
                self.present_providers.entry(*name).or_default().push(provider);
            }
        }
        self.present = present;
        self
    }

    /// The same, taking to be there what no list has at all.
    pub(crate) const fn assuming_unlisted(mut self, assumes: bool) -> Self {
        self.assumes_unlisted = assumes;
        self
    }

    /// The names that were taken to be there since no list has them.
    pub(crate) fn unlisted(&self) -> Vec<String> {
        self.wants.borrow().unlisted.iter().cloned().collect()
    }

    /// Whether its packages have more different relations than are looked at, so that nothing that was solved counts.
    pub(crate) fn is_crowded(&self) -> bool {
        self.wants.borrow().crowded
    }

    /// The packages that its lists have.
    pub(crate) fn packages(&self) -> impl Iterator<Item = usize> + '_ {
        self.seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(number, _)| number)
    }

    /// Whether its lists have a package.
    pub(crate) fn sees(&self, package: usize) -> bool {
        self.seen.get(package).copied().unwrap_or_default()
    }

    /// The architecture that a package is of on this host: packages for all are of its own.
    pub(crate) fn architecture(&self, architecture: Symbol) -> Symbol {
        if architecture == self.all { self.native } else { architecture }
    }

    /// A capability that these packages provide, best first.
    pub(crate) fn among(&self, label: &str, packages: &[usize]) -> Formula {
        self.want(Want::Among(label.into(), packages.to_vec()))
    }

    /// Whatever provides a name, best first: for requests that name no real package.
    pub(crate) fn virtual_packages(&self, name: &str) -> Vec<usize> {
        let relation = Relation { name, qualifier: None, versions: None };
        self.provided(&relation, self.native)
    }

    fn want(&self, want: Want) -> Formula {
        Formula::has(Capability(self.wants.borrow_mut().number(want, MOST_WANTS)))
    }

    fn look(&self, package: usize) -> Seen<'_> {
        match self.own(package) {
            Some(present) => Seen {
                version: &present.version,
                architecture: present.architecture,
                multi_arch: present.multi_arch,
                vague: present.vague,
            },
            None => {
                let package = &self.universe.packages[package];
                Seen {
                    version: &package.version,
                    architecture: package.architecture,
                    multi_arch: package.multi_arch,
                    vague: false,
                }
            }
        }
    }

    fn own(&self, package: usize) -> Option<&Present> {
        self.present.get(package.checked_sub(self.universe.packages.len())?)
    }

    fn name(&self, package: usize) -> Symbol {
        self.own(package).map_or_else(|| self.universe.packages[package].name, |present| present.name)
    }

    fn requirements(&self, stanza: &[u8], field: &str, number: usize) -> Vec<Formula> {
        let of = self.architecture(self.look(number).architecture);
        let text = raw::field(stanza, field).unwrap_or_default();
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let formulas = texts.filter_map(|text| match groups(text) {
            // What is there already has what it needs, and nothing has to be taken to be there for it.
            Ok(_) if self.own(number).is_none() && self.is_unlisted(text) => None,
            Ok(_) => Some(self.want(Want::Choice(of, text.split_whitespace().collect::<Vec<_>>().join(" ").into()))),
            Err(_) => Some(self.want(Want::Broken(text.into()))),
        });
        formulas.collect()
    }

    /// Whether no list has any of the names of a choice, where such are taken to be there.
    fn is_unlisted(&self, text: &str) -> bool {
        if !self.assumes_unlisted {
            return false;
        }
        let Ok(groups) = groups(text) else { return false };
        let mut relations = groups.iter().flatten();
        let unlisted = relations.all(|relation| {
            self.universe.symbols.find(relation.name).is_none_or(|name| {
                let named = self.universe.named(name).iter().any(|package| self.sees(*package));
                let provided = self.universe.providers(name).iter().any(|provider| self.sees(provider.package));
                !named && !provided && !self.present_by_name.contains_key(&name)
            })
        });
        if unlisted {
            let names = groups.iter().flatten().take(1).map(|relation| relation.name.to_owned());
            self.wants.borrow_mut().unlisted.extend(names);
        }
        unlisted
    }

    fn conflicts(&self, number: usize, stanza: &[u8]) -> Vec<Conflict> {
        let name = self.name(number);
        let mut conflicts = Vec::new();
        for (field, word) in [("Conflicts", "conflicts with"), ("Breaks", "breaks")] {
            let text = raw::field(stanza, field).unwrap_or_default();
            for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                conflicts.push(Conflict { with: self.want(Want::Against(name, text.into())), word });
            }
        }
        let beside = self.not_beside(number);
        if !beside.is_empty() {
            let label = format!("{} of another architecture", self.universe.symbols.name(name));
            conflicts.push(Conflict { with: self.among(&label, &beside), word: "can't be installed beside" });
        }
        conflicts
    }

    /// The packages of its name for other architectures, unless both are `Multi-Arch: same` in the same version.
    fn not_beside(&self, number: usize) -> Vec<usize> {
        if self.foreign.is_empty() {
            return Vec::new();
        }
        let (name, own) = (self.name(number), self.look(number));
        let listed = self.universe.named(name).iter().copied().filter(|other| self.sees(*other));
        let present = self.present_by_name.get(&name).into_iter().flatten().copied();
        let clashes = |other: &usize| {
            let of = self.look(*other);
            let both = of.multi_arch == MultiArch::Same && own.multi_arch == MultiArch::Same;
            let same = of.version == own.version || of.vague || own.vague;
            self.architecture(of.architecture) != self.architecture(own.architecture) && !(both && same)
        };
        present.chain(listed).filter(clashes).collect()
    }
}

impl Catalogue for Host<'_> {
    fn label(&self, candidate: Candidate) -> String {
        let number = candidate.0 as usize;
        let seen = self.look(number);
        let names = &self.universe.symbols;
        let there = match (self.own(number).is_some(), seen.vague) {
            (true, true) => ", assumed",
            (true, false) => ", installed",
            (false, _) => "",
        };
        format!("{} ({}) {}{there}", names.name(self.name(number)), seen.version, names.name(seen.architecture))
    }

    fn slot(&self, candidate: Candidate) -> Slot {
        let number = candidate.0 as usize;
        let architecture = self.architecture(self.look(number).architecture);
        let position =
            self.foreign.iter().position(|foreign| *foreign == architecture).map_or(0, |position| position + 1);
        let width = self.foreign.len() + 1;
        let slot = self.name(number).0 as usize * width + position;
        Slot(u32::try_from(slot).unwrap_or(u32::MAX))
    }

    fn dependencies(&self, candidate: Candidate) -> Dependencies {
        let number = candidate.0 as usize;
        let stanza = match self.own(number) {
            Some(present) => &present.stanza,
            None => self.universe.stanza(&self.universe.packages[number]),
        };
        let mut requires = self.requirements(stanza, "Pre-Depends", number);
        requires.extend(self.requirements(stanza, "Depends", number));
        // What is there already brings nothing that it only recommends.
        let recommends = match self.own(number) {
            Some(_) => Vec::new(),
            None => self.requirements(stanza, "Recommends", number),
        };
        Dependencies { requires, recommends, conflicts: self.conflicts(number, stanza) }
    }

    fn providers(&self, capability: Capability) -> Vec<Candidate> {
        let want = self.wants.borrow().all[capability.0 as usize].clone();
        candidates(match want {
            Want::Choice(of, text) => self.choice(&text, of).into_iter(),
            Want::Against(own, text) => self.against(&text, own).into_iter(),
            Want::Among(_, packages) => packages.into_iter(),
            Want::Broken(_) => Vec::new().into_iter(),
        })
    }

    fn describe(&self, capability: Capability) -> String {
        match &self.wants.borrow().all[capability.0 as usize] {
            Want::Choice(_, text) | Want::Against(_, text) | Want::Among(text, _) | Want::Broken(text) => {
                text.to_string()
            }
        }
    }

    fn absence(&self, capability: Capability) -> Option<String> {
        let want = self.wants.borrow().all[capability.0 as usize].clone();
        let (of, text) = match want {
            Want::Choice(of, text) => (of, text),
            Want::Broken(_) => return Some("it is no relation between packages".to_owned()),
            _ => return None,
        };
        let groups = groups(&text).ok()?;
        let mut known = Vec::new();
        for relation in groups.iter().flatten() {
            let any = Relation { versions: None, ..*relation };
            let versions = [self.real(&any, of), self.provided(&any, of)].concat();
            known.extend(versions.into_iter().map(|one| format!("{} is there", self.label(number(one)))));
            let elsewhere = self.universe.symbols.find(relation.name).map_or(&[][..], |name| self.universe.named(name));
            let other = elsewhere.iter().find(|one| known.is_empty() && !self.sees(**one));
            known.extend(other.map(|one| format!("{} is not for this host", self.label(number(*one)))));
        }
        known.truncate(3);
        (!known.is_empty()).then(|| known.join(", "))
    }

    fn installed(&self) -> Vec<Candidate> {
        candidates((0..self.present.len()).map(|one| one + self.universe.packages.len()))
    }

    /// Newer packages of its slot, and the same again: apt does not go back to an older one by itself.
    fn replacements(&self, installed: Candidate) -> Vec<Candidate> {
        let package = installed.0 as usize;
        let (name, slot, own) = (self.name(package), self.slot(installed), self.look(package));
        let not_older =
            |other: &usize| own.vague || version::compare(&self.universe.packages[*other].version, own.version).is_ge();
        let listed = self.universe.named(name).iter().copied();
        let mut listed: Vec<usize> = listed.filter(|one| self.sees(*one)).filter(not_older).collect();
        self.universe.sort(&mut listed);
        candidates(listed.into_iter().filter(|other| self.slot(number(*other)) == slot))
    }
}

/// The solver's number of a package. There are fewer than five million.
pub(crate) fn number(package: usize) -> Candidate {
    Candidate(u32::try_from(package).unwrap_or(u32::MAX))
}

fn candidates(packages: impl Iterator<Item = usize>) -> Vec<Candidate> {
    packages.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_too_many_is_noted() {
        let mut wants = Wants::default();
        let against = |text: &str| Want::Against(Symbol(0), text.into());
        assert_eq!(["a", "b", "a"].map(|text| wants.number(against(text), 2)), [0, 1, 0]);
        assert!(!wants.crowded);
        assert_eq!(["c", "d", "b"].map(|text| wants.number(against(text), 2)), [2, 2, 1]);
        assert!(wants.crowded);
    }
}
