//! What the lines of `packages` mean, among the packages that hosts see.

mod absent;

use std::collections::{BTreeMap, BTreeSet};

use airlift_solve::{Formula, Root};

use crate::format::comps::{Comps, Group, Level};
use crate::format::nevra::Nevra;
use crate::format::request::{Pattern, Request};
use crate::format::rich::Simple;

use super::catalogue::Catalogue;
use super::sight::Sight;
use super::streams::{Active, Modules};
use super::universe::{Package, Sym};

/// A line of a repository's `packages`.
pub(super) struct Line {
    /// Which entry of the manifest it is of.
    pub(super) entry: usize,
    /// What is written there.
    pub(super) text: String,
    pub(super) request: Request,
    /// How many versions are wanted.
    pub(super) newest: u32,
}

/// A line's request for the solver.
pub(super) struct Wish {
    /// The line's position.
    pub(super) line: usize,
    pub(super) root: Root,
    /// The packages that are meant by it, the preferred first.
    pub(super) packages: Vec<u32>,
}

/// What lines mean.
#[derive(Default)]
pub(super) struct Meaning {
    /// To be had together.
    pub(super) wishes: Vec<Wish>,
    /// Older versions, each to be had by itself.
    pub(super) older: Vec<Wish>,
    /// Lines that mean nothing, by their position, and why.
    pub(super) missing: Vec<(usize, String)>,
    /// What a person should know of a line.
    pub(super) remarks: Vec<(usize, String)>,
    /// The ids of the groups and environments that are meant, with the entry that asks for them.
    pub(super) groups: Vec<(usize, String)>,
}

/// Where lines are looked up.
pub(super) struct Shelf<'a> {
    sight: &'a Sight<'a>,
    catalogue: &'a Catalogue<'a>,
    /// The groups of each repository.
    comps: &'a [&'a Comps],
    modules: &'a Modules,
    active: &'a Active,
    /// The ids of the repositories, and the entries of the manifest that they are of.
    ids: &'a [String],
    entries: &'a [usize],
}

/// How packages that match are told from one another.
type Key = (Sym, Option<Sym>);

impl<'a> Shelf<'a> {
    pub(super) fn new(
        (sight, catalogue): (&'a Sight<'a>, &'a Catalogue<'a>),
        (modules, active): (&'a Modules, &'a Active),
        comps: &'a [&'a Comps],
        (ids, entries): (&'a [String], &'a [usize]),
    ) -> Self {
        Self { sight, catalogue, comps, modules, active, ids, entries }
    }

    /// What one line means.
    pub(super) fn look_up(&self, place: usize, line: &Line, meaning: &mut Meaning) {
        let found = match &line.request {
            Request::Name(pattern) => self.named(line, pattern),
            Request::Version(name, version) => self.of_version(line, name, version),
            Request::Provided(simple) => self.provided(line, simple),
            Request::File(pattern) => self.files(line, pattern),
            Request::Module { module, stream, profile } => {
                return self.module((place, line), (module, stream.as_deref(), profile.as_deref()), meaning);
            }
            Request::Group(name) => return self.group((place, line), name, meaning),
        };
        if found.is_empty() {
            meaning.missing.push((place, self.why_missing(line)));
        }
        let several = found.len() > 1;
        for packages in found {
            let label = match packages.first().filter(|_| several) {
                Some(first) => format!("{}: {}", line.text, self.sight.universe.package(*first).info.name),
                None => line.text.clone(),
            };
            self.wish((place, line), (label, true), packages, meaning);
        }
    }

    /// Wishes for the newest of some packages of one name, and for as many older ones as are wanted.
    fn wish(
        &self,
        (place, line): (usize, &Line),
        (label, required): (String, bool),
        packages: Vec<u32>,
        meaning: &mut Meaning,
    ) {
        let wish = |packages: Vec<u32>, label: String, required: bool| {
            let needs = self.catalogue.any_of(packages.clone(), &label);
            Wish { line: place, root: Root { label, needs, required }, packages }
        };
        let of = |package: &u32| self.sight.universe.package(*package);
        let first = packages.first().map(|package| (of(package).name, self.sight.color(of(package))));
        let mut older = packages.clone();
        older.retain(|package| Some((of(package).name, self.sight.color(of(package)))) == first);
        meaning.wishes.push(wish(packages, label.clone(), required));
        for _ in 1..line.newest {
            let Some(newest) = older.first().copied() else { break };
            older.retain(|package| of(package).evr() != of(&newest).evr());
            let next: Vec<u32> = match older.first() {
                Some(next) => older.iter().copied().filter(|one| of(one).evr() == of(next).evr()).collect(),
                None => break,
            };
            let label = format!("{label}: {}", of(&next[0]).label());
            meaning.older.push(wish(next, label, false));
        }
    }

    /// Whether a package is of a repository that a line is about.
    fn is_of(&self, line: &Line, package: u32) -> bool {
        self.entries.get(self.sight.universe.package(package).repository) == Some(&line.entry)
    }

    /// The packages that a line may mean.
    fn of_line(&self, line: &Line) -> impl Iterator<Item = (u32, &'a Package)> {
        let sight = self.sight;
        let all = sight.names().values().flatten().filter(move |package| self.is_of(line, **package));
        all.map(|package| (*package, sight.universe.package(*package)))
    }

    /// The id of the repository that a line is about, for messages.
    fn id(&self, line: &Line) -> &str {
        let place = self.entries.iter().position(|entry| *entry == line.entry);
        place.map_or("the manifest", |place| self.ids[place].as_str())
    }

    /// The forms in which dnf takes a name, the first that fits.
    fn named(&self, line: &Line, pattern: &Pattern) -> Vec<Vec<u32>> {
        let near: Vec<(u32, &Package)> =
            self.of_line(line).filter(|(_, one)| pattern.may_begin(&one.info.name)).collect();
        type Form = fn(&Pattern, &Package) -> bool;
        let forms: [(Form, bool); 5] = [
            (|pattern, one| pattern.matches(&one.info.name), false),
            (|pattern, one| pattern.matches(&format!("{}.{}", one.info.name, one.info.arch)), true),
            (|pattern, one| full_names(one).iter().any(|name| pattern.matches(name)), true),
            (
                |pattern, one| evrs(one).iter().take(3).any(|evr| pattern.matches(&format!("{}-{evr}", one.info.name))),
                false,
            ),
            (|pattern, one| evrs(one).iter().any(|evr| pattern.matches(&format!("{}-{evr}", one.info.name))), false),
        ];
        for (place, (form, with_arch)) in forms.into_iter().enumerate() {
            let fits = near.iter().filter(|(_, one)| form(pattern, one));
            let found = self.by_name(fits.map(|(package, _)| *package), with_arch);
            if !found.is_empty() {
                return if place == 0 { self.with_obsoleters(line, found) } else { found };
            }
        }
        match pattern.literal() {
            Some(name) => self.provided(line, &Simple { name: name.to_owned(), version: None }),
            None => Vec::new(),
        }
    }

    fn of_version(&self, line: &Line, name: &Pattern, version: &Pattern) -> Vec<Vec<u32>> {
        let fits = self.of_line(line).filter(|(_, one)| name.matches(&one.info.name));
        let fits = fits.filter(|(_, one)| evrs(one).iter().any(|evr| version.matches(evr)));
        self.by_name(fits.map(|(package, _)| package), false)
    }

    /// Whoever provides something, the preferred first.
    fn provided(&self, line: &Line, simple: &Simple) -> Vec<Vec<u32>> {
        let mut found = self.catalogue.simple(simple);
        found.retain(|package| self.is_of(line, *package));
        self.sight.order(&mut found, &simple.name);
        Some(found).filter(|found| !found.is_empty()).into_iter().collect()
    }

    fn files(&self, line: &Line, pattern: &Pattern) -> Vec<Vec<u32>> {
        if let Some(path) = pattern.literal() {
            return self.provided(line, &Simple { name: path.to_owned(), version: None });
        }
        let universe = self.sight.universe;
        let fits = universe.files().iter().filter(|(file, package)| {
            self.is_of(line, *package) && self.sight.sees(*package) && pattern.matches(universe.strings.text(*file))
        });
        self.by_name(fits.map(|(_, package)| *package), false)
    }

    /// Sorts packages by their names; those of each name as they are preferred.
    fn by_name(&self, packages: impl Iterator<Item = u32>, with_arch: bool) -> Vec<Vec<u32>> {
        let mut found = BTreeMap::<Key, Vec<u32>>::new();
        for package in packages {
            let one = self.sight.universe.package(package);
            found.entry((one.name, with_arch.then_some(one.arch))).or_default().push(package);
        }
        let mut found: Vec<Vec<u32>> = found.into_values().collect();
        found.iter_mut().for_each(|packages| self.sight.order(packages, ""));
        found.sort_by_key(|packages| self.sight.universe.package(packages[0]).info.name.as_str());
        found
    }

    /// Where another package replaces one that is asked for, that one is meant, as dnf does it.
    fn with_obsoleters(&self, line: &Line, found: Vec<Vec<u32>>) -> Vec<Vec<u32>> {
        let with = |packages: Vec<u32>| {
            let best = packages[0];
            let mut first = self.sight.obsoleters(self.sight.universe.package(best).name).to_vec();
            first.retain(|other| self.is_of(line, *other) && self.sight.replaces(*other, best));
            self.sight.order(&mut first, "");
            first.into_iter().chain(packages).collect()
        };
        found.into_iter().map(with).collect()
    }

    /// The packages of a name, from whatever repository, as they are preferred.
    fn anywhere(&self, name: &str) -> Vec<u32> {
        let mut found = match self.sight.universe.strings.find(name) {
            Some(sym) => self.sight.named(sym).to_vec(),
            None => Vec::new(),
        };
        found.retain(|package| self.sight.universe.package(*package).repository != super::universe::TARGETS);
        self.sight.order(&mut found, name);
        found
    }

    fn module(
        &self,
        (place, line): (usize, &Line),
        (module, stream, profile): (&str, Option<&str>, Option<&str>),
        meaning: &mut Meaning,
    ) {
        let stream = stream.or_else(|| self.active.streams.get(module).map(String::as_str));
        let build = stream.and_then(|stream| self.modules.newest(module, stream, self.active));
        let Some(build) = build else {
            return meaning.missing.push((place, self.why_no_module(module)));
        };
        let profiles = match profile {
            Some(profile) => vec![profile.to_owned()],
            None => self.modules.default_profiles(build),
        };
        let mut names = BTreeSet::new();
        for profile in &profiles {
            match build.profiles.get(profile) {
                Some(packages) => names.extend(packages.iter().map(String::as_str)),
                None => {
                    let known: Vec<&str> = build.profiles.keys().map(String::as_str).collect();
                    let reason =
                        format!("{module}:{} has no profile {profile}; it has: {}", build.stream, known.join(", "));
                    return meaning.missing.push((place, reason));
                }
            }
        }
        // A stream without default profiles is wanted for its packages.
        if profiles.is_empty() {
            let artifacts = build.artifacts.iter().filter_map(|artifact| Nevra::parse(artifact));
            let plain = |name: &&str| !name.ends_with("-debuginfo") && !name.ends_with("-debugsource");
            names.extend(artifacts.filter(|one| one.arch != "src").map(|one| one.name).filter(plain));
        }
        let (mut found, mut gone) = (false, Vec::new());
        for name in names {
            match self.anywhere(name) {
                packages if packages.is_empty() => gone.push(name),
                packages => {
                    found = true;
                    self.wish((place, line), (format!("{}: {name}", line.text), true), packages, meaning);
                }
            }
        }
        if !gone.is_empty() {
            let gone = format!("{}: no repository has its packages {}", line.text, gone.join(", "));
            match found {
                true => meaning.remarks.push((place, gone)),
                false => meaning.missing.push((place, gone)),
            }
        }
    }

    fn why_no_module(&self, module: &str) -> String {
        let streams: Vec<&str> = self.modules.streams(module).into_iter().collect();
        match streams.is_empty() {
            true => format!("no repository for these hosts has the module {module}"),
            false => format!("the module {module} has no default stream; name one of: {}", streams.join(", ")),
        }
    }

    fn group(&self, (place, line): (usize, &Line), name: &str, meaning: &mut Meaning) {
        let of_line = || self.comps.iter().zip(self.entries).filter(|(_, entry)| **entry == line.entry);
        let (name, only_environment) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let is = |id: &str, other: &str| id == name || other.eq_ignore_ascii_case(name);
        let all = || of_line().flat_map(|(comps, _)| &comps.groups);
        let group = all().find(|one| is(&one.id, &one.name)).filter(|_| !only_environment);
        let environments = of_line().flat_map(|(comps, _)| &comps.environments);
        let environment = environments.clone().find(|one| is(&one.id, &one.name));
        let groups: Vec<&Group> = match (group, environment) {
            (Some(group), _) => vec![group],
            (None, Some(environment)) => {
                meaning.groups.push((line.entry, environment.id.clone()));
                let ids = environment.groups.iter().filter(|(_, always, _)| *always).map(|(id, ..)| id);
                ids.filter_map(|id| all().find(|group| group.id == *id)).collect()
            }
            (None, None) if self.modules.has(name) => {
                return self.module((place, line), (name, None, None), meaning);
            }
            (None, None) => {
                let known: Vec<&str> = all().map(|one| one.id.as_str()).take(40).collect();
                let id = self.id(line);
                let reason = match known.is_empty() {
                    true => format!("{id} has no groups"),
                    false => format!("{id} has no such group or environment; it has: {}", known.join(", ")),
                };
                return meaning.missing.push((place, reason));
            }
        };
        meaning.groups.extend(groups.iter().map(|group| (line.entry, group.id.clone())));
        let mut gone = Vec::new();
        for group in groups {
            self.members((place, line), group, meaning, &mut gone);
        }
        if !gone.is_empty() {
            let remark = format!("{}: no repository has its packages {}", line.text, gone.join(", "));
            meaning.remarks.push((place, remark));
        }
    }

    fn members(&self, (place, line): (usize, &Line), group: &Group, meaning: &mut Meaning, gone: &mut Vec<String>) {
        for member in &group.packages {
            let required = match member.level {
                Level::Optional => continue,
                Level::Mandatory => true,
                Level::Default | Level::Conditional(_) => false,
            };
            let packages = self.anywhere(&member.name);
            if packages.is_empty() {
                if required {
                    gone.push(member.name.clone());
                }
                continue;
            }
            let label = format!("{}: {}", line.text, member.name);
            match &member.level {
                Level::Conditional(other) => {
                    let needs = self.catalogue.any_of(packages.clone(), &label);
                    let other: Formula = self.catalogue.any_of(self.anywhere(other), other);
                    let root = Root { label, needs: needs.only_if(other), required };
                    meaning.wishes.push(Wish { line: place, root, packages });
                }
                _ => self.wish((place, line), (label, required), packages, meaning),
            }
        }
    }
}

/// A package's version in the forms that people write: with release, with epoch and release, with epoch, by itself.
fn evrs(package: &Package) -> [String; 4] {
    let (version, release, epoch) = (&package.info.version, &package.info.release, package.epoch);
    [format!("{version}-{release}"), format!("{epoch}:{version}-{release}"), package.evr().to_string(), version.clone()]
}

/// A package's full name in the forms that people write: with its epoch where it has one, always, and never.
fn full_names(package: &Package) -> [String; 3] {
    let info = &package.info;
    [package.label(), package.artifact(), format!("{}-{}-{}.{}", info.name, info.version, info.release, info.arch)]
}
