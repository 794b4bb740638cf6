//! The packages of a suite.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use airlift_core::digest::ChecksumHasher;
use airlift_core::{Checksum, Source, UpstreamUrl};
use airlift_fetch::{Expected, Fetcher};
use airlift_unpack::{Format, Limits, Unpacked};
use bytes::Bytes;

use super::indices::{Found, Present, Role, stem};
use super::release::Suite;
use super::tree::{File, Tree, request};
use crate::error::DebError;
use crate::format::deb822::Deb822Error;
use crate::format::link::purl_part;
use crate::format::packages::{PackagesError, PoolFile, packages, sources};

/// The most bytes of a list as it is fetched.
const LARGEST_PACKED: u64 = 1 << 30;

/// The most bytes of a list. A distribution with a hundred thousand packages has 100 MB.
const LARGEST: u64 = 8 << 30;

/// The most bytes of a list that is kept in memory.
const LARGEST_TEXT: u64 = 1 << 30;

/// The endings in the order in which they are taken: few bytes first, then what is quick to unpack.
const BEST: [&str; 5] = [".xz", ".zst", ".gz", ".bz2", ""];

/// Why the reading of a list ended early.
enum Stop {
    Packages(PackagesError),
    Deb(DebError),
}

impl From<PackagesError> for Stop {
    fn from(error: PackagesError) -> Self {
        Self::Packages(error)
    }
}

/// A reader that adds up what it reads.
struct Summing<R> {
    inner: R,
    hasher: Option<ChecksumHasher>,
    size: u64,
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.size += read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        Ok(read)
    }
}

/// Reads the lists, each in one compression, and plans every package in them.
pub(crate) async fn read(
    found: &Found,
    suite: &Suite<'_>,
    fetcher: &Fetcher,
    tree: &mut Tree<'_>,
) -> Result<(), DebError> {
    for list in best(found, &[Role::Packages, Role::Sources]) {
        let packed = fetch(list, suite, fetcher).await?;
        scan(&packed, list, suite, tree)?;
    }
    Ok(())
}

/// A list in memory.
pub(crate) struct Text {
    /// Its path below the suite, without an ending for a compression.
    pub(crate) path: String,
    /// What it is.
    pub(crate) role: Role,
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Where it was fetched from.
    pub(crate) url: UpstreamUrl,
}

/// Reads lists into memory, each from one compression.
pub(crate) async fn texts(found: &Found, suite: &Suite<'_>, fetcher: &Fetcher) -> Result<Vec<Text>, DebError> {
    let mut texts = Vec::new();
    for list in best(found, &[Role::Packages, Role::Sources, Role::Extra]) {
        let packed = fetch(list, suite, fetcher).await?;
        let mut opened = Opened::new(&packed, list, suite, LARGEST_TEXT)?;
        let mut bytes = Vec::new();
        opened.summing.read_to_end(&mut bytes).map_err(|source| unreadable(list, source))?;
        opened.check(list)?;
        let (path, url) = (stem(list.path.as_str()).to_owned(), list.request.url.clone());
        texts.push(Text { path, role: list.role, bytes: bytes.into(), url });
    }
    Ok(texts)
}

async fn fetch(list: &Present, suite: &Suite<'_>, fetcher: &Fetcher) -> Result<Bytes, DebError> {
    let expected =
        Expected { checksums: list.listed.checksums(), size: Some(list.listed.size), limit: Some(LARGEST_PACKED) };
    let document = fetcher.document(&list.request, &expected).await;
    let failed = |source| DebError::Fetch { id: suite.repository.id.clone(), source: Box::new(source) };
    Ok(document.map_err(failed)?.bytes)
}

/// Of each list the compression that is best to read.
fn best<'a>(found: &'a Found, roles: &[Role]) -> Vec<&'a Present> {
    let mut best = BTreeMap::<&str, (usize, &Present)>::new();
    for present in found.present.iter().filter(|present| roles.contains(&present.role)) {
        let stem = stem(present.path.as_str());
        let ending = &present.path.as_str()[stem.len()..];
        let Some(rank) = BEST.iter().position(|best| *best == ending) else { continue };
        match best.get(stem) {
            Some((other, _)) if *other <= rank => {}
            _ => {
                best.insert(stem, (rank, present));
            }
        }
    }
    best.into_values().map(|(_, present)| present).collect()
}

fn unusable(list: &Present, source: PackagesError) -> DebError {
    DebError::Packages { url: Box::new(list.request.url.clone()), source }
}

fn unreadable(list: &Present, source: std::io::Error) -> DebError {
    unusable(list, PackagesError::Deb822(Deb822Error::Read { source }))
}

/// A list that is being unpacked, and what its `Release` promises of it.
struct Opened<'a> {
    summing: Summing<Unpacked<'a>>,
    promised: Option<(Checksum, u64)>,
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8], list: &Present, suite: &Suite<'_>, largest: u64) -> Result<Self, DebError> {
        let unpacked = Unpacked::new(bytes, Format::of_name(list.path.as_str()), &Limits::output(largest));
        let promised = suite.release.files.iter().find(|(path, _)| path.as_str() == stem(list.path.as_str()));
        let promised = promised.and_then(|(_, listed)| Some((listed.checksums().into_iter().next()?, listed.size)));
        let hasher = promised.as_ref().map(|(checksum, _)| checksum.hasher());
        let inner = unpacked.map_err(|error| unreadable(list, error.into()))?;
        Ok(Self { summing: Summing { inner, hasher, size: 0 }, promised })
    }

    /// Whether it was the promised one; it was read to its end.
    fn check(self, list: &Present) -> Result<(), DebError> {
        let (Some((checksum, size)), Some(hasher)) = (self.promised, self.summing.hasher) else { return Ok(()) };
        let found = hasher.finish();
        match found == checksum && self.summing.size == size {
            true => Ok(()),
            false => Err(DebError::Mismatch {
                url: Box::new(list.request.url.clone()),
                expected: format!("{checksum}, {size} bytes"),
                found: format!("{found}, {} bytes", self.summing.size),
            }),
        }
    }
}

fn scan(bytes: &[u8], list: &Present, suite: &Suite<'_>, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let mut opened = Opened::new(bytes, list, suite, LARGEST)?;
    let origin = suite.release.origin.as_deref().unwrap_or_default();
    let mut each = |file: PoolFile| plan(file, origin, tree).map_err(Stop::Deb);
    let input = BufReader::with_capacity(256 << 10, &mut opened.summing);
    let read = match list.role {
        Role::Sources => sources(input, &mut each),
        _ => packages(input, &mut each),
    };
    // A list that is not the promised one is told as that, whatever else is wrong with it.
    std::io::copy(&mut opened.summing, &mut std::io::sink()).map_err(|source| unreadable(list, source))?;
    opened.check(list)?;
    read.map_err(|stop| match stop {
        Stop::Packages(source) => unusable(list, source),
        Stop::Deb(error) => error,
    })
}

/// Plans a package, or a file of a source.
pub(crate) fn plan(file: PoolFile, origin: &str, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let url = tree.repository().url(file.path.as_str());
    tree.add(File {
        path: file.path.as_str(),
        source: Source::Fetch(request(url)),
        size: file.size,
        checksums: file.checksums.clone(),
        purl: Some(purl((&file.package, &file.version, &file.architecture), origin)),
    })
}

/// The package URL of a name, a version and an architecture (purl specification, type `deb`); the namespace is who made the repository.
pub(crate) fn purl((package, version, architecture): (&str, &str, &str), origin: &str) -> Box<str> {
    let origin = origin.trim().to_lowercase().replace(' ', "-");
    let namespace = if origin.is_empty() { String::new() } else { format!("{}/", purl_part(&origin)) };
    let (name, version) = (purl_part(&package.to_lowercase()), purl_part(version));
    format!("pkg:deb/{namespace}{name}@{version}?arch={}", purl_part(architecture)).into()
}
