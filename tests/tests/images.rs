//! Each client pulls every image from the archive in place and from the store, and every digest equals upstream's.

use std::collections::BTreeSet;

use airlift_e2e::clients::{self, Containerd, Docker, Podman};
use airlift_e2e::http::{self, get};
use airlift_e2e::images::{ARTIFACT, DEEP, Image, MANY, SPARSE, VERSIONS, ZSTD, image, images};
use airlift_e2e::manifests::OCI_MANIFEST;
use airlift_e2e::registry::Upstream;
use airlift_e2e::tools::{present, say};
use airlift_e2e::world::world;

/// The images that a container engine can pull.
fn runnable() -> impl Iterator<Item = &'static Image> {
    images().list.iter().filter(|image| image.runnable())
}

#[test]
fn docker_pulls_every_image() {
    if !present(&Docker::PROGRAMS) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        let docker = Docker::start(mirror.images());
        let zstd = docker.knows_zstd();
        if !zstd {
            say("docker: this daemon is older than 23 and knows no zstd layers; the image that has them is left out");
        }
        for image in runnable().filter(|image| zstd || image.name != ZSTD) {
            assert_eq!(docker.pull_by_explicit_name(image), image.digest, "docker, from the {source}: {}", image.name);
            if image.registry() == "docker.io" {
                assert_eq!(
                    docker.pull_through_mirror(image),
                    image.digest,
                    "docker's mirror, {source}: {}",
                    image.name
                );
            }
        }
    }
}

#[test]
fn containerd_pulls_every_image() {
    if !present(&Containerd::PROGRAMS) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        let containerd = Containerd::start(mirror.images());
        for image in runnable() {
            assert_eq!(containerd.pull(image), image.digest, "containerd, from the {source}: {}", image.name);
        }
    }
}

#[test]
fn podman_pulls_every_image() {
    if !present(&Podman::PROGRAMS) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        let podman = Podman::new(mirror.images());
        for image in runnable() {
            let digests = podman.pull(image);
            assert!(digests.contains(&image.digest), "podman, from the {source}: {}: {digests:?}", image.name);
        }
    }
}

/// Copies every image from both mirrors with a tool that keeps an index where the whole of it travelled.
fn copies_every_image(tool: &str, copy: impl Fn(std::net::SocketAddr, &Image) -> String, sparse_keeps_index: bool) {
    if !present(&[tool]) {
        return;
    }
    for (source, mirror) in world().mirrors() {
        for image in &images().list {
            let expected = if image.whole() || sparse_keeps_index { &image.digest } else { &image.amd64 };
            assert_eq!(copy(mirror.images(), image), *expected, "{tool}, from the {source}: {}", image.name);
        }
    }
}

#[test]
fn skopeo_copies_every_image() {
    copies_every_image("skopeo", clients::skopeo, false);
}

#[test]
fn crane_pulls_every_image() {
    copies_every_image("crane", clients::crane, false);
}

#[test]
fn regctl_copies_every_image() {
    copies_every_image("regctl", clients::regctl, true);
}

#[test]
fn skopeo_reads_the_archive_itself() {
    if !present(&["skopeo"]) {
        return;
    }
    // skopeo knows no Docker types in an OCI layout, whoever wrote it; oras does, in the test after this one.
    for image in images().list.iter().filter(|image| image.is_oci()) {
        let expected = if image.whole() { &image.digest } else { &image.amd64 };
        assert_eq!(clients::skopeo_from_archive(&world().archive, image), *expected, "{}", image.name);
    }
}

#[test]
fn oras_reads_the_archive_itself() {
    if !present(&["oras"]) {
        return;
    }
    for image in images().list.iter().filter(|image| image.whole()) {
        assert_eq!(clients::oras_from_archive(&world().archive, image), image.digest, "{}", image.name);
    }
}

#[test]
fn oras_finds_the_referrers_that_upstream_has() {
    if !present(&["oras"]) {
        return;
    }
    for (name, upstream) in [(DEEP, Upstream::Quay), (ZSTD, Upstream::Github)] {
        let subject = image(name);
        let address = world().upstreams.address(upstream);
        for digest in [&subject.digest, &subject.amd64] {
            let there = clients::oras_referrers(address, &format!("{}@{digest}", subject.repository()));
            assert_eq!(there.len(), 1, "upstream, {name}@{digest}: {there:?}");
            for (source, mirror) in world().mirrors() {
                let here = format!("{}/{}@{digest}", subject.registry(), subject.repository());
                assert_eq!(clients::oras_referrers(mirror.images(), &here), there, "from the {source}: {here}");
            }
        }
    }
}

#[test]
fn oras_pulls_the_artifact() {
    if !present(&["oras"]) {
        return;
    }
    let artifact = image(ARTIFACT);
    for (source, mirror) in world().mirrors() {
        assert_eq!(clients::oras_pull(mirror.images(), artifact), artifact.digest, "from the {source}");
    }
}

#[test]
fn the_tags_are_those_that_were_asked_for() {
    if !present(&["crane"]) {
        return;
    }
    let many: BTreeSet<String> = (0..250).map(|number| format!("v1.{}.{}", number / 10, number % 10)).collect();
    let newest: BTreeSet<String> = ["1.8.1", "1.8.2", "1.9.0"].map(str::to_owned).into();
    for (source, mirror) in world().mirrors() {
        assert_eq!(clients::crane_tags(mirror.images(), MANY), many, "from the {source}");
        assert_eq!(clients::crane_tags(mirror.images(), VERSIONS), newest, "from the {source}");
    }
}

#[test]
fn all_250_tags_lead_to_the_image_that_upstream_has() {
    let expected = &image("docker.io/library/busybox:1.35").digest;
    for (source, mirror) in world().mirrors() {
        for number in 0..250 {
            let path = format!("/v2/{MANY}/manifests/v1.{}.{}", number / 10, number % 10);
            let answer = http::request(mirror.images(), ("HEAD", &path), &[], &[]).expect("the mirror answers");
            assert_eq!(answer.header("docker-content-digest"), Some(expected.as_str()), "from the {source}: {path}");
        }
    }
}

#[test]
fn signatures_travel_as_tags() {
    let subject = image(ZSTD);
    let upstream = world().upstreams.address(Upstream::Github);
    for ending in [".sig", ".att", ".sbom"] {
        let tag = format!("{}{ending}", subject.digest.replace(':', "-"));
        let path = format!("/v2/{}/manifests/{tag}", subject.repository());
        let there = http::request(upstream, ("GET", &path), &[("Accept", OCI_MANIFEST)], &[])
            .expect("upstream answers")
            .expect(&[200], &tag);
        for (source, mirror) in world().mirrors() {
            let path = format!("/v2/{}/{}/manifests/{tag}", subject.registry(), subject.repository());
            let here = get(mirror.images(), &path).expect(&[200], &path);
            assert_eq!(here.body, there.body, "from the {source}: {path}");
        }
    }
}

#[test]
fn a_platform_that_was_not_asked_for_stays_behind() {
    let sparse = image(SPARSE);
    for (source, mirror) in world().mirrors() {
        let manifests = format!("/v2/{}/{}/manifests", sparse.registry(), sparse.repository());
        let index = get(mirror.images(), &format!("{manifests}/{}", sparse.tag())).expect(&[200], "the index");
        assert_eq!(airlift_e2e::digest::sha256(&index.body), sparse.digest, "from the {source}");
        let index: serde_json::Value = serde_json::from_slice(&index.body).expect("an index is JSON");
        for (child, expected) in index["manifests"].as_array().expect("an index has manifests").iter().zip([200, 404]) {
            let digest = child["digest"].as_str().expect("a child has a digest");
            get(mirror.images(), &format!("{manifests}/{digest}")).expect(&[expected], &child["platform"].to_string());
        }
    }
}

#[test]
fn the_guarded_registry_was_asked_with_tokens() {
    // Every blob of Docker Hub's images comes from a registry that answers 401 without one.
    assert!(world().upstreams.tokens().issued() > 0);
}

#[test]
fn another_registry_s_image_is_never_served() {
    for (source, mirror) in world().mirrors() {
        let bare = "/v2/library/debian/manifests/12";
        get(mirror.images(), bare).expect(&[200], &format!("from the {source}: {bare}"));
        let asked = format!("{bare}?ns=quay.io");
        get(mirror.images(), &asked).expect(&[404], &format!("from the {source}: {asked}"));
    }
}
