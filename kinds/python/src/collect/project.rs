//! A project as an index has it, and what of it an environment can use.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use airlift_core::Checksum;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;

use super::environment::Environment;
use crate::format::file_name::{FileName, FileNameError};
use crate::format::index::{File, Page};
use crate::spec::Sdists;

/// A project with all of its files, by version.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) name: PackageName,
    /// Whether an index has a page for it.
    pub(crate) exists: bool,
    /// Why the index offers nothing of it, where it says so.
    pub(crate) quarantined: Option<String>,
    /// Oldest first. Where a version stands in it is its name for the solver.
    pub(crate) releases: Vec<Release>,
    /// Names of files that no file has, which somebody must have made up.
    pub(crate) odd: Vec<String>,
    /// Whether its one version is not known before it is built, and so whatever is asked for.
    pub(crate) any_version: bool,
}

/// A version of a project.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) files: Vec<Offered>,
}

/// A file that is offered.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) file: File,
    pub(crate) name: FileName,
    requires_python: Option<VersionSpecifiers>,
}

impl Project {
    pub(crate) fn new(name: PackageName, pages: Vec<Page>) -> Self {
        let exists = !pages.is_empty();
        let quarantined = pages.iter().find_map(|page| page.quarantined.clone());
        let mut by_version = BTreeMap::<Version, Vec<Offered>>::new();
        let (mut seen, mut odd) = (HashSet::new(), Vec::new());
        for file in pages.into_iter().flat_map(|page| page.files) {
            let parsed = match FileName::parse(&file.name, &name) {
                Ok(parsed) => parsed,
                // Old pages have files that nobody installs today; these two are no accident.
                Err(FileNameError::Characters | FileNameError::Project) => {
                    odd.push(crate::format::plain(&file.name, 100));
                    continue;
                }
                Err(_) => continue,
            };
            if !seen.insert(file.name.clone()) {
                continue;
            }
            // As pip does: what can't be understood restricts nothing.
            let requires_python =
                file.requires_python.as_deref().and_then(|text| VersionSpecifiers::from_str(text).ok());
            let version = parsed.version().clone();
            by_version.entry(version).or_default().push(Offered { file, name: parsed, requires_python });
        }
        let releases = by_version.into_iter().map(|(version, files)| Release { version, files }).collect();
        Self { name, exists, quarantined, releases, odd, any_version: false }
    }

    /// A project that is one file, or none: one that is not from an index.
    pub(crate) fn alone(name: PackageName, file: File, parsed: FileName, any_version: bool) -> Self {
        let version = parsed.version().clone();
        let releases = vec![Release { version, files: vec![Offered { file, name: parsed, requires_python: None }] }];
        Self { name, exists: true, quarantined: None, releases, odd: Vec::new(), any_version }
    }

    /// Whether a release is among those that are asked for.
    pub(crate) fn fits(&self, release: &Release, specifiers: &VersionSpecifiers) -> bool {
        self.any_version || specifiers.contains(&release.version)
    }

    /// A version's place.
    pub(crate) fn release(&self, index: u32) -> Option<&Release> {
        self.releases.get(usize::try_from(index).ok()?)
    }
}

/// What restricts the choice of files for an environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) sdists: Sdists,
    /// Projects of which only wheels are taken; `:all:` means all.
    pub(crate) only_binary: HashSet<String>,
    /// The checksums that a project's files may have.
    pub(crate) hashes: BTreeMap<PackageName, HashSet<Checksum>>,
    /// Whether a project without checksums is refused.
    pub(crate) require_hashes: bool,
    /// What only restricts versions.
    pub(crate) constraints: BTreeMap<PackageName, VersionSpecifiers>,
    /// Whether pre-releases are as good as releases.
    pub(crate) pre: bool,
}

/// What an environment can use of a project: for each version a file, or why not.
#[derive(Clone, Debug)]
pub(crate) struct Candidates(Vec<Result<Candidate, String>>);

/// A version that can be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Which of the release's files.
    pub(crate) file: usize,
    /// Whether it was withdrawn.
    pub(crate) yanked: bool,
}

impl Candidates {
    pub(crate) fn new(project: &Project, environment: &Environment, policy: &Policy) -> Self {
        Self(project.releases.iter().map(|release| choose(project, release, (environment, policy))).collect())
    }

    pub(crate) fn get(&self, index: u32) -> Option<Candidate> {
        self.judged(index)?.as_ref().ok().copied()
    }

    /// Why a version can't be used.
    pub(crate) fn reason(&self, index: u32) -> Option<&str> {
        self.judged(index)?.as_ref().err().map(String::as_str)
    }

    fn judged(&self, index: u32) -> Option<&Result<Candidate, String>> {
        self.0.get(usize::try_from(index).ok()?)
    }
}

/// The best file of a version, as pip ranks them, or why there is none.
fn choose(
    project: &Project,
    release: &Release,
    (environment, policy): (&Environment, &Policy),
) -> Result<Candidate, String> {
    let constraint = policy.constraints.get(&project.name);
    if let Some(specifiers) = constraint.filter(|specifiers| !project.fits(release, specifiers)) {
        return Err(format!("is excluded by the constraint {}{specifiers}", project.name));
    }
    let hashes = policy.hashes.get(&project.name);
    if policy.require_hashes && hashes.is_none() {
        return Err("has no hash in the requirements, and hashes are required".to_owned());
    }
    let mut why = None;
    // The better one has the smaller key.
    let mut best: Option<(Key, usize)> = None;
    for (index, offered) in release.files.iter().enumerate() {
        let key = match judge(offered, (environment, policy), project, hashes) {
            Ok(key) => key,
            Err(reason) => {
                why.get_or_insert(reason);
                continue;
            }
        };
        if best.as_ref().is_none_or(|(other, _)| key < *other) {
            best = Some((key, index));
        }
    }
    match best {
        Some(((yanked, ..), file)) => Ok(Candidate { file, yanked }),
        None => Err(why.unwrap_or_else(|| "has no files".to_owned())),
    }
}

/// How good a file is: not withdrawn, a wheel, by its tags, by its build.
type Key = (bool, bool, u32, std::cmp::Reverse<Option<(u64, String)>>);

fn judge(
    offered: &Offered,
    (environment, policy): (&Environment, &Policy),
    project: &Project,
    hashes: Option<&HashSet<Checksum>>,
) -> Result<Key, String> {
    if let Some(specifiers) = offered.requires_python.as_ref().filter(|specs| !specs.contains(&environment.python)) {
        return Err(format!("needs Python {specifiers}"));
    }
    let (is_sdist, rank, build) = match &offered.name {
        FileName::Wheel(wheel) => {
            let rank = environment.tags.rank(wheel).ok_or("has no wheel for this platform")?;
            (false, rank, wheel.build.clone())
        }
        FileName::Sdist(_) => {
            let only = |name: &str| policy.only_binary.contains(name);
            if policy.sdists == Sdists::Never || only(":all:") || only(project.name.as_ref()) {
                return Err("has no wheel for this platform, and source distributions are not wanted".to_owned());
            }
            (true, 0, None)
        }
        FileName::Repository(_) => (true, 0, None),
    };
    if hashes.is_some_and(|hashes| !offered.file.checksums.iter().any(|checksum| hashes.contains(checksum))) {
        return Err("has none of the required hashes".to_owned());
    }
    Ok((offered.file.yanked.is_some(), is_sdist, rank, std::cmp::Reverse(build)))
}
