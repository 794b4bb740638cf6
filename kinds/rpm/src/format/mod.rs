//! What is read here; pure, and bounded in memory whatever a stranger sends.
//!
//! * [`repomd`]: the root of a repository's metadata.
//! * [`primary`]: its packages; [`listing`]: their files and changes.
//! * [`comps`], [`updateinfo`], [`modules`]: groups, advisories, modules.
//! * [`excerpt`]: parts of these, byte for byte.
//! * [`evr`], [`nevra`], [`rich`]: versions, full names, and dependencies that are more than a name.
//! * [`request`]: what a person asks of a repository.
//! * [`loose`]: metadata of packages that have none.
//! * [`metalink`]: where its mirrors are, and what its root is; also the plain list of mirrors.
//! * [`repofile`]: the `.repo` files of a host.
//! * [`header`]: the headers of a package file.
//! * [`signature`]: its signatures.
//! * [`treeinfo`]: what an installation tree has besides.
//! * [`href`]: where something lies in a repository.
//! * [`link`]: paths as clients ask for them.
//! * [`vars`]: `$releasever` and `$basearch`.

pub mod comps;
pub mod evr;
pub mod excerpt;
pub mod header;
pub mod href;
pub mod link;
pub mod listing;
pub mod loose;
pub mod metalink;
pub mod modules;
pub mod nevra;
pub mod primary;
pub mod repofile;
pub mod repomd;
pub mod request;
pub mod rich;
pub mod signature;
pub mod treeinfo;
pub mod updateinfo;
pub mod vars;
mod xml;

use airlift_core::Checksum;

pub use xml::Root;

/// Metadata that can't be read, or that is refused.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// No XML, or not all of it.
    #[error("it can't be read as XML")]
    Xml {
        /// What the reader said.
        source: quick_xml::Error,
    },
    /// XML that is not what it should be.
    #[error("{reason}")]
    Refused {
        /// What is wrong: a sentence.
        reason: String,
    },
    /// Something that only a broken algorithm vouches for.
    #[error("{what} has only a checksum of the kind '{algorithm}', which can be forged or is not known")]
    Weak {
        /// What has it.
        what: String,
        /// The algorithm's name in the metadata.
        algorithm: String,
    },
}

impl FormatError {
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// A checksum by the name that metadata has for its algorithm.
fn checksum(what: &str, algorithm: &str, hex: &str) -> Result<Checksum, FormatError> {
    let known = matches!(algorithm, "sha256" | "sha384" | "sha512");
    if !known {
        return Err(FormatError::Weak { what: short(what), algorithm: short(algorithm) });
    }
    let text = format!("{algorithm}:{}", hex.trim().to_ascii_lowercase());
    text.parse()
        .map_err(|_| FormatError::refused(format!("{} has no {algorithm} checksum: {:?}", short(what), short(hex))))
}

/// A text of a stranger, short enough for a message.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}
