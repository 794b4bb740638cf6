//! Metadata that is written here: packed, summed up, and signed with this host's own key.

use std::io::{self, Write};

use airlift_core::digest::Hasher;
use airlift_core::path::PathError;
use airlift_core::{Checksum, Digest, PlanEntry, Source, Time, TreePath};
use airlift_kind::CollectContext;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::RpmError;
use crate::format::FormatError;
use crate::format::href::Href;
use crate::format::link::KEYS;
use crate::format::repomd::Data;

/// Packs a document as gzip, which every client reads, and sums it up.
pub(super) struct Packer {
    packer: GzEncoder<Vec<u8>>,
    open: Hasher,
    size: u64,
}

impl Packer {
    pub(super) fn new() -> Self {
        Self { packer: GzEncoder::new(Vec::new(), Compression::default()), open: Hasher::new(), size: 0 }
    }

    /// What the root says of the document, and its bytes.
    pub(super) fn finish(self, kind: &str, ending: &str, timestamp: Option<u64>) -> Result<(Data, Bytes), FormatError> {
        // Writing to memory doesn't fail.
        let bytes = self.packer.finish().map_err(|error| FormatError::refused(error.to_string()))?;
        let sum = Digest::of(&bytes);
        let data = Data {
            kind: kind.to_owned(),
            href: Href::new(&format!("repodata/{}-{kind}.{ending}.gz", sum.hex()))?,
            checksum: Checksum::from(sum),
            size: Some(bytes.len() as u64),
            open_checksum: Some(Checksum::from(self.open.finish())),
            open_size: Some(self.size),
            timestamp,
        };
        Ok((data, bytes.into()))
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.packer.write(bytes)?;
        self.open.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packer.flush()
    }
}

/// The root of a repository, its signature, and the key that this is of, by their names.
pub(super) async fn signed(
    id: &str,
    repomd: String,
    made: Time,
    context: &CollectContext,
) -> Result<[(&'static str, Bytes); 3], RpmError> {
    let key = context.signer.key().await.map_err(|source| RpmError::Signer { id: id.to_owned(), source })?;
    let signature = key.sign_detached(repomd.as_bytes(), made);
    let signature = signature.map_err(|source| RpmError::Sign { id: id.to_owned(), source })?;
    Ok([
        ("repodata/repomd.xml", repomd.into()),
        ("repodata/repomd.xml.asc", signature.into()),
        ("repodata/repomd.xml.key", key.public().to_armored().into()),
    ])
}

/// A repository's keys, as clients get them.
pub(super) fn keys(id: &str, armored: String) -> Result<PlanEntry, PathError> {
    let path = TreePath::new(format!("rpm/{KEYS}/{id}.pub"))?;
    let entry = PlanEntry::new(path, Source::Generated(armored.into()));
    Ok(PlanEntry { media_type: Some("application/pgp-keys".into()), ..entry })
}
