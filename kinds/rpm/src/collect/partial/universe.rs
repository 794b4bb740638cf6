//! Every package of every repository of a manifest, kept small: texts and dependencies are there once, however many
//! packages have them.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::sync::Arc;

use crate::format::evr::{Evr, Flags};
use crate::format::primary::{self, Kind, Listed, Part};
use crate::format::rich::{self, Rich};
use crate::format::{FormatError, listing};

/// A text, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Sym(u32);

/// The most different relations of all packages together. Large distributions have some hundred thousand.
const MOST_RELATIONS: usize = 4_000_000;

/// The most bytes of all different texts together.
const MOST_OF_TEXTS: usize = 512 << 20;

/// The most relations and files of all packages together, however often each is repeated. Large distributions have some
/// ten million.
const MOST_LINKS: usize = 100_000_000;

/// Texts, each once.
#[derive(Default)]
pub(super) struct Strings {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Sym>,
    bytes: usize,
}

impl Strings {
    pub(super) fn intern(&mut self, text: &str) -> Sym {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        self.bytes += text.len();
        let (number, text) = (Sym(number(self.texts.len())), Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    pub(super) fn find(&self, text: &str) -> Option<Sym> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, sym: Sym) -> &str {
        &self.texts[sym.0 as usize]
    }
}

/// Nothing in a repository is that many: lists of packages are limited, and so are their texts.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// A name, with or without versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Relation {
    pub(super) name: Sym,
    pub(super) version: Option<(Flags, Sym)>,
}

/// Where a repository's packages are from, for those that are in none.
pub(super) const TARGETS: usize = usize::MAX;

/// A package.
pub(super) struct Package {
    /// Its repository's position in the manifest; [`TARGETS`] for what targets have.
    pub(super) repository: usize,
    pub(super) name: Sym,
    pub(super) arch: Sym,
    pub(super) epoch: u32,
    pub(super) source: Option<Sym>,
    /// What its repository says of it.
    pub(super) info: primary::Package,
    /// Where its relations begin, and where those of each kind end.
    start: u32,
    ends: [u32; 6],
}

impl Package {
    pub(super) fn evr(&self) -> Evr<'_> {
        Evr { epoch: self.epoch, version: &self.info.version, release: &self.info.release }
    }

    pub(super) fn is_source(&self) -> bool {
        matches!(self.info.arch.as_str(), "src" | "nosrc")
    }

    /// As people know it.
    pub(super) fn label(&self) -> String {
        format!("{}-{}.{}", self.info.name, self.evr(), self.info.arch)
    }

    /// As modules name it.
    pub(super) fn artifact(&self) -> String {
        let primary::Package { name, version, release, arch, .. } = &self.info;
        format!("{name}-{}:{version}-{release}.{arch}", self.epoch)
    }
}

const KINDS: [Kind; 6] =
    [Kind::Provides, Kind::Requires, Kind::Conflicts, Kind::Obsoletes, Kind::Recommends, Kind::Supplements];

/// All packages.
#[derive(Default)]
pub(super) struct Universe {
    pub(super) strings: Strings,
    pub(super) packages: Vec<Package>,
    relations: Vec<Relation>,
    numbers: HashMap<Relation, u32>,
    links: Vec<u32>,
    files: Vec<(Sym, u32)>,
    provides: Vec<(Sym, u32, u32)>,
    sorted: bool,
    /// How many relations and files were read.
    linked: usize,
}

/// What is known of a package before all of it is.
#[derive(Default)]
struct Open {
    links: [Vec<u32>; 6],
    files: Vec<Sym>,
    source: Option<Sym>,
}

impl Universe {
    /// Reads a repository's list of packages.
    pub(super) fn load(&mut self, repository: usize, input: impl BufRead) -> Result<Listed, FormatError> {
        let (mut open, mut evr) = (Open::default(), String::new());
        primary::read_parts(input, |part| {
            match part {
                Part::Relation(kind, relation) => {
                    let version = relation.flags.map(|flags| {
                        compose(&mut evr, &relation);
                        (flags, self.strings.intern(&evr))
                    });
                    let relation = Relation { name: self.strings.intern(&relation.name), version };
                    let number = self.relation(relation);
                    open.links[position(kind)].push(number);
                    self.linked += 1;
                }
                Part::File(path) => {
                    open.files.push(self.strings.intern(&path));
                    self.linked += 1;
                }
                Part::Source(name) => open.source = Some(self.strings.intern(&name)),
                Part::Package(info) => self.add(repository, info, &mut open),
            }
            self.within(MOST_RELATIONS, MOST_OF_TEXTS, MOST_LINKS)
        })
    }

    /// Refuses lists that are made to fill memory.
    fn within(&self, relations: usize, texts: usize, links: usize) -> Result<(), FormatError> {
        match self.relations.len() > relations || self.strings.bytes > texts || self.linked > links {
            true => Err(FormatError::refused(format!(
                "with it, the packages of all repositories have more than {relations} different relations, more than {links} \
                 relations and files altogether, or more than {} of names: more than any distributions have",
                airlift_core::size::human(texts as u64)
            ))),
            false => Ok(()),
        }
    }

    /// Adds something that targets have, with what it provides, requires, conflicts with and obsoletes.
    pub(super) fn add_installed(&mut self, info: primary::Package, links: [Vec<u32>; 4]) -> u32 {
        let [provides, requires, conflicts, obsoletes] = links;
        let links = [provides, requires, conflicts, obsoletes, vec![], vec![]];
        self.add(TARGETS, info, &mut Open { links, ..Open::default() });
        number(self.packages.len() - 1)
    }

    fn add(&mut self, repository: usize, info: primary::Package, open: &mut Open) {
        let package = number(self.packages.len());
        let (start, mut ends) = (number(self.links.len()), [0; 6]);
        for (list, end) in open.links.iter_mut().zip(&mut ends) {
            self.links.append(list);
            *end = number(self.links.len());
        }
        self.files.extend(open.files.drain(..).map(|file| (file, package)));
        let (name, arch) = (self.strings.intern(&info.name), self.strings.intern(&info.arch));
        let (epoch, source) = (info.epoch.parse().unwrap_or(0), open.source.take());
        self.packages.push(Package { repository, name, arch, epoch, source, info, start, ends });
        self.sorted = false;
    }

    pub(super) fn relation(&mut self, relation: Relation) -> u32 {
        let next = number(self.relations.len());
        let found = *self.numbers.entry(relation).or_insert(next);
        if found == next {
            self.relations.push(relation);
        }
        found
    }

    pub(super) fn package(&self, package: u32) -> &Package {
        &self.packages[package as usize]
    }

    pub(super) fn related(&self, package: u32, kind: Kind) -> &[u32] {
        let (package, position) = (self.package(package), position(kind));
        let start = if position == 0 { package.start } else { package.ends[position - 1] };
        &self.links[start as usize..package.ends[position] as usize]
    }

    pub(super) fn relation_of(&self, number: u32) -> Relation {
        self.relations[number as usize]
    }

    /// A relation as packages write it.
    pub(super) fn describe(&self, relation: Relation) -> String {
        let name = self.strings.text(relation.name);
        match relation.version {
            Some((flags, evr)) => format!("{name} {} {}", flags.sign(), self.strings.text(evr)),
            None => name.to_owned(),
        }
    }

    /// Files that something asks for and no list of packages has; they may be in the lists of files.
    pub(super) fn missing_files(&mut self) -> HashSet<String> {
        self.sort();
        let mut wanted = HashSet::new();
        for relation in &self.relations {
            let name = self.strings.text(relation.name);
            match rich::is_rich(name) {
                true => rich::parse(name).iter().for_each(|rich| files_of(rich, &mut wanted)),
                false if name.starts_with('/') => _ = wanted.insert(name.to_owned()),
                false => {}
            }
        }
        wanted.retain(|file| !self.strings.find(file).is_some_and(|sym| self.has(sym)));
        wanted
    }

    fn has(&self, name: Sym) -> bool {
        self.owners(name).next().is_some() || self.providers(name).next().is_some()
    }

    /// Finds files in a repository's lists of files.
    pub(super) fn load_files(
        &mut self,
        repository: usize,
        input: impl BufRead,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<(), FormatError> {
        let of_repository = self.packages.iter().enumerate().filter(|(_, package)| package.repository == repository);
        let ids: HashMap<String, u32> =
            of_repository.map(|(place, package)| (package.info.checksum.hex(), number(place))).collect();
        let mut found = Vec::new();
        listing::files(input, |id, file| {
            if wanted(file)
                && let Some(package) = ids.get(id)
            {
                found.push((file.to_owned(), *package));
            }
        })?;
        for (file, package) in found {
            let file = self.strings.intern(&file);
            self.files.push((file, package));
        }
        self.sorted = false;
        Ok(())
    }

    /// Has to be called after everything was added, before anything is asked.
    pub(super) fn sort(&mut self) {
        if self.sorted {
            return;
        }
        self.files.sort_unstable();
        self.files.dedup();
        let mut provides = std::mem::take(&mut self.provides);
        provides.clear();
        for package in 0..number(self.packages.len()) {
            let related = self.related(package, Kind::Provides);
            provides.extend(related.iter().map(|link| (self.relation_of(*link).name, package, *link)));
        }
        provides.sort_unstable();
        self.provides = provides;
        self.sorted = true;
    }

    /// Who has a file, as far as the lists tell.
    pub(super) fn owners(&self, file: Sym) -> impl Iterator<Item = u32> {
        let start = self.files.partition_point(|(name, _)| *name < file);
        self.files[start..].iter().take_while(move |(name, _)| *name == file).map(|(_, package)| *package)
    }

    /// All files that are known, with their owners.
    pub(super) fn files(&self) -> &[(Sym, u32)] {
        &self.files
    }

    /// Who provides a name: the package, and which of its relations says so.
    pub(super) fn providers(&self, name: Sym) -> impl Iterator<Item = (u32, Relation)> {
        let start = self.provides.partition_point(|(provided, ..)| *provided < name);
        let found = self.provides[start..].iter().take_while(move |(provided, ..)| *provided == name);
        found.map(|(_, package, link)| (*package, self.relation_of(*link)))
    }

    /// Whether what is provided is what is required. Without a version on either side it is.
    pub(super) fn meets(&self, provided: Relation, required: Option<(Flags, &str)>) -> bool {
        match (provided.version, required) {
            (Some((mine, evr)), Some((theirs, required))) => {
                mine.overlap(&Evr::parse(self.strings.text(evr)), theirs, &Evr::parse(required))
            }
            _ => true,
        }
    }
}

fn position(kind: Kind) -> usize {
    KINDS.iter().position(|one| *one == kind).unwrap_or(0)
}

/// Writes what a relation says of versions as `epoch:version-release`.
fn compose(into: &mut String, relation: &primary::Relation<'_>) {
    into.clear();
    if !matches!(&*relation.epoch, "" | "0") {
        into.push_str(&relation.epoch);
        into.push(':');
    }
    into.push_str(&relation.version);
    if !relation.release.is_empty() {
        into.push('-');
        into.push_str(&relation.release);
    }
}

fn files_of(rich: &Rich, into: &mut HashSet<String>) {
    match rich {
        Rich::Simple(simple) => {
            if simple.name.starts_with('/') {
                into.insert(simple.name.clone());
            }
        }
        Rich::And(parts) | Rich::Or(parts) | Rich::With(parts) => parts.iter().for_each(|part| files_of(part, into)),
        Rich::Without(parts) => parts.iter().for_each(|part| files_of(part, into)),
        Rich::If(parts, other) | Rich::Unless(parts, other) => {
            parts.iter().chain(other.as_deref()).for_each(|part| files_of(part, into));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package that says the same again.
    const REPEATED: &str = "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" \
        xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"1\"><package type=\"rpm\"><name>p</name><arch>noarch</arch>\
        <version epoch=\"0\" ver=\"1\" rel=\"1\"/><checksum type=\"sha256\" pkgid=\"YES\">\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef</checksum><size package=\"1\"/>\
        <location href=\"p.rpm\"/><format><rpm:provides><rpm:entry name=\"p\"/><rpm:entry name=\"p\"/></rpm:provides>\
        <file>/p</file></format></package></metadata>";

    #[test]
    fn lists_that_fill_memory_are_refused() {
        let mut universe = Universe::default();
        let names = ["a", "b", "c"].map(|name| universe.strings.intern(name));
        for name in names {
            universe.relation(Relation { name, version: None });
        }
        universe.strings.intern("a");
        assert!(universe.within(3, 3, 0).is_ok(), "each text and each relation counts once");
        universe.load(0, REPEATED.as_bytes()).expect("a list");
        assert_eq!((universe.relations.len(), universe.linked), (4, 3), "each repetition counts");
        let bytes = universe.strings.bytes;
        assert!(universe.within(4, bytes, 3).is_ok());
        for (relations, texts, links) in [(3, bytes, 3), (4, bytes - 1, 3), (4, bytes, 2)] {
            let error = universe.within(relations, texts, links).expect_err("a refusal").to_string();
            assert!(error.contains("different relations"), "{error}");
        }
    }
}
