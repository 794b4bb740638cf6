//! Why a repository can't be collected.

use airlift_core::{Class, Failure, UpstreamUrl};
use airlift_fetch::FetchError;

use crate::format::FormatError;

/// A repository that can't be collected.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// A URL whose host and path can't be a path of the archive.
    #[error("the repository {url} can't be named in an archive")]
    Address {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: FormatError,
    },
    /// Something could not be fetched, or not be written down.
    #[error("the repository {url}: {what} could not be had")]
    Fetch {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
        /// What it is: "its branches and tags".
        what: &'static str,
        /// Why not.
        source: Box<FetchError>,
    },
    /// A server that only has files.
    #[error("the repository {url}: the server does not speak git's smart protocol over HTTP")]
    Dumb {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
    },
    /// What upstream sent makes no sense, or is refused.
    #[error("the repository {url} can't be used")]
    Content {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: FormatError,
    },
    /// Upstream itself said no.
    #[error("the repository {url}: upstream says: {said}")]
    Refused {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
        /// What it said, cut at 200 characters.
        said: String,
    },
    /// What a lock names is not there any more.
    #[error("the repository {url} has not got any more what the lock names")]
    Lost {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
        /// What upstream says about it.
        source: FormatError,
    },
    /// The same objects make another pack.
    #[error("the repository {url} can't be made again as the lock has it: its pack comes out differently")]
    Different {
        /// The repository's URL.
        url: Box<UpstreamUrl>,
    },
}

impl GitError {
    /// Turns an error of the fetcher's into one that says of which repository.
    pub(crate) fn fetch(url: &UpstreamUrl, what: &'static str) -> impl Fn(FetchError) -> Self {
        let url = Box::new(url.clone());
        move |source| Self::Fetch { url: url.clone(), what, source: Box::new(source) }
    }

    /// Turns an error of a format into one that says of which repository.
    pub(crate) fn content(url: &UpstreamUrl) -> impl Fn(FormatError) -> Self {
        let url = Box::new(url.clone());
        move |source| Self::Content { url: url.clone(), source }
    }
}

impl Failure for GitError {
    fn class(&self) -> Class {
        match self {
            Self::Address { .. } => Class::Usage,
            Self::Fetch { source, .. } => source.class(),
            _ => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch { source, .. } => source.hint(),
            Self::Dumb { .. } => {
                Some("check the URL; a server of your own can offer it by git http-backend".to_owned())
            }
            Self::Lost { .. } => Some("collect without --locked to take what upstream has now".to_owned()),
            Self::Different { .. } => {
                Some("another version of Airlift made the lock: use that one, or collect without --locked".to_owned())
            }
            Self::Address { .. } | Self::Content { .. } | Self::Refused { .. } => None,
        }
    }
}
