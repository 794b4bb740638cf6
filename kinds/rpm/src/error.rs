//! Why a repository can't be mirrored.

use airlift_core::{Class, Failure, UpstreamUrl};
use airlift_fetch::FetchError;
use airlift_openpgp::{KeyError, Problem, VerifyError};
use airlift_unpack::UnpackError;

use crate::format::FormatError;

/// A repository that can't be mirrored, or must not be.
#[derive(Debug, thiserror::Error)]
pub enum RpmError {
    /// The manifest asks for what does not go together.
    #[error("yum repository {id}: {reason}")]
    Manifest {
        /// The repository's id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Something could not be fetched.
    #[error("yum repository {id}: {what} could not be had")]
    Fetch {
        /// The repository's id.
        id: String,
        /// What it is: "its metadata".
        what: String,
        /// Why not.
        source: Box<FetchError>,
    },
    /// A key that can't be read.
    #[error("yum repository {id}: its keys can't be used")]
    Key {
        /// The repository's id.
        id: String,
        /// Why not.
        source: KeyError,
    },
    /// What was locked has lost its keys.
    #[error(
        "yum repository {id}: its packages can't be checked: the lock has no {path}, and had it when it was written"
    )]
    NoKeys {
        /// The repository's id.
        id: String,
        /// The path of its keys.
        path: String,
    },
    /// Metadata without a signature.
    #[error("yum repository {id} is not signed: there is no {url}")]
    Unsigned {
        /// The repository's id.
        id: String,
        /// Where the signature should be.
        url: Box<UpstreamUrl>,
    },
    /// Metadata whose signature does not count.
    #[error("yum repository {id} is not signed by one of its keys: {url} can't be trusted")]
    Signature {
        /// The repository's id.
        id: String,
        /// The signed document.
        url: Box<UpstreamUrl>,
        /// Why not.
        source: VerifyError,
    },
    /// A root that is none of those that the metalink promises.
    #[error("yum repository {id}: {url} is none of the versions that the metalink promises")]
    Promise {
        /// The repository's id.
        id: String,
        /// The document.
        url: Box<UpstreamUrl>,
    },
    /// Metadata that can't be read, or that is refused.
    #[error("yum repository {id}: {url} can't be used")]
    Metadata {
        /// The repository's id.
        id: String,
        /// The document.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: FormatError,
    },
    /// Metadata that can't be unpacked.
    #[error("yum repository {id}: {url} can't be unpacked")]
    Unpack {
        /// The repository's id.
        id: String,
        /// The document.
        url: Box<UpstreamUrl>,
        /// Why not.
        source: UnpackError,
    },
    /// Metadata that unpacks to something else than the root says.
    #[error("yum repository {id}: {url} unpacks to {received}, and repomd.xml promises {expected}")]
    Open {
        /// The repository's id.
        id: String,
        /// The document.
        url: Box<UpstreamUrl>,
        /// The promise.
        expected: String,
        /// What it is.
        received: String,
    },
    /// A package whose headers can't be read.
    #[error("yum repository {id}: the package {name} can't be read")]
    Package {
        /// The repository's id.
        id: String,
        /// Where the package lies in it.
        name: String,
        /// Why not.
        source: Box<crate::inspect::PackageError>,
    },
    /// Packages that are signed, and not by one of the keys.
    #[error("yum repository {id}: {} of its {total} packages are not signed by one of its keys:{}", wrong.len(), wrongs(wrong))]
    Packages {
        /// The repository's id.
        id: String,
        /// How many packages it has.
        total: usize,
        /// Which ones, and why, by name.
        wrong: Vec<Wrong>,
    },
    /// There is no key to sign metadata with that had to be written anew.
    #[error("yum repository {id}: its metadata can't be signed")]
    Signer {
        /// The repository's id.
        id: String,
        /// Why not.
        source: airlift_kind::SignerError,
    },
    /// The key does not sign.
    #[error("yum repository {id}: its metadata can't be signed")]
    Sign {
        /// The repository's id.
        id: String,
        /// Why not.
        source: airlift_openpgp::SigningError,
    },
    /// What the hosts have is not where the manifest says.
    #[error("installed: {place:?} is neither a URL nor a path, such as /root/rpm-qa.txt or ./rpm-qa.txt")]
    Installed {
        /// What the manifest says.
        place: String,
    },
    /// It was not found out what packages need.
    #[error("what the packages need was not found out")]
    Solve {
        /// Why not.
        source: airlift_solve::Error,
    },
    /// No mirror could be used.
    #[error("yum repository {id}: none of its {} mirrors can be used:{}", reasons.len(), list(reasons))]
    Mirrors {
        /// The repository's id.
        id: String,
        /// Why not, of each.
        reasons: Vec<String>,
        /// The class of the last one's error.
        class: Class,
    },
}

/// A package whose signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where it lies in its repository.
    pub name: String,
    /// Why it does not count, with the key that it is from and those that are accepted.
    pub reason: String,
}

/// The most packages that a message names.
const MOST_NAMED: usize = 10;

fn wrongs(wrong: &[Wrong]) -> String {
    let named = wrong.iter().take(MOST_NAMED).map(|Wrong { name, reason }| format!("\n  {name}: {reason}"));
    let more = match wrong.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    named.collect::<String>() + &more
}

fn list(reasons: &[String]) -> String {
    reasons.iter().map(|reason| format!("\n  {reason}")).collect()
}

impl RpmError {
    /// Whether a signature is one of the keys', and of other bytes than those of its document: the one may have been read
    /// before upstream changed both, and the other after.
    pub(crate) fn is_mismatched(&self) -> bool {
        let Self::Signature { source: VerifyError::Bad { rejected, .. }, .. } = self else { return false };
        rejected.iter().any(|one| one.problem == Problem::Wrong)
    }

    /// Whether another mirror may do better.
    pub(crate) fn is_upstreams(&self) -> bool {
        !matches!(self, Self::Manifest { .. } | Self::Key { .. }) && self.class() == Class::Upstream
    }
}

impl Failure for RpmError {
    fn class(&self) -> Class {
        match self {
            Self::Manifest { .. } | Self::Installed { .. } | Self::NoKeys { .. } => Class::Usage,
            Self::Solve { source: airlift_solve::Error::Cancelled } => Class::Interrupted,
            Self::Solve { .. } => Class::Machine,
            Self::Fetch { source, .. } => source.class(),
            Self::Mirrors { class, .. } => *class,
            Self::Signer { source, .. } => source.class(),
            Self::Sign { source, .. } => source.class(),
            Self::Package { source, .. } => match &**source {
                crate::inspect::PackageError::Fetch(source) => source.class(),
                _ => Class::Upstream,
            },
            _ => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch { source, .. } => source.hint(),
            Self::Key { source, .. } => source.hint(),
            Self::Signature { source, .. } => source.hint(),
            Self::Signer { source, .. } => source.hint(),
            Self::Sign { source, .. } => source.hint(),
            Self::NoKeys { .. } => {
                Some("take the lock as it was written, or collect without --locked, which writes another".to_owned())
            }
            Self::Unsigned { .. } => Some(
                "'unsigned: metadata' in the manifest takes it all the same, and tells whoever loads it; its packages are \
                 checked with 'gpgkeys' all the same, which they are not with 'unsigned: true'"
                    .to_owned(),
            ),
            Self::Packages { .. } => Some(
                "if upstream signs packages with more keys, add their URLs to 'gpgkeys' after comparing their fingerprints; \
                 'unsigned: true' in the manifest takes such packages all the same, and tells whoever loads them"
                    .to_owned(),
            ),
            Self::Metadata { source: FormatError::Weak { .. }, .. } => {
                Some("ask upstream for metadata with SHA-256 (createrepo_c makes it since 2012)".to_owned())
            }
            _ => None,
        }
    }
}
