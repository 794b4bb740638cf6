//! Images in values, and in what was rendered: the shapes in which charts write them.
//!
//! | shape | where it is common |
//! | --- | --- |
//! | `image: quay.io/a/b:1` | everywhere |
//! | `image: {registry: …, repository: …, tag: …, digest: …}` | Bitnami, kube-prometheus-stack (`sha`) |
//! | `image: {name: …, tag: …}` | JupyterHub |
//! | `repository: …, image: …, version: …` | NVIDIA's operators |
//! | `image: a/b`, `imageTag: 1` beside each other | older charts |
//!
//! A mapping with `enabled: false` is passed over: it deploys nothing.

use serde_json::{Map, Value};

use super::reference;
use super::{Certainty, Images};
use crate::format::chart::Chart;

/// How deep values are looked into.
const DEEPEST: usize = 60;

/// Looks for images.
pub(super) struct Scan<'a> {
    /// The chart whose values they are, for the tag that goes without saying; none for what was rendered.
    pub(super) chart: Option<&'a Chart>,
    /// `global.imageRegistry`.
    pub(super) registry: Option<&'a str>,
    /// What was found.
    pub(super) found: &'a mut Images,
}

impl Scan<'_> {
    /// Looks through a chart's values.
    pub(super) fn values(&mut self, values: &Map<String, Value>) {
        self.mapping("", values, 0);
    }

    /// Looks through a rendered document.
    pub(super) fn rendered(&mut self, document: &Value) {
        self.value("", document, 0);
    }

    fn value(&mut self, key: &str, value: &Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Object(fields) => self.mapping(key, fields, depth),
            Value::Array(values) => values.iter().for_each(|value| self.value("", value, depth + 1)),
            Value::String(text) if self.chart.is_none() => self.text_of_rendered(key, text),
            Value::String(text) if key == "images" && reference::is_plain(text) => self.add(text, None),
            _ => {}
        }
    }

    fn mapping(&mut self, key: &str, fields: &Map<String, Value>, depth: usize) {
        if fields.get("enabled") == Some(&Value::Bool(false)) {
            return;
        }
        let taken = self.image(key, fields);
        for (name, value) in fields {
            match value {
                Value::String(text) if !taken && is_image_key(name) && self.chart.is_some() => self.text(text, fields),
                Value::String(_) if taken && name == "image" => {}
                Value::String(_) if key == "images" => self.value(key, value, depth + 1),
                value => self.value(name, value, depth + 1),
            }
        }
    }

    /// An `image: …` that is a text, and what stands beside it.
    fn text(&mut self, text: &str, beside: &Map<String, Value>) {
        const TAGS: [&str; 3] = ["tag", "imageTag", "version"];
        let tag = TAGS.iter().find_map(|name| scalar(beside.get(*name)?));
        match TAGS.iter().any(|name| beside.contains_key(*name)) {
            true => self.add(text, tag.as_deref()),
            // Without a place for its tag it has none of the chart's own: what it has is in it.
            false => self.found.found.extend(reference::full(text, None).map(|image| (image, Certainty::Guessed))),
        }
    }

    fn text_of_rendered(&mut self, key: &str, text: &str) {
        if key == "image" {
            return self.add(text, Some("latest"));
        }
        let argument = text.split_once('=').filter(|(flag, _)| flag.starts_with('-')).map_or(text, |(_, value)| value);
        if reference::is_plain(argument) {
            self.add(argument, None);
        }
    }

    /// An image in parts. Whether the mapping is one.
    fn image(&mut self, key: &str, fields: &Map<String, Value>) -> bool {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let part = |names: &[&str]| names.iter().find_map(|name| scalar(fields.get(*name)?));
        let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
        let plain = |text: &&str| !text.contains(['/', ':', '@']);
        let (base, tags): (String, &[&str]) = match (text("repository"), text("image")) {
            (Some(repository), Some(image)) if plain(&image) => {
                (format!("{}/{image}", repository.trim_end_matches('/')), &["version", "tag"])
            }
            (Some(repository), None)
                if is_image_key(key) || has(&["tag", "imageTag", "digest", "sha", "version", "registry"]) =>
            {
                (repository.to_owned(), &["tag", "imageTag", "version"])
            }
            (None, Some(image)) if has(&["registry"]) => (image.to_owned(), &["tag", "imageTag", "version"]),
            (None, None) if is_image_key(key) && has(&["tag"]) => match text("name") {
                Some(name) => (name.to_owned(), &["tag"]),
                None => return false,
            },
            _ => return false,
        };
        let own = text("registry").map(|own| own.trim_end_matches('/'));
        let registry = self.registry.filter(|_| fields.contains_key("registry")).or(own);
        let base = match registry {
            Some(registry) if !base.starts_with(&format!("{registry}/")) => format!("{registry}/{base}"),
            _ => base,
        };
        let tag = part(tags);
        let used = fields.get("useDigest") != Some(&Value::Bool(false));
        let digest = part(&["digest", "sha"]).or_else(|| tag.clone().filter(|tag| tag.starts_with("sha256:")));
        match digest.filter(|_| used) {
            Some(digest) => {
                let hex = digest.strip_prefix("sha256:").unwrap_or(&digest);
                let tag = tag.filter(|tag| !tag.starts_with("sha256:")).map(|tag| format!(":{tag}"));
                self.add(&format!("{base}{}@sha256:{hex}", tag.unwrap_or_default()), None);
            }
            None => self.add(&base, tag.as_deref()),
        }
        true
    }

    fn add(&mut self, image: &str, tag: Option<&str>) {
        let tag = tag.map(str::to_owned).or_else(|| default_tag(self.chart?));
        if let Some(image) = reference::full(image, tag.as_deref()) {
            self.found.add(image, Certainty::Guessed);
        }
    }
}

/// Whether something of this name is an image: `image`, `thanosImage`, `initImage`.
fn is_image_key(key: &str) -> bool {
    key == "image" || key.ends_with("Image") || key.ends_with("_image") || key.ends_with("-image")
}

/// A text or a number that is not empty. Numbers are written as Go writes them, which Helm is made with.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The tag of an image that has none: the version of what the chart installs, with a `v` where its templates put one
/// before it.
fn default_tag(chart: &Chart) -> Option<String> {
    let version = chart.metadata.app_version.as_deref().filter(|version| !version.is_empty())?;
    let puts_v = |template: &Vec<u8>| {
        let text = String::from_utf8_lossy(template);
        let uses = text.match_indices(".Chart.AppVersion");
        uses.map(|(at, _)| text[..at].trim_end_matches(['$', ' '])).any(|before| {
            before.ends_with("\"v%s\"")
                || before.ends_with("v{{")
                || before.ends_with("v{{-")
                || before.ends_with(":v%s\"")
        })
    };
    let with_v = !version.starts_with('v') && chart.templates.values().any(puts_v);
    Some(if with_v { format!("v{version}") } else { version.to_owned() })
}
