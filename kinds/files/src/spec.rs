//! The manifest's `files`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use airlift_core::manifest::{MappingForm, text_or_mapping};
use airlift_core::{Digest, Secret, TreePath, UpstreamUrl};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The files to collect.
    #[serde(default)]
    pub files: Vec<FileSpec>,
}

/// One entry of `files`.
#[derive(Clone, Debug)]
pub struct FileSpec {
    /// Where it is.
    pub url: UpstreamUrl,
    /// The SHA-256 that it must have.
    pub sha256: Option<Digest>,
    /// The path below the server's root, where it shall have one of its own.
    pub name: Option<TreePath>,
    /// More request headers.
    pub headers: BTreeMap<String, Secret>,
}

/// The mapping form of a [`FileSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileFields {
    /// Where it is: an http, https or file URL.
    url: UpstreamUrl,
    /// The SHA-256 that it must have, 64 hexadecimal characters.
    sha256: Option<String>,
    /// The path at which it is served besides `/<host>/<path>`; the last part of the URL where this is left out.
    name: Option<String>,
    /// More request headers, such as an access token; they are sent to this URL's host only and kept nowhere.
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

impl MappingForm for FileSpec {
    type Fields = FileFields;

    fn from_fields(fields: FileFields) -> Result<Self, String> {
        let sha256 = fields.sha256.map(|text| {
            let hex = text.strip_prefix("sha256:").unwrap_or(&text).to_ascii_lowercase();
            Digest::from_hex(&hex).map_err(|_| format!("sha256: '{text}' is not 64 hexadecimal characters"))
        });
        let name = fields
            .name
            .map(|name| TreePath::new(name.trim_start_matches('/')).map_err(|error| format!("name: {error}")));
        if let Some(bad) = fields.headers.keys().find(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
            return Err(format!("headers: '{bad}' is not the name of a header"));
        }
        Ok(Self { url: fields.url, sha256: sha256.transpose()?, name: name.transpose()?, headers: fields.headers })
    }
}

impl<'de> Deserialize<'de> for FileSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_mapping(deserializer, "a URL, or a mapping with 'url'", |text| {
            text.parse().map(|url| Self { url, sha256: None, name: None, headers: BTreeMap::new() })
        })
    }
}

impl JsonSchema for FileSpec {
    fn schema_name() -> Cow<'static, str> {
        "File".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<FileFields>();
        json_schema!({ "anyOf": [{ "type": "string", "format": "uri" }, fields] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["files"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_file_are_read() {
        let digest = "ab".repeat(32);
        let spec = read(&format!(
            "files:\n  - https://get.helm.sh/helm.tar.gz\n  - {{ url: \"https://e.org/x\", sha256: \"{digest}\", name: a/x.bin, headers: {{ Private-Token: t }} }}\n"
        ))
        .expect("a manifest");
        assert_eq!(spec.files[0].url.to_string(), "https://get.helm.sh/helm.tar.gz");
        assert_eq!(spec.files[1].name.as_ref().map(TreePath::as_str), Some("a/x.bin"));
        assert_eq!(spec.files[1].headers["Private-Token"].expose(), "t");
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, expected) in [
            ("files:\n  - {urls: \"https://e.org/x\"}\n", "unknown field 'urls': did you mean 'url'?"),
            ("files:\n  - {url: \"https://e.org/x\", sha256: 12ab}\n", "is not 64 hexadecimal characters"),
            ("files:\n  - {url: \"https://e.org/x\", name: ../x}\n", "'.' or '..' segment"),
            ("files:\n  - ftp://e.org/x\n", "is not http, https or file"),
            ("files:\n  - {url: \"https://e.org/x\", headers: {\"a b\": c}}\n", "is not the name of a header"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected) && error.starts_with("line 2"), "{text}\n{error}");
        }
    }
}
