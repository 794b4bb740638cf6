//! Files out of a packed tar.

use std::io::{self, Read};

use crate::{Format, Limits, UnpackError, Unpacked};

/// What looking for a member may cost.
#[derive(Clone, Copy, Debug)]
pub struct MemberLimits {
    /// What unpacking the archive may cost.
    pub archive: Limits,
    /// The most members that are looked at.
    pub members: usize,
    /// The most bytes of the member itself.
    pub member: u64,
}

/// The bytes of the first regular file in a tar (POSIX.1-2024, pax) that is wanted by its name, such as `./control`;
/// none where no member is. What stands behind it is not unpacked.
///
/// Only names in the members' own headers are known: one of more than 255 bytes, which needs a header of its own, is
/// never wanted. Nothing is written anywhere.
///
/// # Errors
///
/// [`UnpackError`] where a limit is passed or the archive is not intact.
pub fn member(
    archive: impl Read + Send,
    format: Format,
    limits: &MemberLimits,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, UnpackError> {
    let mut archive = tar::Archive::new(Unpacked::new(archive, format, &limits.archive)?);
    // Raw: the library would read extended headers of any size into memory.
    for (number, entry) in archive.entries().map_err(damaged)?.raw(true).enumerate() {
        let entry = entry.map_err(damaged)?;
        if number >= limits.members {
            return Err(UnpackError::Members { limit: limits.members });
        }
        if !entry.header().entry_type().is_file() || !wanted(&entry.path_bytes()) {
            continue;
        }
        let size = entry.size();
        if size > limits.member {
            return Err(UnpackError::TooLarge { limit: limits.member });
        }
        let mut bytes = Vec::new();
        entry.take(limits.member).read_to_end(&mut bytes).map_err(damaged)?;
        return if bytes.len() as u64 == size { Ok(Some(bytes)) } else { Err(UnpackError::Truncated) };
    }
    Ok(None)
}

/// Hands every regular file of a packed tar (POSIX.1-2024, pax, GNU) to `visit`: its name as it stands there, its size in
/// bytes, and a reader of its bytes, which need not be read. Names may be of any length within the limits, which are
/// those of the archive; of [`MemberLimits::member`] the visitor takes care. Nothing is written anywhere.
///
/// # Errors
///
/// [`UnpackError`] where a limit is passed or the archive is not intact, and whatever the visitor ends with.
pub fn members<E: From<UnpackError>>(
    archive: impl Read + Send,
    format: Format,
    limits: &MemberLimits,
    mut visit: impl FnMut(&[u8], u64, &mut dyn Read) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = tar::Archive::new(Unpacked::new(archive, format, &limits.archive)?);
    for (number, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let mut entry = entry.map_err(damaged)?;
        if number >= limits.members {
            return Err(UnpackError::Members { limit: limits.members }.into());
        }
        if entry.header().entry_type().is_file() {
            let (name, size) = (entry.path_bytes().into_owned(), entry.size());
            visit(&name, size, &mut entry)?;
        }
    }
    Ok(())
}

/// The error of a tar or of what it is packed in.
fn damaged(error: io::Error) -> UnpackError {
    match error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<UnpackError>) {
        true => UnpackError::from_io(error),
        false => UnpackError::Tar { source: error },
    }
}
