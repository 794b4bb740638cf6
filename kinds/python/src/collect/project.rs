//! A project as an index has it, and what of it an environment can use.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use airlift_core::Checksum;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;

use super::environment::Environment;
use super::places::Place;
use crate::format::file_name::{FileName, FileNameError};
use crate::format::forms::{Form, Forms};
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
}

/// A version of a project.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) files: Vec<Offered>,
    /// Where it comes from, where that is no index.
    pub(crate) place: Option<Place>,
    /// Whether the version is not known before it is built, and so whatever is asked for.
    any_version: bool,
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
        let of_index = |(version, files)| Release { version, files, place: None, any_version: false };
        let releases = by_version.into_iter().map(of_index).collect();
        Self { name, exists, quarantined, releases, odd }
    }

    /// Adds what is at a place: one file, or a repository, whose version may not be known.
    pub(crate) fn add(&mut self, place: &Place, (file, name): (File, FileName), any_version: bool) {
        let version = name.version().clone();
        let files = vec![Offered { file, name, requires_python: None }];
        let at = self.releases.partition_point(|release| release.version <= version);
        self.releases.insert(at, Release { version, files, place: Some(place.clone()), any_version });
        self.exists = true;
    }

    /// A version's place.
    pub(crate) fn release(&self, index: u32) -> Option<&Release> {
        self.releases.get(usize::try_from(index).ok()?)
    }
}

impl Release {
    /// Whether it is among those that are asked for.
    pub(crate) fn fits(&self, specifiers: &VersionSpecifiers) -> bool {
        self.any_version || specifiers.contains(&self.version)
    }
}

/// What restricts the choice of files for an environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) sdists: Sdists,
    /// What is taken as a wheel only, or as a source distribution only.
    pub(crate) forms: Forms,
    /// Whether an older version with a wheel goes before a newer one without.
    pub(crate) prefer_binary: bool,
    /// Where projects come from that come from no index.
    pub(crate) places: BTreeMap<PackageName, Place>,
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
    /// Whether it is a wheel.
    pub(crate) is_wheel: bool,
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
    match (policy.places.get(&project.name), &release.place) {
        (Some(wanted), place) if place.as_ref() != Some(wanted) => {
            return Err("is not at the URL that is wanted".to_owned());
        }
        (None, Some(_)) => return Err("is at a URL that is wanted for others, and not here".to_owned()),
        _ => {}
    }
    let constraint = policy.constraints.get(&project.name);
    if let Some(specifiers) = constraint.filter(|specifiers| !release.fits(specifiers)) {
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
                // A source distribution is what would be taken where no wheel is.
                if why.is_none() || matches!(offered.name, FileName::Sdist(_)) {
                    why = Some(reason);
                }
                continue;
            }
        };
        if best.as_ref().is_none_or(|(other, _)| key < *other) {
            best = Some((key, index));
        }
    }
    match best {
        Some(((_, yanked, is_sdist, ..), file)) => Ok(Candidate { file, yanked, is_wheel: !is_sdist }),
        None => Err(why.unwrap_or_else(|| "has no files".to_owned())),
    }
}

/// How good a file is: of a required hash, not withdrawn, a wheel, by its tags, by its build.
type Key = (bool, bool, bool, u32, std::cmp::Reverse<Option<(u64, String)>>);

fn judge(
    offered: &Offered,
    (environment, policy): (&Environment, &Policy),
    project: &Project,
    hashes: Option<&HashSet<Checksum>>,
) -> Result<Key, String> {
    if let Some(specifiers) = offered.requires_python.as_ref().filter(|specs| !specs.contains(&environment.python)) {
        return Err(format!("needs Python {specifiers}"));
    }
    let has = |form| policy.forms.has(form, &project.name);
    let (is_sdist, rank, build) =
        match &offered.name {
            FileName::Wheel(_) if !has(Form::Wheel) => {
                return Err("is wanted as a source distribution only (--no-binary)".to_owned());
            }
            FileName::Wheel(wheel) => {
                let rank = environment.tags.rank(wheel).ok_or("has no wheel for this platform")?;
                (false, rank, wheel.build.clone())
            }
            FileName::Sdist(_) if policy.sdists == Sdists::Never => {
                return Err("has no wheel for this platform, and source distributions are not wanted (sdists: never)"
                    .to_owned());
            }
            FileName::Sdist(_) if !has(Form::Sdist) => {
                return Err("has no wheel for this platform, and source distributions are not wanted (--only-binary)"
                    .to_owned());
            }
            FileName::Sdist(_) => (true, 0, None),
            FileName::Repository(_) if hashes.is_some() => {
                return Err("comes from git, which no hash can be required of".to_owned());
            }
            FileName::Repository(_) => (true, 0, None),
        };
    let is_known = hashes.is_none_or(|hashes| is_comparable(&offered.file, hashes));
    if is_known && hashes.is_some_and(|hashes| !offered.file.checksums.iter().any(|checksum| hashes.contains(checksum)))
    {
        return Err("has none of the required hashes".to_owned());
    }
    Ok((!is_known, offered.file.yanked.is_some(), is_sdist, rank, std::cmp::Reverse(build)))
}

/// Whether what is promised of a file can be compared with hashes. If not, the file itself is: see `hashes`.
pub(crate) fn is_comparable(file: &File, hashes: &HashSet<Checksum>) -> bool {
    file.checksums.iter().any(|own| hashes.iter().any(|hash| hash.algorithm() == own.algorithm()))
}
