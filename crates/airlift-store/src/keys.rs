//! Every name that is written into a store.

use object_store::path::Path;

use airlift_core::Digest;

use crate::archive::header::MemberName;
use crate::archive::layout::blob_name;
use crate::snapshot::SnapshotId;

/// Every object that a store can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Says that this is a store, and in which version.
    Marker,
    /// Says which snapshot is the current one, and which there are.
    Pointer,
    /// One blob.
    Blob(Digest),
    /// A member of the front of a snapshot's archive.
    Front(SnapshotId, MemberName),
    /// What lay in a blob's place and was something else.
    Damaged(Digest),
}

/// The folder of the blobs.
pub(crate) const BLOBS: &str = "blobs/sha256";

/// The folder of the snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// The folder of unfinished downloads; only a store in a folder has it.
pub(crate) const PARTIAL: &str = "partial";

/// The folder of what lay in the place of a blob and was something else.
pub(crate) const DAMAGED: &str = "damaged";

/// The folder of memos; only a store in a folder has it.
pub(crate) const MEMOS: &str = "memos";

/// The file that says that a folder is a store.
pub(crate) const MARKER: &str = "airlift-store.json";

impl Key {
    /// Where the object lies, relative to the store.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Marker => MARKER.to_owned(),
            Self::Pointer => "current.json".to_owned(),
            Self::Blob(digest) => blob_name(*digest),
            Self::Front(id, member) => format!("{SNAPSHOTS}/{}/{member}", id.digest().hex()),
            Self::Damaged(digest) => format!("{DAMAGED}/{}", digest.hex()),
        }
    }

    /// The same as the path of an object.
    pub(crate) fn location(&self) -> Path {
        Path::from(self.name())
    }

    /// Reads the path of an object.
    pub(crate) fn parse(location: &Path) -> Option<Self> {
        let name = location.as_ref();
        if let Some(hex) = name.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/')) {
            return Digest::from_hex(hex).ok().map(Self::Blob);
        }
        if let Some(hex) = name.strip_prefix(DAMAGED).and_then(|rest| rest.strip_prefix('/')) {
            return Digest::from_hex(hex).ok().map(Self::Damaged);
        }
        if let Some(rest) = name.strip_prefix(SNAPSHOTS).and_then(|rest| rest.strip_prefix('/')) {
            let (hex, member) = rest.split_once('/')?;
            return Some(Self::Front(SnapshotId::new(Digest::from_hex(hex).ok()?), member.parse().ok()?));
        }
        [Self::Marker, Self::Pointer].into_iter().find(|key| key.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_survives_being_written_and_read() {
        let id = SnapshotId::new(Digest::of(b"a"));
        let other = "airlift/later.json".parse().expect("a name");
        let fronts = [MemberName::Header, MemberName::OciLayout, other].map(|member| Key::Front(id, member));
        let digest = Digest::of(b"b");
        let others = [Key::Marker, Key::Pointer, Key::Blob(digest), Key::Damaged(digest)];
        for key in others.into_iter().chain(fronts) {
            assert_eq!(Key::parse(&key.location()), Some(key));
        }
    }

    #[test]
    fn other_names_are_no_keys() {
        for name in ["", "blobs", "blobs/sha256", "blobs/sha256/00", "snapshots/x/y", "partial/x", "current"] {
            assert_eq!(Key::parse(&Path::from(name)), None, "{name}");
        }
    }
}
