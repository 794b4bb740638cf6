//! The lists of a repository, in memory.

use std::collections::BTreeSet;

use airlift_core::Root;
use airlift_fetch::Fetcher;
use airlift_openpgp::Keyring;

use super::super::indices::{self, Role, stem};
use super::super::lists::{self, Text};
use super::super::release::{self, Suite};
use super::super::repository::{Part, Repository};
use super::super::{Attempts, indices::Chosen};
use crate::closure::universe::{List, Universe};
use crate::error::DebError;

/// A repository whose lists were read.
pub(super) struct Loaded<'a> {
    /// Its position in the manifest.
    pub(super) at: usize,
    /// Itself.
    pub(super) repository: &'a Repository,
    /// Its suites.
    pub(super) suites: Vec<LoadedSuite<'a>>,
    /// What it stands on.
    pub(super) roots: Vec<Root>,
}

/// A suite whose lists were read.
pub(super) struct LoadedSuite<'a> {
    pub(super) part: &'a Part,
    pub(super) suite: Suite<'a>,
    /// The architectures that clients are told; none for a flat repository.
    pub(super) architectures: Vec<String>,
    /// The lists; of packages also by their positions in the universe.
    pub(super) lists: Vec<(Text, Option<usize>)>,
}

/// Reads the lists of a repository, again where it was changed meanwhile.
pub(super) async fn load<'a>(
    repository: &'a Repository,
    at: usize,
    universe: &mut Universe,
    fetcher: &Fetcher,
) -> Result<Loaded<'a>, DebError> {
    let keys = repository.keys(fetcher).await?;
    let mut attempts = Attempts::new(fetcher);
    loop {
        let mut roots = Vec::new();
        match suites(repository, &keys, fetcher, &mut roots).await {
            Ok(mut suites) => {
                for suite in &mut suites {
                    suite.enter(at, universe)?;
                }
                return Ok(Loaded { at, repository, suites, roots });
            }
            Err(error) => attempts.again(error, &roots).await?,
        }
    }
}

async fn suites<'a>(
    repository: &'a Repository,
    keys: &Keyring,
    fetcher: &Fetcher,
    roots: &mut Vec<Root>,
) -> Result<Vec<LoadedSuite<'a>>, DebError> {
    let mut suites = Vec::new();
    for part in &repository.parts {
        let suite = release::read(repository, keys, (&part.suite, fetcher), roots).await?;
        let Chosen { files, architectures } = indices::chosen(&suite, part)?;
        // Of a repository that travels whole, packages alone are looked at here.
        let travels = repository.partial.is_some();
        let all_apart = suite.release.has_all_apart();
        let wanted = files.into_iter().filter(|(path, role)| match role {
            Role::Packages => all_apart || indices::binary_folder(stem(path.as_str())) != Some("all"),
            Role::Sources => travels,
            Role::Extra => travels && is_translation(stem(path.as_str())),
            _ => false,
        });
        let found = indices::present(wanted.collect(), &suite, fetcher).await?;
        let texts = lists::texts(&found, &suite, fetcher).await?;
        let lists = texts.into_iter().map(|text| (text, None)).collect();
        suites.push(LoadedSuite { part, suite, architectures, lists });
    }
    Ok(suites)
}

/// The descriptions in English, which stand apart from the lists of Debian and Ubuntu.
pub(super) fn is_translation(path: &str) -> bool {
    path.rsplit('/').next() == Some("Translation-en")
}

impl LoadedSuite<'_> {
    /// Enters the packages into the universe.
    fn enter(&mut self, repository: usize, universe: &mut Universe) -> Result<(), DebError> {
        let pin = self.suite.release.pin();
        for (text, position) in self.lists.iter_mut().filter(|(text, _)| text.role == Role::Packages) {
            let architecture = match self.suite.flat {
                true => None,
                false => indices::binary_folder(&text.path).map(str::to_owned),
            };
            let list = List { text: text.bytes.clone(), repository, architecture, pin };
            let unusable = |source| DebError::Universe { url: Box::new(text.url.clone()), source };
            *position = Some(universe.add(list).map_err(unusable)?);
        }
        Ok(())
    }
}

impl Loaded<'_> {
    /// The architectures of the hosts that it is for: those of the manifest, or those that it has.
    pub(super) fn architectures(&self, universe: &Universe) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for suite in &self.suites {
            match (suite.part.architectures.is_empty(), suite.suite.flat) {
                (false, _) => found.extend(suite.part.architectures.iter().cloned()),
                (true, false) => found.extend(suite.architectures.iter().cloned()),
                (true, true) => found.extend(suite.of_packages(universe)),
            }
        }
        let foreign = self.repository.partial.iter().flat_map(|partial| &partial.foreign);
        foreign.for_each(|name| {
            found.remove(name);
        });
        found.remove("all");
        found
    }
}

impl LoadedSuite<'_> {
    /// The architectures of its packages.
    fn of_packages(&self, universe: &Universe) -> BTreeSet<String> {
        let lists: BTreeSet<usize> = self.lists.iter().filter_map(|(_, list)| *list).collect();
        let here = universe.packages.iter().filter(|one| one.places.iter().any(|place| lists.contains(&place.list)));
        let symbols: BTreeSet<_> = here.map(|package| package.architecture).collect();
        symbols.into_iter().map(|symbol| universe.symbols.name(symbol).to_owned()).collect()
    }
}
