//! Asks upstream ahead of the solver: for what it will most likely want, all at once.
//!
//! A solver that stops for each thing that it does not know would wait for one answer after the other. This follows the
//! requirements from the newest versions on, which is what is chosen unless requirements disagree. What it guesses wrong
//! costs a request; what it can't get is asked for again, with its error, by who needs it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pep440_rs::VersionSpecifiers;
use pep508_rs::VersionOrUrl;

use super::library::{About, Library};
use super::project::{Candidates, Offered, Project};
use super::solver::{Need, Problem};
use crate::error::PythonError;
use crate::format::{Requirement, dependency};

/// The most requirements that are followed ahead: far more than any environment has.
const MOST: usize = 20_000;

/// Follows requirements as far as they lead.
pub(crate) async fn ahead(library: &Library<'_>, problem: &Problem<'_>, requirements: Vec<Requirement>) {
    let mut seen = HashSet::new();
    let mut open: FuturesUnordered<BoxFuture<'_, Vec<Requirement>>> = FuturesUnordered::new();
    let mut found = requirements;
    loop {
        for requirement in found {
            let wanted = requirement.version_or_url.as_ref().map(ToString::to_string);
            if seen.len() < MOST && seen.insert((requirement.name.clone(), requirement.extras.clone(), wanted)) {
                open.push(Box::pin(follow(library, problem, requirement)));
            }
        }
        match open.next().await {
            Some(more) => found = more,
            None => return,
        }
    }
}

/// What a requirement leads to, as far as it can be had.
async fn follow(library: &Library<'_>, problem: &Problem<'_>, requirement: Requirement) -> Vec<Requirement> {
    let Ok(project) = library.load_project(&requirement.name).await else { return Vec::new() };
    let none = VersionSpecifiers::empty();
    let specifiers = match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers,
        Some(VersionOrUrl::Url(_)) | None => &none,
    };
    let Some(offered) = likely(&project, specifiers, problem) else { return Vec::new() };
    let Ok(about) = library.load_about(&project, offered).await else { return Vec::new() };
    requirements_of(&about, &requirement, problem)
}

fn requirements_of(about: &About, requirement: &Requirement, problem: &Problem<'_>) -> Vec<Requirement> {
    let Ok(metadata) = &about.metadata else { return Vec::new() };
    let markers = &problem.environment.markers;
    let wanted = metadata.requires.iter().filter(|one| dependency::applies(&one.marker, markers, &requirement.extras));
    wanted.filter(|one| !matches!(one.version_or_url, Some(VersionOrUrl::Url(_)))).cloned().collect()
}

/// The newest usable version that a specifier contains, and a release rather than a pre-release.
fn likely<'p>(project: &'p Project, specifiers: &VersionSpecifiers, problem: &Problem<'_>) -> Option<&'p Offered> {
    let candidates = Candidates::new(project, problem.environment, &problem.policy);
    let usable = || {
        let places = (0_u32..).zip(&project.releases).collect::<Vec<_>>().into_iter().rev();
        places
            .filter(|(_, release)| release.fits(specifiers))
            .filter_map(|(place, release)| Some((release, candidates.get(place)?)))
    };
    let pre = problem.policy.pre || specifiers.iter().any(|one| one.any_prerelease());
    let best = usable().find(|(release, one)| !one.yanked && (pre || !release.version.any_prerelease()));
    let (release, candidate) = best.or_else(|| usable().next())?;
    release.files.get(candidate.file)
}

/// Gets what the solver needs, and then what that leads to.
pub(crate) async fn needs(
    library: &Library<'_>,
    problem: &Problem<'_>,
    needs: &BTreeSet<Need>,
) -> Result<(), PythonError> {
    let mut open: FuturesUnordered<_> = needs.iter().map(|need| get(library, problem, need)).collect();
    let mut found = Vec::new();
    while let Some(got) = open.next().await {
        if let Some((name, about)) = got? {
            let whole = Requirement {
                name,
                extras: Vec::new(),
                version_or_url: None,
                marker: Default::default(),
                origin: None,
            };
            found.extend(requirements_of(&about, &whole, problem));
        }
    }
    ahead(library, problem, found).await;
    Ok(())
}

async fn get(
    library: &Library<'_>,
    problem: &Problem<'_>,
    need: &Need,
) -> Result<Option<(pep508_rs::PackageName, Arc<About>)>, PythonError> {
    let (name, place) = match need {
        Need::Project(name) => {
            library.load_project(name).await?;
            return Ok(None);
        }
        Need::About(name, place) => (name, *place),
    };
    let project = library.load_project(name).await?;
    let candidates = Candidates::new(&project, problem.environment, &problem.policy);
    let offered = candidates.get(place).and_then(|one| project.release(place)?.files.get(one.file));
    match offered {
        Some(offered) => Ok(Some((name.clone(), library.load_about(&project, offered).await?))),
        None => Ok(None),
    }
}
