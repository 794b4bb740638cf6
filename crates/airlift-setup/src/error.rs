//! Why a client can't be set up.

use airlift_core::failure::io_class;
use airlift_core::{Class, Failure};

use crate::edit::EditError;
use crate::journal::JournalError;

/// Why a client can't be set up, or can't be put back.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file can't be read or written. The cause names it.
    #[error("the files of this host can't be read or written")]
    Files {
        /// What happened.
        source: std::io::Error,
    },
    /// A file that is there can't be changed.
    #[error("{path} can't be changed")]
    Edit {
        /// The path on the client.
        path: String,
        /// Why not.
        source: EditError,
    },
    /// A path leads out of the root by a link.
    #[error("{path} leads out of {root} by a link")]
    Outside {
        /// The path on the client.
        path: String,
        /// The root.
        root: String,
    },
    /// What was written down of an earlier setup can't be read.
    #[error("the journal {path} can't be used")]
    Journal {
        /// Where it is.
        path: String,
        /// Why not.
        source: JournalError,
    },
    /// `--only` names a client that the mirror says nothing of.
    #[error("the mirror has nothing for '{name}'; it has something for: {known}")]
    UnknownClient {
        /// What was named.
        name: String,
        /// What there is.
        known: String,
    },
    /// `--only` names a client that was not set up.
    #[error("'{name}' was not set up here{}", if known.is_empty() { String::new() } else { format!("; it was for: {known}") })]
    NotSetUp {
        /// What was named.
        name: String,
        /// What was set up.
        known: String,
    },
    /// The list has a path or a name that no mirror of ours would send.
    #[error("the list of the mirror is not usable: {what}")]
    List {
        /// What is wrong with it.
        what: String,
    },
    /// Name or password can't be written into every client's file.
    #[error("{what}")]
    Credentials {
        /// What is wrong with them.
        what: String,
    },
    /// The mirror asks for a name and a password, and there are none.
    #[error("the mirror asks for a name and a password")]
    NoCredentials,
    /// Another setup is running.
    #[error("another setup is running on this host")]
    Busy,
}

impl From<std::io::Error> for SetupError {
    fn from(source: std::io::Error) -> Self {
        Self::Files { source }
    }
}

impl Failure for SetupError {
    fn class(&self) -> Class {
        match self {
            Self::Files { source } => io_class(source),
            Self::Journal { source: JournalError::Version(_), .. } => Class::Version,
            Self::UnknownClient { .. } | Self::NotSetUp { .. } | Self::Credentials { .. } | Self::NoCredentials => {
                Class::Usage
            }
            Self::Edit { .. } | Self::Outside { .. } | Self::Journal { .. } | Self::List { .. } | Self::Busy => {
                Class::Machine
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Files { source } if source.kind() == std::io::ErrorKind::PermissionDenied => "run it as root",
            Self::Edit { .. } => "correct the file, or leave that client out with --only; nothing was changed in it",
            Self::Outside { .. } => "set that host up from inside of it",
            Self::Journal { .. } => "what was replaced lies in the folder 'kept' beside it",
            Self::Credentials { .. } => "letters, digits and !%&()*+,-./:;<=>?@[]^_{|}~ may be in them",
            Self::NoCredentials => "give them with --user NAME --password-file FILE; '-' is standard input",
            Self::Busy => "wait until it is over; the root folder is locked meanwhile",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
