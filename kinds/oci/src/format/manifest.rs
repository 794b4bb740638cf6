//! Manifests, indexes and descriptors, as far as Airlift must understand them.
//!
//! One structure reads them all: image manifests and indexes (OCI image specification 1.1, `manifest.md` and
//! `image-index.md`), Docker's manifest and manifest list (image manifest version 2, schema 2), and OCI's withdrawn
//! artifact manifest. They are only read; what is stored and served are the bytes that upstream sent.

use std::collections::BTreeMap;

use airlift_core::Checksum;
use serde::{Deserialize, Serialize};

use super::platform::Platform;

/// The media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of OCI's withdrawn artifact manifest.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

/// Every manifest type, in the order in which they are asked for.
pub const MANIFEST_TYPES: [&str; 5] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, OCI_ARTIFACT];

/// The media types of image configurations.
const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// The largest manifest that is accepted, in bytes. The distribution specification asks registries for at least 4 MiB.
pub const MANIFEST_LIMIT: u64 = 16 << 20;

/// A manifest or an index.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2; Docker's first schema has 1.
    #[serde(default)]
    pub schema_version: u32,
    /// Its own media type, where it says so.
    pub media_type: Option<String>,
    /// What kind of artifact it is.
    pub artifact_type: Option<String>,
    /// The configuration, of an image.
    pub config: Option<Descriptor>,
    /// The layers, of an image.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The blobs, of a withdrawn artifact manifest.
    #[serde(default)]
    pub blobs: Vec<Descriptor>,
    /// The manifests, of an index.
    pub manifests: Option<Vec<Descriptor>>,
    /// What it refers to, of a signature or an SBOM.
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// The media type to serve it with: its own word, else what was said of it, else by its shape.
    pub fn served_type(&self, said: Option<&str>) -> String {
        let shape = if self.manifests.is_some() { OCI_INDEX } else { OCI_MANIFEST };
        let known = said.filter(|said| MANIFEST_TYPES.contains(said));
        self.media_type.as_deref().or(known).unwrap_or(shape).to_owned()
    }

    /// The configuration, where it is an image's, with a platform and a date in it.
    pub fn image_config(&self) -> Option<&Descriptor> {
        self.config.as_ref().filter(|config| CONFIG_TYPES.contains(&config.media_type.as_str()))
    }

    /// Every blob that belongs to it.
    pub fn all_blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).chain(&self.blobs)
    }

    /// What a referrers listing says it is: its artifact type, else its configuration's media type (distribution
    /// specification 1.1, "Listing Referrers").
    pub fn referrer_type(&self) -> Option<String> {
        let config = || self.config.as_ref().map(|config| config.media_type.clone());
        self.artifact_type.clone().filter(|name| !name.is_empty()).or_else(config)
    }
}

/// A reference to content (OCI image specification 1.1, `descriptor.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The content's media type.
    #[serde(default)]
    pub media_type: String,
    /// The content's digest.
    pub digest: Checksum,
    /// The content's size in bytes.
    pub size: u64,
    /// The platform, of an image in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The artifact type, in a referrers listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Where else the content is, of layers that may not be distributed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// The manifest that this attestation of BuildKit's belongs to.
    pub fn attests(&self) -> Option<&str> {
        self.annotations.get("vnd.docker.reference.digest").map(String::as_str)
    }

    /// Whether it names a manifest or an index.
    pub fn is_manifest(&self) -> bool {
        MANIFEST_TYPES.contains(&self.media_type.as_str())
    }
}

/// The part of an image's configuration that Airlift reads.
#[derive(Clone, Debug, Deserialize)]
pub struct ImageConfig {
    /// When it was built.
    pub created: Option<String>,
    /// What it runs on.
    #[serde(flatten)]
    pub platform: Platform,
}

/// The referrers of a manifest as an image index, sorted by digest: the same bytes for the same referrers.
pub fn referrers_index<'a>(referrers: impl IntoIterator<Item = &'a Descriptor>) -> Vec<u8> {
    let mut manifests: Vec<&Descriptor> = referrers.into_iter().collect();
    manifests.sort_by(|a, b| a.digest.cmp(&b.digest));
    manifests.dedup_by(|a, b| a.digest == b.digest);
    serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_come_from_the_manifest_first() {
        let read = |text: &str| serde_json::from_str::<Manifest>(text).expect("a manifest");
        let own = read(&format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}"}}"#));
        assert_eq!(own.served_type(Some(OCI_MANIFEST)), DOCKER_MANIFEST);
        let silent = read(r#"{"schemaVersion":2,"manifests":[]}"#);
        assert_eq!(silent.served_type(Some(DOCKER_LIST)), DOCKER_LIST);
        assert_eq!(silent.served_type(Some("text/plain")), OCI_INDEX);
    }

    #[test]
    fn a_digest_with_a_path_in_it_is_refused() {
        let text = r#"{"mediaType":"x","digest":"sha256:../../etc/passwd","size":1}"#;
        assert!(serde_json::from_str::<Descriptor>(text).is_err());
    }
}
