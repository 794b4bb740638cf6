//! The manifest's `images` and `mirrors`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use airlift_core::UpstreamUrl;
use airlift_core::manifest::{MappingForm, text_or_mapping};
use globset::{Glob, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::VersionReq;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::format::name::{ImageName, Repository, is_tag};
use crate::format::platform::Wanted;

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The images and other artifacts to collect.
    #[serde(default)]
    pub images: Vec<ImageSpec>,
    /// Registries that are fetched from somewhere else: the registry's host, and the address that answers for it.
    #[serde(default)]
    pub mirrors: BTreeMap<String, UpstreamUrl>,
}

/// One entry of `images`.
#[derive(Clone, Debug)]
pub struct ImageSpec {
    /// The repository.
    pub repository: Repository,
    /// Which of its images.
    pub select: Select,
    /// The platforms to collect of an index; every one where there are none.
    pub platforms: Vec<Wanted>,
}

/// Which images of a repository are meant.
#[derive(Clone, Debug)]
pub enum Select {
    /// One image.
    One(ImageName),
    /// These tags.
    Tags(Vec<String>),
    /// The tags that fit.
    Rule(TagRule),
}

/// Which tags fit: every condition that is there must hold.
#[derive(Clone, Debug)]
pub struct TagRule {
    /// The tag is a version in this range.
    pub semver: Option<VersionReq>,
    /// The tag fits this pattern.
    pub glob: Option<GlobMatcher>,
    /// Only so many, the newest by version.
    pub newest: Option<usize>,
}

impl<'de> Deserialize<'de> for ImageSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |text: &str| text.parse().map(|image: ImageName| Self::one(image, Vec::new()));
        text_or_mapping(
            deserializer,
            "an image such as docker.io/library/nginx:1.29, or a mapping with 'ref' or 'repository'",
            text,
        )
    }
}

impl ImageSpec {
    fn one(image: ImageName, platforms: Vec<Wanted>) -> Self {
        Self { repository: image.repository.clone(), select: Select::One(image), platforms }
    }
}

/// The mapping form of an [`ImageSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFields {
    /// One image, with its tag or digest or both.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// A repository, of which `tags` says which images are meant.
    repository: Option<String>,
    /// A list of tags, or a rule: `semver`, `glob`, `newest`.
    tags: Option<TagsField>,
    /// The platforms to collect, such as `linux/amd64`. Every platform where this is left out.
    #[serde(default)]
    platforms: Vec<String>,
}

impl MappingForm for ImageSpec {
    type Fields = ImageFields;

    fn from_fields(fields: ImageFields) -> Result<Self, String> {
        let platforms = fields.platforms.iter().map(|text| text.parse()).collect::<Result<Vec<Wanted>, _>>()?;
        match (fields.reference, fields.repository, fields.tags) {
            (Some(reference), None, None) => Ok(Self::one(reference.parse()?, platforms)),
            (None, Some(repository), Some(tags)) => {
                let image: ImageName = repository.parse()?;
                if image.digest.is_some() || repository.rsplit('/').next().is_some_and(|last| last.contains(':')) {
                    return Err(format!(
                        "'{repository}' is an image, not a repository: use 'ref', or leave out its tag"
                    ));
                }
                Ok(Self { repository: image.repository, select: tags.0, platforms })
            }
            (None, Some(repository), None) => {
                Err(format!("which tags of {repository}? Add 'tags': a list, or a rule with semver, glob or newest"))
            }
            (Some(_), _, Some(_)) | (Some(_), Some(_), None) => {
                Err("'ref' names one image; 'repository' and 'tags' name several: use the one or the others".to_owned())
            }
            (None, None, _) => Err("expected 'ref', or 'repository' with 'tags'".to_owned()),
        }
    }
}

/// `tags`: a list or a rule.
struct TagsField(Select);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TagRuleFields {
    /// A range of versions, `>=1.8, <2`. A leading `v` of a tag is passed over.
    semver: Option<String>,
    /// A pattern, `v1.*`.
    glob: Option<String>,
    /// Only so many, the newest by version.
    newest: Option<usize>,
}

impl<'de> Deserialize<'de> for TagsField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tags;

        impl<'de> Visitor<'de> for Tags {
            type Value = TagsField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tags, or a rule with semver, glob or newest")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<TagsField, A::Error> {
                let tags = Vec::<String>::deserialize(SeqAccessDeserializer::new(sequence))?;
                match tags.iter().find(|tag| !is_tag(tag)) {
                    Some(bad) => Err(serde::de::Error::custom(format!("'{bad}' is not a tag"))),
                    None => Ok(TagsField(Select::Tags(tags))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TagsField, A::Error> {
                let fields = TagRuleFields::deserialize(MapAccessDeserializer::new(map))?;
                TagRule::try_from(fields).map(|rule| TagsField(Select::Rule(rule))).map_err(serde::de::Error::custom)
            }
        }

        deserializer.deserialize_any(Tags)
    }
}

impl TryFrom<TagRuleFields> for TagRule {
    type Error = String;

    fn try_from(fields: TagRuleFields) -> Result<Self, String> {
        let semver = fields.semver.map(|text| {
            VersionReq::parse(&text)
                .map_err(|error| format!("'{text}' is not a range of versions such as '>=1.8, <2': {error}"))
        });
        let glob = fields.glob.map(|text| {
            let glob =
                Glob::new(&text).map_err(|error| format!("'{text}' is not a pattern such as 'v1.*': {error}"))?;
            Ok::<_, String>(glob.compile_matcher())
        });
        let rule = Self { semver: semver.transpose()?, glob: glob.transpose()?, newest: fields.newest };
        match (&rule.semver, &rule.glob, rule.newest) {
            (None, None, None) => Err("which tags? Give semver, glob or newest; glob: '*' means all".to_owned()),
            (_, _, Some(0)) => Err("newest: 0 would collect nothing".to_owned()),
            _ => Ok(rule),
        }
    }
}

impl JsonSchema for TagsField {
    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<TagRuleFields>();
        json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, rule] })
    }
}

impl JsonSchema for ImageSpec {
    fn schema_name() -> Cow<'static, str> {
        "Image".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<ImageFields>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["images", "mirrors"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_an_image_are_read() {
        let spec = read(concat!(
            "version: 1\nimages:\n",
            "  - docker.io/library/nginx:1.29\n",
            "  - ref: nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04\n",
            "    platforms: [linux/amd64]\n",
            "  - repository: quay.io/prometheus/node-exporter\n",
            "    tags: { semver: \">=1.8, <2\", newest: 3 }\n",
            "  - { repository: quay.io/a/b, tags: [v1, v2] }\n",
        ))
        .expect("a manifest");
        assert_eq!(spec.images.len(), 4);
        assert_eq!(spec.images[1].platforms[0].to_string(), "linux/amd64");
        assert!(matches!(&spec.images[2].select, Select::Rule(rule) if rule.newest == Some(3)));
        assert!(matches!(&spec.images[3].select, Select::Tags(tags) if tags.len() == 2));
    }

    #[test]
    fn mistakes_are_named_with_line_column_and_the_nearest_name() {
        let cases = [
            (
                "images:\n  - ref: nginx\n    platform: [linux/amd64]\n",
                "line 3, column 5: unknown field 'platform': did you mean 'platforms'?",
            ),
            ("images:\n  - repository: quay.io/a/b\n", "which tags of quay.io/a/b?"),
            ("images:\n  - {ref: nginx, platforms: [linux]}\n", "'linux' is not a platform"),
            ("images:\n  - {repository: a/b, tags: {semver: new}}\n", "is not a range of versions"),
            ("images:\n  - UPPER\n", "'UPPER' is not an image"),
            ("images: nginx\n", "line 1, column 9"),
        ];
        for (text, expected) in cases {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{text}\n{error}");
            assert!(error.starts_with("line "), "{error}");
        }
    }
}
