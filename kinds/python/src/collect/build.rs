//! What source distributions need to be built, which travels with them.

use std::collections::{BTreeSet, HashSet};

use pep508_rs::PackageName;

use super::hashes;
use super::library::Library;
use super::project::Policy;
use super::solver::{Choice, Problem, solve};
use crate::error::PythonError;
use crate::format::file_name::FileName;

/// Everything for one environment.
#[derive(Default)]
pub(crate) struct Built {
    /// Every chosen file, those of builds too.
    pub(crate) choices: Vec<Choice>,
    /// What is to be known of a project, about its source distribution.
    pub(crate) remarks: BTreeSet<(PackageName, String)>,
}

/// Solves a problem, and for each source distribution in the solution what building it needs: each build has an
/// environment of its own, as with pip.
pub(crate) async fn with_builds(library: &Library<'_>, problem: &Problem<'_>) -> Result<Built, PythonError> {
    let mut built = Built::default();
    let mut open: Vec<Choice> = solve(library, problem).await?.into_values().collect();
    hashes::check(library, &problem.policy, &open).await?;
    let mut seen = BTreeSet::new();
    let mut builds = HashSet::new();
    while let Some(choice) = open.pop() {
        let release = &choice.project.releases[choice.release];
        let offered = &release.files[choice.file];
        if !seen.insert(offered.file.name.clone()) {
            continue;
        }
        if !matches!(offered.name, FileName::Wheel(_)) {
            let version = offered.name.version();
            let about = library.load_about(&choice.project, offered).await?;
            let is_static = about.metadata.as_ref().is_ok_and(crate::format::metadata::Metadata::is_static);
            let told = match is_static {
                true => "",
                false => ", and only the build tells for sure what it needs; what its PKG-INFO says was taken",
            };
            let remark = match &offered.name {
                FileName::Repository(_) => format!(
                    "comes from git: {} travels, and clients build from it. They find it here with: git config --global \
                     url.<this mirror>/git/{host}/.insteadOf https://{host}/",
                    offered.file.url,
                    host = offered.file.url.authority()
                ),
                _ => format!("{version} travels as a source distribution, which clients build{told}"),
            };
            built.remarks.insert((choice.project.name.clone(), remark));
            // The same requirements have the same solution.
            if builds.insert(about.build.clone()) {
                // Hashes, constraints and pins are of what is installed, not of what builds it.
                let Policy { sdists, forms, prefer_binary, places, .. } = problem.policy.clone();
                let policy = Policy { sdists, forms, prefer_binary, places, ..Policy::default() };
                let environment = problem.environment;
                let needed = Problem { environment, requirements: about.build.clone(), policy };
                open.extend(solve(library, &needed).await?.into_values());
            }
        }
        built.choices.push(choice);
    }
    Ok(built)
}
