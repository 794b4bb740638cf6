//! Why files can't be planned.

use airlift_core::path::PathError;
use airlift_core::{Class, Failure, UpstreamUrl};
use airlift_fetch::FetchError;

/// A manifest whose files can't all be served as it says.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A URL whose host and path can't be a path of the archive.
    #[error("the file {url} can't be named in an archive")]
    Name {
        /// The file's URL.
        url: Box<UpstreamUrl>,
        /// What is wrong with the path.
        source: PathError,
    },
    /// Two files that would be served at one path.
    #[error("{first} and {second} would both be served as /{path}")]
    Twice {
        /// The path below the server's root.
        path: String,
        /// The one.
        first: Box<UpstreamUrl>,
        /// The other.
        second: Box<UpstreamUrl>,
    },
    /// A URL that ends in no file name, and an upstream that can't be asked for one.
    #[error("what the file at {url} is called can't be asked")]
    Unnamed {
        /// The file's URL.
        url: Box<UpstreamUrl>,
        /// Why not.
        source: Box<FetchError>,
    },
    /// A URL that ends in no file name, of which upstream does not tell one either.
    #[error("{url} has no file name")]
    Nameless {
        /// The file's URL.
        url: Box<UpstreamUrl>,
    },
}

impl Failure for FilesError {
    fn class(&self) -> Class {
        match self {
            Self::Unnamed { source, .. } => source.class(),
            _ => Class::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Name { .. } | Self::Nameless { .. } => Some("give the file a 'name' in the manifest".to_owned()),
            Self::Unnamed { .. } => Some("give the file a 'name' in the manifest, or try again later".to_owned()),
            Self::Twice { .. } => Some("give one of them another 'name' in the manifest".to_owned()),
        }
    }
}
