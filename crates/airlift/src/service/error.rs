//! Why the service could not be installed, asked or removed.

use std::path::PathBuf;

use airlift_core::failure::io_class;
use airlift_core::{Class, Failure};

/// Why the service could not be installed, asked or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    #[error("can't {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A path of the system leads out of it.
    #[error(transparent)]
    Outside(#[from] airlift_setup::SetupError),
    #[error("the options behind '--' are not options of 'airlift serve': {reason}")]
    Options { reason: String },
    #[error("the store {store} can't be served by a unit: {reason}")]
    Store { store: String, reason: &'static str },
    #[error("the service can't write its access log to {path}: it may write in {folder} alone")]
    AccessLog { path: String, folder: &'static str },
    #[error("can't start {program}")]
    Spawn { program: &'static str, source: std::io::Error },
    #[error("{command} failed: {said}")]
    Failed { command: String, said: String, journal: bool },
    #[error("the mirror is not well: {reason}")]
    Unwell { reason: String, hint: Option<String> },
}

impl Failure for ServiceError {
    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } => io_class(source),
            Self::Outside(error) => error.class(),
            Self::Options { .. } | Self::Store { .. } | Self::AccessLog { .. } => Class::Usage,
            Self::Spawn { .. } | Self::Failed { .. } => Class::Machine,
            Self::Unwell { .. } => Class::Negative,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Some("this changes the system: run it as root, with sudo for instance".to_owned())
            }
            Self::Options { .. } => Some("'airlift serve --help' lists them; the store is named by --store".to_owned()),
            Self::AccessLog { folder, .. } => {
                Some(format!("leave it out: the journal has the requests; or name a file in {folder}"))
            }
            Self::Failed { journal: true, .. } => Some("journalctl -u airlift says more".to_owned()),
            Self::Unwell { hint, .. } => hint.clone(),
            Self::Outside(error) => error.hint(),
            _ => None,
        }
    }
}
