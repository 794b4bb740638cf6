//! Repositories, and where their nodes are in an index.
//!
//! ```text
//! oci/<registry>/<repository>/manifests/<tag>        a manifest by its tag
//! oci/<registry>/<repository>/manifests/<digest>     a manifest by its digest
//! oci/<registry>/<repository>/blobs/<digest>         a configuration or a layer
//! oci/<registry>/<repository>/referrers/<digest>     what refers to a manifest, as an image index
//! ```

use std::fmt;
use std::str::FromStr;

use airlift_core::path::PathError;
use airlift_core::{Checksum, TreePath};
use oci_spec::distribution::Reference;

/// Docker Hub's registry, as its images' names have it.
pub const DOCKER_HUB: &str = "docker.io";

/// Other hosts that mean Docker Hub.
const DOCKER_HUB_HOSTS: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// A repository in a registry: `docker.io/library/nginx`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// The registry's host, with its port where it has one.
    pub registry: String,
    /// The repository's name in that registry, of any depth.
    pub name: String,
}

impl Repository {
    /// The path of something in this repository: `manifests/1.29`.
    ///
    /// # Errors
    ///
    /// Where a name can't be a path.
    pub fn path(&self, below: &str) -> Result<TreePath, PathError> {
        TreePath::new(format!("oci/{self}/{below}"))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// The registry that a host means: all of Docker Hub's hosts are `docker.io`.
pub fn registry_of(host: &str) -> &str {
    if DOCKER_HUB_HOSTS.contains(&host) { DOCKER_HUB } else { host }
}

/// An image as a person names it: `nginx`, `quay.io/prometheus/node-exporter:v1.8.2`, `busybox:1@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// The repository.
    pub repository: Repository,
    /// The tag; `latest` where neither tag nor digest was named.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<Checksum>,
}

impl FromStr for ImageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = |reason: &dyn fmt::Display| {
            format!("'{text}' is not an image such as docker.io/library/nginx:1.29 or nginx@sha256:…: {reason}")
        };
        if text.contains("://") {
            return Err(invalid(&"leave out the scheme; a registry's address is set under 'mirrors'"));
        }
        let reference: Reference = text.parse().map_err(|error| invalid(&error))?;
        let digest = reference.digest().map(str::parse).transpose().map_err(|error| invalid(&error))?;
        let registry = registry_of(reference.registry()).to_owned();
        let name = match reference.repository() {
            short if registry == DOCKER_HUB && !short.contains('/') => format!("library/{short}"),
            name => name.to_owned(),
        };
        if !is_repository(&name) {
            return Err(invalid(&"repositories are written in small letters, digits, and '.', '_', '-' between them"));
        }
        let repository = Repository { registry, name };
        Ok(Self { repository, tag: reference.tag().map(str::to_owned), digest })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// The folders of a repository, and what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A manifest by tag or digest.
    Manifest(&'a str),
    /// A blob by digest.
    Blob(&'a str),
    /// The referrers of a digest.
    Referrers(&'a str),
}

/// Splits `<repository>/manifests/<tag>` and its like from the right, so that a repository's name may hold any word.
pub fn split(path: &str) -> Option<(&str, Place<'_>)> {
    let (rest, last) = path.rsplit_once('/')?;
    let (repository, folder) = rest.rsplit_once('/')?;
    match folder {
        "manifests" => Some((repository, Place::Manifest(last))),
        "blobs" => Some((repository, Place::Blob(last))),
        "referrers" => Some((repository, Place::Referrers(last))),
        _ => None,
    }
}

/// Whether a manifest's last path segment is a digest rather than a tag; tags have no colon.
pub fn is_digest(reference: &str) -> bool {
    reference.contains(':')
}

/// Whether this can be a repository's name (distribution specification 1.1, "Pulling manifests").
fn is_repository(name: &str) -> bool {
    let separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|b| b == b'-');
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.split('/').all(|part| {
        let ends = [part.bytes().next(), part.bytes().last()];
        ends.iter().all(|end| end.is_some_and(alphanumeric))
            && part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(separator)
    })
}

/// Whether this can be a tag (distribution specification 1.1, "Pulling manifests").
pub fn is_tag(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(|b| first(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_docker_hubs() {
        for (text, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.29", "docker.io/library/nginx:1.29"),
            ("docker.io/nginx:1.29", "docker.io/library/nginx:1.29"),
            ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
            ("grafana/grafana:11", "docker.io/grafana/grafana:11"),
            ("127.0.0.1:5001/a/b/c/d/e:x", "127.0.0.1:5001/a/b/c/d/e:x"),
            ("localhost:5001/a", "localhost:5001/a:latest"),
            ("nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04", "nvcr.io/nvidia/cuda:12.4.1-base-ubuntu22.04"),
        ] {
            assert_eq!(text.parse::<ImageName>().expect(text).to_string(), full);
        }
    }

    #[test]
    fn a_tag_with_a_digest_keeps_both() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let both: ImageName = format!("busybox:1@{digest}").parse().expect("an image");
        assert_eq!(both.to_string(), format!("docker.io/library/busybox:1@{digest}"));
        let only: ImageName = format!("busybox@{digest}").parse().expect("an image");
        assert_eq!(only.tag, None);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for text in ["", "UPPER/case", "https://docker.io/nginx", "a b", "x:", "nginx@sha256:12", "-a", "a..b", "a/_b"]
        {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_split_from_the_right() {
        assert_eq!(split("h/a/manifests/b/manifests/t"), Some(("h/a/manifests/b", Place::Manifest("t"))));
        assert_eq!(split("h/a/tags/list"), None);
    }
}
