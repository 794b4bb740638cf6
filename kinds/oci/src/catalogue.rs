//! How a person sees images: repositories with their tags, and what an image's manifest tells of it.

use std::collections::BTreeMap;

use airlift_core::Node;
use airlift_core::size::human;
use airlift_kind::catalogue::quoted;
use airlift_kind::{Address, Fact, Item, Shown, Usage, View};

use crate::format::manifest::{DOCKER_LIST, MANIFEST_LIMIT, Manifest, OCI_INDEX};
use crate::format::name::{Place, is_digest, split};

/// The most platforms of one image that are looked at.
const MOST_PLATFORMS: usize = 64;

/// A tag is shown, and an index that no tag names; where a repository has no tags, every manifest is. What else is named
/// by a digest is most likely a part of what is shown.
pub(crate) fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
    let path = view.path_of(node);
    let Some((repository, place)) = split(path) else { return Shown::file(path, node) };
    let Place::Manifest(reference) = place else { return Shown::part(repository) };
    let name = match is_digest(reference) {
        false => format!("{repository}:{reference}"),
        true if stands_for_itself(view, repository, node) => format!("{repository}@{reference}"),
        true => return Shown::part(repository),
    };
    let item = Item { name: name.into(), version: reference.into(), size: None, ..Item::new(node) };
    Shown { group: repository.into(), item: Some(item) }
}

fn stands_for_itself(view: &View, repository: &str, node: &Node) -> bool {
    let manifests = view.below(&format!("{repository}/manifests"));
    // Digests lie together; tags are before and behind them.
    let first = manifests.partition_point(|other| other.path.name() < "sha256:");
    let end = manifests.partition_point(|other| other.path.name() < "sha256;");
    let is_index = [OCI_INDEX, DOCKER_LIST].contains(&&*node.media_type);
    let mut tags = manifests[..first].iter().chain(&manifests[end..]).peekable();
    tags.peek().is_none() || is_index && tags.all(|tag| tag.blob != node.blob)
}

/// The platforms of an image, each with its size, and the size of all of them together.
pub(crate) async fn facts(view: View, node: Node) -> Vec<Fact> {
    let path = view.path_of(&node).to_owned();
    let Some((repository, Place::Manifest(_))) = split(&path) else { return Vec::new() };
    let Some(manifest) = read(&view, &node).await else { return Vec::new() };
    let Some(children) = &manifest.manifests else { return vec![Fact::new("Size", size(&manifest))] };
    let (mut facts, mut blobs) = (Vec::new(), BTreeMap::new());
    for child in children.iter().filter(|child| child.attests().is_none()).take(MOST_PLATFORMS) {
        let label = child.platform.as_ref().map_or_else(|| "Part".to_owned(), ToString::to_string);
        let there = view.get(&format!("{repository}/manifests/{}", child.digest)).cloned();
        let told = match there {
            None => "is not here: the manifest asks for other platforms".to_owned(),
            Some(node) => match read(&view, &node).await {
                Some(manifest) => {
                    blobs.extend(manifest.all_blobs().map(|blob| (blob.digest.clone(), blob.size)));
                    format!("{}, {}", size(&manifest), child.digest)
                }
                None => child.digest.to_string(),
            },
        };
        facts.push(Fact::new(label, told));
    }
    facts.insert(0, Fact::new("Size", human(blobs.values().sum())));
    facts
}

async fn read(view: &View, node: &Node) -> Option<Manifest> {
    let bytes = view.read(node, MANIFEST_LIMIT).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn size(manifest: &Manifest) -> String {
    let (count, bytes) = (manifest.layers.len(), manifest.all_blobs().map(|blob| blob.size).sum());
    format!("{} in {count} layer{}", human(bytes), if count == 1 { "" } else { "s" })
}

/// How an image is pulled. Runtimes that were set up for this mirror pull it by its own name.
pub(crate) fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
    let name = node.and_then(|node| shown(view, node).item).map(|item| quoted(&item.name).into_owned());
    let name = name.as_deref().unwrap_or("REGISTRY/REPOSITORY:TAG");
    let (at, tls) = (address.authority(), address.mirror.tls);
    let insecure = |option: &str| if tls { String::new() } else { format!(" {option}") };
    vec![
        Usage::new("docker", format!("docker pull {at}/{name}")),
        Usage::new("podman", format!("podman pull{} {at}/{name}", insecure("--tls-verify=false"))),
        Usage::new(
            "containerd, set up for this mirror",
            format!("ctr images pull --hosts-dir /etc/containerd/certs.d {name}"),
        ),
        Usage::new("Kubernetes nodes, set up for this mirror", format!("crictl pull {name}")),
        Usage::new("skopeo", format!("skopeo inspect{} docker://{at}/{name}", insecure("--tls-verify=false"))),
    ]
}
