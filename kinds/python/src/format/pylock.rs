//! `pylock.toml` (PEP 751).

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::Checksum;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, PackageName};
use serde::Deserialize;

use super::locks::{Pin, Pinned, alone, applies, elsewhere};

/// A `pylock.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PyLock {
    pub(super) lock_version: String,
    pub(super) requires_python: Option<VersionSpecifiers>,
    /// Markers, of which one has to hold.
    #[serde(default)]
    environments: Vec<String>,
    #[serde(default)]
    extras: BTreeSet<String>,
    #[serde(default)]
    dependency_groups: BTreeSet<String>,
    #[serde(default)]
    default_groups: BTreeSet<String>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: PackageName,
    version: Option<Version>,
    marker: Option<String>,
    vcs: Option<Vcs>,
    directory: Option<toml::Table>,
    archive: Option<Archive>,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vcs {
    r#type: String,
    url: Option<String>,
    commit_id: Option<String>,
    subdirectory: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Archive {
    url: Option<String>,
    subdirectory: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct File {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl PyLock {
    pub(super) fn pins(&self, environment: &MarkerEnvironment) -> Result<Vec<Pin>, String> {
        let holds = |marker: &String| applies(Some(&self.settled(marker)), environment);
        let for_it = self.environments.iter().map(holds).collect::<Result<Vec<_>, _>>()?;
        if !for_it.is_empty() && !for_it.contains(&true) {
            return Err("none of its 'environments' is this one: give that a set of its own".to_owned());
        }
        let mut pins = BTreeSet::new();
        for package in &self.packages {
            if package.marker.as_ref().map_or(Ok(true), holds)? {
                pins.insert(package.pin()?);
            }
        }
        alone(pins)
    }

    /// A marker without what it asks of extras and groups, which no other marker does: all of the lock are wanted.
    fn settled(&self, marker: &str) -> String {
        let groups = || self.dependency_groups.union(&self.default_groups);
        let mut settled = String::new();
        let mut rest = marker;
        while let Some(begin) = rest.find(['\'', '"']) {
            let quote = &rest[begin..=begin];
            let Some(length) = rest[begin + 1..].find(quote) else { break };
            let (name, behind) = (&rest[begin + 1..begin + 1 + length], &rest[begin + length + 2..]);
            let (is_not, list) = match behind.trim_start().strip_prefix("not ") {
                Some(list) => (true, list.trim_start()),
                None => (false, behind.trim_start()),
            };
            let list = list.strip_prefix("in ").map(str::trim_start).unwrap_or_default();
            let known: [(&str, bool); 2] =
                [("extras", self.extras.contains(name)), ("dependency_groups", groups().any(|group| group == name))];
            let asked = known.iter().find_map(|(word, has)| Some((list.strip_prefix(word)?, *has)));
            match asked {
                Some((behind, has)) => {
                    settled.push_str(&rest[..begin]);
                    // What always holds, and what never does.
                    settled.push_str(if has == is_not { "python_version < '0'" } else { "python_version >= '0'" });
                    rest = behind;
                }
                None => {
                    settled.push_str(&rest[..rest.len() - behind.len()]);
                    rest = behind;
                }
            }
        }
        settled + rest
    }
}

impl Package {
    fn pin(&self) -> Result<Pin, String> {
        let pin = |what, checksums| Ok(Pin { name: self.name.clone(), what, checksums });
        if self.directory.is_some() {
            return Err(elsewhere(&self.name));
        }
        if let Some(vcs) = &self.vcs {
            return pin(Pinned::Url(vcs.url().ok_or_else(|| elsewhere(&self.name))?), Vec::new());
        }
        if let Some(archive) = &self.archive {
            let url = archive.url.clone().filter(|_| archive.subdirectory.is_none());
            return pin(Pinned::Url(url.ok_or_else(|| elsewhere(&self.name))?), self.checksums([&archive.hashes])?);
        }
        let version = self.version.clone().ok_or_else(|| format!("{} has no version in it", self.name))?;
        let files = self.wheels.iter().chain(&self.sdist).map(|file| &file.hashes);
        pin(Pinned::Version(version), self.checksums(files)?)
    }

    /// The checksums of its files. What none is known of would be taken unchecked.
    fn checksums<'a>(
        &self,
        files: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
    ) -> Result<Vec<Checksum>, String> {
        let all = files.into_iter().flatten();
        let all: Vec<Checksum> =
            all.filter_map(|(name, hex)| format!("{name}:{hex}").to_ascii_lowercase().parse().ok()).collect();
        match all.is_empty() {
            true => Err(format!("{} has none of sha256, sha384 and sha512 in it, and would go unchecked", self.name)),
            false => Ok(all),
        }
    }
}

impl Vcs {
    /// As a requirement names it; none for what only one machine has.
    fn url(&self) -> Option<String> {
        let (url, commit) = (self.url.as_ref()?, self.commit_id.as_ref()?);
        let folder = self.subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        (self.r#type == "git").then(|| format!("git+{url}@{commit}{folder}"))
    }
}
