//! How much room there is on a disk.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Bytes that may still be written below a path; where it does not exist yet, its nearest existing parent counts.
///
/// # Errors
///
/// [`StoreError::Io`] where the file system can't be asked.
pub fn free(path: &Path) -> Result<u64, StoreError> {
    let existing = existing(path)?;
    let answer = rustix::fs::statvfs(&existing)
        .map_err(|error| StoreError::io("measure the room in", &existing)(error.into()))?;
    Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
}

/// Refuses where a path has less room than is needed.
///
/// # Errors
///
/// [`StoreError::Space`] names what is needed, what is free, and the folder.
pub fn require(path: &Path, bytes: u64, purpose: &str) -> Result<(), StoreError> {
    let free = free(path)?;
    if free < bytes {
        return Err(StoreError::Space { purpose: purpose.to_owned(), needed: bytes, free, folder: path.to_owned() });
    }
    Ok(())
}

/// The path itself or the nearest of its parents that exists.
fn existing(path: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(path).map_err(StoreError::io("find", path))?;
    let found = absolute.ancestors().find(|ancestor| ancestor.exists());
    Ok(found.unwrap_or(Path::new("/")).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_its_parent() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(free(&folder.path().join("a/b/c")).expect("an answer") > 0);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = require(folder.path(), u64::MAX, "packing").expect_err("too much");
        assert!(matches!(error, StoreError::Space { needed: u64::MAX, .. }));
        assert!(error.to_string().starts_with(&format!("packing needs {} bytes free in", u64::MAX)), "{error}");
        require(folder.path(), 1, "packing").expect("a byte");
    }
}
