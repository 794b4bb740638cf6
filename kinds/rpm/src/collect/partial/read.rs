//! A repository's metadata, fetched and checked, before anything is chosen from it.

use std::io::{BufReader, Read};

use airlift_core::{Digest, Notice, Plan, Source};
use airlift_fetch::{Document, Fetcher};
use airlift_unpack::{UnpackError, Unpacked};
use bytes::Bytes;
use tokio::runtime::Handle;

use super::super::Mirror;
use super::super::primary::{Packed, Problem, unpacked};
use crate::error::RpmError;
use crate::format::FormatError;
use crate::format::repomd::{self, Data, Repomd};

/// The most bytes of a file of metadata as it is fetched.
const MOST_PACKED: u64 = 1 << 30;

/// The most bytes of what is in memory as a whole: groups and modules.
const MOST_OF_TEXT: u64 = 256 << 20;

/// What a repository says of itself.
pub(crate) struct Snapshot {
    /// Where it was read.
    pub(crate) base: airlift_core::UpstreamUrl,
    pub(crate) repomd: Repomd,
    /// The root, and what travels with it where the repository does as it is, by their paths.
    pub(crate) documents: Vec<(&'static str, Document)>,
    pub(crate) notices: Vec<Notice>,
    /// The metadata that is read here.
    pub(crate) held: Vec<Held>,
    /// The plan of a folder of packages, whose metadata was made here.
    pub(crate) loose: Option<Plan>,
}

/// A file of metadata that is at hand.
pub(crate) struct Held {
    pub(crate) data: Data,
    bytes: Place,
}

enum Place {
    Store(Digest, u64),
    Memory(Bytes),
}

impl Mirror<'_> {
    /// Fetches all metadata that choosing needs.
    pub(crate) async fn read(&self, root: &Document) -> Result<Snapshot, RpmError> {
        let trusted = self.trust(root).await?;
        self.primary_of(&trusted.repomd.data)?;
        let mut held = Vec::new();
        for data in trusted.repomd.data.iter().filter(|data| Role::of(&data.kind).is_read()) {
            let (_, fetched) = self.followed(data, MOST_PACKED).await?;
            let bytes = Place::Store(fetched.digest, fetched.size);
            held.push(Held { data: data.clone(), bytes });
        }
        Ok(Snapshot {
            base: self.base.clone(),
            repomd: trusted.repomd,
            documents: trusted.documents,
            notices: trusted.notices,
            held,
            loose: None,
        })
    }
}

impl Snapshot {
    /// What was made of a folder of packages.
    pub(crate) fn of_loose(id: &str, base: airlift_core::UpstreamUrl, plan: Plan) -> Result<Self, FormatError> {
        let made = |name: &str| {
            let path = format!("rpm/{id}/{name}");
            let entry = plan.entries.iter().find(|entry| entry.path.as_str() == path);
            match entry.map(|entry| &entry.source) {
                Some(Source::Generated(bytes)) => Ok(bytes.clone()),
                _ => Err(FormatError::refused(format!("{path} was not made"))),
            }
        };
        let repomd = repomd::read(&made("repodata/repomd.xml")?)?;
        let held = repomd
            .data
            .iter()
            .map(|data| Ok(Held { data: data.clone(), bytes: Place::Memory(made(data.href.path().as_str())?) }));
        let held = held.collect::<Result<_, FormatError>>()?;
        Ok(Self { base, repomd, documents: Vec::new(), notices: Vec::new(), held, loose: Some(plan) })
    }

    /// The metadata of a role. Where there is more than one form of it, the first.
    pub(crate) fn of(&self, role: Role) -> Option<&Held> {
        self.held.iter().find(|held| Role::of(&held.data.kind) == role)
    }
}

/// What a file of metadata is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Primary,
    Filelists,
    Other,
    Group,
    Updates,
    Modules,
    /// It is about packages, and clients don't need it: it does not travel with a part of a repository.
    Dropped,
    /// It is not about packages.
    Kept,
}

impl Role {
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "primary" => Self::Primary,
            "filelists" => Self::Filelists,
            "other" => Self::Other,
            "group" | "group_gz" | "group_xz" | "group_zst" | "group_bz2" => Self::Group,
            "updateinfo" => Self::Updates,
            "modules" => Self::Modules,
            "prestodelta" | "deltainfo" | "filelists-ext" | "filelists_ext" => Self::Dropped,
            // SUSE's remarks on packages, by their checksums; in the languages of the world.
            kind if kind.starts_with("susedata") => Self::Dropped,
            kind if kind.ends_with("_db") || kind.ends_with("_zck") || kind.contains("_zck") => Self::Dropped,
            _ => Self::Kept,
        }
    }

    fn is_read(self) -> bool {
        !matches!(self, Self::Dropped | Self::Kept)
    }
}

impl Held {
    /// It as it was fetched. To be called off the runtime.
    pub(super) fn packed(&self, fetcher: &Fetcher, runtime: &Handle) -> Result<Packed, Problem> {
        match &self.bytes {
            Place::Memory(bytes) => Ok(Packed::Memory(bytes.clone())),
            Place::Store(digest, size) => {
                fetcher.reader(*digest, *size, runtime).map(Packed::Store).map_err(Problem::Fetch)
            }
        }
    }

    /// A reader of what it stands for.
    pub(super) fn reader(&self, packed: &Packed) -> Result<BufReader<Unpacked<'static>>, Problem> {
        Ok(BufReader::with_capacity(256 << 10, unpacked(packed, &self.data)?))
    }

    /// All that it stands for, as a text.
    pub(super) fn text(&self, packed: &Packed) -> Result<String, Problem> {
        let (mut text, reader) = (Vec::new(), self.reader(packed)?);
        let read = reader.take(MOST_OF_TEXT + 1).read_to_end(&mut text);
        read.map_err(Problem::from_io)?;
        if text.len() as u64 > MOST_OF_TEXT {
            return Err(Problem::Unpack(UnpackError::TooLarge { limit: MOST_OF_TEXT }));
        }
        String::from_utf8(text).map_err(|_| Problem::Format(FormatError::refused("it is no UTF-8")))
    }
}
