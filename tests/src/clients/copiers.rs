//! The tools that copy images without an engine: skopeo, crane, regctl and oras.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::digest::sha256_of_file;
use crate::images::Image;
use crate::process::{run, text};
use crate::temporary;
use crate::tools::tool;

/// The name of an image on the mirror.
fn name_on(mirror: SocketAddr, image: &Image) -> String {
    format!("{mirror}/{}/{}:{}", image.registry(), image.repository(), image.tag())
}

/// Copies an image as `skopeo copy --all --preserve-digests` does.
pub fn skopeo(mirror: SocketAddr, image: &Image) -> String {
    skopeo_copy(&format!("docker://{}", name_on(mirror, image)), image)
}

/// Copies an image out of the archive itself, which is a valid OCI layout in a tar.
pub fn skopeo_from_archive(archive: &Path, image: &Image) -> String {
    skopeo_copy(&format!("oci-archive:{}:{}", archive.display(), image.name), image)
}

/// Copies, and returns the digest of the manifest that was written: of the index where all of it travelled.
fn skopeo_copy(source: &str, image: &Image) -> String {
    let work = temporary::folder();
    let mut command = Command::new(tool("skopeo"));
    command.args(["--insecure-policy", "--override-os", "linux", "--override-arch", "amd64"]);
    command.args(["copy", "--preserve-digests", "--src-tls-verify=false"]);
    if image.whole() {
        command.arg("--all");
    }
    let target = work.path().join("image");
    run(command.arg(source).arg(format!("dir:{}", target.display())));
    sha256_of_file(&target.join("manifest.json"))
}

/// Pulls an image with every platform that travelled as `crane pull --format oci` does.
pub fn crane(mirror: SocketAddr, image: &Image) -> String {
    let work = temporary::folder();
    let target = work.path().join("image");
    let mut command = Command::new(tool("crane"));
    command.args(["pull", "--insecure", "--format", "oci"]);
    if !image.whole() {
        command.args(["--platform", "linux/amd64"]);
    }
    run(command.arg(name_on(mirror, image)).arg(&target));
    first_of_layout(&target)
}

/// The digest of the first manifest that an OCI layout names.
fn first_of_layout(layout: &Path) -> String {
    let index = fs::read(layout.join("index.json")).expect("an OCI layout was written");
    let index: Value = serde_json::from_slice(&index).expect("the layout's index is JSON");
    index["manifests"][0]["digest"].as_str().expect("the layout names a manifest").to_owned()
}

/// Lists the tags of a repository as `crane ls` does.
pub fn crane_tags(mirror: SocketAddr, repository: &str) -> BTreeSet<String> {
    let listed = text(Command::new(tool("crane")).args(["ls", "--insecure", &format!("{mirror}/{repository}")]));
    listed.lines().map(str::to_owned).collect()
}

/// Copies an image with its referrers and digest tags as `regctl image copy` does, and returns the copy's digest.
pub fn regctl(mirror: SocketAddr, image: &Image) -> String {
    let work = temporary::folder();
    let target = format!("ocidir://{}:copy", work.path().join("image").display());
    let regctl = || {
        let mut command = Command::new(tool("regctl"));
        command.args(["--host", &format!("reg={mirror},tls=disabled")]).env("HOME", work.path());
        command
    };
    let mut command = regctl();
    command.args(["image", "copy", "--referrers", "--digest-tags"]);
    if !image.whole() {
        command.args(["--platforms", "linux/amd64"]);
    }
    run(command.arg(name_on(mirror, image)).arg(&target));
    text(regctl().args(["manifest", "head", "--format", "{{.GetDescriptor.Digest}}", &target]))
}

/// What `oras discover` finds about a name: the digests and types of its referrers.
pub fn oras_referrers(registry: SocketAddr, name: &str) -> BTreeSet<(String, String)> {
    let name = format!("{registry}/{name}");
    let found = text(Command::new(tool("oras")).args(["discover", "--plain-http", "--format", "json", &name]));
    let found: Value =
        serde_json::from_str(&found).unwrap_or_else(|error| panic!("oras printed no JSON: {error}: {found}"));
    let referrers = found["referrers"].as_array().or_else(|| found["manifests"].as_array());
    let word = |value: &Value| value.as_str().expect("oras names a digest and a type").to_owned();
    referrers
        .into_iter()
        .flatten()
        .map(|referrer| (word(&referrer["digest"]), word(&referrer["artifactType"])))
        .collect()
}

/// Copies an image out of the archive itself with everything below it, as `oras copy --from-oci-layout` does.
pub fn oras_from_archive(archive: &Path, image: &Image) -> String {
    let work = temporary::folder();
    let target = work.path().join("image");
    let mut command = Command::new(tool("oras"));
    command.args(["copy", "--no-tty", "--from-oci-layout", &format!("{}@{}", archive.display(), image.digest)]);
    run(command.args(["--to-oci-layout", &format!("{}:copy", target.display())]));
    first_of_layout(&target)
}

/// Pulls an artifact as `oras pull` does and returns the digest of its manifest.
pub fn oras_pull(mirror: SocketAddr, image: &Image) -> String {
    let work = temporary::folder();
    let name = name_on(mirror, image);
    let mut command = Command::new(tool("oras"));
    command.args(["pull", "--plain-http", "--format", "json", "--output"]).arg(work.path()).arg(&name);
    let pulled: Value = serde_json::from_str(&text(&mut command)).expect("oras prints JSON");
    let reference = pulled["reference"].as_str().unwrap_or_else(|| panic!("oras names no reference: {pulled}"));
    reference.split_once('@').map_or("", |(_, digest)| digest).to_owned()
}
