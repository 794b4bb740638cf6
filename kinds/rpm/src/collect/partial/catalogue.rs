//! What the solver asks of the packages that some hosts see.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use airlift_solve::{Candidate, Capability, Conflict, Dependencies, Formula, Slot};

use crate::format::evr::Flags;
use crate::format::primary::Kind;
use crate::format::rich::{self, Rich, Simple};

use super::sight::{Hidden, SHADOWED, Sight};
use super::universe::{Relation, Sym};

/// Names of packages of which hosts keep several versions (dnf's `installonlypkgs`).
const PARALLEL: [&str; 11] = [
    "kernel",
    "kernel-PAE",
    "kernel-core",
    "kernel-modules",
    "kernel-modules-core",
    "kernel-modules-extra",
    "kernel-devel",
    "kernel-rt",
    "kernel-rt-core",
    "kernel-debug",
    "kernel-default",
];

/// What provides these is kept in several versions, too.
const PARALLEL_PROVIDES: [&str; 4] =
    ["installonlypkg(kernel)", "installonlypkg(kernel-module)", "installonlypkg(vm)", "multiversion(kernel)"];

/// The packages that some hosts see, as the solver asks for them.
pub(super) struct Catalogue<'a> {
    sight: &'a Sight<'a>,
    slots: HashMap<(Sym, Sym), u32>,
    places: Vec<(Sym, Sym)>,
    installed: Vec<u32>,
    /// Stands for everything that targets have, and nobody listed.
    base: Option<u32>,
    extras: RefCell<Extras>,
}

/// Capabilities that are no plain relation of a package.
#[derive(Default)]
struct Extras {
    list: Vec<Extra>,
    numbers: HashMap<(Rich, bool), u32>,
}

enum Extra {
    /// A rich dependency that one package meets; whether the base of the targets may.
    Rich(Rich, bool),
    /// Any of these packages; what it is called.
    Of(Vec<u32>, String),
}

/// How a relation is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Whoever provides it meets it, and so may the base of the targets.
    Needed,
    /// Whoever provides it.
    Provided,
    /// Packages of that name (rpm's obsoletes do not look at what is provided).
    Named,
    /// Not a relation of a package but an extra.
    Extra,
}

fn capability(number: u32, mode: Mode) -> Capability {
    // Lists of packages are limited, so that far fewer than a quarter of all numbers are in use.
    Capability(number.wrapping_mul(4) + mode as u32)
}

impl<'a> Catalogue<'a> {
    /// `installed` are packages that the targets have; `base` stands for all that they have besides, if that is assumed.
    pub(super) fn new(sight: &'a Sight<'a>, installed: Vec<u32>, base: Option<u32>) -> Self {
        let (mut slots, mut places) = (HashMap::new(), Vec::new());
        for package in &sight.universe.packages {
            let place = (package.name, sight.color(package));
            slots.entry(place).or_insert_with(|| {
                places.push(place);
                u32::try_from(places.len() - 1).unwrap_or(u32::MAX)
            });
        }
        Self { sight, slots, places, installed, base, extras: RefCell::default() }
    }

    /// What any of these packages meets, the first preferred.
    pub(super) fn any_of(&self, packages: Vec<u32>, label: &str) -> Formula {
        let mut extras = self.extras.borrow_mut();
        extras.list.push(Extra::Of(packages, label.to_owned()));
        Formula::has(capability(u32::try_from(extras.list.len() - 1).unwrap_or(u32::MAX), Mode::Extra))
    }

    /// What a package needs and only the base of the targets can have, as packages write it.
    pub(super) fn assumed(&self, package: u32) -> Vec<String> {
        let universe = self.sight.universe;
        let requires = universe.related(package, Kind::Requires).iter().map(|link| universe.relation_of(*link));
        let plain = requires.filter(|relation| !rich::is_rich(universe.strings.text(relation.name)));
        let plain = plain.filter(|relation| !universe.strings.text(relation.name).starts_with("rpmlib("));
        plain.filter(|relation| !self.is_known(Some(relation.name))).map(|one| universe.describe(one)).collect()
    }

    /// Whether any package that is seen has anything of that name, in whatever version.
    fn is_known(&self, name: Option<Sym>) -> bool {
        let seen = |package: u32| self.sight.sees(package) && Some(package) != self.base;
        name.is_some_and(|name| {
            self.sight.universe.providers(name).any(|(package, _)| seen(package))
                || self.sight.universe.owners(name).any(seen)
        })
    }

    /// The packages that provide a name in some versions, in no order.
    fn providing(&self, name: Option<Sym>, version: Option<(Flags, &str)>) -> Vec<u32> {
        let (Some(name), universe) = (name, self.sight.universe) else { return Vec::new() };
        let provided = universe.providers(name).filter(|(_, provided)| universe.meets(*provided, version));
        let mut found: Vec<u32> = provided.map(|(package, _)| package).collect();
        found.extend(universe.owners(name));
        found.retain(|package| self.sight.sees(*package));
        found.sort_unstable();
        found.dedup();
        found
    }

    pub(super) fn simple(&self, simple: &Simple) -> Vec<u32> {
        let version = simple.version.as_ref().map(|(flags, evr)| (*flags, evr.as_str()));
        self.providing(self.sight.universe.strings.find(&simple.name), version)
    }

    /// The packages that meet a rich dependency by themselves.
    fn set(&self, rich: &Rich) -> Vec<u32> {
        let with = |parts: &mut dyn Iterator<Item = &Rich>, all: bool| {
            let mut sets = parts.map(|part| self.set(part));
            let first = sets.next().unwrap_or_default();
            sets.fold(first, |mut found, more| {
                match all {
                    true => {
                        let more: HashSet<u32> = more.into_iter().collect();
                        found.retain(|package| more.contains(package));
                    }
                    false => found.extend(more),
                }
                found
            })
        };
        match rich {
            Rich::Simple(simple) => self.simple(simple),
            Rich::With(parts) => with(&mut parts.iter(), true),
            Rich::Or(parts) => with(&mut parts.iter(), false),
            Rich::Without(parts) => {
                let without: HashSet<u32> = self.set(&parts[1]).into_iter().collect();
                let mut found = self.set(&parts[0]);
                found.retain(|package| !without.contains(package));
                found
            }
            // rpm allows nothing else beneath "with" and "without".
            Rich::And(_) | Rich::If(..) | Rich::Unless(..) => Vec::new(),
        }
    }

    /// Whether none of the names in it is known.
    fn is_unknown(&self, rich: &Rich) -> bool {
        match rich {
            Rich::Simple(simple) => !self.is_known(self.sight.universe.strings.find(&simple.name)),
            Rich::With(parts) | Rich::Or(parts) | Rich::And(parts) => parts.iter().all(|part| self.is_unknown(part)),
            Rich::Without(parts) => self.is_unknown(&parts[0]),
            Rich::If(..) | Rich::Unless(..) => false,
        }
    }

    /// A relation of a package.
    fn formula(&self, link: u32, mode: Mode) -> Formula {
        let universe = self.sight.universe;
        let name = universe.strings.text(universe.relation_of(link).name);
        if !rich::is_rich(name) {
            return Formula::has(capability(link, mode));
        }
        match rich::parse(name) {
            Some(rich) => self.rich(&rich, mode == Mode::Needed),
            // It has no providers: nobody knows what it means.
            None => Formula::has(capability(link, Mode::Provided)),
        }
    }

    /// A rich dependency; what follows an "if" is a question, which the base of the targets must not answer.
    fn rich(&self, rich: &Rich, needed: bool) -> Formula {
        let all = |parts: &[Rich]| -> Vec<Formula> { parts.iter().map(|part| self.rich(part, needed)).collect() };
        match rich {
            Rich::And(parts) => Formula::all(all(parts)),
            Rich::Or(parts) => Formula::any(all(parts)),
            Rich::If(parts, otherwise) => {
                let (then, condition) = (self.rich(&parts[0], needed), self.rich(&parts[1], false));
                match otherwise {
                    Some(otherwise) => then.if_else(condition, self.rich(otherwise, needed)),
                    None => then.only_if(condition),
                }
            }
            Rich::Unless(parts, otherwise) => {
                let (then, condition) = (self.rich(&parts[0], needed), self.rich(&parts[1], false));
                match otherwise {
                    Some(otherwise) => then.unless_else(condition, self.rich(otherwise, needed)),
                    None => then.unless(condition),
                }
            }
            Rich::Simple(_) | Rich::With(_) | Rich::Without(_) => {
                let mut extras = self.extras.borrow_mut();
                let Extras { list, numbers } = &mut *extras;
                let number = *numbers.entry((rich.clone(), needed)).or_insert_with(|| {
                    list.push(Extra::Rich(rich.clone(), needed));
                    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
                });
                Formula::has(capability(number, Mode::Extra))
            }
        }
    }

    fn formulas(&self, package: u32, kind: Kind, mode: Mode) -> Vec<Formula> {
        let universe = self.sight.universe;
        let mut links = universe.related(package, kind).to_vec();
        let mut seen = HashSet::new();
        // What a package asks of rpm itself, rpm has.
        let of_rpm = |link: u32| universe.strings.text(universe.relation_of(link).name).starts_with("rpmlib(");
        links.retain(|link| seen.insert(*link) && !of_rpm(*link));
        links.into_iter().map(|link| self.formula(link, mode)).collect()
    }

    fn label_of(&self, package: u32) -> String {
        match Some(package) == self.base {
            true => "what targets have".to_owned(),
            false => self.sight.universe.package(package).label(),
        }
    }

    fn relation(&self, number: u32) -> Relation {
        self.sight.universe.relation_of(number)
    }
}

fn split(Capability(number): Capability) -> (u32, Mode) {
    let mode = match number % 4 {
        0 => Mode::Needed,
        1 => Mode::Provided,
        2 => Mode::Named,
        _ => Mode::Extra,
    };
    (number / 4, mode)
}

impl airlift_solve::Catalogue for Catalogue<'_> {
    fn label(&self, Candidate(package): Candidate) -> String {
        self.label_of(package)
    }

    fn slot(&self, Candidate(package): Candidate) -> Slot {
        let package = self.sight.universe.package(package);
        Slot(self.slots[&(package.name, self.sight.color(package))])
    }

    fn is_parallel(&self, Slot(slot): Slot) -> bool {
        let (universe, (name, _)) = (self.sight.universe, self.places[slot as usize]);
        let provides = |package: &u32| {
            let mut provided = universe.related(*package, Kind::Provides).iter();
            provided.any(|link| PARALLEL_PROVIDES.contains(&universe.strings.text(universe.relation_of(*link).name)))
        };
        PARALLEL.contains(&universe.strings.text(name)) || self.sight.named(name).iter().any(provides)
    }

    fn dependencies(&self, Candidate(package): Candidate) -> Dependencies {
        let conflicts = |kind, mode, word| {
            let with = self.formulas(package, kind, mode).into_iter();
            with.map(move |with| Conflict { with, word })
        };
        let obsoletes = conflicts(Kind::Obsoletes, Mode::Named, "obsoletes");
        Dependencies {
            requires: self.formulas(package, Kind::Requires, Mode::Needed),
            recommends: self.formulas(package, Kind::Recommends, Mode::Provided),
            conflicts: conflicts(Kind::Conflicts, Mode::Provided, "conflicts with").chain(obsoletes).collect(),
        }
    }

    fn providers(&self, asked: Capability) -> Vec<Candidate> {
        let (number, mode) = split(asked);
        let universe = self.sight.universe;
        let (mut found, name, unknown) = match mode {
            Mode::Extra => match &self.extras.borrow().list[number as usize] {
                Extra::Of(packages, _) => return packages.iter().map(|package| Candidate(*package)).collect(),
                Extra::Rich(rich, needed) => {
                    let name = match rich {
                        Rich::Simple(simple) => simple.name.clone(),
                        _ => String::new(),
                    };
                    (self.set(rich), name, *needed && self.is_unknown(rich))
                }
            },
            Mode::Named => {
                let Relation { name, version } = self.relation(number);
                let version = version.map(|(flags, evr)| (flags, universe.strings.text(evr)));
                let meets = |package: &&u32| {
                    let evr = universe.package(**package).evr();
                    version.is_none_or(|(flags, asked)| {
                        Flags::EQUAL.overlap(&evr, flags, &crate::format::evr::Evr::parse(asked))
                    })
                };
                (self.sight.named(name).iter().filter(meets).copied().collect(), String::new(), false)
            }
            Mode::Needed | Mode::Provided => {
                let Relation { name, version } = self.relation(number);
                let version = version.map(|(flags, evr)| (flags, universe.strings.text(evr)));
                let found = self.providing(Some(name), version);
                let text = universe.strings.text(name).to_owned();
                (found, text, mode == Mode::Needed && !self.is_known(Some(name)))
            }
        };
        if found.is_empty() {
            return self.base.filter(|_| unknown).map(Candidate).into_iter().collect();
        }
        self.sight.order(&mut found, &name);
        found.into_iter().map(Candidate).collect()
    }

    fn describe(&self, asked: Capability) -> String {
        let (number, mode) = split(asked);
        match mode {
            Mode::Extra => match &self.extras.borrow().list[number as usize] {
                Extra::Of(_, label) => label.clone(),
                Extra::Rich(rich, _) => rich.to_string(),
            },
            _ => self.sight.universe.describe(self.relation(number)),
        }
    }

    fn absence(&self, asked: Capability) -> Option<String> {
        let (number, mode) = split(asked);
        let universe = self.sight.universe;
        let (name, version) = match mode {
            Mode::Extra => match &self.extras.borrow().list[number as usize] {
                Extra::Rich(Rich::Simple(simple), _) => (universe.strings.find(&simple.name)?, simple.version.clone()),
                _ => return None,
            },
            _ => {
                let Relation { name, version } = self.relation(number);
                (name, version.map(|(flags, evr)| (flags, universe.strings.text(evr).to_owned())))
            }
        };
        let version = version.as_ref().map(|(flags, evr)| (*flags, evr.as_str()));
        let provided = universe.providers(name).filter(|(_, provided)| universe.meets(*provided, version));
        let mut owners = provided.map(|(package, _)| package).chain(universe.owners(name));
        owners.find_map(|package| self.hidden(package))
    }

    fn installed(&self) -> Vec<Candidate> {
        self.installed.iter().chain(&self.base).map(|package| Candidate(*package)).collect()
    }

    fn replacements(&self, Candidate(installed): Candidate) -> Vec<Candidate> {
        let (universe, one) = (self.sight.universe, self.sight.universe.package(installed));
        let color = self.sight.color(one);
        let of_slot = |package: &&u32| **package != installed && self.sight.color(universe.package(**package)) == color;
        let same = self.sight.named(one.name).iter().filter(of_slot).copied();
        let obsoleters = self.sight.obsoleters(one.name).iter().copied();
        let others = obsoleters.filter(|package| self.sight.replaces(*package, installed));
        same.chain(others).map(Candidate).collect()
    }

    fn supplements(&self) -> Vec<(Candidate, Formula)> {
        let mut found = Vec::new();
        for packages in self.sight.names().values() {
            for package in packages {
                let formulas = self.formulas(*package, Kind::Supplements, Mode::Provided);
                found.extend(formulas.into_iter().map(|formula| (Candidate(*package), formula)));
            }
        }
        let name =
            |Candidate(package): Candidate| self.sight.universe.strings.text(self.sight.universe.package(package).name);
        // Stable: the newest of each name stays first.
        found.sort_by(|(a, _), (b, _)| name(*a).cmp(name(*b)));
        found
    }
}

impl Catalogue<'_> {
    /// Why a package that would do is not seen, and what would show it.
    pub(super) fn hidden(&self, package: u32) -> Option<String> {
        let label = self.label_of(package);
        Some(match self.sight.why_hidden(package)? {
            Hidden::Elsewhere => format!("{label} is in a repository for another releasever or basearch"),
            Hidden::Source => return None,
            Hidden::Architecture => format!("{label} is for another architecture; 'arches' can name it"),
            Hidden::Stream(stream) => format!("{label} is of the module stream {stream}; ask for '@{stream}'"),
            Hidden::Shadowed => format!("{label} {SHADOWED}"),
            Hidden::Filtered => format!("{label} is filtered out by 'newest', 'arches' or 'packages'"),
        })
    }
}
