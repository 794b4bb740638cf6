//! What is to be solved, and what a solution is made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use pep440_rs::{Operator, VersionSpecifiers};
use pep508_rs::{PackageName, VersionOrUrl};

use super::environment::Environment;
use super::project::{Candidates, Offered, Policy, Project, Release, Rules, judge};
use crate::format::file_name::FileName;
use crate::format::{Requirement, dependency};

/// What is to be solved.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) requirements: Vec<Requirement>,
    rules: Arc<Rules>,
    /// What the requirements say of versions, by project: whatever else is wanted, this has to be fulfilled.
    wanted: HashMap<PackageName, Vec<VersionSpecifiers>>,
    /// What the environment can use of the projects that were looked at.
    candidates: Mutex<HashMap<PackageName, Arc<Candidates>>>,
}

/// Which version of which project, and which of its files.
pub(crate) type Solution = BTreeMap<PackageName, Choice>;

/// A chosen file.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) project: Arc<Project>,
    /// The place of its version.
    release: usize,
    /// The place of the file in the release.
    file: usize,
}

impl Choice {
    pub(crate) fn release(&self) -> &Release {
        &self.project.releases[self.release]
    }

    pub(crate) fn offered(&self) -> &Offered {
        &self.release().files[self.file]
    }
}

impl Problem {
    pub(crate) fn new(environment: Environment, policy: Policy, requirements: Vec<Requirement>) -> Self {
        let mut wanted = HashMap::<PackageName, Vec<VersionSpecifiers>>::new();
        for one in requirements.iter().filter(|one| dependency::applies(&one.marker, &environment.markers, &[])) {
            if let Some(specifiers) = specifiers_of(one) {
                wanted.entry(one.name.clone()).or_default().push(specifiers.clone());
            }
        }
        let rules = Arc::new(Rules { environment, policy });
        Self { requirements, rules, wanted, candidates: Mutex::default() }
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.rules.environment
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// What the requirements themselves say of a project's versions.
    pub(crate) fn wanted(&self, name: &PackageName) -> &[VersionSpecifiers] {
        self.wanted.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the requirements themselves name the one version of a project.
    pub(crate) fn pins(&self, name: &PackageName) -> bool {
        let mut all = self.wanted(name).iter().flat_map(|specifiers| specifiers.iter());
        all.any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual))
    }

    /// What the environment can use of a project.
    pub(crate) fn candidates(&self, project: &Arc<Project>) -> Arc<Candidates> {
        let mut known = self.candidates.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(Candidates::new(Arc::clone(project), Arc::clone(&self.rules)));
        Arc::clone(known.entry(project.name.clone()).or_insert_with(made))
    }

    /// The file that the environment takes of a version; none where it can use none.
    pub(crate) fn choice(&self, project: &Arc<Project>, place: u32) -> Option<Choice> {
        let file = self.candidates(project).get(place)?.file;
        Some(Choice { project: Arc::clone(project), release: usize::try_from(place).ok()?, file })
    }

    /// The source distribution of the same version, where there is one that may be taken.
    pub(crate) fn beside(&self, choice: &Choice) -> Option<Choice> {
        let hashes = self.policy().hashes.get(&choice.project.name);
        let fits = |offered: &Offered| {
            matches!(offered.name, FileName::Sdist(_)) && judge(offered, &self.rules, &choice.project, hashes).is_ok()
        };
        let file = choice.release().files.iter().position(fits)?;
        Some(Choice { file, ..choice.clone() })
    }
}

/// What a requirement says of versions.
pub(crate) fn specifiers_of(requirement: &Requirement) -> Option<&VersionSpecifiers> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers),
        // A URL was made the project's only file when the manifest was read.
        Some(VersionOrUrl::Url(_)) | None => None,
    }
}
