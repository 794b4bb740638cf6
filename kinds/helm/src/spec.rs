//! The manifest's `helm`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use airlift_core::manifest::{MappingForm, text_or_mapping};
use airlift_core::{Secret, UpstreamUrl};
use globset::{Glob, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::format::name::{RESERVED, is_chart, is_repository};
use crate::format::range::Range;

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The chart repositories to collect.
    #[serde(default, deserialize_with = "repositories")]
    #[schemars(with = "Vec<RepositorySpec>")]
    pub helm: Vec<RepositorySpec>,
    /// Registries that are fetched from somewhere else: the registry's host, and the address that answers for it.
    #[serde(default)]
    pub mirrors: BTreeMap<String, UpstreamUrl>,
}

/// One entry of `helm`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HelmRepository")]
pub struct RepositorySpec {
    /// What it is called here: it is served at `/<name>/`.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Where it is: an http, https or file URL below which there is an `index.yaml`, or `oci://`.
    #[schemars(with = "String")]
    pub url: Place,
    /// The charts to collect; every chart and version where this is left out.
    #[serde(default)]
    pub charts: Option<Vec<ChartSpec>>,
    /// Whether the images of these charts are collected too: true, false, or how.
    #[serde(default)]
    pub images: ImagesSpec,
    /// Whether the charts that these charts depend on are collected too, from wherever they are.
    #[serde(default = "yes")]
    pub dependencies: bool,
    /// Whether upstream is asked for provenance files (`.prov`), by which `helm pull --verify` checks a chart.
    #[serde(default = "yes")]
    pub provenance: bool,
    /// More request headers, such as an access token; they are sent to this URL's host only and kept nowhere.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<String, Secret>,
}

const fn yes() -> bool {
    true
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A repository with an `index.yaml` below this URL.
    Index(UpstreamUrl),
    /// A folder of a registry, `registry.example.org/charts`: each chart is a repository in it.
    Registry(String),
}

impl Place {
    /// Reads the URL of a repository, as the manifest and as charts have it.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(folder) = text.strip_prefix("oci://") else {
            return text.parse().map(Self::Index).map_err(|error: airlift_core::upstream::UrlError| error.to_string());
        };
        let folder = folder.trim_end_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:[]".contains(c);
        match folder.chars().all(plain)
            && !folder.is_empty()
            && !folder.split('/').any(|part| part.is_empty() || part == "..")
        {
            true => Ok(Self::Registry(folder.to_owned())),
            false => Err(format!("'{text}' is not a registry such as oci://registry.example.org/charts")),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// One entry of `charts`.
#[derive(Clone, Debug)]
pub struct ChartSpec {
    /// The chart's name.
    pub name: String,
    /// Which versions; every one where there is no range.
    pub version: Option<Range>,
    /// Only so many, the newest by version.
    pub newest: Option<usize>,
}

/// The mapping form of a [`ChartSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HelmChart")]
pub struct ChartFields {
    /// The chart's name.
    name: String,
    /// A version, or a range of versions as Helm has them: `>=4`, `^1.2`, `~1.2.3`, `1.x`, `>=1.2 <3 || 5`. Pre-releases
    /// are in a range that names one: `>=4-0`.
    version: Option<String>,
    /// Only so many, the newest by version.
    newest: Option<usize>,
}

impl MappingForm for ChartSpec {
    type Fields = ChartFields;

    fn from_fields(fields: ChartFields) -> Result<Self, String> {
        let version = fields.version.map(|text| text.parse::<Range>().map_err(|error| format!("version: {error}")));
        if fields.newest == Some(0) {
            return Err("newest: 0 would collect nothing".to_owned());
        }
        Ok(Self { version: version.transpose()?, newest: fields.newest, ..Self::named(&fields.name)? })
    }
}

impl ChartSpec {
    fn named(name: &str) -> Result<Self, String> {
        match is_chart(name) {
            true => Ok(Self { name: name.to_owned(), version: None, newest: None }),
            false => Err(format!("'{name}' can't be the name of a chart: letters, digits, '.', '_' and '-'")),
        }
    }
}

impl<'de> Deserialize<'de> for ChartSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_mapping(deserializer, "a chart's name, or a mapping with 'name'", Self::named)
    }
}

impl JsonSchema for ChartSpec {
    fn schema_name() -> Cow<'static, str> {
        "HelmChartOrName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<ChartFields>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

/// Whether and how the images of charts are collected.
#[derive(Clone, Debug, Default)]
pub struct ImagesSpec {
    /// Whether they are.
    pub wanted: bool,
    /// The platforms to collect; every one where there are none.
    pub platforms: Vec<String>,
    /// Images that are not collected.
    pub exclude: Vec<GlobMatcher>,
    /// Values besides the charts' own, as they will be set when the charts are installed.
    pub values: Map<String, Value>,
}

/// The mapping form of an [`ImagesSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HelmImages")]
pub struct ImagesFields {
    /// The platforms to collect, such as `linux/amd64`. Every platform where this is left out.
    #[serde(default)]
    platforms: Vec<String>,
    /// Patterns of images that are not collected, `nvcr.io/nvidia/driver:*`, such as those that were guessed wrongly.
    #[serde(default)]
    exclude: Vec<String>,
    /// Values besides the charts' own, as they will be set when the charts are installed: they turn parts of a chart on
    /// and off, and choose other images.
    #[serde(default)]
    values: Map<String, Value>,
}

impl<'de> Deserialize<'de> for ImagesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> serde::de::Visitor<'de> for Form {
            type Value = ImagesSpec;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false, or a mapping with 'platforms', 'exclude' and 'values'")
            }

            fn visit_bool<E: serde::de::Error>(self, wanted: bool) -> Result<ImagesSpec, E> {
                Ok(ImagesSpec { wanted, ..ImagesSpec::default() })
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<ImagesSpec, A::Error> {
                let fields = ImagesFields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let exclude = fields.exclude.iter().map(|text| {
                    let glob = Glob::new(text).map_err(|error| {
                        serde::de::Error::custom(format!("'{text}' is not a pattern such as 'quay.io/a/*': {error}"))
                    });
                    glob.map(|glob| glob.compile_matcher())
                });
                let exclude = exclude.collect::<Result<_, _>>()?;
                Ok(ImagesSpec { wanted: true, platforms: fields.platforms, exclude, values: fields.values })
            }
        }

        deserializer.deserialize_any(Form)
    }
}

impl JsonSchema for ImagesSpec {
    fn schema_name() -> Cow<'static, str> {
        "HelmImagesOrNot".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<ImagesFields>();
        json_schema!({ "anyOf": [{ "type": "boolean" }, fields] })
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match is_repository(&name) {
        true => Ok(name),
        false if RESERVED.contains(&name.as_str()) => {
            Err(serde::de::Error::custom(format!("'{name}' is served otherwise: give the repository another name")))
        }
        false => Err(serde::de::Error::custom(format!(
            "'{name}' can't be the name of a repository: up to 63 letters, digits, '.', '_' and '-'"
        ))),
    }
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    let headers = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    match headers.keys().find(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
        Some(bad) => Err(serde::de::Error::custom(format!("'{bad}' is not the name of a header"))),
        None => Ok(headers),
    }
}

fn repositories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RepositorySpec>, D::Error> {
    let repositories = Vec::<RepositorySpec>::deserialize(deserializer)?;
    let mut names = BTreeSet::new();
    for repository in &repositories {
        if !names.insert(repository.name.as_str()) {
            let name = &repository.name;
            return Err(serde::de::Error::custom(format!("two repositories are called '{name}': rename one of them")));
        }
        if matches!(repository.url, Place::Registry(_)) && repository.charts.as_ref().is_none_or(Vec::is_empty) {
            let name = &repository.name;
            return Err(serde::de::Error::custom(format!(
                "which charts of '{name}'? A registry does not list them: add 'charts'"
            )));
        }
    }
    Ok(repositories)
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["helm", "mirrors"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_repository_are_read() {
        let spec = read(concat!(
            "version: 1\nhelm:\n",
            "  - name: jupyterhub\n    url: https://hub.jupyter.org/helm-chart/\n",
            "    charts: [ { name: jupyterhub, version: \">=4\" }, binderhub ]\n    images: true\n",
            "  - name: oci\n    url: oci://quay.io/charts\n    charts: [ { name: a, newest: 2 } ]\n",
            "    images: { platforms: [linux/amd64], exclude: [\"*/x:*\"], values: { a: { b: 1 } } }\n",
        ))
        .expect("a manifest");
        assert!(spec.helm[0].images.wanted && spec.helm[0].dependencies && spec.helm[0].provenance);
        assert_eq!(spec.helm[0].charts.as_ref().map(Vec::len), Some(2));
        assert_eq!(spec.helm[1].url, Place::Registry("quay.io/charts".into()));
        assert_eq!(spec.helm[1].images.values["a"]["b"], 1);
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        let at = |rest: &str| format!("helm:\n  - {{name: a, url: \"https://e.org/\"{rest}}}\n");
        for (text, expected) in [
            (at(", chart: []"), "unknown field 'chart': did you mean 'charts'?"),
            (at(", charts: [{name: ../a}]"), "can't be the name of a chart"),
            (at(", charts: [{name: a, version: newest}]"), "is not a range of versions"),
            (at(", charts: [{name: a, newest: 0}]"), "would collect nothing"),
            (at(", images: {exclude: [\"[\"]}"), "is not a pattern"),
            (at(", images: maybe"), "true, false, or a mapping"),
            (at(", headers: {\"a b\": c}"), "is not the name of a header"),
            (at("").replace("name: a", "name: api"), "is served otherwise"),
            (at("").replace("name: a", "name: a/b"), "can't be the name of a repository"),
            (at("").replace("https://e.org/", "ftp://e.org/"), "is not http, https or file"),
            (at("").replace("https://e.org/", "oci://e.org/../x"), "is not a registry"),
            (at("").replace("https://e.org/", "oci://e.org/x"), "A registry does not list them"),
            (format!("{}  - {{name: a, url: \"https://f.org\"}}\n", at("")), "two repositories are called 'a'"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.contains(expected) && error.starts_with("line "), "{text}\n{error}");
        }
    }
}
