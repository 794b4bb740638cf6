//! What the manifest and the files that it names want, for one environment.

use std::collections::BTreeMap;

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use pep440_rs::{VersionSpecifier, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, PackageName, VersionOrUrl};

use super::library::failed;
use super::places::{Places, plain_file};
use super::project::Policy;
use crate::error::PythonError;
use crate::format::file_name::FileName;
use crate::format::locks::LockFile;
use crate::format::repository::Repository;
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
                Line::OnlyBinary(names) => self.policy.only_binary.extend(names.iter().map(|name| normal(name))),
                Line::Include(_) | Line::Constraints(_) => {}
            }
        }
    }

    /// Requirements and policy for an environment.
    pub(crate) fn for_environment(
        &self,
        markers: &MarkerEnvironment,
    ) -> Result<(Vec<Requirement>, Policy), PythonError> {
        let mut policy = self.policy.clone();
        let applies = |one: &&Requirement| dependency::applies(&one.marker, markers, &[]);
        let mut wanted: Vec<Requirement> = self.requirements.iter().filter(applies).cloned().collect();
        let mut constraints = BTreeMap::<PackageName, Vec<VersionSpecifier>>::new();
        for constraint in self.constraints.iter().filter(applies) {
            if let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &constraint.version_or_url {
                constraints.entry(constraint.name.clone()).or_default().extend(specifiers.iter().cloned());
            }
        }
        policy.constraints =
            constraints.into_iter().map(|(name, all)| (name, all.into_iter().collect::<VersionSpecifiers>())).collect();
        for (url, lock) in &self.locks {
            let pins = lock.pins(markers);
            for pin in pins.map_err(|reason| PythonError::File { url: Box::new(url.clone()), reason })? {
                let exactly = VersionSpecifiers::from(VersionSpecifier::equals_version(pin.version));
                wanted.push(Requirement {
                    name: pin.name.clone(),
                    extras: Vec::new(),
                    version_or_url: Some(VersionOrUrl::VersionSpecifier(exactly)),
                    marker: Default::default(),
                    origin: None,
                });
                if !pin.checksums.is_empty() {
                    policy.hashes.entry(pin.name).or_default().extend(pin.checksums);
                }
            }
        }
        if policy.require_hashes
            && let Some(bare) = wanted.iter().find(|one| !policy.hashes.contains_key(&one.name))
        {
            return Err(PythonError::Hashless { name: bare.name.to_string() });
        }
        Ok((wanted, policy))
    }

    /// Makes the URL of each requirement that has one the only place that its project comes from.
    pub(crate) fn direct(&self, places: &mut Places) -> Result<(), PythonError> {
        for requirement in &self.requirements {
            let Some(VersionOrUrl::Url(url)) = &requirement.version_or_url else { continue };
            let name = requirement.name.to_string();
            let located = |reason: String| PythonError::Locate { file: name.clone(), reason };
            let alone = match Repository::is_meant(url) {
                true => {
                    let repository = Repository::of(url).map_err(located)?;
                    places.git(&requirement.name, repository)
                }
                false => {
                    let url = UpstreamUrl::try_from(url.to_url()).map_err(|error| located(error.to_string()))?;
                    let direct =
                        |reason: String| PythonError::Direct { name: name.clone(), url: Box::new(url.clone()), reason };
                    let file = plain_file(url.clone()).ok_or_else(|| direct("it has no file's name".to_owned()))?;
                    FileName::parse(&file.name, &requirement.name).map_err(|error| direct(error.to_string()))?;
                    places.direct(&requirement.name, file)
                }
            };
            if !alone {
                return Err(located("two requirements name two URLs for it".to_owned()));
            }
        }
        Ok(())
    }
}

/// What a file is by its name: `constraints.txt` and `gpu-constraints.txt` restrict.
fn role_of(name: &str) -> Role {
    let file = name.rsplit('/').next().unwrap_or(name);
    if file.contains("constraint") { Role::Constraint } else { Role::Wanted }
}

fn normal(name: &str) -> String {
    name.parse::<PackageName>().map_or_else(|_| name.to_owned(), |name| name.to_string())
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
