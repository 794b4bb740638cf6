//! Hashes that are required of files of which nothing is promised that could be compared with them: of a URL, or of an index
//! that knows other algorithms or none. As with pip, the file itself has to have one of them.

use std::collections::HashSet;

use airlift_core::{Checksum, Request};
use airlift_fetch::{Expected, Fetched};

use super::library::{Library, failed};
use super::problem::Choice;
use super::project::{Policy, is_comparable};

use crate::error::PythonError;
use crate::format::index::File;

/// How many bytes are read at a time.
const PIECE: u64 = 4 << 20;

/// Checks what was chosen, as far as that needs the files themselves.
pub(crate) async fn check(library: &Library<'_>, policy: &Policy, choices: &[Choice]) -> Result<(), PythonError> {
    for choice in choices {
        let (name, file) = (&choice.project.name, &choice.offered().file);
        let Some(hashes) = policy.hashes.get(name).filter(|hashes| !is_comparable(file, hashes)) else { continue };
        let expected = Expected { checksums: file.checksums.clone(), size: file.size, limit: None };
        let fetched = library.fetcher.blob(&Request::new(file.url.clone()), &expected).await;
        let fetched = fetched.map_err(|source| failed(&format!("the file {}", file.name), source))?;
        if !hashes.contains(&fetched.digest.into()) && !has_one(library, (file, &fetched), hashes).await? {
            return Err(PythonError::Unhashed {
                name: name.to_string(),
                url: Box::new(file.url.clone()),
                found: fetched.digest.into(),
            });
        }
    }
    Ok(())
}

/// Whether a file has one of these hashes, by the algorithms that it is not known by in the store.
async fn has_one(
    library: &Library<'_>,
    (file, fetched): (&File, &Fetched),
    hashes: &HashSet<Checksum>,
) -> Result<bool, PythonError> {
    let mut hashers: Vec<_> = hashes.iter().filter(|hash| hash.digest().is_none()).map(Checksum::hasher).collect();
    let mut begin = 0;
    while begin < fetched.size && !hashers.is_empty() {
        let end = fetched.size.min(begin + PIECE);
        let piece = library.fetcher.stored(fetched.digest, fetched.size, begin..end).await;
        let piece = piece.map_err(|source| failed(&format!("the file {}", file.name), source))?;
        hashers.iter_mut().for_each(|hasher| hasher.update(&piece));
        begin = end;
    }
    Ok(hashers.into_iter().any(|hasher| hashes.contains(&hasher.finish())))
}
