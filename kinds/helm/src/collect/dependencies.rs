//! Charts that other charts depend on, from wherever they are.
//!
//! Where a packaged chart has them inside of itself, as nearly all have, it can be installed without them; they are what
//! `helm dependency build` asks for. So what can't be had is an omission where the chart lacks it, and a notice where the
//! chart has it.

use super::repository::{Repository, key};
use super::wanted::{At, Wanted};
use super::{Collector, registry};
use crate::error::HelmError;
use crate::format::chart::Dependency;
use crate::format::index::Entry;
use crate::format::name::chart_file;
use crate::format::range::Range;
use crate::format::version;
use crate::spec::Place;

impl<'a> Collector<'a> {
    /// What has to be looked at next since a chart depends on it.
    pub(super) async fn dependency(
        &mut self,
        of: &Wanted<'a>,
        dependency: &Dependency,
        inside: bool,
    ) -> Result<Option<Wanted<'a>>, HelmError> {
        let found = match self.resolve(dependency).await? {
            Ok(found) => found,
            Err(reason) => {
                self.lacks(of, dependency, (inside, reason))?;
                return Ok(None);
            }
        };
        // What is inside of the chart was looked at with it, and from a registry it has what it depends on inside as well.
        let images = of.images.filter(|_| !inside);
        Ok(found.map(|place| {
            let dependencies = !inside || matches!(place, At::Index(..));
            Wanted { place, dependencies, images, provenance: of.provenance }
        }))
    }

    /// Where a dependency is; none where there is nothing to fetch, or a sentence.
    async fn resolve(&mut self, dependency: &Dependency) -> Result<Result<Option<At>, String>, HelmError> {
        let repository = dependency.repository.as_str();
        let alias = repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:"));
        let place = match alias {
            Some(alias) => match self.repositories.iter().position(|repository| repository.id == alias) {
                Some(place) => place,
                None => {
                    let unreachable = self.unreachable.get(&format!("@{alias}")).cloned();
                    let unknown = || format!("it is in {repository}, and no repository of the manifest is called so");
                    return Ok(Err(unreachable.unwrap_or_else(unknown)));
                }
            },
            // Such charts are packaged with the chart.
            None if repository.is_empty() || repository.starts_with("file:") => return Ok(Ok(None)),
            None => match Place::parse(repository) {
                Err(reason) => return Ok(Err(reason)),
                Ok(Place::Registry(folder)) => return self.in_registry(&folder, dependency).await,
                Ok(Place::Index(url)) => match self.repository(url).await? {
                    Ok(place) => place,
                    Err(reason) => return Ok(Err(reason)),
                },
            },
        };
        let index = &self.repositories[place].index;
        match best(dependency, index.entries.get(&dependency.name).map_or(&[][..], Vec::as_slice)) {
            Some(entry) => {
                let entry = entry.clone();
                self.repositories[place].choose(&entry);
                Ok(Ok(Some(At::Index(place, Box::new(entry)))))
            }
            None => {
                Ok(Err(format!("{} has no {} {}", self.repositories[place].key(), dependency.name, dependency.version)))
            }
        }
    }

    /// The repository with this URL; it comes along where the manifest has it not. A sentence where it can't be had.
    async fn repository(&mut self, url: airlift_core::UpstreamUrl) -> Result<Result<usize, String>, HelmError> {
        let wanted = key(&url);
        if let Some(known) = self.repositories.iter().position(|repository| repository.key() == wanted) {
            return Ok(Ok(known));
        }
        if let Some(reason) = self.unreachable.get(&wanted) {
            return Ok(Err(reason.clone()));
        }
        let id = format!("{}/{}", url.authority(), url.decoded_path().unwrap_or_default());
        let id = id.trim_end_matches('/').to_owned();
        if url.authority().is_empty() || super::tree(&chart_file(&id, "x"), &id).is_err() {
            return Ok(Err(format!("{url} can't be the name of a repository in an archive")));
        }
        match Repository::load(id, url, (None, self.fetcher)).await {
            Ok(repository) => Ok(Ok(self.take(repository)?)),
            Err(stop) => {
                let reason = format!("its repository {wanted} can't be had: {}", stop.explained()?);
                self.unreachable.insert(wanted, reason.clone());
                Ok(Err(reason))
            }
        }
    }

    /// Where a dependency is that is in a registry.
    async fn in_registry(
        &self,
        folder: &str,
        dependency: &Dependency,
    ) -> Result<Result<Option<At>, String>, HelmError> {
        let repository = format!("{folder}/{}", dependency.name);
        let range: Range = match dependency.version.parse() {
            Ok(range) => range,
            Err(reason) => return Ok(Err(reason)),
        };
        let tag = match range.exact() {
            Some(version) => registry::tag(version),
            None => match self.registry(&repository)?.tags().await {
                Ok(tags) => match newest(&range, &tags) {
                    Some(tag) => tag,
                    None => return Ok(Err(format!("oci://{repository} has no version {range}"))),
                },
                Err(stop) => return Ok(Err(format!("oci://{repository} can't be listed: {}", stop.explained()?))),
            },
        };
        Ok(Ok(Some(At::Registry { repository, tag })))
    }

    fn lacks(
        &mut self,
        of: &Wanted<'a>,
        dependency: &Dependency,
        (inside, reason): (bool, String),
    ) -> Result<(), HelmError> {
        let chart = match &of.place {
            At::Index(place, entry) => chart_file(&self.repositories[*place].id, &entry.file_name()),
            At::Registry { repository, .. } => format!("helm/{repository}"),
        };
        let name = &dependency.name;
        match inside {
            true => {
                let notice = format!(
                    "it depends on {name} {}, which is inside of it and is not collected besides: {reason}",
                    dependency.version
                );
                self.notice(&chart, notice, &chart)
            }
            false => {
                let reason = format!(
                    "it depends on {name} {}: {reason}; 'dependencies: false' leaves dependencies out",
                    dependency.version
                );
                self.omit(&chart, reason, &dependency.repository)
            }
        }
    }
}

/// The version of a dependency: the very one, or else the newest in the range.
fn best<'e>(dependency: &Dependency, versions: &'e [Entry]) -> Option<&'e Entry> {
    let exact = versions.iter().find(|entry| entry.version == dependency.version);
    let range: Range = dependency.version.parse().ok()?;
    let fitting = versions.iter().filter(|entry| range.matches(&entry.parsed));
    exact.or_else(|| fitting.min_by(|a, b| version::newest_first((&a.parsed, &a.version), (&b.parsed, &b.version))))
}

fn newest(range: &Range, tags: &[String]) -> Option<String> {
    let versions = tags.iter().filter_map(|tag| Some((version::parse(&tag.replace('_', "+"))?, tag)));
    let fitting = versions.filter(|(version, _)| range.matches(version));
    fitting.min_by(|a, b| version::newest_first((&a.0, a.1), (&b.0, b.1))).map(|(_, tag)| tag.clone())
}
