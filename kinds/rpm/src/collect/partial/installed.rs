//! What the hosts have already.

use std::collections::{BTreeMap, HashMap, HashSet};

use airlift_core::{Checksum, Digest};
use airlift_solve::bound;

use crate::format::evr::{Evr, Flags};
use crate::format::href::Href;
use crate::format::nevra::{self, Installed, Nevra};
use crate::format::primary::{self, Kind};
use crate::format::request::Request;
use crate::format::rich::simple;

use super::select;
use super::universe::{Relation, Sym, Universe};

/// What hosts have, as packages of their own.
pub(super) struct Assumed {
    /// The packages that were listed.
    pub(super) packages: Vec<u32>,
    /// What has to be looked up among the packages of repositories.
    pub(super) requests: Vec<(String, Request)>,
    /// Stands for whatever is required and no repository has, where that is assumed.
    pub(super) base: Option<u32>,
    /// Stands for the same while it is found out what the hosts have.
    pub(super) anything: u32,
}

/// A package that is listed.
struct Listed<'a> {
    nevra: Nevra<'a>,
    /// The same package in a repository.
    same: Option<u32>,
    /// The newest of its name and architecture in the repositories.
    newest: Option<u32>,
    /// What it is taken to need, where no repository has it any more.
    needs: Vec<String>,
}

impl Listed<'_> {
    /// What it is most like of what repositories have.
    fn like(&self) -> Option<u32> {
        self.same.or(self.newest)
    }
}

/// Adds what hosts have to all packages.
pub(super) fn add(universe: &mut Universe, listed: &str, assume: &[String]) -> Assumed {
    let mut alike = HashMap::<(&str, &str), Vec<u32>>::new();
    for (package, number) in universe.packages.iter().zip(0_u32..) {
        alike.entry((&package.info.name, &package.info.arch)).or_default().push(number);
    }
    let (mut all, mut provided) = (Vec::new(), Vec::new());
    for one in nevra::installed(listed) {
        match one {
            Installed::Package(nevra) => {
                let evr = |number: &u32| universe.package(*number).evr();
                let numbers = || alike.get(&(nevra.name, nevra.arch)).into_iter().flatten().copied();
                let same = numbers().find(|number| evr(number) == nevra.evr);
                let newest = numbers().max_by(|a, b| evr(a).cmp(&evr(b)));
                all.push(Listed { nevra, same, newest, needs: Vec::new() });
            }
            Installed::Provided(text) => provided.push(text.to_owned()),
        }
    }
    bind(universe, &mut all);
    let files = files(universe, &all);
    let mut packages: Vec<u32> = all.iter().map(|one| package(universe, one, &files)).collect();
    let (mut requests, mut base) = (Vec::new(), false);
    for text in assume {
        match Request::parse(text) {
            _ if text == "base" => base = true,
            Ok(request) => {
                // Where no repository has it, its name has to do.
                provided.push(text.trim_end_matches('*').to_owned());
                requests.push((text.clone(), request));
            }
            Err(_) => {}
        }
    }
    let relations: Vec<u32> = provided.iter().filter_map(|text| relation(universe, text)).collect();
    if !relations.is_empty() {
        packages
            .push(universe.add_installed(info(&nameless("provided by targets")), [relations, vec![], vec![], vec![]]));
    }
    let anything = universe.add_installed(info(&nameless("what targets have")), Default::default());
    Assumed { packages, requests, base: base.then_some(anything), anything }
}

/// Lets packages that no repository has any more need what is of their source and version, as far as it can be had newer:
/// where one is upgraded, all of them are.
fn bind(universe: &Universe, all: &mut [Listed<'_>]) {
    let mut families = BTreeMap::<(&str, String), [Vec<usize>; 2]>::new();
    for (place, one) in all.iter().enumerate() {
        let is_newer = |number: &u32| universe.package(*number).evr() > one.nevra.evr;
        let Some(newest) = one.newest.filter(is_newer) else { continue };
        let source = select::source_of(universe, newest).and_then(Nevra::of_file).map_or(one.nevra.name, |of| of.name);
        let family = families.entry((source, one.nevra.evr.to_string())).or_default();
        family[usize::from(one.same.is_none())].push(place);
    }
    for (one, others) in families.into_values().flat_map(|[known, unknown]| bound(&known, &unknown)) {
        all[one].needs = others.into_iter().map(|other| exactly(&all[other].nevra)).collect();
    }
}

/// The files of what is listed, by the packages that it is like.
fn files(universe: &Universe, all: &[Listed<'_>]) -> HashMap<u32, Vec<Sym>> {
    let like: HashSet<u32> = all.iter().filter_map(Listed::like).collect();
    let mut files = HashMap::<u32, Vec<Sym>>::new();
    for (file, owner) in universe.files().iter().filter(|(_, owner)| like.contains(owner)) {
        files.entry(*owner).or_default().push(*file);
    }
    files
}

/// The relation that only this package meets.
fn exactly(nevra: &Nevra<'_>) -> String {
    format!("{} = {}", with_isa(nevra.name, nevra.arch), nevra.evr)
}

/// A package that is listed. What it provides is known where a repository has a version of it; the rest, where it has
/// that one.
fn package(universe: &mut Universe, listed: &Listed<'_>, files: &HashMap<u32, Vec<Sym>>) -> u32 {
    let nevra = &listed.nevra;
    let evr = nevra.evr.to_string();
    let mut texts = vec![format!("{} = {evr}", nevra.name), exactly(nevra)];
    let mut provides = Vec::new();
    if let Some(like) = listed.like() {
        let own = universe.package(like).evr().to_string();
        for link in universe.related(like, Kind::Provides) {
            let relation = universe.relation_of(*link);
            match relation.version {
                // What has the package's own version has that of the listed one there.
                Some((_, version)) if universe.strings.text(version) == own => {
                    texts.push(format!("{} = {evr}", universe.strings.text(relation.name)));
                }
                _ => provides.push(*link),
            }
        }
        let files = files.get(&like).into_iter().flatten();
        texts.extend(files.map(|file| universe.strings.text(*file).to_owned()));
    }
    provides.extend(texts.iter().filter_map(|text| relation(universe, text)).collect::<Vec<_>>());
    let known = |kind| listed.same.map(|same| universe.related(same, kind).to_vec()).unwrap_or_default();
    let [mut requires, conflicts, obsoletes] = [Kind::Requires, Kind::Conflicts, Kind::Obsoletes].map(known);
    requires.extend(listed.needs.iter().filter_map(|text| relation(universe, text)).collect::<Vec<_>>());
    universe.add_installed(info(nevra), [provides, requires, conflicts, obsoletes])
}

/// What rpm lets every package of an architecture provide: `glibc(x86-64)`.
fn with_isa(name: &str, arch: &str) -> String {
    let isa = match arch {
        "x86_64" => "x86-64",
        "i386" | "i486" | "i586" | "i686" => "x86-32",
        "aarch64" => "aarch-64",
        "ppc64le" => "ppc-64",
        "s390x" => "s390-64",
        "riscv64" => "riscv-64",
        other => other,
    };
    format!("{name}({isa})")
}

fn relation(universe: &mut Universe, text: &str) -> Option<u32> {
    // Names may have brackets and blanks in them; what is none is of no use.
    let simple = simple(text)?;
    let name = universe.strings.intern(&simple.name);
    let version = simple.version.map(|(flags, evr): (Flags, String)| (flags, universe.strings.intern(&evr)));
    Some(universe.relation(Relation { name, version }))
}

fn info(nevra: &Nevra<'_>) -> primary::Package {
    primary::Package {
        name: nevra.name.to_owned(),
        arch: nevra.arch.to_owned(),
        epoch: nevra.evr.epoch.to_string(),
        version: nevra.evr.version.to_owned(),
        release: nevra.evr.release.to_owned(),
        checksum: Checksum::from(Digest::of(b"")),
        size: 0,
        href: Href::new("installed").unwrap_or_else(|_| unreachable!("that is a path")),
        range: 0..0,
    }
}

/// What is no package of a list has a name alone.
const fn nameless(name: &str) -> Nevra<'_> {
    Nevra { name, evr: Evr { epoch: 0, version: "", release: "" }, arch: "noarch" }
}
