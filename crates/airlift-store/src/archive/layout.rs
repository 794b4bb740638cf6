//! Where every byte of an archive stands. Pure: it follows from the header and the index.
//!
//! The header blocks that are written are also the only ones that are accepted, byte for byte, so that writer and
//! readers can't disagree, and nothing can hide between the members.

use airlift_core::{Digest, Index, Time};

use crate::archive::header::{Header, MemberName};

/// The unit of a tar.
pub(crate) const BLOCK: u64 = 512;

/// The two blocks of zeros at the end. Nothing follows them; there is no padding to a blocking factor.
pub(crate) const END: u64 = 2 * BLOCK;

/// Data of large blobs begins at a multiple of this, so that file systems can share it.
const PAGE: u64 = 4096;

/// Blobs of this size and more are large.
const LARGE: u64 = 64 * 1024;

/// The largest size that a ustar header can say: eleven octal digits.
const MAX_USTAR: u64 = 0o777_7777_7777;

/// The largest archive. Offsets stay far from where they would overflow.
const MAX_ARCHIVE: u64 = 1 << 62;

/// Space for a number, an equals sign and the like in the shortest pax record that can fill a gap.
const COMMENT: &str = "comment=";

/// A member before the blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) name: MemberName,
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
    /// Where its header block begins.
    pub(crate) start: u64,
}

/// A blob in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Where its first header block begins.
    pub(crate) start: u64,
}

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) mtime: Time,
    /// The header first, then what it names.
    pub(crate) front: Vec<Front>,
    /// In the order of the archive.
    pub(crate) blobs: Vec<Place>,
    /// The size of the whole archive.
    pub(crate) end: u64,
}

impl Front {
    pub(crate) const fn data(&self) -> u64 {
        self.start + BLOCK
    }

    pub(crate) fn header_blocks(&self, mtime: Time) -> Vec<u8> {
        member_block(&self.name.as_string(), self.size, mtime).to_vec()
    }
}

impl Place {
    /// Where the blob's bytes begin.
    pub(crate) const fn data(&self) -> u64 {
        self.start + lead(self.start, self.size)
    }

    /// Where the next member begins.
    pub(crate) const fn end(&self) -> u64 {
        self.data() + blocks(self.size)
    }

    /// The name in the archive.
    pub(crate) fn name(&self) -> String {
        blob_name(self.digest)
    }

    /// Everything that stands between [`Place::start`] and [`Place::data`].
    pub(crate) fn header_blocks(&self, mtime: Time) -> Vec<u8> {
        let name = self.name();
        let lead = lead(self.start, self.size);
        let mut bytes = Vec::with_capacity(usize::try_from(lead).unwrap_or_default());
        if lead > BLOCK {
            let records = pax_records(self.size, lead - 2 * BLOCK);
            bytes.extend_from_slice(&block(b'x', &format!("PaxHeaders/{name}"), records.len() as u64, mtime));
            bytes.extend_from_slice(&records);
        }
        bytes.extend_from_slice(&member_block(&name, self.size, mtime));
        bytes
    }
}

impl Layout {
    /// The front of an archive: all that stands before the blobs.
    ///
    /// # Errors
    ///
    /// A half sentence where the header names sizes that no archive can have.
    pub(crate) fn front(header: &Header, header_bytes: &[u8]) -> Result<Vec<Front>, String> {
        let head = (MemberName::Header, header_bytes.len() as u64, Digest::of(header_bytes));
        let index = (MemberName::Index, header.index.size, header.index.sha256);
        let others = header.members.iter().map(|member| (member.name.clone(), member.size, member.sha256));
        let mut start = 0;
        [head, index]
            .into_iter()
            .chain(others)
            .map(|(name, size, sha256)| {
                if size > MAX_USTAR {
                    return Err(format!("{name} can't have {size} bytes"));
                }
                let front = Front { name, size, sha256, start };
                start = front.data() + blocks(size);
                Ok(front)
            })
            .collect()
    }

    /// The whole archive.
    ///
    /// # Errors
    ///
    /// A half sentence where header and index disagree, or name sizes that no archive can have.
    pub(crate) fn new(header: &Header, header_bytes: &[u8], index: &Index) -> Result<Self, String> {
        let front = Self::front(header, header_bytes)?;
        let mut start = front.last().map_or(0, |last| last.data() + blocks(last.size));
        let mut total = 0_u64;
        let mut blobs = Vec::new();
        for (digest, size) in index.blobs() {
            total = total.saturating_add(size);
            if total > MAX_ARCHIVE {
                return Err("the index names more bytes than an archive can have".to_owned());
            }
            let place = Place { digest, size, start };
            start = place.end();
            blobs.push(place);
        }
        if (blobs.len() as u64, total) != (header.blobs, header.bytes) {
            return Err(format!(
                "the header promises {} blobs with {} bytes, and the index names {} with {total}",
                header.blobs,
                header.bytes,
                blobs.len()
            ));
        }
        Ok(Self { mtime: header.created, front, blobs, end: start + END })
    }
}

/// A blob's name in an archive, and in a store.
pub(crate) fn blob_name(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A size in whole blocks.
pub(crate) const fn blocks(size: u64) -> u64 {
    size.next_multiple_of(BLOCK)
}

/// How many bytes stand before a blob's data, for a member that begins at `start`.
///
/// One block is the plain header. What needs a pax header has its block, its records in one or more blocks, and the
/// plain header.
const fn lead(start: u64, size: u64) -> u64 {
    if size < LARGE || ((start + BLOCK).is_multiple_of(PAGE) && size <= MAX_USTAR) {
        return BLOCK;
    }
    let smallest = start + 3 * BLOCK;
    smallest.next_multiple_of(PAGE) - start
}

/// The records of a pax header, which fill so many bytes: the size, where a ustar header can't say it, and a comment.
fn pax_records(size: u64, length: u64) -> Vec<u8> {
    let mut records = match size > MAX_USTAR {
        true => size_record(size),
        false => String::new(),
    };
    let rest = usize::try_from(length).unwrap_or_default() - records.len();
    let head = format!("{rest} {COMMENT}");
    records.push_str(&head);
    records.extend(std::iter::repeat_n(' ', rest - head.len() - 1));
    records.push('\n');
    records.into_bytes()
}

/// A record that tells a size; its own length, which it begins with, counts.
fn size_record(size: u64) -> String {
    let rest = format!(" size={size}\n");
    format!("{}{rest}", rest.len() + 2)
}

/// The plain header of a member. The size is zero where a pax record before it tells the true one.
fn member_block(name: &str, size: u64, mtime: Time) -> [u8; 512] {
    let size = if size > MAX_USTAR { 0 } else { size };
    block(b'0', name, size, mtime)
}

/// One ustar header block.
fn block(kind: u8, name: &str, size: u64, mtime: Time) -> [u8; 512] {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_path(name).expect("names of members are short and plain");
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(mtime.seconds());
    header.set_device_major(0).expect("a ustar header has devices");
    header.set_device_minor(0).expect("a ustar header has devices");
    header.set_cksum();
    *header.as_bytes()
}

/// The header block of the first member, whose size and time only it knows.
///
/// # Errors
///
/// A half sentence that says what stands there instead.
pub(crate) fn read_first(bytes: &[u8; 512]) -> Result<(u64, Time), String> {
    let header = tar::Header::from_byte_slice(bytes);
    let size = header.entry_size().unwrap_or(u64::MAX);
    let mtime = Time::from_seconds(i64::try_from(header.mtime().unwrap_or_default()).unwrap_or_default());
    let name = MemberName::Header.as_string();
    if size > MAX_USTAR || member_block(&name, size, mtime) != *bytes {
        return Err(format!("it should begin with {name}, and {}", describe(bytes)));
    }
    Ok((size, mtime))
}

/// Says what a header block is that should have been another one.
pub(crate) fn describe(bytes: &[u8; 512]) -> String {
    if bytes.iter().all(|&byte| byte == 0) {
        return "the end of the archive stands there".to_owned();
    }
    let header = tar::Header::from_byte_slice(bytes);
    let sum: u32 = bytes[..148].iter().chain(&bytes[156..]).map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
    if header.cksum().ok() != Some(sum) {
        return "no header of a tar member stands there".to_owned();
    }
    let what = match header.entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => "a file",
        tar::EntryType::Link => "a hard link",
        tar::EntryType::Symlink => "a symbolic link",
        tar::EntryType::Char | tar::EntryType::Block => "a device",
        tar::EntryType::Directory => "a folder",
        tar::EntryType::Fifo => "a pipe",
        tar::EntryType::XHeader | tar::EntryType::XGlobalHeader => "a pax header",
        _ => "a member of an unknown type",
    };
    let name: String = String::from_utf8_lossy(&header.path_bytes()).escape_debug().take(120).collect();
    format!("{what} named \"{name}\" of {} bytes stands there", header.entry_size().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the tar crate makes of a blob's header blocks: name, size, where its data begins.
    fn read_by_tar(place: &Place) -> (String, u64, u64) {
        let blocks = place.header_blocks(Time::from_seconds(7));
        let mut archive = tar::Archive::new(blocks.as_slice());
        let entry = archive.entries().expect("entries").next().expect("an entry").expect("a good entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        (path, entry.size(), entry.raw_file_position())
    }

    #[test]
    fn the_bytes_of_a_header_block_are_those_of_the_specification() {
        let block = member_block("oci-layout", 30, Time::from_seconds(8));
        let mut expected = [0; 512];
        expected[..10].copy_from_slice(b"oci-layout");
        expected[100..148].copy_from_slice(b"0000644\x000000000\x000000000\x0000000000036\x0000000000010\x00");
        expected[156] = b'0';
        expected[257..265].copy_from_slice(b"ustar\x0000");
        expected[329..345].copy_from_slice(b"0000000\x000000000\x00");
        let sum: u32 = expected.iter().map(|&byte| u32::from(byte)).sum::<u32>() + 8 * 32;
        expected[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
        assert_eq!(block, expected);
    }

    #[test]
    fn a_size_beyond_ustar_stands_in_a_pax_record() {
        for size in [MAX_USTAR, MAX_USTAR + 1, 1 << 40] {
            let place = Place { digest: Digest::of(b"x"), size, start: 3584 };
            assert_eq!(read_by_tar(&place), (place.name(), size, place.data() - place.start), "{size}");
        }
        assert_eq!(size_record(MAX_USTAR + 1), "19 size=8589934592\n");
        assert_eq!(size_record(MAX_USTAR + 1).len(), 19);
    }

    #[test]
    fn what_stands_in_the_place_of_a_member_is_described() {
        let mut link = tar::Header::new_ustar();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_path("x").expect("a path");
        link.set_link_name("/etc/passwd").expect("a link");
        link.set_size(0);
        link.set_cksum();
        assert_eq!(describe(link.as_bytes()), "a symbolic link named \"x\" of 0 bytes stands there");
        assert_eq!(describe(&[0; 512]), "the end of the archive stands there");
        assert_eq!(describe(&[1; 512]), "no header of a tar member stands there");
    }

    proptest! {
        #[test]
        fn offsets_are_those_that_tar_reads(
            start in (0_u64..1 << 20).prop_map(|n| n * BLOCK),
            size in prop_oneof![0_u64..200_000, Just(LARGE - 1), Just(LARGE), MAX_USTAR - 2..MAX_USTAR + 3, 0_u64..1 << 50],
        ) {
            let place = Place { digest: Digest::of(&size.to_le_bytes()), size, start };
            let blocks = place.header_blocks(Time::from_seconds(7));
            prop_assert_eq!(blocks.len() as u64, place.data() - start);
            prop_assert!(blocks.len() as u64 <= 2 * BLOCK + PAGE);
            if size >= LARGE {
                prop_assert_eq!(place.data() % PAGE, 0);
            }
            prop_assert_eq!(read_by_tar(&place), (place.name(), size, place.data() - start));
        }
    }
}
