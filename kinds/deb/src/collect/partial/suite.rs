//! Metadata of what travels: the stanzas of upstream's lists, byte for byte, below a `Release` that this host signs.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Plan, Time};
use airlift_openpgp::SigningKey;

use super::super::indices::Role;
use super::super::lists::{self, Text};
use super::super::made::Made;
use super::super::tree::Tree;
use super::super::{add_part, describe, described, notice};
use super::Stanzas;
use super::load::{Loaded, LoadedSuite, is_translation};
use crate::closure::universe::Universe;
use crate::error::DebError;
use crate::format::packages::{PackagesError, PoolFile, packages, sources};
use crate::format::raw;
use crate::stored::StoredPart;

/// The most names in a notice.
const MOST_NAMED: usize = 12;

/// What of a repository travels, in the terms of its other lists.
#[derive(Default)]
struct Travels {
    /// Descriptions by the package's name and their own checksum.
    descriptions: BTreeSet<(String, String)>,
    /// Sources by name and version, and whether a list of sources has them.
    sources: BTreeMap<(String, String), bool>,
}

/// Plans a repository of which a part travels.
pub(super) fn plan(loaded: &Loaded<'_>, of: (&Universe, &Stanzas), key: &SigningKey) -> Result<Plan, DebError> {
    let repository = loaded.repository;
    let mut tree = Tree::new(repository);
    let keys = key.public();
    let mut stored = described(repository, &keys);
    let mut travels = travels(loaded, of);
    for suite in &loaded.suites {
        for remark in &suite.suite.remarks {
            notice(&mut tree.plan, repository, remark.clone())?;
        }
        if let Some(until) = suite.suite.release.valid_until {
            let url = &suite.suite.url;
            notice(
                &mut tree.plan,
                repository,
                format!("{url} is valid until {until}; what is made of it here has no such date"),
            )?;
        }
        plan_suite(suite, of, (&mut travels, key), &mut tree)?;
        let part = StoredPart {
            suites: vec![suite.part.suite.clone()],
            components: suite.part.components.clone(),
            architectures: suite.architectures.clone(),
            sources: suite.part.sources,
            hosts: repository.hosts_of(&suite.suite.release),
        };
        add_part(&mut stored, part);
    }
    if let Some(missing) = without_source(loaded, &travels) {
        notice(&mut tree.plan, repository, missing)?;
    }
    describe(&stored, &keys, &mut tree)?;
    Ok(Plan { roots: loaded.roots.clone(), ..tree.plan })
}

fn travels(loaded: &Loaded<'_>, of: (&Universe, &Stanzas)) -> Travels {
    let mut travels = Travels::default();
    for (text, list) in loaded.suites.iter().flat_map(|suite| &suite.lists) {
        for stanza in chosen(text, *list, of.1) {
            let field = |name| raw::field(stanza, name);
            let (Some(name), Some(version)) = (field("Package"), field("Version")) else { continue };
            if let Some(sum) = field("Description-md5") {
                travels.descriptions.insert((name.to_owned(), sum.to_owned()));
            }
            let (source, version) = raw::source_of(stanza, (name, version));
            travels.sources.insert((source.to_owned(), version.to_owned()), false);
        }
    }
    travels
}

/// Which sources are in none of a repository's lists of sources, where it has some.
fn without_source(loaded: &Loaded<'_>, travels: &Travels) -> Option<String> {
    if !loaded.suites.iter().any(|suite| suite.part.sources) {
        return None;
    }
    let missing: Vec<_> = travels.sources.iter().filter(|(_, listed)| !**listed).map(|(source, _)| source).collect();
    let named: Vec<String> =
        missing.iter().take(MOST_NAMED).map(|(name, version)| format!("{name} ({version})")).collect();
    let more = if missing.len() > named.len() { ", …" } else { "" };
    (!missing.is_empty()).then(|| {
        let (id, count) = (&loaded.repository.id, missing.len());
        format!(
            "apt repository {id}: {count} sources of its packages are not in its lists of sources: {}{more}",
            named.join(", ")
        )
    })
}

/// The stanzas of a list of packages that travel, in the list's order.
fn chosen<'a>(text: &'a Text, list: Option<usize>, stanzas: &Stanzas) -> Vec<&'a [u8]> {
    let ranges = list.and_then(|list| stanzas.get(&list));
    ranges.into_iter().flatten().map(|(start, end)| &text.bytes[*start..*end]).collect()
}

fn plan_suite(
    suite: &LoadedSuite<'_>,
    of: (&Universe, &Stanzas),
    with: (&mut Travels, &SigningKey),
    tree: &mut Tree<'_>,
) -> Result<(), DebError> {
    let release = &suite.suite.release;
    let (travels, key) = with;
    let origin = release.origin.as_deref().unwrap_or_default();
    let mut made = Made {
        folder: suite.suite.folder.clone(),
        fields: release.kept.clone(),
        date: release.date.unwrap_or_else(|| Time::from_seconds(0)),
        lists: Vec::new(),
    };
    for (text, list) in &suite.lists {
        let stanzas = match text.role {
            Role::Packages => chosen(text, *list, of.1),
            Role::Sources => of_sources(text, travels),
            _ if is_translation(&text.path) => of_translation(text, travels),
            _ => continue,
        };
        let bytes = joined(&stanzas);
        let unusable = |source| DebError::Packages { url: Box::new(text.url.clone()), source };
        let mut files = Vec::new();
        let mut each = |file: PoolFile| {
            files.push(file);
            Ok::<(), PackagesError>(())
        };
        match text.role {
            Role::Packages => packages(&bytes[..], &mut each),
            Role::Sources => sources(&bytes[..], &mut each),
            _ => Ok(()),
        }
        .map_err(unusable)?;
        files.into_iter().try_for_each(|file| lists::plan(file, origin, tree))?;
        made.lists.push((text.path.clone(), bytes));
    }
    if !suite.suite.flat {
        let mut architectures = suite.architectures.clone();
        let has_all = suite.lists.iter().any(|(text, _)| text.path.contains("/binary-all/"));
        architectures.extend(has_all.then(|| "all".to_owned()));
        made.fields.push(("Architectures", architectures.join(" ")));
        made.fields.push(("Components", suite.part.components.join(" ")));
    } else if !release.architectures.is_empty() {
        made.fields.push(("Architectures", release.architectures.join(" ")));
    }
    made.plan(key, tree)
}

/// The stanzas of a list of sources that travel, of which it is noted that a list has them.
fn of_sources<'a>(text: &'a Text, travels: &mut Travels) -> Vec<&'a [u8]> {
    let travels = |stanza: &&[u8]| {
        let (Some(name), Some(version)) = (raw::field(stanza, "Package"), raw::field(stanza, "Version")) else {
            return false;
        };
        let listed = travels.sources.get_mut(&(name.to_owned(), version.to_owned()));
        listed.map(|listed| *listed = true).is_some()
    };
    raw::stanzas(&text.bytes).filter(travels).collect()
}

fn of_translation<'a>(text: &'a Text, travels: &Travels) -> Vec<&'a [u8]> {
    let travels = |stanza: &&[u8]| {
        let (Some(name), Some(sum)) = (raw::field(stanza, "Package"), raw::field(stanza, "Description-md5")) else {
            return false;
        };
        travels.descriptions.contains(&(name.to_owned(), sum.to_owned()))
    };
    raw::stanzas(&text.bytes).filter(travels).collect()
}

/// Stanzas as a list.
fn joined(stanzas: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(stanzas.iter().map(|stanza| stanza.len() + 2).sum());
    for stanza in stanzas {
        bytes.extend_from_slice(stanza);
        if !stanza.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
    }
    bytes
}
