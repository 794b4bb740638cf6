//! Why a key can't be read, and why a signature does not count.

use std::fmt;

use airlift_core::{Class, Failure, Time};

/// A text or file that has no usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not OpenPGP at all, or damaged.
    #[error("{name} can't be read as OpenPGP keys")]
    Unreadable {
        /// Where the keys are from: a URL, a path, "the key in the manifest".
        name: String,
        /// What the reader said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// OpenPGP or nothing, but no public key.
    #[error("{name} has no OpenPGP public key")]
    Empty {
        /// Where the keys should be from.
        name: String,
    },
    /// None of the keys has a fingerprint that is asked for.
    #[error("no key has the fingerprint {wanted}; there are {found}")]
    Pinned {
        /// The fingerprint that is asked for.
        wanted: String,
        /// The fingerprints of the keys, separated by commas.
        found: String,
    },
}

impl Failure for KeyError {
    fn class(&self) -> Class {
        Class::Upstream
    }

    fn hint(&self) -> Option<String> {
        Some("a key is a file of `gpg --export` or `gpg --armor --export`, or the URL of one".to_owned())
    }
}

/// Why one signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It was made by a key that is not in the keyring.
    UnknownKey,
    /// It is not a signature of these bytes: they were changed, or it was.
    Wrong,
    /// It uses a hash that can be forged.
    WeakHash(&'static str),
    /// It was made by an RSA key that is too short.
    ShortKey(usize),
    /// It says no time.
    Undated,
    /// It is dated later than now.
    Future(Time),
    /// It says that it has expired.
    Expired(Time),
    /// The key had expired when it was made.
    KeyExpired(Time),
    /// The key is revoked, with the reason.
    Revoked(String),
    /// The key is not bound to its primary key as one that signs.
    NotForSigning,
    /// It is a signature of another type than over data.
    NotOverData,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => write!(f, "that key is not among those that are accepted"),
            Self::Wrong => write!(f, "it is not a signature of these bytes"),
            Self::WeakHash(hash) => write!(f, "it uses {hash}, which can be forged"),
            Self::ShortKey(bits) => write!(f, "its RSA key has {bits} bits, and less than 2048 can be forged"),
            Self::Undated => write!(f, "it does not say when it was made"),
            Self::Future(time) => write!(f, "it is dated {time}, which is in the future"),
            Self::Expired(time) => write!(f, "it expired at {time}"),
            Self::KeyExpired(time) => write!(f, "its key had expired at {time}, before it was made"),
            Self::Revoked(reason) => write!(f, "its key is revoked ({reason})"),
            Self::NotForSigning => write!(f, "its key is not one for signing"),
            Self::NotOverData => write!(f, "it is not a signature over data"),
        }
    }
}

/// One signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The key that it says to be from: fingerprint or key id in upper-case hexadecimal characters, or "unknown".
    pub key: String,
    /// Why it does not count.
    pub problem: Problem,
}

/// Bytes that no signature vouches for.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The signature or the signed text can't be read.
    #[error("the OpenPGP signature can't be read")]
    Unreadable {
        /// What the reader said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no signature.
    #[error("there is no OpenPGP signature")]
    None,
    /// None of the signatures counts.
    #[error("no good signature: {}; accepted keys: {accepted}", list(rejected))]
    Bad {
        /// Every signature and why it does not count.
        rejected: Vec<Rejected>,
        /// The fingerprints of the accepted keys, separated by commas.
        accepted: String,
    },
}

fn list(rejected: &[Rejected]) -> String {
    let one = |rejected: &Rejected| format!("the one of key {}: {}", rejected.key, rejected.problem);
    rejected.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Failure for VerifyError {
    fn class(&self) -> Class {
        Class::Upstream
    }

    fn hint(&self) -> Option<String> {
        let Self::Bad { rejected, .. } = self else { return None };
        let unknown = rejected.iter().all(|rejected| rejected.problem == Problem::UnknownKey);
        unknown.then(|| "if the upstream has changed its key, get the new one and compare its fingerprint".to_owned())
    }
}
