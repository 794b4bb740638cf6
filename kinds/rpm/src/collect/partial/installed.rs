//! What the hosts have already.

use std::collections::HashMap;

use airlift_core::{Checksum, Digest};

use crate::format::evr::{Evr, Flags};
use crate::format::href::Href;
use crate::format::nevra::{self, Installed, Nevra};
use crate::format::primary::{self, Kind};
use crate::format::request::Request;
use crate::format::rich::simple;

use super::universe::{Relation, Universe};

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

/// Adds what hosts have to all packages.
pub(super) fn add(universe: &mut Universe, listed: &str, assume: &[String]) -> Assumed {
    let mut alike = HashMap::<(String, String), u32>::new();
    for (package, number) in universe.packages.iter().zip(0_u32..) {
        let key = (package.info.name.clone(), package.info.arch.clone());
        let best = alike.entry(key).or_insert(number);
        if universe.package(*best).evr() < package.evr() {
            *best = number;
        }
    }
    let (mut packages, mut provided) = (Vec::new(), Vec::new());
    for one in nevra::installed(listed) {
        match one {
            Installed::Package(nevra) => {
                let like = alike.get(&(nevra.name.to_owned(), nevra.arch.to_owned())).copied();
                packages.push(package(universe, &nevra, like));
            }
            Installed::Provided(text) => provided.push(text.to_owned()),
        }
    }
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
        packages.push(universe.add_installed(info(&nameless("provided by targets")), relations));
    }
    let anything = universe.add_installed(info(&nameless("what targets have")), Vec::new());
    Assumed { packages, requests, base: base.then_some(anything), anything }
}

/// A package that is listed. What it provides is known where a repository has a version of it.
fn package(universe: &mut Universe, nevra: &Nevra<'_>, like: Option<u32>) -> u32 {
    let evr = nevra.evr.to_string();
    let mut provides = vec![format!("{} = {evr}", nevra.name), format!("{} = {evr}", with_isa(nevra.name, nevra.arch))];
    let mut links = Vec::new();
    if let Some(like) = like {
        let own = universe.package(like).evr().to_string();
        for link in universe.related(like, Kind::Provides) {
            let relation = universe.relation_of(*link);
            match relation.version {
                // What has the package's own version has that of the listed one there.
                Some((_, version)) if universe.strings.text(version) == own => {
                    provides.push(format!("{} = {evr}", universe.strings.text(relation.name)));
                }
                _ => links.push(*link),
            }
        }
        let files = universe.files().iter().filter(|(_, owner)| *owner == like);
        provides.extend(files.map(|(file, _)| universe.strings.text(*file).to_owned()));
    }
    links.extend(provides.iter().filter_map(|text| relation(universe, text)).collect::<Vec<_>>());
    universe.add_installed(info(nevra), links)
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
