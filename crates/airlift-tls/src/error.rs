//! Why a certificate can't be issued, or shown.

use std::io;
use std::path::PathBuf;

use airlift_core::failure::io_class;
use airlift_core::{Class, Failure, Time};

use crate::name::{self, Name};

/// Why a certificate can't be issued, or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error("there is no certificate in {}: {instead}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        instead: &'static str,
    },
    /// A file holds something that is no certificate.
    #[error("the certificate in {} is damaged: {detail}", path.display())]
    BrokenCertificate {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        detail: String,
    },
    /// A file holds no key.
    #[error("there is no private key in {}: {instead}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        instead: &'static str,
    },
    /// A file holds a key that can't be used.
    #[error("the private key in {} can't be used: {detail}", path.display())]
    BrokenKey {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        detail: String,
    },
    /// Key and certificate are not of one pair.
    #[error("the key {} does not belong to the certificate {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Whether the certificate is an authority's: then it may be the wrong one of a chain.
        authority: bool,
    },
    /// A certificate is not valid any more.
    #[error("the certificate {} has expired: it was valid until {until}, and it is {now}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Until when it was valid.
        until: Time,
        /// What the clock says.
        now: Time,
    },
    /// Others can read a key.
    #[error("others than its owner can read or change the key {} (mode {mode:04o})", path.display())]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// One half of an authority is not there.
    #[error("there is {}, and {} is missing", there.display(), missing.display())]
    HalfAuthority {
        /// The half that is there.
        there: PathBuf,
        /// The half that is not.
        missing: PathBuf,
    },
    /// A certificate for no name.
    #[error("there is no name to issue a certificate for")]
    NoNames,
    /// A certificate can't be made.
    #[error("a certificate for {} can't be made: {detail}", name::list(names))]
    Make {
        /// For which names.
        names: Vec<Name>,
        /// What the library says.
        detail: String,
    },
}

impl Failure for TlsError {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => io_class(source),
            Self::NoNames => Class::Usage,
            _ => Class::Machine,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "'airlift tls init' makes a certificate; '--tls-cert FILE --tls-key FILE' names another one"
            }
            Self::Read { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                return Some(format!("give {} to the user that runs this, who alone shall read it", path.display()));
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run it as root, or name a folder of your own with '--dir'"
            }
            Self::NoKey { path, instead } | Self::NoCertificate { path, instead } => match *instead {
                "it looks like DER, and PEM is needed" => {
                    return Some(format!(
                        "openssl x509 -inform der -in {0} -out {0}.pem (openssl pkey for a key)",
                        path.display()
                    ));
                }
                "it holds a private key that is locked with a password" => {
                    return Some(format!("unlock it: openssl pkey -in {0} -out {0}.unlocked", path.display()));
                }
                _ => {
                    "a certificate begins with '-----BEGIN CERTIFICATE-----', a key with '-----BEGIN PRIVATE KEY-----'"
                }
            },
            Self::KeyMismatch { authority: true, .. } => {
                "the first certificate of the file must be the mirror's own; those of authorities come behind it"
            }
            Self::Expired { .. } => {
                "'airlift tls init' issues a new one from the same authority; check this machine's clock as well"
            }
            Self::OpenKey { path, .. } => return Some(format!("chmod 600 {}", path.display())),
            Self::HalfAuthority { missing, .. } => {
                return Some(format!(
                    "bring {} back for as long as this takes; or move the other half away, and clients will have to trust \
                     a new authority",
                    missing.display()
                ));
            }
            Self::NoNames => "name the mirror: 'airlift tls init mirror.example 10.0.0.7'",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
