//! Real clients: of a registry, each pulling images from a mirror and telling the digest that it got; apt; Python's.

mod apt;
mod containerd;
mod copiers;
mod docker;
mod podman;
pub mod python;

pub use apt::Apt;
pub use containerd::Containerd;
pub use copiers::{
    crane, crane_tags, oras_from_archive, oras_pull, oras_referrers, regctl, skopeo, skopeo_from_archive,
};
pub use docker::Docker;
pub use podman::Podman;
