//! The packages that the metadata lists.

use std::io::{self, BufRead, BufReader, Read};

use airlift_core::{Checksum, PlanEntry, Source, UpstreamUrl};
use airlift_fetch::{Expected, Fetched, Reader};
use airlift_unpack::{Format, Limits, UnpackError, Unpacked};
use bytes::{Buf, Bytes};
use tokio::runtime::Handle;

use super::{Mirror, dated};
use crate::error::RpmError;
use crate::format::link::encode;
use crate::format::repomd::Data;
use crate::format::{FormatError, primary};

/// The most bytes of a list of packages as it is fetched.
const MOST_PACKED: u64 = 512 << 20;

/// The most bytes of it as it is read, of which never more than a buffer is in memory.
const MOST_UNPACKED: u64 = 16 << 30;

impl Mirror<'_> {
    /// The metadata that lists the packages.
    pub(super) fn primary_of<'d>(&self, data: &'d [Data]) -> Result<&'d Data, RpmError> {
        let mut found = data.iter().filter(|data| data.kind == "primary");
        let reason = match (found.next(), found.next()) {
            (Some(primary), None) => return Ok(primary),
            (None, _) => "repomd.xml names no list of packages (<data type=\"primary\">)",
            _ => "repomd.xml names more than one list of packages (<data type=\"primary\">)",
        };
        Err(self.refused(self.base.clone(), FormatError::refused(reason)))
    }

    /// Fetches metadata that is read here into the store. What an earlier run has left there is hashed again.
    pub(super) async fn followed(&self, data: &Data, limit: u64) -> Result<(UpstreamUrl, Fetched), RpmError> {
        let url = data.href.at(self.base).map_err(|source| self.refused(self.base.clone(), source))?;
        let expected = Expected { checksums: vec![data.checksum.clone()], size: data.size, limit: Some(limit) };
        let missed = |source| self.missed(&format!("its metadata ({})", data.kind), source);
        let fetched = self.fetcher.blob(&dated(url.clone()), &expected).await.map_err(missed)?;
        if fetched.cached {
            self.fetcher.verify(fetched.digest, fetched.size).await.map_err(missed)?;
        }
        Ok((url, fetched))
    }

    /// Fetches the list of packages, and makes an entry of each.
    pub(super) async fn packages(&self, data: &Data) -> Result<(Fetched, Vec<PlanEntry>), RpmError> {
        let (url, fetched) = self.followed(data, MOST_PACKED).await?;
        let (base, folder) = (self.base.clone(), format!("rpm/{}", self.repository.id));
        let (fetcher, runtime, data) = (self.fetcher.clone(), Handle::current(), data.clone());
        let (digest, size) = (fetched.digest, fetched.size);
        let read = tokio::task::spawn_blocking(move || {
            let mut entries = Vec::new();
            let packed = Packed::Store(fetcher.reader(digest, size, &runtime).map_err(Problem::Fetch)?);
            checked(&packed, &data, |input| {
                primary::read(input, |package| {
                    entries.push(entry(&package, &base, &folder)?);
                    Ok(())
                })
            })?;
            Ok::<_, Problem>(entries)
        });
        let entries = read.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let entries = entries.map_err(|problem| problem.of(&self.repository.id, url))?;
        Ok((fetched, entries))
    }
}

/// A file of metadata as upstream has it. It may be large, so that it is read where it lies.
#[derive(Clone)]
pub(super) enum Packed {
    Memory(Bytes),
    Store(Reader),
}

impl Packed {
    fn beginning(&self) -> Result<Bytes, Problem> {
        /// The longest mark by which a format is known has fewer bytes.
        const MARK: usize = 16;
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(..MARK.min(bytes.len()))),
            Self::Store(reader) => reader.range(0..MARK as u64).map_err(Problem::Fetch),
        }
    }

    fn open(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Memory(bytes) => Box::new(bytes.clone().reader()),
            Self::Store(reader) => Box::new(reader.clone()),
        }
    }
}

/// Metadata that can't be read.
pub(super) enum Problem {
    Fetch(airlift_fetch::FetchError),
    Format(FormatError),
    Unpack(UnpackError),
    Open { expected: String, received: String },
}

impl Problem {
    pub(super) fn from_io(error: io::Error) -> Self {
        Self::Unpack(UnpackError::from_io(error))
    }

    /// The error of a repository, with the document that it is about.
    pub(super) fn of(self, id: &str, url: UpstreamUrl) -> RpmError {
        let (id, url) = (id.to_owned(), Box::new(url));
        match self {
            Self::Fetch(source) => RpmError::Fetch { id, what: "its metadata".to_owned(), source: source.into() },
            Self::Format(source) => RpmError::Metadata { id, url, source },
            Self::Unpack(source) => RpmError::Unpack { id, url, source },
            Self::Open { expected, received } => RpmError::Open { id, url, expected, received },
        }
    }
}

impl From<FormatError> for Problem {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// A reader of what some metadata stands for.
pub(super) fn unpacked(packed: &Packed, data: &Data) -> Result<Unpacked<'static>, Problem> {
    let format = match Format::of_magic(&packed.beginning()?) {
        Format::Plain => Format::of_name(data.href.path().as_str()),
        format => format,
    };
    let limits = Limits::output(data.open_size.unwrap_or(MOST_UNPACKED).min(MOST_UNPACKED));
    Unpacked::new(packed.open(), format, &limits).map_err(Problem::Unpack)
}

/// Reads metadata while it is unpacked, and checks what it unpacks to.
pub(super) fn checked<T>(
    packed: &Packed,
    data: &Data,
    parse: impl FnOnce(&mut dyn BufRead) -> Result<T, FormatError>,
) -> Result<T, Problem> {
    let unpacked = unpacked(packed, data)?;
    let mut summed = Summed { input: unpacked, hasher: data.open_checksum.as_ref().map(Checksum::hasher), count: 0 };
    let parsed = parse(&mut BufReader::with_capacity(256 << 10, &mut summed)).map_err(Problem::Format)?;
    let received = summed.hasher.map(airlift_core::digest::ChecksumHasher::finish);
    if received != data.open_checksum {
        let text = |sum: Option<&Checksum>| sum.map(ToString::to_string).unwrap_or_default();
        return Err(Problem::Open { expected: text(data.open_checksum.as_ref()), received: text(received.as_ref()) });
    }
    match data.open_size.filter(|size| *size != summed.count) {
        Some(size) => {
            Err(Problem::Open { expected: format!("{size} bytes"), received: format!("{} bytes", summed.count) })
        }
        None => Ok(parsed),
    }
}

/// A reader that sums up what passes.
struct Summed<R> {
    input: R,
    hasher: Option<airlift_core::digest::ChecksumHasher>,
    count: u64,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.count += count as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}

/// The entry of a package in a plan.
pub(super) fn entry(package: &primary::Package, base: &UpstreamUrl, folder: &str) -> Result<PlanEntry, FormatError> {
    let path = airlift_core::TreePath::new(format!("{folder}/{}", package.href.path()));
    let path = path.map_err(|error| FormatError::refused(error.to_string()))?;
    let entry = PlanEntry::new(path, Source::Fetch(dated(package.href.at(base)?)));
    Ok(PlanEntry {
        media_type: Some(super::PACKAGE.into()),
        size: Some(package.size),
        purl: Some(purl([&package.name, &package.epoch, &package.version, &package.release, &package.arch])),
        checksums: vec![package.checksum.clone()],
        ..entry
    })
}

/// The package URL of a package (purl specification, type `rpm`).
pub(super) fn purl([name, epoch, version, release, arch]: [&str; 5]) -> Box<str> {
    let epoch = if epoch == "0" { String::new() } else { format!("&epoch={}", encode(epoch)) };
    format!("pkg:rpm/{}@{}-{}?arch={}{epoch}", encode(name), encode(version), encode(release), encode(arch)).into()
}
