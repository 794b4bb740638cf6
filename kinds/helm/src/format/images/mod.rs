//! The images that a chart names.
//!
//! Charts are programs, and what they deploy is only known when they run. What is found by reading is therefore
//! [`Certainty::Guessed`]: images are put together of values as charts commonly do it ([`values`]), and of the simple
//! ones among the templates' expressions ([`templates`]). What stands somewhere as a whole, in a template or in the
//! annotations by which a chart lists its images, is [`Certainty::Certain`], and so is what `helm template` renders
//! ([`rendered`]).

pub mod reference;
pub mod templates;
pub mod values;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::chart::{Chart, Dependency};
use super::yaml;

/// How an image was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It was put together by the conventions of charts.
    Guessed,
    /// It is named as a whole.
    Certain,
}

/// Images with their full names, `docker.io/library/nginx:1.29`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// The images, and how each was found.
    pub found: BTreeMap<String, Certainty>,
    /// Whether Helm has rendered the chart.
    pub rendered: bool,
    /// What could not be read, each a sentence.
    pub troubles: Vec<String>,
}

impl Images {
    /// Adds an image; what is certain once stays it.
    pub fn add(&mut self, image: String, certainty: Certainty) {
        let known = self.found.entry(image).or_insert(certainty);
        *known = (*known).max(certainty);
    }

    /// The images of one certainty.
    pub fn of(&self, certainty: Certainty) -> impl Iterator<Item = &str> {
        self.found.iter().filter(move |(_, found)| **found == certainty).map(|(image, _)| image.as_str())
    }
}

/// The annotations by which charts list their images: Artifact Hub's, and Bitnami's.
const ANNOTATIONS: [&str; 2] = ["artifacthub.io/images", "images"];

/// The images of a chart and of those of its subcharts that are on, with these values besides its own.
pub fn of_chart(chart: &Chart, overrides: &Map<String, Value>) -> Images {
    let mut images = Images::default();
    of(chart, overrides.clone(), &mut images);
    images
}

/// The images in what `helm template` printed.
pub fn rendered(text: &str) -> Images {
    let mut images = Images::default();
    match yaml::read_all::<Value>(text) {
        Ok(documents) => documents.iter().for_each(|document| {
            values::Scan { chart: None, registry: None, found: &mut images }.rendered(document);
        }),
        Err(error) => images.troubles.push(format!("what helm rendered can't be read: {error}")),
    }
    images.found.values_mut().for_each(|certainty| *certainty = Certainty::Certain);
    images
}

fn of(chart: &Chart, overrides: Map<String, Value>, images: &mut Images) {
    let name = &chart.metadata.name;
    let mut values = match yaml::read::<Option<Map<String, Value>>>(&chart.values) {
        Ok(values) => values.unwrap_or_default(),
        Err(_) if chart.values.trim_ascii().is_empty() => Map::new(),
        Err(error) => {
            images.troubles.push(format!("the values of {name} can't be read: {error}"));
            Map::new()
        }
    };
    merge(&mut values, overrides);
    declared(chart, images);
    let registry = values.get("global").and_then(|global| global.get("imageRegistry")).and_then(Value::as_str);
    let registry = registry.filter(|registry| !registry.is_empty()).map(str::to_owned);
    let subcharts = subcharts(chart, &values);
    let keys: Vec<&str> = subcharts.iter().map(|(key, _)| key.as_str()).collect();
    let off = chart.metadata.dependencies.iter().map(key_of);
    let keys: Vec<&str> = keys.into_iter().chain(off).collect();
    let own: Map<String, Value> = values.iter().filter(|(key, _)| !keys.contains(&key.as_str())).map(owned).collect();
    values::Scan { chart: Some(chart), registry: registry.as_deref(), found: images }.values(&own);
    templates::scan(chart, &values, images);
    for (key, subchart) in subcharts {
        let mut below = values.get(&key).and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(global) = values.get("global").and_then(Value::as_object) {
            let mut merged = below.get("global").and_then(Value::as_object).cloned().unwrap_or_default();
            merge(&mut merged, global.clone());
            below.insert("global".to_owned(), merged.into());
        }
        of(subchart, below, images);
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// What the chart itself says that it uses.
fn declared(chart: &Chart, images: &mut Images) {
    for text in ANNOTATIONS.iter().filter_map(|name| chart.metadata.annotations.get(*name)?.as_str()) {
        let listed: Vec<Map<String, Value>> = yaml::read(text.as_bytes()).unwrap_or_default();
        for image in listed.iter().filter_map(|entry| entry.get("image")?.as_str()) {
            if let Some(image) = reference::full(image, None) {
                images.add(image, Certainty::Certain);
            }
        }
    }
}

fn key_of(dependency: &Dependency) -> &str {
    dependency.alias.as_deref().unwrap_or(&dependency.name)
}

/// The subcharts that are on, each with the key of its values.
fn subcharts<'a>(chart: &'a Chart, values: &Map<String, Value>) -> Vec<(String, &'a Chart)> {
    let mut found = Vec::new();
    for dependency in &chart.metadata.dependencies {
        let subchart = chart.subchart(dependency);
        if let Some(subchart) = subchart.filter(|_| is_on(dependency, values)) {
            found.push((key_of(dependency).to_owned(), subchart));
        }
    }
    let named = |subchart: &&Chart| chart.metadata.dependencies.iter().any(|d| d.name == subchart.metadata.name);
    // What lies in charts/ without being named is rendered as well.
    let others = chart.subcharts.iter().filter(|subchart| !named(subchart));
    found.extend(others.map(|subchart| (subchart.metadata.name.clone(), subchart)));
    found
}

/// Whether a dependency is on (Helm's documentation, "Tags and Condition fields in dependencies").
fn is_on(dependency: &Dependency, values: &Map<String, Value>) -> bool {
    let at = |path: &str| {
        let mut parts = path.trim().split('.');
        let first = values.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))?.as_bool()
    };
    let condition = dependency.condition.as_deref().unwrap_or_default();
    if let Some(on) = condition.split(',').find_map(at) {
        return on;
    }
    let tags: Vec<bool> = dependency.tags.iter().filter_map(|tag| values.get("tags")?.get(tag)?.as_bool()).collect();
    tags.is_empty() || tags.contains(&true)
}

/// Puts values over others, as Helm does: mappings are merged, null takes a value away.
fn merge(values: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (values.get_mut(&key), value) {
            (_, Value::Null) => {
                values.remove(&key);
            }
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => {
                values.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
