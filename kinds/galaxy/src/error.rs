//! Why collections and roles can't be planned at all.

use airlift_core::path::PathError;
use airlift_core::{Class, Digest, Failure, UpstreamUrl};
use airlift_fetch::FetchError;

use crate::format::answer::AnswerError;

/// Why planning ended.
#[derive(Debug, thiserror::Error)]
pub enum GalaxyError {
    /// A file that the manifest names can't be found.
    #[error("the file '{file}' can't be located: {reason}")]
    Locate {
        /// The name in the manifest, or in a file that it names.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Something could not be fetched.
    #[error("{what} could not be had")]
    Fetch {
        /// What it is.
        what: String,
        /// Why.
        source: Box<FetchError>,
    },
    /// A file of requirements that can't be followed.
    #[error("{file} can't be followed: {reason}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What answers is no Galaxy server.
    #[error("{url} is no Galaxy server")]
    Server {
        /// Its URL.
        url: Box<UpstreamUrl>,
        /// What it answers.
        source: AnswerError,
    },
    /// Two places for one collection.
    #[error("{name} is wanted from {first} and from {second}")]
    Sources {
        /// The collection.
        name: String,
        /// The one place.
        first: String,
        /// The other.
        second: String,
    },
    /// Two contents for one version.
    #[error("{what} is there twice, with different contents: {first} and {second}")]
    Twice {
        /// Which version of what.
        what: String,
        /// The digest of the one.
        first: Digest,
        /// The digest of the other.
        second: Digest,
    },
    /// A name that can't be a path.
    #[error("{what} can't be named in an archive")]
    Name {
        /// What it is.
        what: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// Stopped, or this machine has trouble.
    #[error("planning stopped before the end")]
    Stopped {
        /// Why.
        source: Box<FetchError>,
    },
}

impl GalaxyError {
    pub(crate) fn stopped(source: FetchError) -> Self {
        Self::Stopped { source: Box::new(source) }
    }
}

impl Failure for GalaxyError {
    fn class(&self) -> Class {
        match self {
            Self::Locate { .. } | Self::File { .. } | Self::Sources { .. } | Self::Name { .. } => Class::Usage,
            Self::Fetch { source, .. } | Self::Stopped { source } => source.class(),
            Self::Server { .. } | Self::Twice { .. } => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Locate { .. } => {
                Some("name it relative to the manifest, with an absolute path, or by a URL".to_owned())
            }
            Self::Fetch { source, .. } | Self::Stopped { source } => source.hint(),
            Self::Server { .. } => Some(
                "the 'server' is what ansible-galaxy takes with --server: it, or /api/ below it, lists 'available_versions'"
                    .to_owned(),
            ),
            Self::Sources { .. } => {
                Some("put them into two entries of 'galaxy', each with its own 'server'".to_owned())
            }
            Self::Twice { .. } => {
                Some("two servers, or a server and a file, have this version: take it from one of them".to_owned())
            }
            Self::File { .. } | Self::Name { .. } => None,
        }
    }
}
