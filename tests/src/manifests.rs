//! Builds image manifests, indexes and artifacts of both families, byte for byte as they are pushed.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::digest::sha256;

/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The family of media types that an image is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `application/vnd.oci.image.…`
    Oci,
    /// `application/vnd.docker.…`, schema 2.
    Docker,
}

/// Some bytes with the media type under which they are referred to.
#[derive(Clone, Debug)]
pub struct Content {
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What a descriptor says besides: platform, annotations, artifact type.
    extra: Value,
}

impl Content {
    /// Content without anything that a descriptor would say besides.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), bytes, extra: json!({}) }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> String {
        sha256(&self.bytes)
    }

    /// What a manifest says to refer to this content.
    pub fn descriptor(&self) -> Value {
        let mut descriptor = self.extra.clone();
        descriptor["mediaType"] = json!(self.media_type);
        descriptor["digest"] = json!(self.digest());
        descriptor["size"] = json!(self.bytes.len());
        descriptor
    }
}

/// A layer: what is pushed, and the digest of the tar inside.
#[derive(Clone, Debug)]
pub struct Layer {
    blob: Content,
    diff_id: String,
}

impl Layer {
    /// A gzip layer of that family.
    pub fn gzip(family: Family, tar: &[u8]) -> Self {
        let media_type = match family {
            Family::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Family::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        };
        let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
        let bytes = encoder.write_all(tar).and_then(|()| encoder.finish()).expect("memory takes every byte");
        Self { blob: Content::new(media_type, bytes), diff_id: sha256(tar) }
    }

    /// A zstd layer, which only OCI has.
    pub fn zstd(tar: &[u8]) -> Self {
        let bytes = zstd::encode_all(tar, 3).expect("memory takes every byte");
        Self { blob: Content::new("application/vnd.oci.image.layer.v1.tar+zstd", bytes), diff_id: sha256(tar) }
    }
}

/// A manifest with everything below it.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The manifest itself.
    pub manifest: Content,
    /// The manifests below it, deepest first.
    pub children: Vec<Content>,
    /// The blobs that all these refer to.
    pub blobs: Vec<Content>,
}

/// An image for `linux/<architecture>`.
pub fn image(family: Family, architecture: &str, layers: &[Layer]) -> Tree {
    let (manifest_type, config_type) = match family {
        Family::Oci => (OCI_MANIFEST, OCI_CONFIG),
        Family::Docker => (DOCKER_MANIFEST, DOCKER_CONFIG),
    };
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let config = Content::new(
        config_type,
        pretty(&json!({
            "architecture": architecture, "os": "linux", "created": "2024-05-01T00:00:00Z",
            "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": layers.iter().map(|_| json!({"created": "2024-05-01T00:00:00Z"})).collect::<Vec<_>>(),
        })),
    );
    let mut manifest = Content::new(
        manifest_type,
        pretty(&json!({
            "schemaVersion": 2, "mediaType": manifest_type, "config": config.descriptor(),
            "layers": layers.iter().map(|layer| layer.blob.descriptor()).collect::<Vec<_>>(),
        })),
    );
    manifest.extra = json!({"platform": {"architecture": architecture, "os": "linux"}});
    let blobs = layers.iter().map(|layer| layer.blob.clone()).chain([config]).collect();
    Tree { manifest, children: Vec::new(), blobs }
}

/// An index, or a manifest list, of images.
pub fn index(family: Family, images: &[Tree]) -> Tree {
    let media_type = match family {
        Family::Oci => OCI_INDEX,
        Family::Docker => DOCKER_LIST,
    };
    let children: Vec<Content> = images.iter().map(|image| image.manifest.clone()).collect();
    let manifest = Content::new(media_type, index_bytes(media_type, &children));
    Tree { manifest, children, blobs: images.iter().flat_map(|image| image.blobs.clone()).collect() }
}

/// An artifact: one file of some type, in a manifest of that type, about `subject` if there is one.
pub fn artifact(artifact_type: &str, file: Content, subject: Option<&Content>) -> Tree {
    let empty = Content::new(OCI_EMPTY, b"{}".to_vec());
    let mut value = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type,
        "config": empty.descriptor(), "layers": [file.descriptor()],
        "annotations": {"org.opencontainers.image.created": "2024-05-01T00:00:00Z"},
    });
    if let Some(subject) = subject {
        value["subject"] = json!({
            "mediaType": subject.media_type, "digest": subject.digest(), "size": subject.bytes.len(),
        });
    }
    let mut manifest = Content::new(OCI_MANIFEST, pretty(&value));
    manifest.extra = json!({"artifactType": artifact_type, "annotations": value["annotations"]});
    Tree { manifest, children: Vec::new(), blobs: vec![empty, file] }
}

/// What cosign pushes under `sha256-<hex>.sig` and its siblings: a manifest whose one layer is about another image.
pub fn cosign(layer_type: &str, about: &Content) -> Tree {
    let statement = pretty(&json!({
        "critical": {"image": {"docker-manifest-digest": about.digest()}, "type": "cosign container image signature"},
        "optional": null,
    }));
    let mut layer = Content::new(layer_type, statement);
    layer.extra = json!({"annotations": {"dev.cosignproject.cosign/signature": "MEUCIQDtests/are/not/signed"}});
    let config = Content::new(
        OCI_CONFIG,
        pretty(&json!({"architecture": "", "os": "", "rootfs": {"type": "layers",
        "diff_ids": [layer.digest()]}, "config": {}})),
    );
    let manifest = Content::new(
        OCI_MANIFEST,
        pretty(&json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(),
            "layers": [layer.descriptor()]})),
    );
    Tree { manifest, children: Vec::new(), blobs: vec![config, layer] }
}

/// The index under the tag `sha256-<hex>` with which referrers are listed where the referrers API is missing.
pub fn referrers_tag(referrers: &[Tree]) -> Tree {
    let children: Vec<Content> = referrers.iter().map(|referrer| referrer.manifest.clone()).collect();
    let manifest = Content::new(OCI_INDEX, index_bytes(OCI_INDEX, &children));
    Tree { manifest, children, blobs: referrers.iter().flat_map(|referrer| referrer.blobs.clone()).collect() }
}

/// The tag that stands for a digest: `sha256-<hex>` with an ending.
pub fn digest_tag(content: &Content, ending: &str) -> String {
    format!("{}{ending}", content.digest().replace(':', "-"))
}

fn index_bytes(media_type: &str, children: &[Content]) -> Vec<u8> {
    let manifests: Vec<Value> = children.iter().map(Content::descriptor).collect();
    pretty(&json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}))
}

/// Indented on purpose: a mirror that writes a manifest anew will not hit the same bytes.
fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("JSON can always be written")
}
