//! The `index.json` of an OCI image layout (OCI image specification 1.1, `image-layout.md`).

use std::collections::BTreeSet;

use airlift_core::{Index, Node};
use serde_json::{Value, json};

use super::name::{Place, is_digest, split};

/// The annotation by which tools choose an image in a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A descriptor for each tag and, of repositories that have no tags, for each manifest.
pub fn descriptors(index: &Index) -> Vec<Value> {
    let manifests = || {
        index.below("oci").iter().filter_map(|node| match split(node.path.below("oci")?)? {
            (repository, Place::Manifest(reference)) => Some((repository, reference, node)),
            _ => None,
        })
    };
    let tagged: BTreeSet<&str> =
        manifests().filter(|(_, reference, _)| !is_digest(reference)).map(|(repository, ..)| repository).collect();
    manifests()
        .filter_map(|(repository, reference, node)| match (is_digest(reference), tagged.contains(repository)) {
            (false, _) => Some(descriptor(node, &format!("{repository}:{reference}"))),
            (true, false) => Some(descriptor(node, &format!("{repository}@{reference}"))),
            (true, true) => None,
        })
        .collect()
}

fn descriptor(node: &Node, name: &str) -> Value {
    json!({
        "mediaType": &*node.media_type,
        "digest": node.blob.to_string(),
        "size": node.size,
        "annotations": { REF_NAME: name },
    })
}
