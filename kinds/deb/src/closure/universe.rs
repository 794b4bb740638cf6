//! Every package that some list of some repository has.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::format::{raw, version};

/// The most packages of all lists together.
const MOST_PACKAGES: usize = 5_000_000;

/// A name of a package, of an architecture or of something that is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u32);

/// Names, each once.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, Symbol>,
}

impl Symbols {
    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.by_name.get(name) {
            return *symbol;
        }
        let symbol = Symbol(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.by_name.insert(name, symbol);
        symbol
    }

    pub(crate) fn find(&self, name: &str) -> Option<Symbol> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        &self.names[symbol.0 as usize]
    }

    /// Every name in the order in which they were first seen.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

/// A list of packages of some repository.
pub(crate) struct List {
    /// Its text.
    pub(crate) text: Bytes,
    /// The repository, by its position in the manifest.
    pub(crate) repository: usize,
    /// The architecture whose hosts read it; `all` for every one; none in a flat repository.
    pub(crate) architecture: Option<String>,
    /// How much apt prefers what is in it: 500, or less where the suite asks for that (apt_preferences(5)).
    pub(crate) pin: i32,
}

/// What `Multi-Arch` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MultiArch {
    /// Nothing, or `no`.
    No,
    /// Can be installed for several architectures at once.
    Same,
    /// Helps packages of every architecture.
    Foreign,
    /// Helps those that ask with `:any`.
    Allowed,
}

/// Where a package stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The list.
    pub(crate) list: usize,
    /// Its stanza in that list.
    pub(crate) stanza: Range<usize>,
}

/// A package: a name, a version and an architecture, with one content.
pub(crate) struct Package {
    pub(crate) name: Symbol,
    pub(crate) version: Box<str>,
    pub(crate) architecture: Symbol,
    pub(crate) multi_arch: MultiArch,
    pub(crate) essential: bool,
    /// 0 for required, 1 for important, 2 for standard, 3 for the rest.
    pub(crate) priority: u8,
    /// Every list that has it; the first is the one that is read.
    pub(crate) places: Vec<Place>,
}

/// A package that something is provided by, with the version of what it provides.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) package: usize,
    pub(crate) version: Option<Box<str>>,
}

/// Every package of all repositories that are looked at.
#[derive(Default)]
pub(crate) struct Universe {
    pub(crate) lists: Vec<List>,
    pub(crate) packages: Vec<Package>,
    pub(crate) symbols: Symbols,
    by_name: HashMap<Symbol, Vec<usize>>,
    providers: HashMap<Symbol, Vec<Provider>>,
}

/// A list that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum UniverseError {
    /// A package without a name, version or architecture.
    #[error("it has a package without a usable {field}, after {after}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The package before it, or "none".
        after: String,
    },
    /// A field that is made to fill memory.
    #[error("the package {name} has more than {} relations in its field {field}", crate::format::relation::MOST)]
    Relations {
        /// The package's name.
        name: String,
        /// The field's name.
        field: String,
    },
    /// Lists without end.
    #[error("there are more than five million packages in all lists together")]
    Many,
}

impl Universe {
    /// Adds a list; returns its position.
    pub(crate) fn add(&mut self, list: List) -> Result<usize, UniverseError> {
        let (text, position) = (list.text.clone(), self.lists.len());
        self.lists.push(list);
        let mut last = "none".to_owned();
        for stanza in raw::stanzas(&text) {
            let start = stanza.as_ptr() as usize - text.as_ptr() as usize;
            let place = Place { list: position, stanza: start..start + stanza.len() };
            crowded(stanza)?;
            last = self.add_package(stanza, place).map_err(|field| UniverseError::Field { field, after: last })?;
            if self.packages.len() > MOST_PACKAGES {
                return Err(UniverseError::Many);
            }
        }
        Ok(position)
    }

    fn add_package(&mut self, stanza: &[u8], place: Place) -> Result<String, &'static str> {
        let fields = Fields::read(stanza);
        let name = fields.name.ok_or("Package")?;
        let version = fields.version.ok_or("Version")?;
        let architecture = self.symbols.intern(fields.architecture.ok_or("Architecture")?);
        let symbol = self.symbols.intern(name);
        let known = self.by_name.get(&symbol).into_iter().flatten().copied().find(|known| {
            let package = &self.packages[*known];
            *package.version == *version && package.architecture == architecture && self.is_same(package, stanza)
        });
        if let Some(known) = known {
            self.packages[known].places.push(place);
            return Ok(name.to_owned());
        }
        let number = self.packages.len();
        for (provided, version) in fields.provides() {
            let provided = self.symbols.intern(&provided);
            self.providers.entry(provided).or_default().push(Provider { package: number, version });
        }
        self.packages.push(Package {
            name: symbol,
            version: version.into(),
            architecture,
            multi_arch: fields.multi_arch,
            essential: fields.essential,
            priority: fields.priority,
            places: vec![place],
        });
        self.by_name.entry(symbol).or_default().push(number);
        Ok(name.to_owned())
    }

    /// Whether both are the same file, by the checksums that they have in common.
    fn is_same(&self, package: &Package, stanza: &[u8]) -> bool {
        let known = self.stanza(package);
        let sums = ["SHA256", "SHA512"].map(|name| (raw::field(known, name), raw::field(stanza, name)));
        sums.iter().any(|(a, b)| a.is_some() && a == b)
    }

    /// What a package says of itself.
    pub(crate) fn stanza(&self, package: &Package) -> &[u8] {
        let place = &package.places[0];
        &self.lists[place.list].text[place.stanza.clone()]
    }

    /// The same as bytes of their own.
    pub(crate) fn stanza_bytes(&self, package: &Package) -> Bytes {
        let place = &package.places[0];
        self.lists[place.list].text.slice(place.stanza.clone())
    }

    /// How much apt prefers a package: the most that one of its lists says.
    pub(crate) fn pin(&self, package: &Package) -> i32 {
        package.places.iter().map(|place| self.lists[place.list].pin).max().unwrap_or_default()
    }

    /// The packages of a name, in no order.
    pub(crate) fn named(&self, name: Symbol) -> &[usize] {
        self.by_name.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The packages that provide a name, in no order.
    pub(crate) fn providers(&self, name: Symbol) -> &[Provider] {
        self.providers.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Sorts packages of one name, best first: as much as apt prefers them, then the latest version, then as the manifest
    /// has the repositories.
    pub(crate) fn sort(&self, packages: &mut [usize]) {
        packages.sort_by(|a, b| {
            let (one, other) = (&self.packages[*a], &self.packages[*b]);
            let pins = self.pin(other).cmp(&self.pin(one));
            pins.then_with(|| version::compare(&other.version, &one.version)).then_with(|| a.cmp(b))
        });
    }
}

/// Refuses a package with more relations in one of its fields than any has.
fn crowded(stanza: &[u8]) -> Result<(), UniverseError> {
    // A relation has two bytes at least, with what parts it from the next one.
    let most = crate::format::relation::MOST;
    if stanza.len() <= 2 * most {
        return Ok(());
    }
    let long = |value: &[u8]| value.len() > 2 * most;
    let relations = |value: &[u8]| value.iter().filter(|byte| matches!(byte, b',' | b'|')).count();
    let is_of_relations = |name: &[u8]| RELATIONS.iter().any(|field| field.as_bytes().eq_ignore_ascii_case(name));
    match raw::fields(stanza).find(|(name, value)| long(value) && is_of_relations(name) && relations(value) >= most) {
        Some((field, _)) => Err(UniverseError::Relations {
            name: raw::field(stanza, "Package").unwrap_or("without a name").to_owned(),
            field: String::from_utf8_lossy(field).into_owned(),
        }),
        None => Ok(()),
    }
}

/// The fields that are read as relations.
const RELATIONS: [&str; 6] = ["Pre-Depends", "Depends", "Recommends", "Provides", "Conflicts", "Breaks"];

/// The fields of a stanza that are wanted of every package.
pub(crate) struct Fields<'a> {
    pub(crate) name: Option<&'a str>,
    version: Option<&'a str>,
    architecture: Option<&'a str>,
    pub(crate) multi_arch: MultiArch,
    pub(crate) essential: bool,
    pub(crate) priority: u8,
    provides: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn read(stanza: &'a [u8]) -> Self {
        let mut read = Self {
            name: None,
            version: None,
            architecture: None,
            multi_arch: MultiArch::No,
            essential: false,
            priority: 3,
            provides: None,
        };
        for (name, value) in raw::fields(stanza) {
            let Ok(value) = std::str::from_utf8(value) else { continue };
            let text = Some(value).filter(|value| !value.is_empty());
            match () {
                () if name.eq_ignore_ascii_case(b"Package") => read.name = text,
                () if name.eq_ignore_ascii_case(b"Version") => read.version = text,
                () if name.eq_ignore_ascii_case(b"Architecture") => read.architecture = text,
                () if name.eq_ignore_ascii_case(b"Provides") => read.provides = text,
                () if name.eq_ignore_ascii_case(b"Essential") => read.essential = value.eq_ignore_ascii_case("yes"),
                () if name.eq_ignore_ascii_case(b"Multi-Arch") => {
                    read.multi_arch = match value {
                        "same" => MultiArch::Same,
                        "foreign" => MultiArch::Foreign,
                        "allowed" => MultiArch::Allowed,
                        _ => MultiArch::No,
                    }
                }
                () if name.eq_ignore_ascii_case(b"Priority") => {
                    read.priority = match value {
                        "required" => 0,
                        "important" => 1,
                        "standard" => 2,
                        _ => 3,
                    }
                }
                () => {}
            }
        }
        read
    }

    /// What it provides beside its own name. A field that can't be read provides nothing.
    pub(crate) fn provides(&self) -> Vec<(String, Option<Box<str>>)> {
        let relations = crate::format::relation::relations(self.provides.unwrap_or_default()).unwrap_or_default();
        let one = |relation: crate::format::relation::Relation<'_>| {
            (relation.name.to_owned(), relation.versions.map(|versions| versions.version.into()))
        };
        relations.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(field: &str, count: usize, between: &str) -> Result<usize, UniverseError> {
        let relations: Vec<String> = (0..count).map(|number| format!("p{number}")).collect();
        let text =
            format!("Package: a\nVersion: 1\nArchitecture: all\n{field}: {}\n\n", relations.join(between)).into();
        Universe::default().add(List { text, repository: 0, architecture: None, pin: 500 })
    }

    #[test]
    fn a_field_that_fills_memory_is_refused() {
        let most = crate::format::relation::MOST;
        for field in ["Depends", "pre-depends", "Recommends", "Provides", "Breaks"] {
            for between in [",", ", ", "|"] {
                assert!(add(field, most, between).is_ok(), "{field}");
                let error = add(field, most + 1, between).expect_err(field).to_string();
                assert!(error.contains("package a has more than 20000 relations") && error.contains(field), "{error}");
            }
        }
        assert!(add("Description", most + 1, ",").is_ok());
    }
}
