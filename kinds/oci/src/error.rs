//! Why images can't be planned at all.

use airlift_core::path::PathError;
use airlift_core::{Class, Digest, Failure};
use airlift_fetch::FetchError;

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
    /// One name for two different things.
    #[error("the manifest asks for two different images as {image}: {first} and {second}")]
    Twice {
        /// The name.
        image: String,
        /// The one.
        first: Digest,
        /// The other.
        second: Digest,
    },
    /// Planning can't go on: it was stopped, or this machine failed.
    #[error("the images can't be planned")]
    Stopped {
        /// Why not.
        source: FetchError,
    },
}

impl Failure for OciError {
    fn class(&self) -> Class {
        match self {
            Self::Name { .. } | Self::Address { .. } | Self::Twice { .. } => Class::Usage,
            Self::Stopped { source } => source.class(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Twice { .. } => {
                Some("leave out one of them; both can travel if one is named by its digest alone".to_owned())
            }
            Self::Stopped { source } => source.hint(),
            Self::Name { .. } | Self::Address { .. } => None,
        }
    }
}
