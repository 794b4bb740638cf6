//! `airlift/header.json`: the first member, which names every other member of the front.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use airlift_core::{Digest, Time};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::StoreError;

/// The major version of the format that this program writes, and the only one that it reads.
pub const MAJOR: u32 = 1;

/// The minor version of the format that this program writes. A newer one is read; what is new in it is ignored.
pub const MINOR: u32 = 0;

/// The oldest version of this program that reads what it writes.
pub const READER: &str = "0.1.0";

/// The longest header in bytes.
pub(crate) const MAX_HEADER: u64 = 1 << 20;

/// What stands between the header's own fields and the digest of all bytes before it.
const CHECK: &str = ",\"check\":\"";

/// The bytes of a header from its check on: the digest in 64 characters, a quote, a brace and a line feed.
const CHECK_LENGTH: usize = CHECK.len() + 64 + 3;

/// What an archive says of itself; the same stands with each snapshot in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: Format,
    /// The manifest's name.
    pub name: String,
    /// When the newest thing in it changed: the time of every member.
    pub created: Time,
    /// The index.
    pub index: IndexMember,
    /// The other members before the blobs, in their order.
    pub members: Vec<Member>,
    /// How many blobs there are.
    pub blobs: u64,
    /// How many bytes the blobs have together.
    pub bytes: u64,
}

/// The version of an archive's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Readers refuse a newer one.
    pub major: u32,
    /// Readers ignore what is new in a newer one.
    pub minor: u32,
    /// The oldest version of the program that reads this major version.
    #[serde(default)]
    pub reader: String,
}

impl Format {
    /// The format that this program writes.
    pub fn current() -> Self {
        Self { major: MAJOR, minor: MINOR, reader: READER.to_owned() }
    }

    /// Which program reads this format: half a sentence.
    fn read_by(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        match !self.reader.is_empty() && self.reader.len() <= 40 && self.reader.chars().all(plain) {
            true => format!("Airlift {} and newer read it", self.reader),
            false => format!("an Airlift that writes format {} reads it", self.major),
        }
    }
}

/// The member `airlift/index.jsonl.zst`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMember {
    /// The digest of the member's bytes.
    #[serde(with = "hex_digest")]
    pub sha256: Digest,
    /// The member's size in bytes.
    pub size: u64,
    /// The size in bytes after decompression.
    pub unpacked: u64,
}

/// One of the other members before the blobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name in the archive.
    pub name: MemberName,
    /// The digest of its bytes.
    #[serde(with = "hex_digest")]
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Member {
    /// The member with these bytes.
    pub(crate) fn of(name: MemberName, bytes: &[u8]) -> Self {
        Self { name, sha256: Digest::of(bytes), size: bytes.len() as u64 }
    }
}

/// Every name that a member before the blobs can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberName {
    /// The header.
    Header,
    /// The index, JSON lines compressed with zstd.
    Index,
    /// The lock.
    Lock,
    /// A minisign signature of the index, where there is one.
    Signature,
    /// The file that marks an OCI image layout.
    OciLayout,
    /// The image index of the OCI image layout.
    OciIndex,
    /// A member of a newer minor version: `airlift/` and the name that is held here.
    Other(Box<str>),
}

impl MemberName {
    /// The name in the archive.
    pub fn as_string(&self) -> String {
        match self {
            Self::Header => "airlift/header.json".to_owned(),
            Self::Index => "airlift/index.jsonl.zst".to_owned(),
            Self::Lock => "airlift/lock.yaml".to_owned(),
            Self::Signature => "airlift/index.minisig".to_owned(),
            Self::OciLayout => "oci-layout".to_owned(),
            Self::OciIndex => "index.json".to_owned(),
            Self::Other(name) => format!("airlift/{name}"),
        }
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_string())
    }
}

impl FromStr for MemberName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let known = [Self::Header, Self::Index, Self::Lock, Self::Signature, Self::OciLayout, Self::OciIndex];
        if let Some(name) = known.into_iter().find(|name| name.as_string() == text) {
            return Ok(name);
        }
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        match text.strip_prefix("airlift/") {
            Some(name) if name.len() <= 80 && name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                match name.bytes().all(plain) {
                    true => Ok(Self::Other(name.into())),
                    false => Err("a member's name may have lower-case letters, digits, '.', '-' and '_' only"),
                }
            }
            _ => Err("no archive has a member of that name before its blobs"),
        }
    }
}

impl Serialize for MemberName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.as_string())
    }
}

impl<'de> Deserialize<'de> for MemberName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|reason| serde::de::Error::custom(format!("{text:?}: {reason}")))
    }
}

impl Header {
    /// Name and date for messages, `example of 2026-11-23T01:45:00Z`; without the date where nothing in it has one.
    pub fn describe(&self) -> String {
        match self.created == Time::default() {
            true => self.name.clone(),
            false => format!("{} of {}", self.name, self.created),
        }
    }

    /// The header as the bytes of its member.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut text = serde_json::to_string(self).expect("plain data with string keys is always JSON");
        text.pop();
        let check = Digest::of(text.as_bytes()).hex();
        text.push_str(CHECK);
        text.push_str(&check);
        text.push_str("\"}\n");
        text.into()
    }

    /// Reads a header and checks all that can be checked without the other members.
    pub(crate) fn read(bytes: &[u8], place: &str) -> Result<Self, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { place: place.to_owned(), reason };
        version(bytes, place, "airlift/header.json")?;
        checked(bytes).map_err(|reason| damaged(format!("airlift/header.json {reason}")))?;
        let header: Self = serde_json::from_slice(bytes)
            .map_err(|error| damaged(format!("airlift/header.json can't be understood: {error}")))?;
        header.order().map_err(damaged)?;
        Ok(header)
    }

    /// Whether this header may have members that this program does not know.
    const fn is_newer(&self) -> bool {
        self.format.minor > MINOR
    }

    /// Refuses members out of their order, twice, or missing.
    fn order(&self) -> Result<(), String> {
        let names: Vec<&MemberName> = self.members.iter().map(|member| &member.name).collect();
        let inner = match names.as_slice() {
            [MemberName::Lock, inner @ .., MemberName::OciLayout, MemberName::OciIndex] => inner,
            _ => {
                return Err(
                    "airlift/header.json does not name the lock, oci-layout and index.json where they have to \
                            stand"
                        .to_owned(),
                );
            }
        };
        for (number, name) in inner.iter().enumerate() {
            if inner[..number].contains(name) {
                return Err(format!("airlift/header.json names {name} twice"));
            }
            match name {
                MemberName::Signature => {}
                MemberName::Other(_) if self.is_newer() => {}
                name => return Err(format!("airlift/header.json names {name} where it can't stand")),
            }
        }
        Ok(())
    }

    /// The member with a name.
    pub(crate) fn member(&self, name: &MemberName) -> Option<&Member> {
        self.members.iter().find(|member| member.name == *name)
    }
}

/// Refuses a format that is too new, before anything else is expected of a document.
pub(crate) fn version(bytes: &[u8], place: &str, document: &str) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Versioned {
        format: Format,
    }
    let damaged = |reason: String| StoreError::Damaged { place: place.to_owned(), reason };
    let Versioned { format } =
        serde_json::from_slice(bytes).map_err(|error| damaged(format!("{document} can't be understood: {error}")))?;
    match format.major.cmp(&MAJOR) {
        Ordering::Equal => Ok(()),
        Ordering::Less => {
            Err(damaged(format!("{document} names the format {}.{}, and there is none", format.major, format.minor)))
        }
        Ordering::Greater => Err(StoreError::Version {
            place: place.to_owned(),
            major: format.major,
            minor: format.minor,
            supported: MAJOR,
            reader: format.read_by(),
        }),
    }
}

/// Compares the header with the digest at its end.
fn checked(bytes: &[u8]) -> Result<(), &'static str> {
    let (body, check) =
        bytes.split_at_checked(bytes.len().wrapping_sub(CHECK_LENGTH)).ok_or("is too short to be one")?;
    let hex = check.strip_prefix(CHECK.as_bytes()).and_then(|rest| rest.strip_suffix(b"\"}\n"));
    match hex {
        Some(hex) if hex == Digest::of(body).hex().as_bytes() => Ok(()),
        Some(_) => Err("does not have the digest that stands at its end"),
        None => Err("does not end with its digest"),
    }
}

/// A digest as 64 hexadecimal characters, where the field's name tells the algorithm.
mod hex_digest {
    use super::{Deserialize, Deserializer, Digest, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        Digest::from_hex(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
