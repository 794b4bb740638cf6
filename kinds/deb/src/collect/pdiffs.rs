//! The patches between an older list and the present one, so that clients of a whole mirror need not fetch whole lists.

use airlift_core::{Checksum, Source};
use airlift_fetch::{Document, Expected, Fetcher};
use airlift_unpack::{Format, Limits, unpack};

use super::indices::{Found, Present, Role};
use super::release::Suite;
use super::tree::{File, Tree, request, stored};
use crate::error::DebError;
use crate::format::deb822::Deb822Error;
use crate::format::diff::{DiffError, DiffIndex, Patch};

/// What an index of patches stands beside: `Packages` and `Packages.diff/Index`.
pub(crate) const INDEX: &str = ".diff/Index";

/// The most bytes of an index of patches.
const LARGEST_INDEX: u64 = 16 << 20;

/// The most bytes of a patch, packed or not. A patch is a part of a list.
const LARGEST_PATCH: u64 = 256 << 20;

/// Plans the patches of every index of patches that upstream has.
///
/// The remarks are what whoever loads it should know: an index that is for another list than the present one serves no
/// client, and harms none.
pub(crate) async fn plan(
    found: &Found,
    suite: &Suite<'_>,
    fetcher: &Fetcher,
    tree: &mut Tree<'_>,
) -> Result<Vec<String>, DebError> {
    let mut remarks = Vec::new();
    for index in found.present.iter().filter(|present| present.role == Role::Diff) {
        let expected =
            Expected { checksums: index.listed.checksums(), size: Some(index.listed.size), limit: Some(LARGEST_INDEX) };
        let document = fetcher.document(&index.request, &expected).await.map_err(|source| failed(suite, source))?;
        let read = DiffIndex::parse(&document.bytes);
        let read = read.map_err(|source| DebError::Diff { url: Box::new(index.request.url.clone()), source })?;
        remarks.extend(other_list(&read, index, suite));
        let folder = index.path.as_str().trim_end_matches("Index");
        for patch in &read.patches {
            add(patch, &format!("{folder}{}", patch.name), (suite, fetcher), tree).await?;
        }
    }
    Ok(remarks)
}

fn failed(suite: &Suite<'_>, source: airlift_fetch::FetchError) -> DebError {
    DebError::Fetch { id: suite.repository.id.clone(), source: Box::new(source) }
}

/// A remark where the patches do not lead to the list that the `Release` names.
fn other_list(read: &DiffIndex, index: &Present, suite: &Suite<'_>) -> Option<String> {
    let list = index.path.as_str().strip_suffix(INDEX)?;
    let (_, listed) = suite.release.files.iter().find(|(path, _)| path.as_str() == list)?;
    let current = &read.current.as_ref()?.checksum;
    let other = |sum: &Checksum| sum.algorithm() == current.algorithm() && sum != current;
    let url = &index.request.url;
    let remark =
        || format!("the patches of {url} do not lead to the list of its Release; clients fetch the whole list");
    listed.checksums().iter().any(other).then(remark)
}

async fn add(patch: &Patch, path: &str, at: (&Suite<'_>, &Fetcher), tree: &mut Tree<'_>) -> Result<(), DebError> {
    let (suite, fetcher) = at;
    let request = request(suite.url(path));
    let (source, size, checksums) = match patch.unpacked {
        false => (Source::Fetch(request), patch.promise.size, vec![patch.promise.checksum.clone()]),
        true => {
            let document = fetcher.document(&request, &Expected::limit(LARGEST_PATCH)).await;
            let document = document.map_err(|source| failed(suite, source))?;
            check(patch, &document, &request.url)?;
            (stored(document.digest, request), document.bytes.len() as u64, vec![document.digest.into()])
        }
    };
    tree.add(File { path: &suite.path(path), source, size, checksums, purl: None })
}

/// Checks a patch of which only the unpacked bytes are promised.
fn check(patch: &Patch, document: &Document, url: &airlift_core::UpstreamUrl) -> Result<(), DebError> {
    let limits = Limits::output(patch.promise.size.min(LARGEST_PATCH));
    let bytes = unpack(&document.bytes, Format::of_name(&patch.name), &limits).map_err(|error| DebError::Diff {
        url: Box::new(url.clone()),
        source: DiffError::Deb822(Deb822Error::Read { source: error.into() }),
    })?;
    let mut hasher = patch.promise.checksum.hasher();
    hasher.update(&bytes);
    let found = hasher.finish();
    match found == patch.promise.checksum && bytes.len() as u64 == patch.promise.size {
        true => Ok(()),
        false => Err(DebError::Mismatch {
            url: Box::new(url.clone()),
            expected: format!("{}, {} bytes", patch.promise.checksum, patch.promise.size),
            found: format!("{found}, {} bytes", bytes.len()),
        }),
    }
}
