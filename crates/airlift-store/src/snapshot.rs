//! An index with what belongs to it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use airlift_core::digest::DigestError;
use airlift_core::{Digest, Index, Lock, Time};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::archive::header::{Format, IndexMember, MAX_HEADER, Member, MemberName};
use crate::archive::layout::Layout;
use crate::error::StoreError;
use crate::keys::Key;
use crate::store::Store;

pub use crate::archive::header::Header;

/// The level of the index's compression. It is fixed, so that the same index gives the same bytes. Of lines that are this
/// much alike, higher levels take three times as long and make no less of them.
const LEVEL: i32 = 3;

/// The longest index after decompression, in bytes.
const MAX_UNPACKED: u64 = 4 << 30;

/// How many times its compressed size an index may have, beyond a first MiB. Digests don't compress, so that real
/// ones stay far below.
const MAX_RATIO: u64 = 256;

/// The content of the member `oci-layout`, as the OCI image specification 1.1 has it.
const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}\n";

/// The name of a snapshot: the digest of its header, which names the digests of all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotId(Digest);

impl SnapshotId {
    pub(crate) const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn digest(self) -> Digest {
        self.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for SnapshotId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// One index, immutable, with its header, lock and OCI index. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Name, time, counts, and what the front of an archive holds.
    pub header: Header,
    /// Every node and every omission.
    pub index: Arc<Index>,
    id: SnapshotId,
    header_bytes: Bytes,
    archive_size: u64,
    rest: Rest,
}

/// Where the other members of the front are.
#[derive(Clone, Debug)]
enum Rest {
    Memory(Arc<BTreeMap<MemberName, Bytes>>),
    Stored(Store),
}

impl Snapshot {
    /// The snapshot of what was collected.
    ///
    /// What `oci_index` makes of the index becomes the `index.json` of the archive, which makes it a valid OCI image layout;
    /// without images it is an index without manifests.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`] where the lock names two blobs for a path, [`StoreError::Limit`] where the index or a
    /// name is too long.
    pub fn new(lock: &Lock, oci_index: impl FnOnce(&Index) -> Bytes) -> Result<Self, StoreError> {
        let place = format!("the snapshot {}", lock.name);
        // Each takes as long as the other.
        let (index, yaml) = std::thread::scope(|scope| {
            let yaml = scope.spawn(|| Bytes::from(lock.to_yaml()));
            let index = packed_index(lock, &place);
            (index, yaml.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (index, packed, unpacked) = index?;
        let index_member = IndexMember { sha256: Digest::of(&packed), size: packed.len() as u64, unpacked };
        within_limits(&index_member).map_err(|reason| StoreError::Damaged { place: place.clone(), reason })?;
        let front = [
            (MemberName::Lock, yaml),
            (MemberName::OciLayout, Bytes::from_static(OCI_LAYOUT)),
            (MemberName::OciIndex, oci_index(&index)),
        ];
        let blobs = index.blobs();
        let header = Header {
            format: Format::current(),
            name: lock.name.clone(),
            created: lock.created,
            index: index_member,
            members: front.iter().map(|(name, bytes)| Member::of(name.clone(), bytes)).collect(),
            blobs: blobs.len() as u64,
            bytes: blobs.iter().map(|(_, size)| size).fold(0, |sum, size| sum.saturating_add(*size)),
        };
        let mut rest: BTreeMap<_, _> = front.into();
        rest.insert(MemberName::Index, packed.into());
        let header_bytes = header.to_bytes();
        Self::assemble((header, header_bytes), Arc::new(index), Rest::Memory(Arc::new(rest)), &place)
    }

    /// The snapshot whose front lies in a store, or in the archive that the store is.
    pub(crate) fn stored(store: &Store, header_bytes: Bytes, index: Arc<Index>) -> Result<Self, StoreError> {
        let place = store.describe();
        let header = Header::read(&header_bytes, &place)?;
        Self::assemble((header, header_bytes), index, Rest::Stored(store.clone()), &place)
    }

    /// The snapshot whose front is in memory, as it came through a pipe.
    pub(crate) fn received(
        header_bytes: Bytes,
        index: Arc<Index>,
        front: BTreeMap<MemberName, Bytes>,
        place: &str,
    ) -> Result<Self, StoreError> {
        let header = Header::read(&header_bytes, place)?;
        Self::assemble((header, header_bytes), index, Rest::Memory(Arc::new(front)), place)
    }

    fn assemble(
        (header, header_bytes): (Header, Bytes),
        index: Arc<Index>,
        rest: Rest,
        place: &str,
    ) -> Result<Self, StoreError> {
        if header_bytes.len() as u64 > MAX_HEADER {
            let what = format!("the header of {place}");
            return Err(StoreError::Limit { what, size: header_bytes.len() as u64, limit: MAX_HEADER });
        }
        let layout = Layout::new(&header, &header_bytes, &index)
            .map_err(|reason| StoreError::Damaged { place: place.to_owned(), reason })?;
        let id = SnapshotId(Digest::of(&header_bytes));
        Ok(Self { header, index, id, header_bytes, archive_size: layout.end, rest })
    }

    /// Its name.
    pub const fn id(&self) -> SnapshotId {
        self.id
    }

    /// The manifest's name.
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// When the newest thing in it changed.
    pub const fn created(&self) -> Time {
        self.header.created
    }

    /// Its lock as YAML, read from where the snapshot lies.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it is not the one that the header names; I/O errors.
    pub async fn lock(&self) -> Result<String, StoreError> {
        let bytes = self.member(&MemberName::Lock).await?;
        String::from_utf8(bytes.into()).map_err(|_| self.damaged(&MemberName::Lock, "is not UTF-8"))
    }

    /// Its OCI index, the `index.json` of its archive, read from where the snapshot lies.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it is not the one that the header names; I/O errors.
    pub async fn oci_index(&self) -> Result<Bytes, StoreError> {
        self.member(&MemberName::OciIndex).await
    }

    /// The minisign signature of the index's member, where there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it is not the one that the header names; I/O errors.
    pub async fn signature(&self) -> Result<Option<Bytes>, StoreError> {
        match self.header.member(&MemberName::Signature) {
            Some(_) => self.member(&MemberName::Signature).await.map(Some),
            None => Ok(None),
        }
    }

    /// The bytes that a signature signs: the member `airlift/index.jsonl.zst`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it is not the one that the header names; I/O errors.
    pub async fn to_sign(&self) -> Result<Bytes, StoreError> {
        self.member(&MemberName::Index).await
    }

    /// The same snapshot with a signature of its index; it has another name.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::signature`].
    pub async fn signed(&self, signature: Bytes) -> Result<Self, StoreError> {
        let mut header = self.header.clone();
        header.members.retain(|member| member.name != MemberName::Signature);
        header.members.insert(1, Member::of(MemberName::Signature, &signature));
        let mut rest = BTreeMap::from([(MemberName::Signature, signature)]);
        for name in self.names().filter(|name| !matches!(name, MemberName::Header | MemberName::Signature)) {
            let bytes = self.member(&name).await?;
            rest.insert(name, bytes);
        }
        let header_bytes = header.to_bytes();
        let place = format!("the snapshot {}", header.name);
        Self::assemble((header, header_bytes), Arc::clone(&self.index), Rest::Memory(Arc::new(rest)), &place)
    }

    /// The size of the archive of this snapshot in bytes, exactly.
    pub(crate) const fn archive_size(&self) -> u64 {
        self.archive_size
    }

    /// Where everything stands in the archive of this snapshot.
    pub(crate) fn layout(&self) -> Result<Layout, StoreError> {
        Layout::new(&self.header, &self.header_bytes, &self.index)
            .map_err(|reason| StoreError::Damaged { place: self.place(), reason })
    }

    /// The names of all members of the front in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = MemberName> {
        let others = self.header.members.iter().map(|member| member.name.clone());
        [MemberName::Header, MemberName::Index].into_iter().chain(others)
    }

    /// The bytes of a member of the front, which have the digest that the header names.
    pub(crate) async fn member(&self, name: &MemberName) -> Result<Bytes, StoreError> {
        let (sha256, size) = match (name, self.header.member(name)) {
            (MemberName::Header, _) => return Ok(self.header_bytes.clone()),
            (MemberName::Index, _) => (self.header.index.sha256, self.header.index.size),
            (_, Some(member)) => (member.sha256, member.size),
            (_, None) => return Err(self.damaged(name, "is missing")),
        };
        let bytes = match &self.rest {
            // They were hashed when they were made, or came.
            Rest::Memory(members) => return members.get(name).cloned().ok_or_else(|| self.damaged(name, "is missing")),
            Rest::Stored(store) => store.read(&Key::Front(self.id, name.clone()), size).await?,
        };
        let bytes = bytes.ok_or_else(|| self.damaged(name, "is missing"))?;
        match bytes.len() as u64 == size && Digest::of(&bytes) == sha256 {
            true => Ok(bytes),
            false => Err(self.damaged(name, "does not have the digest that the header names")),
        }
    }

    fn damaged(&self, name: &MemberName, reason: &str) -> StoreError {
        StoreError::Damaged { place: self.place(), reason: format!("{name} {reason}") }
    }

    fn place(&self) -> String {
        match &self.rest {
            Rest::Memory(_) => format!("the snapshot {}", self.header.name),
            Rest::Stored(store) => store.describe(),
        }
    }
}

/// The index of a lock, its member, and how long that is unpacked.
fn packed_index(lock: &Lock, place: &str) -> Result<(Index, Vec<u8>, u64), StoreError> {
    let index = lock.index().map_err(|source| StoreError::Index { place: place.to_owned(), source })?;
    let lines = index.to_lines();
    let packed = zstd::bulk::compress(&lines, LEVEL)
        .map_err(|source| StoreError::Stream { action: "compress the index for", source })?;
    Ok((index, packed, lines.len() as u64))
}

/// Reads the member of the index, within the limits that its header sets.
pub(crate) fn read_index(header: &Header, packed: &[u8], place: &str) -> Result<Index, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { place: place.to_owned(), reason };
    within_limits(&header.index).map_err(damaged)?;
    if packed.len() as u64 != header.index.size || Digest::of(packed) != header.index.sha256 {
        return Err(damaged("airlift/index.jsonl.zst does not have the digest that the header names".to_owned()));
    }
    let capacity = usize::try_from(header.index.unpacked).unwrap_or(usize::MAX);
    let lines = zstd::bulk::decompress(packed, capacity)
        .map_err(|error| damaged(format!("airlift/index.jsonl.zst can't be decompressed: {error}")))?;
    if lines.len() != capacity {
        let reason = format!("airlift/index.jsonl.zst unpacks to {} bytes instead of {capacity}", lines.len());
        return Err(damaged(reason));
    }
    Index::from_lines(&lines).map_err(|source| StoreError::Index { place: place.to_owned(), source })
}

/// Refuses an index that would fill the memory.
fn within_limits(index: &IndexMember) -> Result<(), String> {
    let limit = MAX_UNPACKED.min(index.size.saturating_mul(MAX_RATIO).saturating_add(1 << 20));
    match index.unpacked <= limit {
        true => Ok(()),
        false => Err(format!(
            "its index of {} bytes would unpack to {}, and {limit} is the limit",
            index.size, index.unpacked
        )),
    }
}

/// A snapshot in the list of those that a store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub id: SnapshotId,
    /// Its header.
    pub header: Header,
    /// Whether it is the current one.
    pub current: bool,
}

/// What pruning removed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// Blobs that no snapshot names any more.
    pub blobs: u64,
    /// Unfinished downloads.
    pub parts: u64,
    /// Damaged blobs that verifying had moved out of the way.
    pub damaged: u64,
    /// Bytes of all of these.
    pub bytes: u64,
}
