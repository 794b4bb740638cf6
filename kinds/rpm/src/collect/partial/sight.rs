//! Which packages are seen by the hosts that the packages are for, and in which order they are preferred.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::format::primary::Kind;

use super::streams::Active;
use super::universe::{Package, Sym, TARGETS, Universe};

/// Why a package is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// It is for other hosts.
    Elsewhere,
    /// It is a source.
    Source,
    /// It is for another architecture.
    Architecture,
    /// It is of this `module:stream`, which is not enabled.
    Stream(String),
    /// A stream that is enabled has its name.
    Shadowed,
    /// The manifest filters it out.
    Filtered,
}

/// What a shadowed package is, and what shows it.
pub(super) const SHADOWED: &str = "is hidden by an enabled module stream with packages of that name; a vendor's repository \
                                   is seen all the same with 'module-hotfixes: true'";

/// What some hosts see of all packages.
pub(super) struct Sight<'a> {
    pub(super) universe: &'a Universe,
    hidden: Vec<Option<Hidden>>,
    native: Option<Sym>,
    noarch: Option<Sym>,
    names: HashMap<Sym, Vec<u32>>,
    obsoleters: HashMap<Sym, Vec<u32>>,
}

/// The hosts that packages are for.
pub(super) struct Hosts<'a> {
    /// Their architecture, where it is known.
    pub(super) native: Option<&'a str>,
    /// For each repository whether it is for them, and which architectures the manifest wants of it.
    pub(super) repositories: &'a [Option<Vec<String>>],
    /// Whether the packages of a repository are seen whatever streams of modules are enabled.
    pub(super) hotfixes: &'a dyn Fn(usize) -> bool,
    /// What the manifest filters out.
    pub(super) filtered: &'a dyn Fn(u32) -> bool,
}

impl<'a> Sight<'a> {
    pub(super) fn new(universe: &'a Universe, hosts: &Hosts<'_>, active: &Active) -> Self {
        let hidden = (0..universe.packages.len()).map(|place| {
            let package = u32::try_from(place).unwrap_or(u32::MAX);
            hidden(universe, package, hosts, active)
        });
        let hidden = hidden.collect();
        let find = |text| universe.strings.find(text);
        let native = hosts.native.and_then(find);
        let (names, obsoleters) = (HashMap::new(), HashMap::new());
        let mut sight = Self { universe, hidden, native, noarch: find("noarch"), names, obsoleters };
        for place in 0..universe.packages.len() {
            let package = u32::try_from(place).unwrap_or(u32::MAX);
            if sight.sees(package) {
                sight.names.entry(universe.package(package).name).or_default().push(package);
                for link in universe.related(package, Kind::Obsoletes) {
                    sight.obsoleters.entry(universe.relation_of(*link).name).or_default().push(package);
                }
            }
        }
        let mut names = std::mem::take(&mut sight.names);
        names.values_mut().for_each(|packages| packages.sort_by(|a, b| sight.newest_first(*a, *b)));
        sight.names = names;
        sight
    }

    pub(super) fn sees(&self, package: u32) -> bool {
        self.hidden[package as usize].is_none()
    }

    pub(super) fn why_hidden(&self, package: u32) -> Option<&Hidden> {
        self.hidden[package as usize].as_ref()
    }

    /// All packages that are seen, by name; the newest of each first.
    pub(super) fn names(&self) -> &HashMap<Sym, Vec<u32>> {
        &self.names
    }

    /// The packages of a name, the newest first.
    pub(super) fn named(&self, name: Sym) -> &[u32] {
        self.names.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The packages that obsolete some versions of a name.
    pub(super) fn obsoleters(&self, name: Sym) -> &[u32] {
        self.obsoleters.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The architecture that counts for what can be beside what: packages for all are as good as native ones.
    pub(super) fn color(&self, package: &Package) -> Sym {
        match self.native {
            Some(native) if Some(package.arch) == self.noarch => native,
            _ => package.arch,
        }
    }

    fn rank(&self, package: u32) -> u8 {
        let package = self.universe.package(package);
        u8::from(self.native.is_some_and(|native| self.color(package) != native))
    }

    fn newest_first(&self, a: u32, b: u32) -> Ordering {
        let of = |package| self.universe.package(package);
        let versions = || of(b).evr().cmp(&of(a).evr());
        let places = || (of(a).repository, a).cmp(&(of(b).repository, b));
        self.rank(a).cmp(&self.rank(b)).then_with(versions).then_with(places)
    }

    /// Orders packages that provide something as hosts prefer them: of their own architecture first; those of the name
    /// that is asked for before others, which go by their names; the newest of each. What another one of them replaces
    /// comes last.
    pub(super) fn order(&self, packages: &mut Vec<u32>, asked: &str) {
        packages.sort_unstable();
        packages.dedup();
        let name = |package: &u32| self.universe.strings.text(self.universe.package(*package).name);
        packages.sort_by(|a, b| {
            let names = || (name(a) != asked, name(a)).cmp(&(name(b) != asked, name(b)));
            self.rank(*a).cmp(&self.rank(*b)).then_with(names).then_with(|| self.newest_first(*a, *b))
        });
        let mut best: BTreeMap<Sym, u32> = BTreeMap::new();
        for package in packages.iter() {
            best.entry(self.universe.package(*package).name).or_insert(*package);
        }
        if best.len() > 1 {
            let replaced = |package: &u32| best.values().any(|other| self.replaces(*other, *package));
            let last: BTreeSet<u32> = packages.iter().copied().filter(replaced).collect();
            let order: Vec<u32> = packages.iter().copied().filter(|package| last.contains(package)).collect();
            packages.retain(|package| !last.contains(package));
            packages.extend(order);
        }
    }

    /// Whether a package obsoletes another one.
    pub(super) fn replaces(&self, package: u32, other: u32) -> bool {
        let (universe, other) = (self.universe, self.universe.package(other));
        let obsoletes = universe.related(package, Kind::Obsoletes).iter().map(|link| universe.relation_of(*link));
        let mut obsoletes = obsoletes.filter(|relation| relation.name == other.name);
        self.universe.package(package).name != other.name
            && obsoletes.any(|relation| match relation.version {
                Some((flags, evr)) => {
                    let evr = crate::format::evr::Evr::parse(universe.strings.text(evr));
                    crate::format::evr::Flags::EQUAL.overlap(&other.evr(), flags, &evr)
                }
                None => true,
            })
    }
}

fn hidden(universe: &Universe, number: u32, hosts: &Hosts<'_>, active: &Active) -> Option<Hidden> {
    let package = universe.package(number);
    if package.repository == TARGETS {
        return None;
    }
    let Some(arches) = hosts.repositories.get(package.repository).and_then(Option::as_ref) else {
        return Some(Hidden::Elsewhere);
    };
    if package.is_source() {
        return Some(Hidden::Source);
    }
    let arch = package.info.arch.as_str();
    let wanted = match arches.is_empty() {
        true => hosts.native.is_none_or(|native| runs(native, arch)),
        false => arches.iter().any(|wanted| wanted == arch),
    };
    if !wanted {
        return Some(Hidden::Architecture);
    }
    let modular = || match active.artifact(&package.artifact()) {
        Some((false, of)) => Some(Hidden::Stream(of.to_owned())),
        None if is_shadowed(universe, number, active) => Some(Hidden::Shadowed),
        _ => None,
    };
    if !(hosts.hotfixes)(package.repository)
        && let Some(hidden) = modular()
    {
        return Some(hidden);
    }
    (hosts.filtered)(number).then_some(Hidden::Filtered)
}

/// Whether a package of no module has, or provides, a name that a stream has.
fn is_shadowed(universe: &Universe, package: u32, active: &Active) -> bool {
    if active.names.is_empty() {
        return false;
    }
    let has = |sym| active.names.contains(universe.strings.text(sym));
    let mut provides = universe.related(package, Kind::Provides).iter();
    has(universe.package(package).name) || provides.any(|link| has(universe.relation_of(*link).name))
}

/// Whether hosts of an architecture run packages for another one (rpm's `arch_compat`).
pub(super) fn runs(native: &str, arch: &str) -> bool {
    if native == arch || arch == "noarch" {
        return true;
    }
    let intel = ["i386", "i486", "i586", "i686", "athlon", "geode"];
    match native {
        "x86_64" | "amd64" | "ia32e" => intel.contains(&arch) || matches!(arch, "x86_64" | "amd64" | "ia32e"),
        native if native.starts_with("x86_64_v") => {
            (arch.starts_with("x86_64_v") && arch <= native) || runs("x86_64", arch)
        }
        "i386" | "i486" | "i586" | "i686" | "athlon" => intel.contains(&arch),
        "s390x" => arch == "s390",
        "ppc64" => arch == "ppc",
        "ppc64p7" => matches!(arch, "ppc64" | "ppc"),
        native if native.starts_with("armv") => arch.starts_with("armv") && arch <= native,
        _ => false,
    }
}
