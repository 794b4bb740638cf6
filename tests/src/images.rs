//! The images that lie upstream: built once per machine, kept below the tools' folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::manifests::{self, Content, Family, Layer, Tree};
use crate::registry::{Upstream, push};
use crate::rootfs::Packages;
use crate::tools::{self, say};

/// Written anew when the images change; the folder of another version is left alone.
const VERSION: &str = "images-1";

/// The name five levels deep.
pub const DEEP: &str = "quay.io/one/two/three/four/five:v1";
/// The image of which only `linux/amd64` is collected.
pub const SPARSE: &str = "nvcr.io/nvidia/cuda:12.4.1-base";
/// The image with zstd layers, whose referrers and signatures are tags.
pub const ZSTD: &str = "ghcr.io/acme/zstd:1";
/// The artifact that is no image.
pub const ARTIFACT: &str = "quay.io/acme/artifact:v1";
/// The repository of 250 tags.
pub const MANY: &str = "docker.io/acme/many";
/// The repository of which three tags are chosen by version.
pub const VERSIONS: &str = "quay.io/prometheus/node-exporter";

/// One name that lies upstream and what it stands for there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// The name with its registry and tag: `docker.io/library/debian:12`.
    pub name: String,
    /// The digest of its manifest or index.
    pub digest: String,
    /// The digest of the manifest for `linux/amd64`; the same where there is no index.
    pub amd64: String,
    /// Whether it is an index or a manifest list.
    pub index: bool,
}

impl Image {
    /// The registry part of the name.
    pub fn registry(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The name without registry and tag.
    pub fn repository(&self) -> &str {
        let (path, _) = self.name.rsplit_once(':').unwrap_or((&self.name, ""));
        path.split_once('/').map_or("", |(_, repository)| repository)
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.name.rsplit_once(':').map_or("", |(_, tag)| tag)
    }

    /// Whether a container engine can pull it: everything but the artifact.
    pub fn runnable(&self) -> bool {
        self.name != ARTIFACT
    }

    /// Whether it is made of OCI's types; what lies on [`Upstream::Docker`] is made of Docker's.
    pub fn is_oci(&self) -> bool {
        self.registry() != Upstream::Docker.name()
    }

    /// Whether all its platforms travel.
    pub fn whole(&self) -> bool {
        self.name != SPARSE
    }
}

/// The images that lie upstream.
#[derive(Debug)]
pub struct Images {
    /// The folder with one storage folder per upstream.
    pub folder: PathBuf,
    /// The images that clients pull, one by one.
    pub list: Vec<Image>,
}

/// The images, built now if this machine has none yet.
pub fn images() -> &'static Images {
    static IMAGES: LazyLock<Images> = LazyLock::new(|| {
        let folder = tools::home().join("fixtures").join(VERSION);
        if !folder.exists() {
            build(&folder);
        }
        let list = fs::read(folder.join("images.json")).expect("the list of images lies beside them");
        Images { folder, list: serde_json::from_slice(&list).expect("the list of images is JSON") }
    });
    &IMAGES
}

/// The image of that name.
pub fn image(name: &str) -> &'static Image {
    images().list.iter().find(|image| image.name == name).unwrap_or_else(|| panic!("no image {name} lies upstream"))
}

fn build(folder: &Path) {
    say("building images from Debian packages, once");
    let parent = folder.parent().expect("the folder has a parent");
    fs::create_dir_all(parent).expect("the folder for fixtures can be made");
    let work = tempfile::tempdir_in(parent).expect("a temporary folder can be made");
    let layers = Layers::fetch(&work.path().join("packages"));
    fs::remove_dir_all(work.path().join("packages")).expect("the packages can be removed");
    let mut list = Vec::new();
    for upstream in Upstream::ALL {
        let storage = work.path().join(upstream.name());
        fs::create_dir(&storage).expect("a storage folder can be made");
        let registry = upstream.start_open(&storage);
        for repository in repositories(upstream, &layers) {
            list.extend(repository.listed(upstream));
            for (tag, tree) in &repository.tags {
                push(registry.address(), repository.name, tag, tree);
            }
            for tree in &repository.untagged {
                push(registry.address(), repository.name, &tree.manifest.digest(), tree);
            }
        }
    }
    let json = serde_json::to_vec_pretty(&list).expect("JSON can always be written");
    fs::write(work.path().join("images.json"), json).expect("the list of images can be written");
    // Another test process may have been as quick; both built the same.
    if fs::rename(work.path(), folder).is_err() {
        assert!(folder.exists(), "the images cannot be moved to {}", folder.display());
    }
}

/// The tars that all images are made of.
struct Layers {
    base: Vec<u8>,
    tools: Vec<u8>,
    perl: Vec<u8>,
    base_arm: Vec<u8>,
    tools_arm: Vec<u8>,
}

impl Layers {
    fn fetch(folder: &Path) -> Self {
        let amd64 = Packages::of("amd64", folder);
        let arm64 = Packages::of("arm64", folder);
        let base = ["base-files", "busybox-static"];
        let tools = ["libc6", "libtinfo6", "bash", "coreutils"];
        Self {
            base: amd64.layer(&base),
            tools: amd64.layer(&tools),
            perl: amd64.layer(&["perl-base"]),
            base_arm: arm64.layer(&base),
            tools_arm: arm64.layer(&tools),
        }
    }

    /// An image of several layers for both architectures.
    fn large(&self, family: Family, layer: impl Fn(&[u8]) -> Layer) -> Tree {
        let amd64 = manifests::image(family, "amd64", &[layer(&self.base), layer(&self.tools), layer(&self.perl)]);
        let arm64 = manifests::image(family, "arm64", &[layer(&self.base_arm), layer(&self.tools_arm)]);
        manifests::index(family, &[amd64, arm64])
    }

    /// An image of one layer for both architectures.
    fn small(&self, family: Family) -> Tree {
        let amd64 = manifests::image(family, "amd64", &[Layer::gzip(family, &self.base)]);
        let arm64 = manifests::image(family, "arm64", &[Layer::gzip(family, &self.base_arm)]);
        manifests::index(family, &[amd64, arm64])
    }
}

struct Repository {
    name: &'static str,
    tags: Vec<(String, Tree)>,
    untagged: Vec<Tree>,
    /// How many of the tags, from the first, clients pull one by one.
    pulled: usize,
}

impl Repository {
    fn new(name: &'static str, tag: &str, tree: Tree) -> Self {
        Self { name, tags: vec![(tag.to_owned(), tree)], untagged: Vec::new(), pulled: 1 }
    }

    fn listed(&self, upstream: Upstream) -> impl Iterator<Item = Image> {
        self.tags.iter().take(self.pulled).map(move |(tag, tree)| Image {
            name: format!("{}/{}:{tag}", upstream.name(), self.name),
            digest: tree.manifest.digest(),
            amd64: tree.children.first().unwrap_or(&tree.manifest).digest(),
            index: !tree.children.is_empty(),
        })
    }
}

fn repositories(upstream: Upstream, layers: &Layers) -> Vec<Repository> {
    match upstream {
        Upstream::Docker => docker_hub(layers),
        Upstream::Quay => quay(layers),
        Upstream::Github => github(layers),
        Upstream::Nvidia => {
            vec![Repository::new(
                "nvidia/cuda",
                "12.4.1-base",
                layers.large(Family::Oci, |tar| Layer::gzip(Family::Oci, tar)),
            )]
        }
    }
}

fn docker_hub(layers: &Layers) -> Vec<Repository> {
    let debian = layers.large(Family::Docker, |tar| Layer::gzip(Family::Docker, tar));
    let busybox = manifests::image(Family::Docker, "amd64", &[Layer::gzip(Family::Docker, &layers.base)]);
    let many = (0..250).map(|number| (format!("v1.{}.{}", number / 10, number % 10), busybox.clone())).collect();
    vec![
        Repository::new("library/busybox", "1.35", busybox.clone()),
        Repository::new("mirror/debian", "12", debian.clone()),
        Repository::new("library/debian", "12", debian),
        Repository::new("acme/private", "1", layers.small(Family::Docker)),
        Repository { name: "acme/many", tags: many, untagged: Vec::new(), pulled: 0 },
    ]
}

fn quay(layers: &Layers) -> Vec<Repository> {
    let mut deep = Repository::new("one/two/three/four/five", "v1", layers.small(Family::Oci));
    deep.untagged = bills_of_materials(&deep.tags[0].1);
    let chart = Content::new("application/vnd.acme.model.v1", b"weights of a model, which is no image".to_vec());
    let artifact =
        Repository::new("acme/artifact", "v1", manifests::artifact("application/vnd.acme.model", chart, None));
    let exporter = layers.small(Family::Oci);
    let tags = ["1.7.0", "1.8.0", "1.8.1", "1.8.2", "1.9.0", "2.0.0", "latest"];
    let tags = tags.map(|tag| (tag.to_owned(), exporter.clone())).to_vec();
    vec![deep, artifact, Repository { name: "prometheus/node-exporter", tags, untagged: Vec::new(), pulled: 0 }]
}

fn github(layers: &Layers) -> Vec<Repository> {
    let tree = layers.large(Family::Oci, Layer::zstd);
    let mut repository = Repository::new("acme/zstd", "1", tree.clone());
    let bills = bills_of_materials(&tree);
    for (subject, bill) in [(&tree.manifest, &bills[0]), (&tree.children[0], &bills[1])] {
        repository
            .tags
            .push((manifests::digest_tag(subject, ""), manifests::referrers_tag(std::slice::from_ref(bill))));
    }
    for (ending, layer) in [
        (".sig", "application/vnd.dev.cosign.simplesigning.v1+json"),
        (".att", "application/vnd.dsse.envelope.v1+json"),
        (".sbom", "text/spdx+json"),
    ] {
        let name = manifests::digest_tag(&tree.manifest, ending);
        repository.tags.push((name, manifests::cosign(layer, &tree.manifest)));
    }
    vec![repository]
}

/// An SBOM for the index and one for its first child.
fn bills_of_materials(tree: &Tree) -> Vec<Tree> {
    [&tree.manifest, &tree.children[0]]
        .map(|subject| {
            let text = format!("{{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"{}\"}}", subject.digest());
            let file = Content::new("application/spdx+json", text.into_bytes());
            manifests::artifact("application/spdx+json", file, Some(subject))
        })
        .to_vec()
}
