//! What can go wrong with a store or an archive, and what to do about it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use airlift_core::failure::io_class;
use airlift_core::index::IndexError;
use airlift_core::lock::LockError;
use airlift_core::{Class, Digest, Failure, TreePath};

use crate::store::Store;

/// Why a store or an archive can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused something.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write` …
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Writing to a pipe, or reading from one, failed.
    #[error("can't {action} the stream")]
    Stream {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The object store refused something.
    #[error("can't {action} {key} in {place}")]
    Objects {
        /// What was tried.
        action: &'static str,
        /// With which object.
        key: String,
        /// Which store.
        place: String,
        /// What the object store says.
        source: Box<object_store::Error>,
    },
    /// A path that nothing is at.
    #[error("there is neither an archive nor a store at {}", path.display())]
    Nothing {
        /// The path.
        path: PathBuf,
    },
    /// A folder, or a file, that is neither a store nor an archive.
    #[error("{} is no store: {reason}", path.display())]
    NotAStore {
        /// What was opened.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// A file that is no archive at all.
    #[error("{place} is no Airlift archive: {reason}")]
    NotAnArchive {
        /// What was opened.
        place: String,
        /// How that shows.
        reason: String,
    },
    /// An archive that ends too early or too late.
    #[error("{place} should have {expected} bytes and has {found}: {}", cut(*expected, *found))]
    Length {
        /// Which archive.
        place: String,
        /// How many bytes its own index says it has.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Something in an archive or a store is not what it has to be.
    #[error("{place} is damaged: {reason}")]
    Damaged {
        /// Which archive or store.
        place: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The index of an archive or a snapshot can't be used.
    #[error("the index of {place} can't be used")]
    Index {
        /// Which archive or store.
        place: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// The lock of an archive or a snapshot can't be used.
    #[error("the lock of {place} can't be used")]
    Lock {
        /// Which archive or store.
        place: String,
        /// What is wrong with it.
        source: LockError,
    },
    /// Written by a newer Airlift.
    #[error("{place} has format {major}.{minor}, and this Airlift reads format {supported}: {reader}")]
    Version {
        /// Which archive or store.
        place: String,
        /// The major version found.
        major: u32,
        /// The minor version found.
        minor: u32,
        /// The major version that this program reads.
        supported: u32,
        /// Which program reads it: half a sentence.
        reader: String,
    },
    /// A blob whose bytes don't have its digest.
    #[error("the blob {digest} in {place} is damaged: {reason}")]
    Corrupt {
        /// Which blob.
        digest: Digest,
        /// In which file or store.
        place: String,
        /// What was found in its place.
        reason: String,
    },
    /// Blobs that a snapshot names and the store does not have.
    #[error("{place} lacks {count} of the blobs that the snapshot names, the first is {digest} ({name})")]
    Missing {
        /// Which store.
        place: String,
        /// How many are missing.
        count: u64,
        /// The first.
        digest: Digest,
        /// A path that carries it.
        name: TreePath,
    },
    /// One blob that a snapshot names and the store does not have.
    #[error("the blob {digest} ({size} bytes) is not in {place}")]
    Absent {
        /// Which blob.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// Which store.
        place: String,
    },
    /// Not enough room.
    #[error("{purpose} needs {needed} bytes free in {}, and there are {free}", folder.display())]
    Space {
        /// What the room is for.
        purpose: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
        /// Where.
        folder: PathBuf,
    },
    /// Somebody else works with the same thing.
    #[error("{} is in use by {holder}", path.display())]
    Busy {
        /// What is locked.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// Somebody else published to the same object store in the meantime.
    #[error("another Airlift has published to {place} at the same time")]
    Raced {
        /// Which store.
        place: String,
    },
    /// An archive is never written to.
    #[error("{place} can't be written to: an archive is only read")]
    ReadOnly {
        /// Which archive.
        place: String,
    },
    /// More bytes than the caller can use.
    #[error("{what} has {size} bytes, more than the {limit} that are allowed here")]
    Limit {
        /// What is too long.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Nothing was published yet.
    #[error("{place} has no snapshot yet")]
    Empty {
        /// Which store.
        place: String,
    },
    /// There is nothing to go back to.
    #[error("{place} has no snapshot before the current one")]
    Oldest {
        /// Which store.
        place: String,
    },
    /// Two paths that can't be files in the same folder.
    #[error("{file} can't be a file, since {below} lies below it")]
    Overlap {
        /// The path that is file and folder.
        file: TreePath,
        /// A path below it.
        below: TreePath,
    },
    /// Something in the way of an export.
    #[error("{} is in the way: {reason}", path.display())]
    InTheWay {
        /// What is there.
        path: PathBuf,
        /// Why it can't be used.
        reason: &'static str,
    },
    /// Stopped on request.
    #[error("stopped")]
    Cancelled,
}

fn cut(expected: u64, found: u64) -> String {
    match expected.checked_sub(found) {
        Some(missing) => format!("the last {missing} are missing"),
        None => format!("{} follow after its end", found - expected),
    }
}

impl StoreError {
    /// A blob that should be in a store and is not.
    pub fn missing(store: &Store, digest: Digest, size: u64) -> Self {
        Self::Absent { digest, size, place: store.describe() }
    }

    /// What the system said, where that is the cause.
    pub(crate) fn system(&self) -> Option<&io::Error> {
        if !matches!(self, Self::Io { .. } | Self::Stream { .. } | Self::Objects { .. }) {
            return None;
        }
        let mut next = self.source();
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Names the path and the action for an I/O error.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl Failure for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } | Self::Stream { source, .. } => io_class(source),
            // A full disk is one below an object store, too.
            Self::Objects { .. } => self.system().map_or(Class::Machine, io_class),
            Self::NotAStore { .. }
            | Self::NotAnArchive { .. }
            | Self::Length { .. }
            | Self::Damaged { .. }
            | Self::Index { .. }
            | Self::Corrupt { .. }
            | Self::Absent { .. }
            | Self::Missing { .. } => Class::Damaged,
            Self::Lock { source: LockError::Newer { .. }, .. } | Self::Version { .. } => Class::Version,
            Self::Lock { .. } => Class::Damaged,
            Self::Space { .. } => Class::Space,
            Self::ReadOnly { .. } | Self::Overlap { .. } => Class::Usage,
            Self::Nothing { .. }
            | Self::Busy { .. }
            | Self::Raced { .. }
            | Self::Limit { .. }
            | Self::Empty { .. }
            | Self::Oldest { .. }
            | Self::InTheWay { .. } => Class::Machine,
            Self::Cancelled => Class::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Length { expected, found, .. } if found < expected => {
                "copy the archive again: it was cut off on its way"
            }
            Self::Length { .. } | Self::Damaged { .. } => "copy the archive again, or pack it again where it was made",
            Self::Corrupt { .. } => {
                "copy the archive again; of a store, `airlift verify STORE` moves what is damaged out of the way, and `airlift load` or `airlift collect` brings it again"
            }
            Self::Missing { .. } | Self::Absent { .. } => {
                "run `airlift load` or `airlift collect` again: it brings what is missing"
            }
            Self::Space { .. } => "make room, or name another folder",
            Self::Busy { .. } => "wait until it is done, or stop it: what it did is kept",
            Self::Raced { .. } => "run the same command again",
            Self::ReadOnly { .. } => "load the archive into a store first: `airlift load ARCHIVE --store FOLDER`",
            Self::Nothing { .. } => {
                "name an archive, or make a store first: `airlift load ARCHIVE` behind the gap, `airlift collect` before it"
            }
            Self::NotAStore { .. } => "`airlift collect` and `airlift load` make a store; an empty folder will do",
            Self::Empty { .. } => "`airlift collect` or `airlift load` brings a snapshot into it",
            Self::Oldest { .. } => "`airlift load` an older archive to go back further",
            Self::Overlap { .. } => "serve the archive instead of exporting it: served names may lie below others",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below_an_object_store(kind: io::ErrorKind) -> StoreError {
        let inner = object_store::Error::Generic { store: "x", source: Box::new(io::Error::from(kind)) };
        let source = Box::new(object_store::Error::Generic { store: "y", source: Box::new(inner) });
        StoreError::Objects { action: "write", key: "k".to_owned(), place: "p".to_owned(), source }
    }

    #[test]
    fn a_full_disk_is_one_wherever_it_shows() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(below_an_object_store(kind).class(), Class::Space);
            assert_eq!(StoreError::io("write", Path::new("x"))(kind.into()).class(), Class::Space);
        }
        assert_eq!(below_an_object_store(io::ErrorKind::PermissionDenied).class(), Class::Machine);
    }
}
