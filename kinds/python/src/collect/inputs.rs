//! What the manifest and the files that it names want, for one environment.

use std::collections::BTreeMap;

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use pep440_rs::{VersionSpecifier, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, PackageName, VersionOrUrl};

use super::library::failed;
use super::places::Place;
use super::project::Policy;
use crate::error::PythonError;
use crate::format::locks::{LockFile, Pin, Pinned};
use crate::format::requirements::{self, Line};
use crate::format::{Requirement, dependency};
use crate::spec::{PythonSpec, SetSpec};

/// The most bytes of a file that the manifest names.
const FILE: u64 = 64 << 20;
/// How deep files may include one another, and how many there may be.
const DEPTH: usize = 100;

/// What is wanted, before it is known for which environment.
pub(crate) struct Inputs {
    lines: Vec<(Role, UpstreamUrl, Line)>,
    locks: Vec<(UpstreamUrl, LockFile)>,
    requirements: Vec<Requirement>,
    constraints: Vec<Requirement>,
    policy: Policy,
}

/// Whether a file says what is wanted, or only restricts it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Wanted,
    Constraint,
}

impl Inputs {
    /// Reads the files that a set of the manifest names.
    pub(crate) async fn read(spec: &PythonSpec, set: &SetSpec, fetcher: &Fetcher) -> Result<Self, PythonError> {
        let policy = Policy { sdists: spec.sdists, pre: spec.pre, ..Policy::default() };
        let mut inputs = Self {
            lines: Vec::new(),
            locks: Vec::new(),
            requirements: set.requirements.clone(),
            constraints: set.constraints.clone(),
            policy,
        };
        let mut open = Vec::new();
        for name in set.files.iter().rev() {
            open.push((locate(name, None, fetcher)?, role_of(name), 0));
        }
        let mut read = 0;
        while let Some((url, role, depth)) = open.pop() {
            read += 1;
            if depth > DEPTH || read > 10 * DEPTH {
                return Err(PythonError::Depth { url: Box::new(url) });
            }
            let text = text_of(&url, fetcher).await?;
            let name =
                url.decoded_path().and_then(|path| path.rsplit('/').next().map(str::to_owned)).unwrap_or_default();
            if name == "uv.lock" || (name.starts_with("pylock.") && name.ends_with(".toml")) {
                let lock = LockFile::parse(&name, &text);
                let lock = lock.map_err(|reason| PythonError::File { url: Box::new(url.clone()), reason })?;
                inputs.locks.push((url, lock));
                continue;
            }
            let lines = requirements::parse(&text);
            let lines = lines.map_err(|source| PythonError::Line { url: Box::new(url.clone()), source })?;
            for line in lines {
                match line {
                    Line::Include(name) => open.push((locate(&name, Some(&url), fetcher)?, role, depth + 1)),
                    Line::Constraints(name) => {
                        open.push((locate(&name, Some(&url), fetcher)?, Role::Constraint, depth + 1));
                    }
                    line => inputs.lines.push((role, url.clone(), line)),
                }
            }
        }
        inputs.settle();
        Ok(inputs)
    }

    /// What lines say of everything, wherever they stand.
    fn settle(&mut self) {
        for (role, _, line) in &self.lines {
            match line {
                Line::Requirement(requirement, checksums) => {
                    if !checksums.is_empty() {
                        // One hash anywhere turns the checking on, as in pip.
                        self.policy.require_hashes = true;
                        let allowed = self.policy.hashes.entry(requirement.name.clone()).or_default();
                        allowed.extend(checksums.iter().cloned());
                    }
                    match role {
                        Role::Wanted => self.requirements.push((**requirement).clone()),
                        Role::Constraint => self.constraints.push((**requirement).clone()),
                    }
                }
                Line::RequireHashes => self.policy.require_hashes = true,
                Line::Pre => self.policy.pre = true,
                Line::PreferBinary => self.policy.prefer_binary = true,
                Line::Only(form, names) => self.policy.forms.only(*form, names),
                Line::Include(_) | Line::Constraints(_) => {}
            }
        }
    }

    /// The requirements that are for none of these environments, as they are written.
    pub(crate) fn for_none(&self, environments: &[&MarkerEnvironment]) -> Vec<String> {
        let is_for =
            |one: &Requirement| environments.iter().any(|markers| dependency::applies(&one.marker, markers, &[]));
        self.requirements.iter().filter(|one| !is_for(one)).map(ToString::to_string).collect()
    }

    /// Requirements and policy for an environment.
    pub(crate) fn for_environment(
        &self,
        markers: &MarkerEnvironment,
    ) -> Result<(Vec<Requirement>, Policy), PythonError> {
        let mut policy = self.policy.clone();
        let applies = |one: &&Requirement| dependency::applies(&one.marker, markers, &[]);
        let mut wanted: Vec<Requirement> = self.requirements.iter().filter(applies).cloned().collect();
        for (url, lock) in &self.locks {
            let failed = |reason: String| PythonError::File { url: Box::new(url.clone()), reason };
            for pin in lock.pins(markers).map_err(failed)? {
                wanted.push(requirement_of(&pin).map_err(failed)?);
                if !pin.checksums.is_empty() {
                    policy.hashes.entry(pin.name).or_default().extend(pin.checksums);
                }
            }
        }
        let mut constraints = BTreeMap::<PackageName, Vec<VersionSpecifier>>::new();
        for constraint in self.constraints.iter().filter(applies) {
            if let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &constraint.version_or_url {
                constraints.entry(constraint.name.clone()).or_default().extend(specifiers.iter().cloned());
            }
        }
        policy.constraints =
            constraints.into_iter().map(|(name, all)| (name, all.into_iter().collect::<VersionSpecifiers>())).collect();
        policy.places = places_of(wanted.iter().chain(self.constraints.iter().filter(applies)))?;
        if policy.require_hashes {
            // The fragment of a URL is as good as an option, as with pip.
            for (name, place) in &policy.places {
                if let Place::File(file) = place {
                    policy.hashes.entry(name.clone()).or_default().extend(file.checksums.iter().cloned());
                }
            }
            policy.hashes.retain(|_, hashes| !hashes.is_empty());
            if let Some(bare) = wanted.iter().find(|one| !policy.hashes.contains_key(&one.name)) {
                return Err(PythonError::Hashless { name: bare.name.to_string() });
            }
        }
        Ok((wanted, policy))
    }
}

/// What a lock fixes, as a requirement.
fn requirement_of(pin: &Pin) -> Result<Requirement, String> {
    match &pin.what {
        Pinned::Version(version) => {
            let exactly = VersionSpecifiers::from(VersionSpecifier::equals_version(version.clone()));
            let version_or_url = Some(VersionOrUrl::VersionSpecifier(exactly));
            let (name, extras, marker) = (pin.name.clone(), Vec::new(), Default::default());
            Ok(Requirement { name, extras, version_or_url, marker, origin: None })
        }
        Pinned::Url(url) => requirements::read(&format!("{} @ {url}", pin.name)),
    }
}

/// The one place of each project that a requirement or a constraint has a URL for.
fn places_of<'a>(all: impl Iterator<Item = &'a Requirement>) -> Result<BTreeMap<PackageName, Place>, PythonError> {
    let mut places = BTreeMap::new();
    for requirement in all {
        let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url else { continue };
        let place = Place::of(&requirement.name, url)?;
        if places.insert(requirement.name.clone(), place.clone()).is_some_and(|other| other != place) {
            let reason = "two requirements name two URLs for it".to_owned();
            return Err(PythonError::Locate { file: requirement.name.to_string(), reason });
        }
    }
    Ok(places)
}

/// What a file is by its name: `constraints.txt` and `gpu-constraints.txt` restrict.
fn role_of(name: &str) -> Role {
    let file = name.rsplit('/').next().unwrap_or(name);
    if file.contains("constraint") { Role::Constraint } else { Role::Wanted }
}

/// Where a file is: by its URL, beside the file that names it, or beside the manifest.
fn locate(name: &str, beside: Option<&UpstreamUrl>, fetcher: &Fetcher) -> Result<UpstreamUrl, PythonError> {
    let failed = |reason: &str| PythonError::Locate { file: name.to_owned(), reason: reason.to_owned() };
    let read = |text: &str| text.parse().map_err(|error: airlift_core::upstream::UrlError| failed(&error.reason));
    let url: UpstreamUrl = match beside {
        _ if name.is_empty() => return Err(failed("it has no name")),
        _ if name.contains("://") => read(name)?,
        Some(url) if !name.starts_with('/') => {
            let joined = url.expose().join(&airlift_core::upstream::encode_path(name));
            read(joined.map_err(|error| failed(&error.to_string()))?.as_str())?
        }
        _ => fetcher.local(name).ok_or_else(|| failed("it is relative, and the manifest lies in no folder"))?,
    };
    match beside.is_some_and(|beside| beside.expose().scheme() != "file") && url.expose().scheme() == "file" {
        true => Err(failed("a file from the network names one of this machine")),
        false => Ok(url),
    }
}

async fn text_of(url: &UpstreamUrl, fetcher: &Fetcher) -> Result<String, PythonError> {
    let document = fetcher.listing(&Request::new(url.clone()), FILE).await;
    let document = document.map_err(|source| failed(&format!("the file {url}"), source))?;
    String::from_utf8(document.bytes.to_vec())
        .map_err(|_| PythonError::File { url: Box::new(url.clone()), reason: "it is not UTF-8".to_owned() })
}
