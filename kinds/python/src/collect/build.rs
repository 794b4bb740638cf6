//! What source distributions need to be built, which travels with them.

use std::collections::{BTreeSet, HashSet};

use pep508_rs::{ExtraName, PackageName};

use super::environment::Environment;
use super::hashes;
use super::library::{About, Library};
use super::problem::{Choice, Problem};
use super::project::{Offered, Policy};
use super::solver::solve;
use crate::error::PythonError;
use crate::format::file_name::FileName;
use crate::format::metadata::Metadata;
use crate::format::{Requirement, dependency, plain};
use crate::spec::Sdists;

/// Everything for one environment.
#[derive(Default)]
pub(crate) struct Built {
    /// Every chosen file, those of builds too.
    pub(crate) choices: Vec<Choice>,
    /// What is to be known of a project, about its source distribution.
    pub(crate) remarks: BTreeSet<(PackageName, String)>,
}

/// Solves a problem, and for each source distribution in the solution what building it needs: each build has an
/// environment of its own, as with pip. Where source distributions travel beside wheels, these are built as well.
pub(crate) async fn with_builds(library: &Library<'_>, problem: &Problem) -> Result<Built, PythonError> {
    let mut built = Built::default();
    let mut open: Vec<Choice> = solve(library, problem).await?.into_values().collect();
    hashes::check(library, problem.policy(), &open).await?;
    built.remarks = missing_extras(library, problem, &open);
    let (mut beside, mut seen, mut builds) = (Vec::<Choice>::new(), BTreeSet::new(), HashSet::new());
    while let Some((choice, is_beside)) = open.pop().map(|one| (one, false)).or_else(|| Some((beside.pop()?, true))) {
        let offered = choice.offered();
        if !seen.insert(offered.file.name.clone()) {
            continue;
        }
        if let (Sdists::Always, Some(sdist)) = (problem.policy().sdists, problem.beside(&choice)) {
            hashes::check(library, problem.policy(), std::slice::from_ref(&sdist)).await?;
            beside.push(sdist);
        }
        if !matches!(offered.name, FileName::Wheel(_)) {
            let about = library.load_about(&choice.project, offered).await?;
            if !is_beside {
                built.remarks.insert((choice.project.name.clone(), told(offered, &about)));
            } else if let Err(reason) = &about.metadata {
                let remark = format!("{} can't be built from what travels: it {reason}", offered.file.name);
                built.remarks.insert((choice.project.name.clone(), remark));
                built.choices.push(choice);
                continue;
            }
            // The same requirements have the same solution.
            if !builds.contains(&about.build) {
                let environment = problem.environment().building(offered);
                match solve(library, &building(problem, environment, &about)).await {
                    // What builds it is needed as much as it is.
                    Ok(solution) => if is_beside { &mut beside } else { &mut open }.extend(solution.into_values()),
                    Err(PythonError::Unsolvable { derivation, .. }) if is_beside => {
                        let why = plain(&derivation, 500);
                        let remark = format!("{} can't be built from what travels: {why}", offered.file.name);
                        built.remarks.insert((choice.project.name.clone(), remark));
                        built.choices.push(choice);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                builds.insert(about.build.clone());
            }
        }
        built.choices.push(choice);
    }
    Ok(built)
}

/// What a build needs.
fn building(problem: &Problem, environment: Environment, about: &About) -> Problem {
    // Hashes, constraints and pins are of what is installed, not of what builds it.
    let own = problem.policy();
    let policy = Policy {
        sdists: own.sdists,
        forms: own.forms.clone(),
        prefer_binary: own.prefer_binary,
        places: own.places.clone(),
        ..Policy::default()
    };
    Problem::new(environment, policy, about.build.clone())
}

/// What is to be known of a source distribution.
fn told(offered: &Offered, about: &About) -> String {
    let is_static = about.metadata.as_ref().is_ok_and(Metadata::is_static);
    let unsure = match is_static {
        true => "",
        false => ", and only the build tells for sure what it needs; what its PKG-INFO says was taken",
    };
    match &offered.name {
        FileName::Repository(_) => format!(
            "comes from git: {} travels, and clients build from it. They find it here with: git config --global \
             url.<this mirror>/git/{host}/.insteadOf https://{host}/",
            offered.file.url,
            host = offered.file.url.authority()
        ),
        name => format!("{} travels as a source distribution, which clients build{unsure}", name.version()),
    }
}

/// The extras that are wanted of projects that have none of that name: pip goes on without them, and says so.
fn missing_extras(library: &Library<'_>, problem: &Problem, chosen: &[Choice]) -> BTreeSet<(PackageName, String)> {
    let markers = &problem.environment().markers;
    let mut remarks = BTreeSet::new();
    for wanted in problem.requirements.iter().filter(|wanted| !wanted.extras.is_empty()) {
        let choice = chosen.iter().find(|choice| choice.project.name == wanted.name);
        let about = choice.and_then(|choice| library.about(choice.offered()));
        let Some(Ok(metadata)) = about.as_ref().map(|about| &about.metadata) else { continue };
        // Old ones name an extra only where something needs it.
        let is_asked = |extra: &ExtraName| {
            let with = |one: &Requirement, extras: &[ExtraName]| dependency::applies(&one.marker, markers, extras);
            metadata.requires.iter().any(|one| with(one, std::slice::from_ref(extra)) && !with(one, &[]))
        };
        for extra in wanted.extras.iter().filter(|extra| !metadata.extras.contains(extra) && !is_asked(extra)) {
            remarks
                .insert((wanted.name.clone(), format!("{} has no extra '{extra}', which is wanted", metadata.version)));
        }
    }
    remarks
}
