//! The packages of a suite.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use airlift_core::Source;
use airlift_core::digest::ChecksumHasher;
use airlift_fetch::{Expected, Fetcher};
use airlift_unpack::{Format, Limits, Unpacked};

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
    for list in best(found) {
        let expected =
            Expected { checksums: list.listed.checksums(), size: Some(list.listed.size), limit: Some(LARGEST_PACKED) };
        let document = fetcher.document(&list.request, &expected).await;
        let document =
            document.map_err(|source| DebError::Fetch { id: suite.repository.id.clone(), source: Box::new(source) })?;
        scan(&document.bytes, list, suite, tree)?;
    }
    Ok(())
}

/// Of each list the compression that is best to read.
fn best(found: &Found) -> Vec<&Present> {
    let mut best = BTreeMap::<&str, (usize, &Present)>::new();
    for present in found.present.iter().filter(|present| matches!(present.role, Role::Packages | Role::Sources)) {
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

fn scan(bytes: &[u8], list: &Present, suite: &Suite<'_>, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let url = &list.request.url;
    let unusable = |source| DebError::Packages { url: Box::new(url.clone()), source };
    let unreadable = |source| unusable(PackagesError::Deb822(Deb822Error::Read { source }));
    let unpacked = Unpacked::new(bytes, Format::of_name(list.path.as_str()), &Limits::output(LARGEST));
    let promised = suite.release.files.iter().find(|(path, _)| path.as_str() == stem(list.path.as_str()));
    let promised = promised.and_then(|(_, listed)| Some((listed.checksums().into_iter().next()?, listed.size)));
    let hasher = promised.as_ref().map(|(checksum, _)| checksum.hasher());
    let inner = unpacked.map_err(|error| unreadable(error.into()))?;
    let mut summing = Summing { inner, hasher, size: 0 };
    let origin = suite.release.origin.as_deref().unwrap_or_default();
    let mut each = |file: PoolFile| plan(file, origin, tree).map_err(Stop::Deb);
    let input = BufReader::with_capacity(256 << 10, &mut summing);
    let read = match list.role {
        Role::Sources => sources(input, &mut each),
        _ => packages(input, &mut each),
    };
    // A list that is not the promised one is told as that, whatever else is wrong with it.
    std::io::copy(&mut summing, &mut std::io::sink()).map_err(unreadable)?;
    if let (Some((checksum, size)), Some(hasher)) = (promised, summing.hasher) {
        let found = hasher.finish();
        if found != checksum || summing.size != size {
            return Err(DebError::Mismatch {
                url: Box::new(url.clone()),
                expected: format!("{checksum}, {size} bytes"),
                found: format!("{found}, {} bytes", summing.size),
            });
        }
    }
    read.map_err(|stop| match stop {
        Stop::Packages(source) => unusable(source),
        Stop::Deb(error) => error,
    })
}

fn plan(file: PoolFile, origin: &str, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let url = tree.repository().url(file.path.as_str());
    tree.add(File {
        path: file.path.as_str(),
        source: Source::Fetch(request(url)),
        size: file.size,
        checksums: file.checksums.clone(),
        purl: Some(purl(&file, origin)),
    })
}

/// The package URL (purl specification, type `deb`); the namespace is who made the repository.
fn purl(file: &PoolFile, origin: &str) -> Box<str> {
    let origin = origin.trim().to_lowercase().replace(' ', "-");
    let namespace = if origin.is_empty() { String::new() } else { format!("{}/", purl_part(&origin)) };
    let (name, version) = (purl_part(&file.package.to_lowercase()), purl_part(&file.version));
    format!("pkg:deb/{namespace}{name}@{version}?arch={}", purl_part(&file.architecture)).into()
}
