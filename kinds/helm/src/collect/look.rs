//! Looking into charts: a wave of them, side by side.

use std::sync::Arc;

use airlift_core::plan::Also;
use airlift_core::{Digest, PlanEntry, Request, Source, UpstreamUrl, failure};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{Expected, FetchError};
use airlift_kind::machine::ProgramAnswer;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::registry::Layers;
use super::repository::Location;
use super::wanted::{At, Wanted};
use super::{AT_ONCE, Collector};
use crate::error::HelmError;
use crate::format::chart::{Chart, ChartError, Dependency};
use crate::format::images::{self, Certainty, Images};
use crate::format::index::Entry;
use crate::format::name::{CHART_TYPE, PROVENANCE_TYPE, chart_file};
use crate::spec::ImagesSpec;

/// The largest packaged chart that is looked into, in bytes. Helm's own limit for what it unpacks to is 100 MiB.
const CHART_LIMIT: u64 = 100 << 20;
/// The largest provenance file in bytes.
const PROVENANCE_LIMIT: u64 = 1 << 20;

/// What looking at one chart found.
#[derive(Default)]
pub(super) struct Looked {
    /// Where the packaged chart comes from; none for charts of registries, which travel as images.
    chart: Option<PlanParts>,
    /// Where its provenance comes from.
    provenance: Option<PlanParts>,
    /// What it depends on, and whether it has it inside of itself.
    dependencies: Vec<(Dependency, bool)>,
    /// Its images.
    images: Option<Images>,
    /// Why it can't travel.
    refused: Option<String>,
}

/// A file's source, and what is promised of it.
struct PlanParts {
    source: Source,
    digest: Option<Digest>,
    size: Option<u64>,
}

impl<'a> Collector<'a> {
    /// Looks at a wave of charts, plans them, and says what they need.
    pub(super) async fn look(&mut self, wave: Vec<Wanted<'a>>) -> Result<Vec<Wanted<'a>>, HelmError> {
        let collector: &Self = self;
        // Boxed, since the compiler can't see that closures over references fit every lifetime here.
        let looked: Vec<BoxFuture<'_, _>> = wave.iter().map(|wanted| collector.look_at(wanted).boxed()).collect();
        let looked: Vec<Looked> = stream::iter(looked).buffered(AT_ONCE).try_collect().await?;
        let mut next = Vec::new();
        for (wanted, looked) in wave.into_iter().zip(looked) {
            if let Some(images) = &looked.images {
                self.ask_for_images(&wanted, images)?;
            }
            let dependencies = self.place(&wanted, looked)?;
            for (dependency, inside) in dependencies {
                next.extend(self.dependency(&wanted, &dependency, inside).await?);
            }
        }
        Ok(next)
    }

    async fn look_at(&self, wanted: &Wanted<'a>) -> Result<Looked, HelmError> {
        match &wanted.place {
            At::Index(place, entry) => self.look_in_index(*place, entry, wanted).await,
            At::Registry { repository, tag } => {
                // Its dependencies are inside of it; only its images are asked for besides itself.
                if wanted.images.is_none() && !wanted.dependencies {
                    return Ok(Looked::default());
                }
                match self.layers(&format!("{repository}:{tag}")).await? {
                    Ok(layers) => {
                        let (request, digest) = (layers.chart.request, Some(layers.chart.digest));
                        let looked = self.inside(&request, digest, wanted).await?;
                        Ok(Looked { chart: None, ..looked })
                    }
                    // The kind that has the image will miss it, too, and says so.
                    Err(_) => Ok(Looked::default()),
                }
            }
        }
    }

    async fn look_in_index(&self, place: usize, entry: &Entry, wanted: &Wanted<'a>) -> Result<Looked, HelmError> {
        let location = match self.repositories[place].source(entry) {
            Ok(location) => location,
            Err(refused) => return Ok(Looked { refused: Some(format!("refused: {refused}")), ..Looked::default() }),
        };
        let (request, digest, size, provenance) = match location {
            Location::Request(request) => {
                let provenance = match wanted.provenance {
                    true => self.provenance(&request).await?,
                    false => None,
                };
                (request, entry.digest, None, provenance)
            }
            Location::Registry(image) => match self.layers(&image).await? {
                Ok(Layers { chart, provenance }) => {
                    if entry.digest.is_some_and(|digest| digest != chart.digest) {
                        let reason = "refused: the index and the registry name different digests of it";
                        return Ok(Looked { refused: Some(reason.to_owned()), ..Looked::default() });
                    }
                    let provenance = provenance.filter(|_| wanted.provenance).map(|layer| PlanParts {
                        source: Source::Fetch(layer.request),
                        digest: Some(layer.digest),
                        size: Some(layer.size),
                    });
                    (chart.request, Some(chart.digest), Some(chart.size), provenance)
                }
                Err(reason) => return Ok(Looked { refused: Some(reason), ..Looked::default() }),
            },
        };
        let needed = wanted.images.is_some() || (wanted.dependencies && may_depend(entry));
        let looked = match needed {
            true => self.inside(&request, digest, wanted).await?,
            false => {
                Looked { chart: Some(PlanParts { source: Source::Fetch(request), digest, size }), ..Looked::default() }
            }
        };
        Ok(Looked { provenance, ..looked })
    }

    /// Fetches a chart and reads it.
    async fn inside(
        &self,
        request: &Request,
        digest: Option<Digest>,
        wanted: &Wanted<'a>,
    ) -> Result<Looked, HelmError> {
        let expected =
            Expected { checksums: digest.into_iter().map(Into::into).collect(), ..Expected::limit(CHART_LIMIT) };
        let document = match self.fetcher.document(request, &expected).await {
            Ok(document) => document,
            Err(error) if is_fatal(&error) => return Err(HelmError::stopped(error)),
            Err(error) => return Ok(Looked { refused: Some(failure::line(&error)), ..Looked::default() }),
        };
        let source = Source::Stored { digest: document.digest, request: request.clone() };
        let size = Some(document.bytes.len() as u64);
        let parts = PlanParts { source, digest: Some(document.digest), size };
        let chart = Chart::read(&document.bytes).map_err(|error| unreadable(&error));
        match chart.and_then(|chart| wanted.place.is(&chart.metadata).map(|()| chart)) {
            Ok(chart) => Ok(Looked {
                images: match wanted.images {
                    Some(spec) => Some(self.images(&chart, document.bytes, spec).await),
                    None => None,
                },
                dependencies: if wanted.dependencies { needs(&chart) } else { Vec::new() },
                chart: Some(parts),
                ..Looked::default()
            }),
            Err(refused) => Ok(Looked { refused: Some(refused), ..Looked::default() }),
        }
    }

    /// The images of a chart: by reading it, and as Helm renders it where Helm is there.
    async fn images(&self, chart: &Chart, packaged: Bytes, spec: &ImagesSpec) -> Images {
        let mut found = images::of_chart(chart, &spec.values);
        let (machine, values) = (Arc::clone(&self.machine), serde_json::to_vec(&spec.values).unwrap_or_default());
        let (send, rendered) = oneshot::channel();
        std::thread::spawn(move || {
            let arguments = ["template", "release-name", "chart.tgz", "--values", "values.json"];
            let files: [(&str, &[u8]); 2] = [("chart.tgz", &packaged), ("values.json", &values)];
            // Whoever waited may have been stopped meanwhile.
            let _ = send.send(machine.ask_about("helm", &arguments, &files));
        });
        match rendered.await.unwrap_or(ProgramAnswer::NotThere) {
            ProgramAnswer::Said(text) => {
                let rendered = images::rendered(&text);
                found.rendered = true;
                found.troubles.extend(rendered.troubles);
                rendered.found.into_iter().for_each(|(image, certainty)| found.add(image, certainty));
            }
            ProgramAnswer::Failed(why) => found.troubles.push(format!(
                "'helm template' fails, and an image that only it would show is not found: {why}; give the chart what it \
                 asks for under 'images: {{ values: … }}'"
            )),
            ProgramAnswer::NotThere => {}
        }
        found
    }

    /// The layers of a chart in a registry, or a sentence.
    async fn layers(&self, image: &str) -> Result<Result<Layers, String>, HelmError> {
        let tagged = || image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        let Some((repository, reference)) = image.split_once('@').or_else(tagged) else {
            return Ok(Err(format!("its URL oci://{image} names no version")));
        };
        match self.registry(repository)?.layers(reference).await {
            Ok(layers) => Ok(Ok(layers)),
            Err(stop) => Ok(Err(stop.explained()?)),
        }
    }

    /// The provenance file beside a chart, where upstream has one.
    async fn provenance(&self, chart: &Request) -> Result<Option<PlanParts>, HelmError> {
        let mut url = chart.url.expose().clone();
        url.set_path(&format!("{}.prov", url.path()));
        let Ok(url) = UpstreamUrl::try_from(url) else { return Ok(None) };
        let request = Request { url, ..chart.clone() };
        match self.fetcher.document(&request, &Expected::limit(PROVENANCE_LIMIT)).await {
            // Some servers answer a page for people to whatever they don't have.
            Ok(document) if document.bytes.starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----") => Ok(Some(PlanParts {
                source: Source::Stored { digest: document.digest, request },
                digest: Some(document.digest),
                size: Some(document.bytes.len() as u64),
            })),
            Ok(_) => Ok(None),
            // Object stores say 403 of what is not there to whoever may not list them.
            Err(error) if error.is_not_found() || matches!(error.status(), Some(403 | 410)) => Ok(None),
            Err(FetchError::TooLarge { .. }) => Ok(None),
            Err(error) if is_fatal(&error) => Err(HelmError::stopped(error)),
            // What upstream will not say now it may have: the engine asks again, and misses it aloud.
            Err(_) => Ok(Some(PlanParts { source: Source::Fetch(request), digest: None, size: None })),
        }
    }

    /// Puts what was found into the plan. What the chart depends on.
    fn place(&mut self, wanted: &Wanted<'a>, looked: Looked) -> Result<Vec<(Dependency, bool)>, HelmError> {
        match &wanted.place {
            At::Registry { repository, tag } => {
                if let Some(reason) = looked.refused {
                    let (path, origin) = (format!("helm/{repository}"), format!("oci://{repository}:{tag}"));
                    self.omit(&path, reason, &origin)?;
                    return Ok(Vec::new());
                }
                self.ask(Also {
                    key: "images".to_owned(),
                    name: repository.clone(),
                    value: json!({ "repository": repository, "tags": [tag] }),
                    why: format!("the chart oci://{repository}"),
                });
            }
            At::Index(place, entry) => {
                let repository = &mut self.repositories[*place];
                if let Some(reason) = looked.refused {
                    repository.drop(entry);
                    let (path, origin) = (chart_file(&repository.id, &entry.file_name()), repository.key());
                    self.omit(&path, reason, &origin)?;
                    return Ok(Vec::new());
                }
                let file = entry.file_name();
                if let Some(parts) = looked.chart {
                    let planned = parts.entry(repository.entry(&file, parts.source.clone())?, CHART_TYPE, entry);
                    let purl = format!(
                        "pkg:helm/{}@{}?repository_url={}",
                        entry.name,
                        encode(&entry.version),
                        encode(&repository.key())
                    );
                    repository.put(file.clone(), PlanEntry { purl: Some(purl.into()), ..planned });
                }
                if let Some(parts) = looked.provenance {
                    let file = format!("{file}.prov");
                    let planned = parts.entry(repository.entry(&file, parts.source.clone())?, PROVENANCE_TYPE, entry);
                    repository.put(file, planned);
                }
            }
        }
        Ok(looked.dependencies)
    }

    /// Asks for a chart's images, and says how each was found.
    fn ask_for_images(&mut self, wanted: &Wanted<'a>, images: &Images) -> Result<(), HelmError> {
        let Some(spec) = wanted.images else { return Ok(()) };
        let (path, chart) = match &wanted.place {
            At::Index(place, entry) => (
                chart_file(&self.repositories[*place].id, &entry.file_name()),
                format!("{} {}", entry.name, entry.version),
            ),
            At::Registry { repository, tag } => (format!("helm/{repository}"), format!("{repository}:{tag}")),
        };
        let excluded = |image: &str| spec.exclude.iter().any(|glob| glob.is_match(image));
        for (image, certainty) in images.found.iter().filter(|(image, _)| !excluded(image)) {
            let how = if *certainty == Certainty::Guessed { ", guessed from its values" } else { "" };
            self.ask(Also {
                key: "images".to_owned(),
                name: image
                    .split(['@'])
                    .next()
                    .unwrap_or_default()
                    .rsplit_once(':')
                    .map_or(image.as_str(), |(name, _)| name)
                    .to_owned(),
                value: image_of(image, spec),
                why: format!("the chart {chart}{how}"),
            });
        }
        let list = |certainty| {
            let images: Vec<&str> = images.of(certainty).filter(|image| !excluded(image)).collect();
            if images.is_empty() { "none".to_owned() } else { images.join(", ") }
        };
        let how = if images.rendered { "as helm renders it and by reading" } else { "by reading" };
        let (certain, guessed) = (list(Certainty::Certain), list(Certainty::Guessed));
        let mut notice = format!("images of {chart}, {how}: certain: {certain}; guessed: {guessed}");
        for trouble in &images.troubles {
            notice.push_str(&format!("; {trouble}"));
        }
        self.notice(&path, notice, &path)?;
        for image in images.found.keys().filter(|image| !excluded(image) && images::reference::lacks_system(image)) {
            let notice = format!(
                "{chart} deploys {image} with the system of each node behind its tag, as {image}-ubuntu22.04 or \
                 -rhel9.4: name those of your nodes under 'images', and put {image} under 'exclude'"
            );
            self.notice(&path, notice, &path)?;
        }
        Ok(())
    }
}

/// An image as the manifest names it.
fn image_of(image: &str, spec: &ImagesSpec) -> serde_json::Value {
    match spec.platforms.is_empty() {
        true => json!({ "ref": image }),
        false => json!({ "ref": image, "platforms": spec.platforms }),
    }
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl PlanParts {
    fn entry(&self, entry: PlanEntry, media_type: &str, of: &Entry) -> PlanEntry {
        PlanEntry {
            media_type: Some(media_type.into()),
            size: self.size,
            checksums: self.digest.into_iter().map(Into::into).collect(),
            modified: of.created(),
            ..entry
        }
    }
}

/// Whether a chart may depend on others. Indexes repeat `Chart.yaml`, where charts of the second version of its format
/// have their dependencies; older charts have them in another file.
fn may_depend(entry: &Entry) -> bool {
    let v2 = entry.fields.get("apiVersion").and_then(serde_json::Value::as_str) == Some("v2");
    let listed = entry.fields.get("dependencies").and_then(serde_json::Value::as_array);
    listed.map_or(!v2, |listed| !listed.is_empty())
}

/// What a chart depends on: each as its lock pins it, or else as it is written.
fn needs(chart: &Chart) -> Vec<(Dependency, bool)> {
    let dependencies = chart.metadata.dependencies.iter().map(|dependency| {
        let version = chart.pinned(dependency).unwrap_or(&dependency.version).to_owned();
        (Dependency { version, ..dependency.clone() }, chart.subchart(dependency).is_some())
    });
    dependencies.collect()
}

fn unreadable(error: &ChartError) -> String {
    format!("refused: it is no chart that Helm would take: {error}")
}
