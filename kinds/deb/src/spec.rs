//! The manifest's `apt`.

use std::borrow::Cow;

use airlift_core::UpstreamUrl;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The repositories to collect.
    #[serde(default)]
    pub apt: Vec<AptSpec>,
}

/// One entry of `apt`.
#[derive(Clone, Debug)]
pub struct AptSpec {
    /// Which repositories.
    pub what: What,
    /// The architectures; none for all that the repository has.
    pub architectures: Vec<String>,
    /// Where the keys are that vouch for it.
    pub signed_by: Vec<KeySource>,
    /// Accept these keys only.
    pub fingerprints: Vec<String>,
    /// Whether source packages travel too.
    pub sources: bool,
    /// Whether it may be unsigned.
    pub unsigned: bool,
    /// Whether it must not have expired.
    pub check_valid_until: bool,
}

/// Which repositories an entry means.
#[derive(Clone, Debug)]
pub enum What {
    /// One, by its address.
    One {
        /// Its name here.
        id: String,
        /// Its address.
        uri: UpstreamUrl,
        /// Its suites.
        suites: Vec<String>,
        /// Its components.
        components: Vec<String>,
    },
    /// Those of a host: the URL of a folder or of a file of sources.
    Host {
        /// The folder or file.
        from: UpstreamUrl,
    },
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// At this URL, armored or binary.
    Url(UpstreamUrl),
    /// Here, armored.
    Inline(String),
}

impl KeySource {
    /// Reads a URL, an absolute path or an armored key.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.contains("-----BEGIN PGP") {
            return Ok(Self::Inline(text.to_owned()));
        }
        match text.starts_with('/') {
            true => file_url(text).map(Self::Url),
            false => text.parse().map(Self::Url).map_err(|error| format!("signed-by: {error}")),
        }
    }
}

/// The `file` URL of an absolute path.
pub(crate) fn file_url(path: &str) -> Result<UpstreamUrl, String> {
    format!("file://{}", crate::format::link::encode(path)).parse().map_err(|error| format!("{path}: {error}"))
}

/// An [`AptSpec`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AptFields {
    /// What it is called here: it is served at `/<id>/`.
    id: Option<String>,
    /// The repository's address, as it stands in a sources.list.
    uri: Option<UpstreamUrl>,
    /// The suites, such as noble or bookworm-updates; "/" or "./" for a flat repository.
    #[serde(default)]
    suites: Vec<String>,
    /// The components, such as main; none for a flat repository.
    #[serde(default)]
    components: Vec<String>,
    /// The architectures, such as amd64; all that the repository has where this is left out.
    #[serde(default)]
    architectures: Vec<String>,
    /// The keys that vouch for it: URLs (file:// too), absolute paths, or armored keys themselves.
    signed_by: Option<OneOrMany>,
    /// Accept these keys only: fingerprints of primary keys or subkeys.
    #[serde(default)]
    fingerprints: Vec<String>,
    /// Whether source packages travel too.
    #[serde(default)]
    sources: bool,
    /// Whether it may be unsigned. It is then said at load, and apt on clients refuses it unless told otherwise.
    #[serde(default)]
    unsigned: bool,
    /// Whether it must not have expired (Valid-Until). Snapshots of the past always have.
    #[serde(default = "yes")]
    check_valid_until: bool,
    /// The repositories of this host: a folder such as /etc/apt/sources.list.d, or a file of sources.
    from: Option<String>,
    /// Not in this version: only whole repositories are collected.
    packages: Option<Vec<String>>,
}

const fn yes() -> bool {
    true
}

/// One text or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl TryFrom<AptFields> for AptSpec {
    type Error = String;

    fn try_from(fields: AptFields) -> Result<Self, String> {
        if fields.packages.is_some() {
            return Err("packages: this version collects whole repositories only; leave 'packages' out".to_owned());
        }
        let texts = match fields.signed_by {
            None => Vec::new(),
            Some(OneOrMany::One(text)) => vec![text],
            Some(OneOrMany::Many(texts)) => texts,
        };
        let signed_by = texts.iter().map(|text| KeySource::read(text)).collect::<Result<_, _>>()?;
        fields.architectures.iter().try_for_each(|name| plain("architectures", name))?;
        let what = match (fields.from, fields.id, fields.uri) {
            (Some(from), None, None) if fields.suites.is_empty() && fields.components.is_empty() => {
                What::Host { from: host(&from)? }
            }
            (Some(_), ..) => return Err("from: id, uri, suites and components come from the host's files".to_owned()),
            (None, Some(id), Some(uri)) => {
                check(&id, &fields.suites, &fields.components)?;
                What::One { id, uri, suites: fields.suites, components: fields.components }
            }
            (None, None, _) => return Err("a repository needs an 'id', or 'from'".to_owned()),
            (None, Some(id), None) => return Err(format!("the repository {id} needs a 'uri'")),
        };
        Ok(Self {
            what,
            architectures: fields.architectures,
            signed_by,
            fingerprints: fields.fingerprints,
            sources: fields.sources,
            unsigned: fields.unsigned,
            check_valid_until: fields.check_valid_until,
        })
    }
}

fn host(from: &str) -> Result<UpstreamUrl, String> {
    match (from.starts_with('/'), from.starts_with("file://")) {
        (true, _) => file_url(from),
        (_, true) => from.parse().map_err(|error| format!("from: {error}")),
        _ => Err(format!("from: '{from}' is no absolute path, such as /etc/apt/sources.list.d")),
    }
}

/// Whether id, suites and components can be names in paths and in generated files.
pub(crate) fn check(id: &str, suites: &[String], components: &[String]) -> Result<(), String> {
    plain("id", id)?;
    if matches!(id, "gpgkeys" | "airlift") {
        return Err(format!("id: '{id}' is the name of something else on this port"));
    }
    if suites.is_empty() {
        return Err(format!("the repository {id} needs 'suites'; a flat one has the suite \"/\""));
    }
    for suite in suites {
        let inner = suite.trim_start_matches("./").trim_matches('/');
        if !inner.is_empty() {
            path("suites", inner)?;
        }
        match (suite.ends_with('/'), components.is_empty()) {
            (true, false) => return Err(format!("suites: the flat repository '{suite}' has no components")),
            (false, true) => return Err(format!("the suite {suite} of {id} needs 'components'")),
            _ => {}
        }
    }
    components.iter().try_for_each(|component| path("components", component))
}

fn path(field: &str, text: &str) -> Result<(), String> {
    text.split('/').try_for_each(|segment| plain(field, segment))
}

fn plain(field: &str, text: &str) -> Result<(), String> {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    match first && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+~-".contains(c)) {
        true => Ok(()),
        false => Err(format!("{field}: '{text}' is no name of letters, digits and . _ + ~ -")),
    }
}

impl<'de> Deserialize<'de> for AptSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AptFields::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl JsonSchema for AptSpec {
    fn schema_name() -> Cow<'static, str> {
        "Apt".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AptFields::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["apt"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_repository_are_read() {
        let spec = read(
            "apt:\n  - { id: docker-noble, uri: \"https://e.org/linux/ubuntu\", suites: [noble], components: [stable], \
             architectures: [amd64], signed-by: \"https://e.org/gpg\" }\n  - { id: flat, uri: \"https://e.org/x\", \
             suites: [\"./\"], unsigned: true }\n  - { from: /etc/apt/sources.list.d, sources: true }\n",
        )
        .expect("a manifest");
        assert!(matches!(&spec.apt[0].signed_by[..], [KeySource::Url(url)] if url.to_string() == "https://e.org/gpg"));
        assert!(spec.apt[1].unsigned && spec.apt[1].check_valid_until);
        let What::Host { from } = &spec.apt[2].what else { panic!("{:?}", spec.apt[2]) };
        assert_eq!(from.to_string(), "file:///etc/apt/sources.list.d");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            (
                "{ id: x, uri: \"https://e.org\", suites: [a], components: [b], packages: [c] }",
                "whole repositories only",
            ),
            ("{ id: x, uri: \"https://e.org\", components: [b] }", "needs 'suites'"),
            ("{ id: x, uri: \"https://e.org\", suites: [a] }", "needs 'components'"),
            ("{ id: x, uri: \"https://e.org\", suites: [\"/\"], components: [a] }", "has no components"),
            ("{ id: ../x, uri: \"https://e.org\", suites: [a], components: [b] }", "is no name"),
            ("{ id: x, uri: \"https://e.org\", suites: [a/../b], components: [b] }", "is no name"),
            ("{ id: gpgkeys, uri: \"https://e.org\", suites: [a], components: [b] }", "something else"),
            ("{ uri: \"https://e.org\" }", "needs an 'id'"),
            ("{ from: etc }", "no absolute path"),
            ("{ from: /etc, id: x }", "come from the host's files"),
            ("{ id: x, url: \"https://e.org\" }", "unknown field 'url'"),
        ] {
            let error = read(&format!("apt:\n  - {text}\n")).expect_err(text);
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
