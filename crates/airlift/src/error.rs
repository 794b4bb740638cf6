//! What can go wrong in the program itself, and any error on its way to the person.

use std::path::PathBuf;

use airlift_core::failure::io_class;
use airlift_core::lock::LockError;
use airlift_core::manifest::ManifestError;
use airlift_core::{Class, Failure};
use airlift_fetch::FetchError;
use airlift_openpgp::SigningError;

use crate::profile::ProfileError;

/// Any error, on its way to the edge.
#[derive(Debug)]
pub(crate) struct Trouble(Box<dyn Failure>);

impl Trouble {
    pub(crate) fn class(&self) -> Class {
        self.0.class()
    }

    pub(crate) fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// The error and its causes, outermost first.
    pub(crate) fn chain(&self) -> Vec<String> {
        airlift_core::failure::chain(&*self.0)
    }

    /// An error that is boxed already, as kinds return theirs.
    pub(crate) fn boxed(error: Box<dyn Failure>) -> Self {
        Self(error)
    }
}

impl<E: Failure> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// What can go wrong in the program itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("can't start")]
    Runtime { source: std::io::Error },
    #[error("can't read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("can't write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("there is no manifest {}", path.display())]
    NoManifest { path: PathBuf },
    #[error("the manifest {} can't be used", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("the manifest {} names nothing to collect", path.display())]
    EmptyManifest { path: PathBuf },
    #[error("there is no lock {}", path.display())]
    NoLock { path: PathBuf },
    #[error("the lock {} can't be used", path.display())]
    Lock { path: PathBuf, source: LockError },
    #[error("the lock {} was made from another manifest than {}", lock.display(), manifest.display())]
    StaleLock { lock: PathBuf, manifest: PathBuf },
    #[error("there is no kind '{name}'; there are: {known}")]
    UnknownKind { name: String, known: String },
    #[error("it does not fit: {what}")]
    DoesNotFit { what: String },
    #[error("{count} of what the manifest names can't be had from upstream:\n{list}")]
    Missing { count: usize, list: String },
    #[error("{count} of what the manifest names can't be planned:{list}")]
    Unplanned { count: usize, class: Class, list: String },
    #[error("upstream was changed each of the {attempts} times that it was read: {urls}")]
    Racing { attempts: u32, urls: String },
    #[error("{place} is damaged in {count} {}", if *count == 1 { "place" } else { "places" })]
    Damage { place: String, count: usize, moved: u64 },
    #[error("there is no place to keep the signing key in: neither XDG_CONFIG_HOME nor HOME is set")]
    NoKeyPlace,
    #[error("others than its owner can read or change the signing key {} (mode {mode:04o})", path.display())]
    OpenKey { path: PathBuf, mode: u32 },
    #[error("the signing key can't be used")]
    SigningKey { source: SigningError },
    #[error("the password can't be read")]
    Password { source: std::io::Error },
    #[error("these were two different passwords")]
    TwoPasswords,
    #[error("'{text}' is no mirror: a host such as mirror, or the address of its port 8000 such as http://mirror:8000")]
    MirrorName { text: String },
    #[error("no mirror answers at {url}")]
    NoMirror { url: String, source: Box<FetchError> },
    #[error("{url} does not say what has to be done")]
    MirrorRefuses { url: String, source: Box<FetchError> },
    #[error("{url} asks for a name and a password")]
    MirrorUsers { url: String },
    #[error("{url} does not know this name with this password")]
    MirrorPassword { url: String },
    #[error("the mirror speaks HTTPS alone")]
    MirrorTls { secure: String },
    #[error("what {url} says can't be understood")]
    MirrorList { url: String, source: serde_json::Error },
    #[error(
        "{count} of the files were changed by hand since: they stay as they are, and what was there before is beside them"
    )]
    ByHand { count: usize },
    #[error("not everything leads to the mirror: {clients}")]
    Outside { clients: String },
    #[error("stopped")]
    Stopped,
}

impl Failure for ProgramError {
    fn class(&self) -> Class {
        match self {
            Self::Runtime { source }
            | Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Password { source } => io_class(source),
            Self::Lock { source: LockError::Newer { .. }, .. } => Class::Version,
            Self::NoKeyPlace | Self::OpenKey { .. } => Class::Machine,
            Self::SigningKey { source } => source.class(),
            Self::Profile(source) => source.class(),
            Self::NoManifest { .. }
            | Self::Manifest { .. }
            | Self::EmptyManifest { .. }
            | Self::NoLock { .. }
            | Self::Lock { .. }
            | Self::StaleLock { .. }
            | Self::UnknownKind { .. }
            | Self::MirrorName { .. }
            | Self::MirrorUsers { .. }
            | Self::MirrorPassword { .. }
            | Self::MirrorTls { .. }
            | Self::TwoPasswords => Class::Usage,
            Self::DoesNotFit { .. } | Self::Damage { .. } | Self::ByHand { .. } | Self::Outside { .. } => {
                Class::Negative
            }
            Self::NoMirror { source, .. } | Self::MirrorRefuses { source, .. } => source.class(),
            Self::MirrorList { .. } => Class::Upstream,
            Self::Missing { .. } | Self::Racing { .. } => Class::Upstream,
            Self::Unplanned { class, .. } => *class,
            Self::Stopped => Class::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoKeyPlace => "name a file with --signing-key",
            Self::OpenKey { path, .. } => return Some(format!("chmod 600 {}", path.display())),
            Self::SigningKey { source } => return source.hint(),
            Self::Profile(source) => return source.hint(),
            Self::MirrorUsers { .. } => "give them with --user NAME --password-file FILE; '-' is standard input",
            Self::MirrorPassword { .. } => {
                "give them with --user NAME --password-file FILE; 'airlift user add' sets a password on the mirror"
            }
            Self::MirrorTls { secure } => {
                return Some(format!(
                    "name it as {secure}, and its authority with --ca FILE where it has one of its own ({secure}/ca.crt)"
                ));
            }
            Self::NoMirror { url, .. } if url.starts_with("https://") => {
                "where the mirror has an authority of its own, name that with --ca FILE; where it has no TLS, write http://"
            }
            Self::MirrorRefuses { .. } => "is that the port of /healthz, and is the program there as new as this one?",
            Self::NoMirror { .. } => "name the host where 'airlift serve' runs with --mirror; its port 8000 is asked",
            Self::MirrorList { .. } => "is that the port of /healthz, and is the program there as new as this one?",
            Self::ByHand { .. } => "look at them, and take away what you don't need",
            Self::Outside { .. } => "'airlift setup' points them at the mirror; --dry-run says how",
            Self::NoManifest { .. } => {
                "name one ('airlift collect site.yaml'), or write one: README.md begins with an example; 'airlift profile list' \
                 names those that the program brings"
            }
            Self::EmptyManifest { .. } => {
                "add 'images' or 'files'; 'airlift schema' prints all that a manifest may say"
            }
            Self::NoLock { .. } => "collect once without --locked: that writes it",
            Self::StaleLock { .. } => {
                "collect without --locked to follow the manifest, and to write a new lock; where it has variables, the same \
                 -e as before belong to the lock"
            }
            Self::DoesNotFit { .. } => "make room, or name other places with --store and --output",
            Self::Damage { moved: 0, .. } => "copy the archive again, or pack it again where it was made",
            Self::Damage { .. } => {
                "what was damaged is out of the way: 'airlift load' or 'airlift collect' brings it again"
            }
            Self::Missing { .. } => "correct the manifest, or collect with --keep-going to leave them out",
            Self::Racing { .. } => "run the same command again when upstream has settled: what was fetched is kept",
            Self::Stopped => "run the same command again: it goes on where it stopped",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
