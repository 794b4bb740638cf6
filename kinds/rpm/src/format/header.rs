//! The headers of a package file (RPM file format, versions 4 and 6).
//!
//! A package is a lead of 96 bytes, a signature header, padding to eight bytes, the header itself, and the payload.
//! A header is an index of tags, each with a type, an offset and a count, and the data that they point to; all numbers
//! are big-endian. The file is a stranger's: whatever it says is checked against what is there before it is believed,
//! and nothing is copied that was not asked for.

use std::ops::Range;

use super::FormatError;

/// The size of the lead in bytes.
const LEAD: usize = 96;

/// How a lead begins.
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// How a header begins: magic, version, and four bytes that are reserved.
const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

/// The size of a header's beginning in bytes: the magic, the count of tags, the size of the data.
const INTRO: usize = 16;

/// The size of an entry of the index in bytes.
const ENTRY: usize = 16;

/// The most tags of a header, as rpm has it.
const MOST_TAGS: usize = 0xffff;

/// The most bytes of a signature header's data. Signatures of single files (IMA) make it large.
const MOST_OF_SIGNATURE: usize = 16 << 20;

/// The most bytes of a header's data. The largest that distributions have (kernels, firmware, TeX) is below 16 MiB.
const MOST_OF_HEADER: usize = 64 << 20;

/// How many bytes of a package are read at first: enough for all headers of most packages.
pub const FIRST: u64 = 64 << 10;

/// The tags that are read here, by their names in rpm.
#[expect(missing_docs, reason = "they are the names that rpm's documentation explains")]
pub mod tag {
    pub const HEADERIMMUTABLE: u32 = 63;
    pub const SIG_DSA: u32 = 267;
    pub const SIG_RSA: u32 = 268;
    pub const SIG_LONGARCHIVESIZE: u32 = 271;
    pub const SIG_OPENPGP: u32 = 278;
    pub const SIG_PGP: u32 = 1002;
    pub const SIG_GPG: u32 = 1005;
    pub const SIG_PAYLOADSIZE: u32 = 1007;
    pub const NAME: u32 = 1000;
    pub const VERSION: u32 = 1001;
    pub const RELEASE: u32 = 1002;
    pub const EPOCH: u32 = 1003;
    pub const SUMMARY: u32 = 1004;
    pub const DESCRIPTION: u32 = 1005;
    pub const BUILDTIME: u32 = 1006;
    pub const BUILDHOST: u32 = 1007;
    pub const SIZE: u32 = 1009;
    pub const VENDOR: u32 = 1011;
    pub const LICENSE: u32 = 1014;
    pub const PACKAGER: u32 = 1015;
    pub const GROUP: u32 = 1016;
    pub const URL: u32 = 1020;
    pub const ARCH: u32 = 1022;
    pub const OLDFILENAMES: u32 = 1027;
    pub const FILEMODES: u32 = 1030;
    pub const FILEFLAGS: u32 = 1037;
    pub const SOURCERPM: u32 = 1044;
    pub const ARCHIVESIZE: u32 = 1046;
    pub const PROVIDENAME: u32 = 1047;
    pub const REQUIREFLAGS: u32 = 1048;
    pub const REQUIRENAME: u32 = 1049;
    pub const REQUIREVERSION: u32 = 1050;
    pub const CONFLICTFLAGS: u32 = 1053;
    pub const CONFLICTNAME: u32 = 1054;
    pub const CONFLICTVERSION: u32 = 1055;
    pub const CHANGELOGTIME: u32 = 1080;
    pub const CHANGELOGNAME: u32 = 1081;
    pub const CHANGELOGTEXT: u32 = 1082;
    pub const OBSOLETENAME: u32 = 1090;
    pub const PROVIDEFLAGS: u32 = 1112;
    pub const PROVIDEVERSION: u32 = 1113;
    pub const OBSOLETEFLAGS: u32 = 1114;
    pub const OBSOLETEVERSION: u32 = 1115;
    pub const DIRINDEXES: u32 = 1116;
    pub const BASENAMES: u32 = 1117;
    pub const DIRNAMES: u32 = 1118;
    pub const LONGSIZE: u32 = 5009;
    pub const RECOMMENDNAME: u32 = 5046;
    pub const RECOMMENDVERSION: u32 = 5047;
    pub const RECOMMENDFLAGS: u32 = 5048;
    pub const SUGGESTNAME: u32 = 5049;
    pub const SUGGESTVERSION: u32 = 5050;
    pub const SUGGESTFLAGS: u32 = 5051;
    pub const SUPPLEMENTNAME: u32 = 5052;
    pub const SUPPLEMENTVERSION: u32 = 5053;
    pub const SUPPLEMENTFLAGS: u32 = 5054;
    pub const ENHANCENAME: u32 = 5055;
    pub const ENHANCEVERSION: u32 = 5056;
    pub const ENHANCEFLAGS: u32 = 5057;
    pub const PAYLOADSIZE: u32 = 5112;
    pub const PAYLOADSIZEALT: u32 = 5113;
}

/// What the beginning of a file tells.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// So many bytes from the file's start are needed.
    More(u64),
    /// All headers.
    Headers(Headers<'a>),
}

/// The headers of one package.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// What was put in front of the header: signatures.
    pub signature: Header<'a>,
    /// The package's header.
    pub main: Header<'a>,
    /// The header as it lies in the file, with its magic: what a header signature is over.
    pub signed: &'a [u8],
    /// Where it lies in the file.
    pub start: u64,
}

impl Headers<'_> {
    /// The bytes of the file that the header takes; the payload follows.
    pub const fn range(&self) -> Range<u64> {
        self.start..self.start + self.signed.len() as u64
    }
}

/// Reads the headers of a package from the first bytes of its file.
///
/// # Errors
///
/// [`FormatError::Refused`] for what is no package, or has headers that contradict themselves.
pub fn read(bytes: &[u8]) -> Result<Start<'_>, FormatError> {
    let Some(lead) = bytes.get(..LEAD) else { return Ok(Start::More((LEAD + INTRO) as u64)) };
    if !lead.starts_with(&LEAD_MAGIC) {
        return Err(FormatError::refused("it is no RPM package: it does not begin as one"));
    }
    let signature = match extent(bytes, LEAD, MOST_OF_SIGNATURE)? {
        Extent::Known(signature) => signature,
        Extent::More(needed) => return Ok(Start::More(needed as u64)),
    };
    let main = match extent(bytes, signature.end.next_multiple_of(8), MOST_OF_HEADER)? {
        Extent::Known(main) => main,
        Extent::More(needed) => return Ok(Start::More(needed as u64)),
    };
    match (bytes.get(signature), bytes.get(main.clone())) {
        (Some(signature), Some(signed)) => Ok(Start::Headers(Headers {
            signature: Header::new(signature)?,
            main: Header::new(signed)?,
            signed,
            start: main.start as u64,
        })),
        _ => Ok(Start::More(main.end as u64)),
    }
}

/// Where a header lies, once its beginning is there.
enum Extent {
    Known(Range<usize>),
    More(usize),
}

fn extent(bytes: &[u8], start: usize, most: usize) -> Result<Extent, FormatError> {
    let Some(intro) = bytes.get(start..start + INTRO) else { return Ok(Extent::More(start + INTRO)) };
    if !intro.starts_with(&MAGIC) {
        return Err(FormatError::refused(format!("it has no header at byte {start}, where one should be")));
    }
    let (tags, data) = (number_at(intro, 8), number_at(intro, 12));
    if tags > MOST_TAGS || data > most {
        return Err(FormatError::refused(format!(
            "the header at byte {start} says that it has {tags} tags and {data} bytes, which no package has"
        )));
    }
    Ok(Extent::Known(start..start + INTRO + tags * ENTRY + data))
}

fn number_at(bytes: &[u8], at: usize) -> usize {
    let number = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
    number.map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize)
}

/// One header: tags and their data.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

/// The data of one tag.
#[derive(Clone, Copy, Debug)]
struct Value<'a> {
    kind: u32,
    count: usize,
    /// From the value's start to the end of all data.
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// A header as it lies in the file. Every entry has to point to data that is there.
    fn new(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let refused = |tag: usize| FormatError::refused(format!("its tag {tag} points to data that is not there"));
        let (index, data) = bytes[INTRO..].split_at(number_at(bytes, 8) * ENTRY);
        for entry in index.chunks_exact(ENTRY) {
            let (tag, kind, count) = (number_at(entry, 0), number_at(entry, 4), number_at(entry, 12));
            let width = match kind {
                1 | 2 | 6..=9 => 1,
                3 => 2,
                4 => 4,
                5 => 8,
                _ => return Err(FormatError::refused(format!("its tag {tag} has the type {kind}, which is none"))),
            };
            // A string has at least the byte that ends it.
            let end = number_at(entry, 8).saturating_add(count.saturating_mul(width));
            if count == 0 || end > data.len() {
                return Err(refused(tag));
            }
        }
        Ok(Self { index, data })
    }

    fn value(&self, tag: u32) -> Option<Value<'a>> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| number_at(entry, 0) == tag as usize)?;
        let kind = u32::try_from(number_at(entry, 4)).ok()?;
        Some(Value { kind, count: number_at(entry, 12), data: self.data.get(number_at(entry, 8)..)? })
    }

    /// The bytes of a tag that has some.
    pub fn bytes(&self, tag: u32) -> Option<&'a [u8]> {
        let value = self.value(tag).filter(|value| value.kind == 7)?;
        value.data.get(..value.count)
    }

    /// The texts of a tag in their order; none where it is not there. They end where the data does.
    pub fn texts(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let value = self.value(tag).filter(|value| matches!(value.kind, 6 | 8 | 9));
        let (count, mut rest) = value.map_or((0, &[][..]), |value| (value.count, value.data));
        std::iter::from_fn(move || {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = &rest[..end];
            rest = &rest[end + 1..];
            Some(text)
        })
        .take(count)
    }

    /// The one text of a tag, or the untranslated one of several.
    pub fn text(&self, tag: u32) -> Option<&'a [u8]> {
        self.texts(tag).next()
    }

    /// The numbers of a tag in their order; none where it is not there.
    pub fn numbers(&self, tag: u32) -> impl Iterator<Item = u64> + use<'a> {
        let value = self.value(tag);
        let width = match value.map_or(0, |value| value.kind) {
            1 | 2 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 0,
        };
        let data = value.filter(|_| width > 0).map_or(&[][..], |value| &value.data[..value.count * width]);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        data.chunks_exact(width.max(1)).map(number)
    }

    /// The one number of a tag.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag).next()
    }

    /// Whether the header has a tag.
    pub fn has(&self, tag: u32) -> bool {
        self.value(tag).is_some()
    }
}
