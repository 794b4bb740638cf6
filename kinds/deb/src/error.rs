//! Why a repository can't be planned.

use airlift_core::{Class, Failure, Time, UpstreamUrl};
use airlift_fetch::FetchError;
use airlift_kind::SignerError;
use airlift_openpgp::{KeyError, SigningError, VerifyError};

use crate::closure::{ClosureError, UniverseError};
use crate::format::ar::ArError;
use crate::format::control::ControlError;
use crate::format::diff::DiffError;
use crate::format::packages::PackagesError;
use crate::format::release::ReleaseError;
use crate::format::sources_list::SourcesError;

/// A repository that can't be mirrored as the manifest says.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// Two repositories with one name.
    #[error("two apt repositories are called {id}")]
    Twice {
        /// The name.
        id: String,
    },
    /// A file of this host that is no list of sources.
    #[error("{url} can't be read as apt sources")]
    Sources {
        /// The file.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: SourcesError,
    },
    /// A relative place without a folder that it is relative to.
    #[error("from: '{path}' is relative to the manifest, and the manifest is in no folder")]
    Relative {
        /// The place.
        path: String,
    },
    /// A source of this host that can't be mirrored.
    #[error("a source in {url} can't be mirrored: {reason}")]
    Host {
        /// The file.
        url: Box<UpstreamUrl>,
        /// Why.
        reason: String,
    },
    /// A folder or file of sources without a source.
    #[error("{url} has no enabled source")]
    NoSources {
        /// The folder or file.
        url: Box<UpstreamUrl>,
    },
    /// A document that could not be had.
    #[error("the apt repository {id} can't be planned")]
    Fetch {
        /// The repository.
        id: String,
        /// What failed.
        source: Box<FetchError>,
    },
    /// No key is named for a repository that must be signed.
    #[error("the apt repository {id} has no 'signed-by', so nothing can vouch for it")]
    NoKey {
        /// The repository.
        id: String,
    },
    /// The keys can't be read.
    #[error("the keys of the apt repository {id} can't be used")]
    Key {
        /// The repository.
        id: String,
        /// What is wrong with them.
        source: KeyError,
    },
    /// Neither `InRelease` nor `Release` is there.
    #[error("there is neither {inline} nor {release}, so {id} is no apt repository with such a suite")]
    NoRelease {
        /// The repository.
        id: String,
        /// Where the one should be.
        inline: Box<UpstreamUrl>,
        /// Where the other should be.
        release: Box<UpstreamUrl>,
    },
    /// There is a `Release` and no signature.
    #[error("{release} is not signed: there is neither an InRelease nor a Release.gpg beside it")]
    Unsigned {
        /// The unsigned file.
        release: Box<UpstreamUrl>,
    },
    /// The signature does not count.
    #[error("{url} can't be believed")]
    Signature {
        /// The signed file.
        url: Box<UpstreamUrl>,
        /// Why.
        source: VerifyError,
    },
    /// The `Release` can't be read.
    #[error("{url} is no usable Release file")]
    Release {
        /// The file.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: ReleaseError,
    },
    /// The `Release` has expired.
    #[error("{url} has expired: it was valid until {until}")]
    Expired {
        /// The file.
        url: Box<UpstreamUrl>,
        /// Its `Valid-Until`.
        until: Time,
    },
    /// The suite does not have what the manifest names.
    #[error("{url} has no {what} '{wanted}'; it has {found}")]
    Absent {
        /// The `Release` file.
        url: Box<UpstreamUrl>,
        /// "component" or "architecture".
        what: &'static str,
        /// Its name.
        wanted: String,
        /// The names that there are.
        found: String,
    },
    /// A list of packages that the `Release` names and upstream does not have.
    #[error("{release} lists {file}, and upstream has it in no compression")]
    NoIndex {
        /// The `Release` file.
        release: Box<UpstreamUrl>,
        /// The list's path below the suite, without an ending for a compression.
        file: String,
    },
    /// An index for which there is no strong checksum.
    #[error("{release} has neither SHA256 nor SHA512 for {file}, so nothing that can be believed vouches for it")]
    Weak {
        /// The `Release` file.
        release: Box<UpstreamUrl>,
        /// The index's path below the suite.
        file: String,
    },
    /// A list that is not the one that the `Release` names, whatever was read again.
    #[error("{url}, unpacked, is not what its Release says: expected {expected}, found {found}")]
    Mismatch {
        /// The list as it was fetched.
        url: Box<UpstreamUrl>,
        /// The promised checksum and size.
        expected: String,
        /// Those of what arrived.
        found: String,
    },
    /// A list of packages that can't be read.
    #[error("{url} can't be mirrored")]
    Packages {
        /// The list.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: PackagesError,
    },
    /// A list whose packages can't be told apart.
    #[error("no part of {url} can be chosen")]
    Universe {
        /// The list.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: UniverseError,
    },
    /// What is asked for can't be solved at all.
    #[error("what is asked for of the apt repository {id} can't be chosen")]
    Closure {
        /// The repository.
        id: String,
        /// Why not.
        source: ClosureError,
    },
    /// Patches of a list that can't be read.
    #[error("{url} can't be mirrored")]
    Diff {
        /// The index of patches, or the patch.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: DiffError,
    },
    /// A file of a folder of packages that is none.
    #[error("{url} can't be in a repository")]
    NoPackage {
        /// The file.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: ArError,
    },
    /// A package of a folder that does not say what it is.
    #[error("{url} can't be in a repository")]
    Control {
        /// The file.
        url: Box<UpstreamUrl>,
        /// What is wrong with it.
        source: ControlError,
    },
    /// There is no key to sign with.
    #[error("the metadata of the apt repository {id} is made here, and there is no key to sign it with")]
    Signer {
        /// The repository.
        id: String,
        /// Why not.
        source: SignerError,
    },
    /// The key does not sign.
    #[error("the metadata of the apt repository {id} can't be signed")]
    Sign {
        /// The repository.
        id: String,
        /// Why not.
        source: SigningError,
    },
    /// A file that would have two contents.
    #[error("the apt repository {id} promises two different files at {path}")]
    Conflict {
        /// The repository.
        id: String,
        /// The path below it.
        path: String,
    },
    /// A path that can't be in an archive.
    #[error("the apt repository {id} has a file that can't be named in an archive")]
    Path {
        /// The repository.
        id: String,
        /// What is wrong with the path.
        source: airlift_core::path::PathError,
    },
}

impl DebError {
    /// Whether it may come from an upstream that was changed while it was read.
    pub(crate) const fn may_be_a_race(&self) -> bool {
        matches!(
            self,
            Self::Fetch { .. }
                | Self::Signature { .. }
                | Self::Mismatch { .. }
                | Self::NoIndex { .. }
                | Self::Packages { .. }
                | Self::Diff { .. }
        )
    }
}

impl Failure for DebError {
    fn class(&self) -> Class {
        match self {
            Self::Twice { .. } | Self::NoKey { .. } | Self::Host { .. } | Self::NoSources { .. } => Class::Usage,
            Self::Relative { .. } => Class::Usage,
            Self::Sources { .. } | Self::Absent { .. } => Class::Usage,
            Self::NoPackage { .. } | Self::Control { .. } => Class::Usage,
            Self::Signer { source, .. } => source.class(),
            Self::Closure { source, .. } => source.class(),
            Self::Sign { .. } => Class::Machine,
            Self::Fetch { source, .. } => source.class(),
            _ => Class::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch { source, .. } => source.hint(),
            Self::Key { source, .. } => source.hint(),
            Self::Signer { source, .. } => source.hint(),
            Self::Closure { source, .. } => source.hint(),
            Self::Signature { source, .. } => source.hint(),
            Self::NoKey { .. } => Some(
                "give 'signed-by', the URL or the file of its key; a repository that nobody signs needs 'unsigned: true'"
                    .to_owned(),
            ),
            Self::Unsigned { .. } => Some(
                "'unsigned: true' takes it as it is, says so at load, and apt on clients refuses it all the same".to_owned(),
            ),
            Self::Expired { .. } => Some(
                "an upstream that is no longer updated, or a proxy that keeps old files; 'check-valid-until: false' takes it"
                    .to_owned(),
            ),
            Self::NoRelease { .. } => {
                Some("compare 'uri' and 'suites' with the line for sources.list that upstream documents".to_owned())
            }
            Self::Mismatch { .. } => Some(
                "upstream's indices contradict each other, as they do while it is being updated: collect again later"
                    .to_owned(),
            ),
            Self::Twice { .. } => Some("give one of them another 'id'".to_owned()),
            _ => None,
        }
    }
}
