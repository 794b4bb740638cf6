//! Asks upstream ahead of the solver: for what it will most likely want, all at once.
//!
//! A solver that stops for each thing that it does not know would wait for one answer after the other. This follows the
//! requirements from the newest versions on, which is what is chosen unless requirements disagree. What it guesses wrong
//! costs a request; what it can't get is asked for again, with its error, by who needs it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use pep440_rs::VersionSpecifiers;
use pep508_rs::VersionOrUrl;

use super::library::{About, Library};
use super::problem::{Choice, Problem, specifiers_of};
use super::project::{Candidate, Offered, Project, Release};
use super::solver::Need;
use crate::error::PythonError;
use crate::format::{Requirement, dependency};

/// The most requirements that are followed ahead: far more than any environment has.
const MOST: usize = 20_000;
/// How many versions are looked at together where the newest is not the one: who goes back one often goes back several.
const BACK: usize = 8;

/// Follows requirements as far as they lead.
pub(crate) async fn ahead(library: &Library<'_>, problem: &Problem, requirements: Vec<Requirement>) {
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
async fn follow(library: &Library<'_>, problem: &Problem, requirement: Requirement) -> Vec<Requirement> {
    let Ok(project) = library.load_project(&requirement.name).await else { return Vec::new() };
    let Some(offered) = likely(&project, &requirement, problem) else { return Vec::new() };
    if problem.pins(&project.name) {
        // Whatever others want of it: there is no solution without it.
        library.early().begin(offered);
    }
    let Ok(about) = library.load_about(&project, offered).await else { return Vec::new() };
    requirements_of(&about, &requirement, problem)
}

fn requirements_of(about: &About, requirement: &Requirement, problem: &Problem) -> Vec<Requirement> {
    let Ok(metadata) = &about.metadata else { return Vec::new() };
    let markers = &problem.environment().markers;
    let wanted = metadata.requires.iter().filter(|one| dependency::applies(&one.marker, markers, &requirement.extras));
    wanted.filter(|one| !matches!(one.version_or_url, Some(VersionOrUrl::Url(_)))).cloned().collect()
}

/// The newest usable version that a requirement and the manifest allow, and a release rather than a pre-release.
fn likely<'p>(project: &'p Arc<Project>, requirement: &Requirement, problem: &Problem) -> Option<&'p Offered> {
    let candidates = problem.candidates(project);
    let own = specifiers_of(requirement).into_iter();
    let specifiers: Vec<&VersionSpecifiers> = own.chain(problem.wanted(&project.name)).collect();
    let usable = || {
        let places = (0_u32..).zip(&project.releases).collect::<Vec<_>>().into_iter().rev();
        places
            .filter(|(_, release)| specifiers.iter().all(|specifiers| release.fits(specifiers)))
            .filter_map(|(place, release)| Some((release, candidates.get(place)?)))
    };
    let mut all = specifiers.iter().flat_map(|specifiers| specifiers.iter());
    let pre = problem.policy().pre || all.any(|one| one.any_prerelease());
    let good = |(release, one): &(&Release, Candidate)| !one.yanked && (pre || !release.version.any_prerelease());
    let wheels = || usable().filter(|(_, one)| problem.policy().prefer_binary && one.is_wheel);
    let best = wheels().find(good).or_else(|| usable().find(good));
    let (release, candidate) = best.or_else(|| usable().next())?;
    release.files.get(candidate.file)
}

/// Gets what the solver needs, and then what that leads to.
pub(crate) async fn needs(library: &Library<'_>, problem: &Problem, needs: &BTreeSet<Need>) -> Result<(), PythonError> {
    let back = needs.iter().flat_map(|need| behind(library, problem, need)).map(|choice| {
        // Who needs it asks again.
        async move { library.load_about(&choice.project, choice.offered()).await.map_or((), drop) }.boxed()
    });
    let back: FuturesUnordered<_> = back.collect();
    let wanted = async {
        let mut open: FuturesUnordered<_> = needs.iter().map(|need| get(library, problem, need)).collect();
        let mut found = Vec::new();
        while let Some(got) = open.next().await {
            found.extend(got?);
        }
        ahead(library, problem, found).await;
        Ok(())
    };
    futures::join!(wanted, back.collect::<()>()).0
}

/// Gets one thing; the requirements that it has.
async fn get(library: &Library<'_>, problem: &Problem, need: &Need) -> Result<Vec<Requirement>, PythonError> {
    let (Need::Project(name) | Need::About(name, _)) = need;
    let project = library.load_project(name).await?;
    let Need::About(_, place) = need else { return Ok(Vec::new()) };
    let Some(choice) = problem.choice(&project, *place) else { return Ok(Vec::new()) };
    let about = library.load_about(&project, choice.offered()).await?;
    let (name, marker, extras) = (name.clone(), Default::default(), Vec::new());
    let whole = Requirement { name, extras, version_or_url: None, marker, origin: None };
    Ok(requirements_of(&about, &whole, problem))
}

/// The next older versions of a project of which a newer one than is needed now was looked at.
fn behind(library: &Library<'_>, problem: &Problem, need: &Need) -> Vec<Choice> {
    let Need::About(name, place) = need else { return Vec::new() };
    let Some(project) = library.project(name) else { return Vec::new() };
    let count = u32::try_from(project.releases.len()).unwrap_or(u32::MAX);
    let choices = |places: std::ops::Range<u32>| places.rev().filter_map(|place| problem.choice(&project, place));
    if !choices(*place + 1..count).any(|newer| library.about(newer.offered()).is_some()) {
        return Vec::new();
    }
    let pre = project.release(*place).is_some_and(|release| release.version.any_prerelease());
    let fits = |choice: &Choice| {
        let version = &choice.release().version;
        (pre || !version.any_prerelease())
            && problem.wanted(name).iter().all(|specifiers| choice.release().fits(specifiers))
            && choice.offered().is_cheap()
    };
    choices(0..*place).filter(fits).take(BACK - 1).collect()
}
