//! The metadata of a wheel that has none beside it: out of the wheel's end, without the rest of it.

use airlift_core::{Digest, Request};
use airlift_fetch::{Expected, Fetcher};
use bytes::Bytes;

use super::library::failed;
use crate::error::PythonError;
use crate::format::archive::{ArchiveError, Tail, is_wheel_metadata, zip_member};
use crate::format::index::{File, Promise};

/// The most bytes of a wheel's metadata.
const METADATA: u64 = 16 << 20;
/// A wheel of at most this size is fetched whole: that takes no longer than its end, and then it is there.
const SMALL: u64 = 512 << 10;
/// How much of a wheel's end is looked at first.
const FIRST: u64 = 64 << 10;
/// How much of a wheel's end is asked for before all of it is fetched: the directory of 20,000 files is 3 MB.
const ASKED: u64 = 16 << 20;
/// How much of a wheel's end is looked at at most.
const MOST: u64 = 256 << 20;

/// Whether a wheel's end is worth to be asked for by itself: where nothing beside it says what that does. Without a promised
/// digest the whole is needed anyway.
pub(crate) fn has_end(file: &File) -> bool {
    file.metadata == Promise::None
        && file.name.ends_with(".whl")
        && file.checksums.iter().any(|checksum| checksum.digest().is_some())
        && file.size.is_none_or(|size| size > SMALL)
}

/// The metadata inside of a wheel, or why it has none that can be used.
///
/// It is read from the wheel's end by ranges, where upstream has ranges. Nothing is promised of these bytes by themselves:
/// what is collected in the end is compared with the whole wheel (see `inspect`).
pub(crate) async fn metadata(fetcher: &Fetcher, file: &File) -> Result<Result<Bytes, String>, PythonError> {
    let has_end = has_end(file);
    let (mut length, mut most) = (FIRST, ASKED);
    while has_end && length <= most {
        let ended = fetcher.end(&Request::new(file.url.clone()), length).await;
        let ended = ended.map_err(|source| failed(&format!("the end of the wheel {}", file.name), source))?;
        let Some((bytes, size)) = ended else { break };
        // More than half of it costs as much as all of it, which is wanted anyway.
        most = ASKED.min(size / 2);
        match zip_member(Tail { size, bytes: &bytes }, is_wheel_metadata, METADATA) {
            Ok(metadata) => return Ok(Ok(metadata.into())),
            Err(ArchiveError::More(needed)) => length = longer(length, needed),
            Err(error) => return Ok(Err(unusable(&error))),
        }
    }
    let whole = whole(fetcher, file).await?;
    inside(fetcher, &file.name, whole).await
}

/// Fetches a wheel, whose every byte is checked; its digest and its size.
pub(crate) async fn whole(fetcher: &Fetcher, file: &File) -> Result<(Digest, u64), PythonError> {
    let expected = Expected { checksums: file.checksums.clone(), size: file.size, limit: None };
    let fetched = fetcher.blob(&Request::new(file.url.clone()), &expected).await;
    let fetched = fetched.map_err(|source| failed(&format!("the wheel {}", file.name), source))?;
    Ok((fetched.digest, fetched.size))
}

/// The last bytes of a wheel that is in the store.
async fn last(fetcher: &Fetcher, name: &str, (whole, length): ((Digest, u64), u64)) -> Result<Bytes, PythonError> {
    let (digest, size) = whole;
    let bytes = fetcher.stored(digest, size, size.saturating_sub(length)..size).await;
    bytes.map_err(|source| failed(&format!("the wheel {name}"), source))
}

/// The metadata inside of a wheel that is in the store.
pub(crate) async fn inside(
    fetcher: &Fetcher,
    name: &str,
    whole: (Digest, u64),
) -> Result<Result<Bytes, String>, PythonError> {
    let (size, mut length) = (whole.1, FIRST);
    loop {
        let bytes = last(fetcher, name, (whole, length)).await?;
        match zip_member(Tail { size, bytes: &bytes }, is_wheel_metadata, METADATA) {
            Ok(metadata) => return Ok(Ok(metadata.into())),
            Err(ArchiveError::More(needed)) if length < MOST => length = longer(length, needed).min(MOST),
            Err(error) => return Ok(Err(unusable(&error))),
        }
    }
}

/// How much of the end to look at next: somewhat more than the zip says, since the metadata stands a little before the
/// directory, and each time much more than before, so that there are few steps.
const fn longer(length: u64, needed: u64) -> u64 {
    let (needed, larger) = (needed.saturating_add(needed / 2), length.saturating_mul(4));
    if needed > larger { needed } else { larger }
}

fn unusable(error: &ArchiveError) -> String {
    format!("has no metadata that can be used: {error}")
}
