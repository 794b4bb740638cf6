//! Which packages travel: what is asked for, and what that needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use airlift_solve::{Candidate, Closure, Error, Explanation, Options, Root, Transactions, closure};

use crate::format::request::{Pattern, Request};

use super::catalogue::Catalogue;
use super::installed::{self, Assumed};
use super::layers::{Layer, asked_module, enabled, layers};
use super::regenerate::{Around, Part};
use super::requests::{Line, Meaning, Shelf, Wish};
use super::select;
use super::sight::{Hosts, Sight};
use super::streams::{Active, Modules};
use super::universe::{TARGETS, Universe};
use super::{Asked, Job};

/// What travels, and what has to be said about it.
#[derive(Default)]
pub(super) struct Choice {
    /// The repositories that travel whole.
    pub(super) whole: BTreeSet<usize>,
    /// What travels of each of the others.
    pub(super) parts: BTreeMap<usize, Part>,
    /// What was asked for, of what travels.
    pub(super) asked: BTreeSet<u32>,
    /// What can't be had: which repository asks for it, the line, and why.
    pub(super) missing: Vec<(usize, String, String)>,
    /// What a person should know, about a repository.
    pub(super) remarks: Vec<(usize, String)>,
}

/// Chooses from all repositories. May take minutes.
pub(super) fn choose(
    job: &Job,
    universe: &mut Universe,
    around: &[Around],
    cancelled: &dyn Fn() -> bool,
) -> Result<Choice, Error> {
    let assumed = installed::add(universe, &job.installed, &job.assume);
    universe.sort();
    let mut choice = Choice::default();
    let gone = filtered(job, universe, around, &mut choice);
    for hosts in targets(job) {
        let target = Target { job, universe, around, gone: &gone, hosts, assumed: &assumed, cancelled };
        target.choose(&mut choice)?;
    }
    sources(job, universe, &mut choice);
    Ok(choice)
}

/// What `newest`, `arches` and `sources` leave of repositories of which nothing is asked; for each package whether it is
/// filtered out.
fn filtered(job: &Job, universe: &Universe, around: &[Around], choice: &mut Choice) -> Vec<bool> {
    let mut gone = vec![false; universe.packages.len()];
    let mut of_repository = vec![Vec::new(); job.asked.len()];
    for (package, number) in universe.packages.iter().zip(0_u32..) {
        if let Some(list) = of_repository.get_mut(package.repository) {
            list.push(number);
        }
    }
    for (place, asked) in job.asked.iter().enumerate() {
        if asked.choice.is_whole() {
            choice.whole.insert(place);
            continue;
        }
        if let Some((line, reason)) = select::no_arch(universe, &of_repository[place], &asked.choice) {
            choice.missing.push((place, line, reason));
        }
        let part = choice.parts.entry(place).or_default();
        if asked.choice.packages.is_some() {
            continue;
        }
        let says: Vec<_> = around[place].modules.1.iter().map(|document| &document.says).collect();
        let kept = select::kept(universe, &of_repository[place], &asked.choice, &says);
        of_repository[place].iter().for_each(|package| gone[*package as usize] = true);
        kept.iter().for_each(|package| gone[*package as usize] = false);
        choice.asked.extend(&kept);
        part.packages.extend(kept);
    }
    gone
}

/// The hosts that something is asked for: repositories with other values of `releasever` or `basearch` are for others.
fn targets(job: &Job) -> Vec<[Option<String>; 2]> {
    let asked = job.asked.iter().filter(|asked| asked.choice.packages.is_some());
    let mut all: Vec<[Option<String>; 2]> = asked.map(|asked| asked.hosts.clone()).collect();
    all.sort();
    all.dedup();
    // What leaves something open is asked together with what does not.
    let covered = |one: &[Option<String>; 2]| {
        let more = |other: &[Option<String>; 2]| {
            other != one && one.iter().zip(other).all(|(mine, other)| mine.is_none() || mine == other)
        };
        all.iter().any(more)
    };
    let covered: Vec<bool> = all.iter().map(covered).collect();
    all.into_iter().zip(covered).filter(|(_, covered)| !covered).map(|(one, _)| one).collect()
}

/// Some hosts.
struct Target<'a> {
    job: &'a Job,
    universe: &'a Universe,
    around: &'a [Around],
    /// For each package whether it is filtered out.
    gone: &'a [bool],
    hosts: [Option<String>; 2],
    assumed: &'a Assumed,
    cancelled: &'a dyn Fn() -> bool,
}

impl Target<'_> {
    fn is_for(&self, asked: &Asked) -> bool {
        let fits =
            |(mine, other): (&Option<String>, &Option<String>)| mine.is_none() || other.is_none() || mine == other;
        self.hosts.iter().zip(&asked.hosts).all(fits)
    }

    /// The architecture of the hosts: the manifest's, or else that of most packages.
    fn native(&self) -> Option<String> {
        let mine = || self.job.asked.iter().enumerate().filter(|(_, asked)| self.is_for(asked));
        let special = |arch: &str| matches!(arch, "noarch" | "src" | "nosrc");
        if let Some(native) = mine().find_map(|(_, asked)| asked.hosts[1].clone()).or(self.hosts[1].clone()) {
            return Some(native);
        }
        let named = mine().filter_map(|(_, asked)| asked.choice.arches.as_ref()).flatten();
        if let Some(native) = named.into_iter().find(|arch| !special(arch)) {
            return Some(native.clone());
        }
        let places: BTreeSet<usize> = mine().map(|(place, _)| place).collect();
        let mut counts = BTreeMap::<&str, usize>::new();
        for package in self.universe.packages.iter().filter(|package| places.contains(&package.repository)) {
            if !special(&package.info.arch) {
                *counts.entry(&package.info.arch).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(arch, _)| arch.to_owned())
    }

    fn choose(&self, choice: &mut Choice) -> Result<(), Error> {
        let mut modules = Modules::default();
        let mine = self.job.asked.iter().zip(self.around).filter(|(asked, _)| self.is_for(asked));
        for (_, around) in mine {
            around.modules.1.iter().for_each(|document| modules.add(&document.says));
        }
        let lines = self.lines();
        for layer in layers(&lines, &modules) {
            self.layer(&lines, &modules, &layer, choice)?;
        }
        Ok(())
    }

    /// What is asked of the repositories of these hosts. An entry of the manifest may stand for several.
    fn lines(&self) -> Vec<Line> {
        let mut entries = BTreeMap::<usize, &Asked>::new();
        for asked in self.job.asked.iter().filter(|asked| self.is_for(asked)) {
            entries.entry(asked.entry).or_insert(asked);
        }
        let of_entry = |(entry, asked): (usize, &&Asked)| -> Vec<Line> {
            let newest = asked.choice.newest.unwrap_or(1);
            let read = |text: &String| {
                let request = Request::parse(text).ok()?;
                Some(Line { entry, text: text.clone(), request, newest })
            };
            asked.choice.packages.iter().flatten().filter_map(read).collect()
        };
        entries.iter().flat_map(|(entry, asked)| of_entry((*entry, asked))).collect()
    }

    /// Chooses what goes together with some streams of modules.
    fn layer(&self, lines: &[Line], modules: &Modules, layer: &Layer, choice: &mut Choice) -> Result<(), Error> {
        let (active, refused) = enabled(modules, &layer.streams);
        let is_refused = |line: &&usize| asked_module(&lines[**line], modules).and_then(|(name, _)| refused.get(name));
        for line in layer.lines.iter() {
            if let Some(reason) = is_refused(&line) {
                choice.missing.push((self.place(&lines[*line]), lines[*line].text.clone(), reason.clone()));
            }
        }
        let native = self.native();
        let arches = |asked: &Asked| asked.choice.arches.clone().unwrap_or_default();
        let repositories: Vec<Option<Vec<String>>> =
            self.job.asked.iter().map(|asked| self.is_for(asked).then(|| arches(asked))).collect();
        let filtered = |package: u32| self.gone[package as usize];
        let hotfixes = |place: usize| self.job.asked.get(place).is_some_and(|asked| asked.hotfixes);
        let hosts =
            Hosts { native: native.as_deref(), repositories: &repositories, hotfixes: &hotfixes, filtered: &filtered };
        let sight = Sight::new(self.universe, &hosts, &active);
        let assumed = self.assumed(&sight, modules, &active)?;
        let catalogue = Catalogue::new(&sight, assumed.clone(), self.assumed.base);
        let (ids, entries): (Vec<String>, Vec<usize>) =
            self.job.asked.iter().map(|asked| (asked.id.clone(), asked.entry)).unzip();
        let comps: Vec<_> = self.around.iter().map(|around| &around.comps).collect();
        let shelf = Shelf::new((&sight, &catalogue), (modules, &active), &comps, (&ids, &entries));
        let mut meaning = Meaning::default();
        for line in layer.lines.iter().filter(|line| is_refused(line).is_none()) {
            shelf.look_up(*line, &lines[*line], &mut meaning);
        }
        let mut chosen = self.close(&catalogue, &meaning.wishes, Transactions::TogetherFirst)?;
        let older = self.close(&catalogue, &meaning.older, Transactions::EachByItself)?;
        chosen.chosen.extend(&older.chosen);
        self.record(&chosen, lines, &meaning, choice);
        self.erasing(&older, &meaning.older, lines, choice);
        for (place, why) in older.unsolved {
            let wish = &meaning.older[place];
            choice.remarks.push((self.place(&lines[wish.line]), format!("{} can't be had: {why}", wish.root.label)));
        }
        self.remark(&catalogue, &chosen, choice);
        let asked = active.streams.iter().filter(|(module, _)| layer.streams.contains_key(*module));
        self.ask(asked.map(|(module, stream)| format!("{module}:{stream}")), &meaning, choice);
        Ok(())
    }

    /// The repository that a line is written for, the first where there are several.
    fn place(&self, line: &Line) -> usize {
        self.job.asked.iter().position(|asked| asked.entry == line.entry).unwrap_or(0)
    }

    fn close(&self, catalogue: &Catalogue<'_>, wishes: &[Wish], transactions: Transactions) -> Result<Closure, Error> {
        if wishes.is_empty() {
            return Ok(Closure::default());
        }
        let roots: Vec<Root> = wishes.iter().map(|wish| wish.root.clone()).collect();
        let options =
            Options { recommends: self.job.weak, transactions, cancelled: self.cancelled, ..Options::default() };
        closure(catalogue, &roots, &options)
    }

    /// Notes what was chosen, and what could not be.
    fn record(&self, closure: &Closure, lines: &[Line], meaning: &Meaning, choice: &mut Choice) {
        let wanted: BTreeSet<u32> =
            meaning.wishes.iter().chain(&meaning.older).flat_map(|wish| wish.packages.iter().copied()).collect();
        for Candidate(package) in &closure.chosen {
            let repository = self.universe.package(*package).repository;
            if let Some(part) = choice.parts.get_mut(&repository) {
                part.packages.insert(*package);
            }
            if wanted.contains(package) {
                choice.asked.insert(*package);
            }
        }
        for (line, reason) in &meaning.missing {
            choice.missing.push((self.place(&lines[*line]), lines[*line].text.clone(), reason.clone()));
        }
        for (root, why) in &closure.unsolved {
            let wish = &meaning.wishes[*root];
            let (place, text) = (self.place(&lines[wish.line]), &lines[wish.line].text);
            match wish.root.required {
                true => choice.missing.push((place, text.clone(), unsolved(why))),
                false => choice.remarks.push((place, format!("{} does not travel: {why}", wish.root.label))),
            }
        }
        self.erasing(closure, &meaning.wishes, lines, choice);
        if let (Some(why), Some(first)) = (&closure.apart, lines.first()) {
            let remark =
                format!("not all that is asked for can be installed on one host, so it was solved apart: {why}");
            choice.remarks.push((self.place(first), remark));
        }
        for (line, remark) in &meaning.remarks {
            choice.remarks.push((self.place(&lines[*line]), remark.clone()));
        }
    }

    /// Says what can be had only where something goes, of the first line that it is so for.
    fn erasing(&self, closure: &Closure, wishes: &[Wish], lines: &[Line], choice: &mut Choice) {
        let reasons: BTreeMap<String, usize> =
            closure.erasing.iter().rev().map(|(root, why)| (why.to_string(), *root)).collect();
        for (why, root) in reasons {
            let remark = format!(
                "what is asked for can be installed only where something that the hosts have is removed or broken ('dnf \
                 --allowerasing'): {why}"
            );
            choice.remarks.push((self.place(&lines[wishes[root].line]), remark));
        }
    }

    /// Says what is taken to be on the hosts, since no repository has it.
    fn remark(&self, catalogue: &Catalogue<'_>, closure: &Closure, choice: &mut Choice) {
        if self.assumed.base.is_none() {
            return;
        }
        let mut assumed = BTreeMap::<usize, BTreeSet<String>>::new();
        for Candidate(package) in &closure.chosen {
            let repository = self.universe.package(*package).repository;
            assumed.entry(repository).or_default().extend(catalogue.assumed(*package));
        }
        for (repository, names) in assumed.into_iter().filter(|(_, names)| !names.is_empty()) {
            let some: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
            let more = if names.len() > some.len() { ", …" } else { "" };
            let remark = format!(
                "{} that its packages need are in no repository of the manifest, and are taken to be on the hosts: {}{more}",
                names.len(),
                some.join(", ")
            );
            choice.remarks.push((repository, remark));
        }
    }

    /// Notes the groups and streams that were asked for, whose descriptions travel.
    fn ask(&self, streams: impl Iterator<Item = String>, meaning: &Meaning, choice: &mut Choice) {
        let streams: Vec<String> = streams.collect();
        for (place, asked) in self.job.asked.iter().enumerate().filter(|(_, asked)| self.is_for(asked)) {
            let Some(part) = choice.parts.get_mut(&place) else { continue };
            part.streams.extend(streams.iter().cloned());
            let groups = meaning.groups.iter().filter(|(entry, _)| *entry == asked.entry);
            part.groups.extend(groups.map(|(_, group)| group.clone()));
        }
    }

    /// The packages that hosts have: those that were listed, and those that what is assumed would bring.
    fn assumed(&self, sight: &Sight<'_>, modules: &Modules, active: &Active) -> Result<Vec<u32>, Error> {
        let listed = self.assumed.packages.clone();
        if self.assumed.requests.is_empty() {
            return Ok(listed);
        }
        let catalogue = Catalogue::new(sight, listed.clone(), Some(self.assumed.anything));
        let entries = vec![0; self.job.asked.len()];
        let comps: Vec<_> = self.around.iter().map(|around| &around.comps).collect();
        let ids: Vec<String> = self.job.asked.iter().map(|asked| asked.id.clone()).collect();
        let shelf = Shelf::new((sight, &catalogue), (modules, active), &comps, (&ids, &entries));
        let mut meaning = Meaning::default();
        for (place, (text, request)) in self.assumed.requests.iter().enumerate() {
            let line = Line { entry: 0, text: text.clone(), request: request.clone(), newest: 1 };
            shelf.look_up(place, &line, &mut meaning);
        }
        // What no repository has is provided by what was added for it; what can't be installed is not there.
        meaning.wishes.iter_mut().for_each(|wish| wish.root.required = false);
        let found = self.close(&catalogue, &meaning.wishes, Transactions::TogetherFirst)?;
        Ok(listed.into_iter().chain(found.chosen.into_iter().map(|Candidate(package)| package)).collect())
    }
}

/// The most names in a remark.
const MOST_NAMED: usize = 12;

/// Why something can't be had, and what helps.
fn unsolved(why: &Explanation) -> String {
    format!(
        "{why}; add the repository that has what is missing to the manifest, or say that the hosts have it: 'assume' and \
         'installed' of 'yum' (assume: [base] for all that no repository here has)"
    )
}

/// Adds the sources of what travels, where a repository has them.
fn sources(job: &Job, universe: &Universe, choice: &mut Choice) {
    let wants = |place: usize| {
        let asked = &job.asked[place].choice;
        asked.packages.is_some() && asked.sources == Some(true)
    };
    let known: HashMap<String, u32> = universe
        .packages
        .iter()
        .zip(0_u32..)
        .filter(|(package, _)| package.is_source() && package.repository != TARGETS)
        .map(|(_, number)| (select::file_name(universe, number), number))
        .collect();
    let (mut found, mut gone) = (BTreeSet::new(), BTreeMap::<usize, BTreeSet<&str>>::new());
    for (place, part) in choice.parts.iter().filter(|(place, _)| wants(**place)) {
        let packages = part.packages.iter().filter(|package| !universe.package(**package).is_source());
        for name in packages.filter_map(|package| select::source_of(universe, *package)) {
            match known.get(name) {
                Some(source) => _ = found.insert(*source),
                None => _ = gone.entry(*place).or_default().insert(name),
            }
        }
    }
    for source in found {
        if let Some(part) = choice.parts.get_mut(&universe.package(source).repository) {
            part.packages.insert(source);
        }
    }
    for (place, names) in gone {
        let some: Vec<&str> = names.iter().take(MOST_NAMED).copied().collect();
        let remark = format!(
            "{} sources of its packages are in no repository of the manifest: {}",
            names.len(),
            some.join(", ")
        );
        choice.remarks.push((place, remark));
    }
}

/// Files that lines ask for: whether one is wanted of the lists of files.
pub(super) fn asked_files(job: &Job) -> Vec<Pattern> {
    let lines = job.asked.iter().flat_map(|asked| asked.choice.packages.iter().flatten()).chain(&job.assume);
    lines
        .filter_map(|line| match Request::parse(line) {
            Ok(Request::File(pattern)) => Some(pattern),
            _ => None,
        })
        .collect()
}
