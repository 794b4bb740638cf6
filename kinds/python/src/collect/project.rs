//! A project as an index has it, and what of it an environment can use.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use airlift_core::Checksum;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;

use super::environment::Environment;
use super::places::Place;
use crate::format::file_name::{FileName, FileNameError};
use crate::format::forms::{Form, Forms};
use crate::format::index::{File, Page, Promise};
use crate::spec::Sdists;

/// Why a version can't be used whose wheels are all for others.
const ELSEWHERE: &str = "has no wheel for this platform";

/// A project with all of its files that somebody may want, by version.
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
    requires_python: Option<Arc<VersionSpecifiers>>,
}

impl Offered {
    /// Whether what it says about itself can be had without all of it, and it is no withdrawn one.
    pub(crate) fn is_cheap(&self) -> bool {
        let promised = || self.file.checksums.iter().any(|checksum| checksum.digest().is_some());
        let apart = self.file.metadata != Promise::None || promised();
        matches!(self.name, FileName::Wheel(_)) && self.file.yanked.is_none() && apart
    }
}

impl Project {
    pub(crate) fn new(name: PackageName, pages: Vec<Page>) -> Self {
        let exists = !pages.is_empty();
        let quarantined = pages.iter().find_map(|page| page.quarantined.clone());
        let mut by_version = BTreeMap::<Version, Vec<Offered>>::new();
        let (mut seen, mut odd) = (HashSet::new(), Vec::new());
        // Thousands of files say one of a few things.
        let mut pythons = HashMap::<String, Option<Arc<VersionSpecifiers>>>::new();
        let mut parsed_of = |file: &str| match FileName::parse(file, &name) {
            Ok(parsed) => Some(parsed),
            // Old pages have files that nobody installs today; these two are no accident.
            Err(FileNameError::Characters | FileNameError::Project) => {
                odd.push(crate::format::plain(file, 100));
                None
            }
            Err(_) => None,
        };
        let (mut files, mut unwanted) = (Vec::new(), Vec::new());
        for page in pages {
            files.extend(page.files);
            unwanted.extend(page.unwanted);
        }
        for file in files {
            let Some(parsed) = parsed_of(&file.name) else { continue };
            if !seen.insert(file.name.clone()) {
                continue;
            }
            // As pip does: what can't be understood restricts nothing.
            let requires_python = file.requires_python.as_ref().and_then(|text| match pythons.get(text) {
                Some(known) => known.clone(),
                None => {
                    let read = VersionSpecifiers::from_str(text).ok().map(Arc::new);
                    pythons.entry(text.clone()).or_insert(read).clone()
                }
            });
            let version = parsed.version().clone();
            by_version.entry(version).or_default().push(Offered { file, name: parsed, requires_python });
        }
        // A version is there, whether or not it can be used here.
        for parsed in unwanted.iter().filter_map(|file| parsed_of(file)) {
            by_version.entry(parsed.version().clone()).or_default();
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

/// What files have to be fit for.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) environment: Environment,
    pub(crate) policy: Policy,
}

/// What an environment can use of a project: for each version a file, or why not. A version is judged when it is first
/// asked for: of most of them nobody wants to know.
#[derive(Debug)]
pub(crate) struct Candidates {
    project: Arc<Project>,
    rules: Arc<Rules>,
    judged: Vec<OnceLock<Result<Candidate, String>>>,
}

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
    pub(crate) fn new(project: Arc<Project>, rules: Arc<Rules>) -> Self {
        let judged = project.releases.iter().map(|_| OnceLock::new()).collect();
        Self { project, rules, judged }
    }

    pub(crate) fn get(&self, index: u32) -> Option<Candidate> {
        self.judged(index)?.as_ref().ok().copied()
    }

    /// Why a version can't be used.
    pub(crate) fn reason(&self, index: u32) -> Option<&str> {
        self.judged(index)?.as_ref().err().map(String::as_str)
    }

    fn judged(&self, index: u32) -> Option<&Result<Candidate, String>> {
        let judged = self.judged.get(usize::try_from(index).ok()?)?;
        let release = self.project.release(index)?;
        Some(judged.get_or_init(|| choose(&self.project, release, &self.rules)))
    }
}

/// The best file of a version, as pip ranks them, or why there is none.
fn choose(project: &Project, release: &Release, rules: &Rules) -> Result<Candidate, String> {
    let policy = &rules.policy;
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
        let key = match judge(offered, rules, project, hashes) {
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
        None => Err(why.unwrap_or_else(|| ELSEWHERE.to_owned())),
    }
}

/// How good a file is: of a required hash, not withdrawn, a wheel, by its tags, by its build.
pub(crate) type Key = (bool, bool, bool, u32, std::cmp::Reverse<Option<(u64, String)>>);

/// How good a file is, or why it can't be taken.
pub(crate) fn judge(
    offered: &Offered,
    rules: &Rules,
    project: &Project,
    hashes: Option<&HashSet<Checksum>>,
) -> Result<Key, String> {
    let Rules { environment, policy } = rules;
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
                let rank = environment.tags.rank(wheel).ok_or(ELSEWHERE)?;
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
