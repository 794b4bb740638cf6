//! Which charts and versions the manifest means.

use airlift_core::TreePath;

use super::wanted::{At, Wanted};
use super::{Collector, registry};
use crate::error::HelmError;
use crate::format::index::Entry;
use crate::format::name;
use crate::format::version;
use crate::spec::{ChartSpec, ImagesSpec, RepositorySpec};

impl<'a> Collector<'a> {
    /// What is meant of a repository with an index.
    pub(super) fn of_index(&mut self, spec: &'a RepositorySpec) -> Result<Vec<Wanted<'a>>, HelmError> {
        let Some(place) = self.repositories.iter().position(|repository| repository.id == spec.name) else {
            return Ok(Vec::new());
        };
        let index = &self.repositories[place].index;
        let mut chosen: Vec<Entry> = Vec::new();
        let mut missing = Vec::new();
        match &spec.charts {
            None => chosen.extend(index.entries.values().flatten().cloned()),
            Some(charts) => {
                for chart in charts {
                    let versions = index.entries.get(&chart.name).map_or(&[][..], Vec::as_slice);
                    let entries = fitting(chart, versions);
                    if entries.is_empty() {
                        missing.push((chart.name.clone(), none_fits(chart, versions)));
                    }
                    chosen.extend(entries.into_iter().cloned());
                }
            }
        }
        let refused = index.refused.iter().filter(|(name, _)| spec.charts.is_none() || names(spec, name));
        missing.extend(refused.map(|(name, reason)| (safe(name), format!("refused: {reason}"))));
        let url = self.repositories[place].key();
        for (chart, reason) in missing {
            self.omit(&name::chart_file(&spec.name, &chart), reason, &url)?;
        }
        for entry in &chosen {
            self.repositories[place].choose(entry);
        }
        Ok(chosen.into_iter().map(|entry| wanted(At::Index(place, Box::new(entry)), spec)).collect())
    }

    /// What is meant of a registry: the charts' versions are their tags.
    pub(super) async fn of_registry(
        &mut self,
        spec: &'a RepositorySpec,
        folder: &str,
    ) -> Result<Vec<Wanted<'a>>, HelmError> {
        let mut chosen = Vec::new();
        for chart in spec.charts.iter().flatten() {
            let repository = format!("{folder}/{}", chart.name);
            let exact = chart.version.as_ref().and_then(|range| range.exact());
            let tags = match exact {
                Some(version) => Ok(vec![registry::tag(version)]),
                None => self.registry(&repository)?.tags().await.map(|tags| in_registry(chart, &tags)),
            };
            let path = format!("helm/{}/{}", spec.name, chart.name);
            match tags {
                Ok(tags) if tags.is_empty() => {
                    let reason = format!("no version of {} fits in the registry", describe(chart));
                    self.omit(&path, reason, &format!("oci://{repository}"))?;
                }
                Ok(tags) => chosen.extend(
                    tags.into_iter().map(|tag| wanted(At::Registry { repository: repository.clone(), tag }, spec)),
                ),
                Err(stop) => {
                    let reason = format!("its versions can't be listed: {}", stop.explained()?);
                    self.omit(&path, reason, &format!("oci://{repository}"))?;
                }
            }
        }
        Ok(chosen)
    }
}

fn wanted<'a>(place: At, spec: &'a RepositorySpec) -> Wanted<'a> {
    let images: Option<&ImagesSpec> = Some(&spec.images).filter(|images| images.wanted);
    Wanted { place, dependencies: spec.dependencies, images, provenance: spec.provenance }
}

fn names(spec: &RepositorySpec, name: &str) -> bool {
    spec.charts.iter().flatten().any(|chart| chart.name == name)
}

/// Something that can stand in a path instead of a name that can't.
fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    match TreePath::new(name.as_str()) {
        Ok(_) => name,
        Err(_) => "_".to_owned(),
    }
}

/// The versions that a chart of the manifest means, in upstream's order.
fn fitting<'e>(chart: &ChartSpec, versions: &'e [Entry]) -> Vec<&'e Entry> {
    let exact = chart.version.as_ref().map(ToString::to_string);
    let named: Vec<&Entry> = versions.iter().filter(|entry| Some(&entry.version) == exact.as_ref()).collect();
    if !named.is_empty() {
        return named;
    }
    let fits = |entry: &&Entry| chart.version.as_ref().is_none_or(|range| range.matches(&entry.parsed));
    let mut fitting: Vec<&Entry> = versions.iter().filter(fits).collect();
    if let Some(newest) = chart.newest.filter(|newest| *newest < fitting.len()) {
        let mut sorted = fitting.clone();
        sorted.sort_by(|a, b| version::newest_first((&a.parsed, &a.version), (&b.parsed, &b.version)));
        sorted.truncate(newest);
        fitting.retain(|entry| sorted.iter().any(|kept| kept.version == entry.version));
    }
    fitting
}

/// The tags that a chart of the manifest means.
fn in_registry(chart: &ChartSpec, tags: &[String]) -> Vec<String> {
    let versions = tags.iter().filter_map(|tag| Some((version::parse(&tag.replace('_', "+"))?, tag)));
    let mut versions: Vec<_> =
        versions.filter(|(version, _)| chart.version.as_ref().is_none_or(|range| range.matches(version))).collect();
    versions.sort_by(|a, b| version::newest_first((&a.0, a.1), (&b.0, b.1)));
    versions.into_iter().map(|(_, tag)| tag.clone()).take(chart.newest.unwrap_or(usize::MAX)).collect()
}

fn describe(chart: &ChartSpec) -> String {
    let range = chart.version.as_ref().map(|range| format!(" {range}")).unwrap_or_default();
    format!("{}{range}", chart.name)
}

fn none_fits(chart: &ChartSpec, versions: &[Entry]) -> String {
    let some: Vec<&str> = versions.iter().take(5).map(|entry| entry.version.as_str()).collect();
    match some.is_empty() {
        true => format!("the repository has no chart {}", chart.name),
        false => format!(
            "no version of {} fits; it has {} versions, such as {}",
            describe(chart),
            versions.len(),
            some.join(", ")
        ),
    }
}
