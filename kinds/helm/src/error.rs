//! Why charts can't be planned at all.

use airlift_core::path::PathError;
use airlift_core::upstream::UrlError;
use airlift_core::{Class, Failure};
use airlift_fetch::FetchError;

/// Why planning ended.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// A name that can't be a path of the archive.
    #[error("a file of the chart repository {repository} can't be named in an archive")]
    Name {
        /// The repository's name.
        repository: String,
        /// What is wrong with the path.
        source: PathError,
    },
    /// The address of a registry.
    #[error("the registry {registry} has no address that could be asked")]
    Address {
        /// The registry's host.
        registry: String,
        /// What is wrong with it.
        source: UrlError,
    },
    /// Two repositories with the same address.
    #[error("the repositories {first} and {second} are both {url}")]
    Twice {
        /// The one's name.
        first: String,
        /// The other's.
        second: String,
        /// Their address.
        url: String,
    },
    /// Stopped, or this machine has trouble.
    #[error("planning stopped before the end")]
    Stopped {
        /// Why.
        source: Box<FetchError>,
    },
}

impl HelmError {
    pub(crate) fn stopped(source: FetchError) -> Self {
        Self::Stopped { source: Box::new(source) }
    }
}

impl Failure for HelmError {
    fn class(&self) -> Class {
        match self {
            Self::Stopped { source } => source.class(),
            Self::Name { .. } | Self::Address { .. } | Self::Twice { .. } => Class::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Stopped { source } => source.hint(),
            Self::Twice { .. } => Some("name both sets of 'charts' in one of them, and drop the other".to_owned()),
            Self::Name { .. } | Self::Address { .. } => None,
        }
    }
}
