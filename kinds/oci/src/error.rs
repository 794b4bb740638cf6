//! Why images can't be planned at all.

use airlift_core::path::PathError;
use airlift_core::{Class, Failure};

/// A manifest that asks for images in a way that can't be followed. What upstream lacks is an omission of the plan.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// A registry, repository or tag that can't be a path of the index.
    #[error("the image {image} can't be named in an archive")]
    Name {
        /// The image.
        image: String,
        /// What is wrong with the path.
        source: PathError,
    },
    /// A registry's address that is no URL.
    #[error("the registry {host} has no usable address")]
    Address {
        /// The registry's host.
        host: String,
        /// What is wrong with the URL.
        source: airlift_core::upstream::UrlError,
    },
}

impl Failure for OciError {
    fn class(&self) -> Class {
        Class::Usage
    }
}
