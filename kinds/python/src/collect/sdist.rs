//! What a source distribution says about itself, without running anything of it.

use airlift_core::Request;
use airlift_fetch::{Expected, Fetcher};
use airlift_unpack::{Format, Limits, MemberLimits, member};
use bytes::Bytes;

use super::library::{About, failed};
use super::project::Offered;
use crate::error::PythonError;
use crate::format::archive::{ArchiveError, Tail, is_sdist_file, zip_member};
use crate::format::metadata::Metadata;
use crate::format::pyproject;

/// The most bytes of a source distribution that is looked into.
const MOST: u64 = 512 << 20;
/// The most bytes of a file that is looked at.
const MEMBER: u64 = 16 << 20;
/// What unpacking it may cost.
const LIMITS: MemberLimits = MemberLimits { archive: Limits::output(8 << 30), members: 1_000_000, member: MEMBER };

/// What a source distribution says about itself, and what building it takes.
pub(crate) async fn about(fetcher: &Fetcher, offered: &Offered) -> Result<About, PythonError> {
    let file = &offered.file;
    let what = format!("the source distribution {}", file.name);
    let expected = Expected { checksums: file.checksums.clone(), size: file.size, limit: Some(MOST) };
    let fetched = fetcher.blob(&Request::new(file.url.clone()), &expected).await;
    let fetched = fetched.map_err(|source| failed(&what, source))?;
    let bytes = fetcher.stored(fetched.digest, fetched.size, 0..fetched.size).await;
    let bytes = bytes.map_err(|source| failed(&what, source))?;
    let read = |wanted: &str| find(&file.name, &bytes, wanted);
    let unusable = |reason: String| About { metadata: Err(reason), text: None, build: Vec::new() };
    let (information, project) = match (read("PKG-INFO"), read("pyproject.toml")) {
        (Ok(Some(information)), Ok(project)) => (information, project),
        (Ok(None), _) => return Ok(unusable("has no PKG-INFO".to_owned())),
        (Err(reason), _) | (_, Err(reason)) => return Ok(unusable(format!("can't be unpacked: {reason}"))),
    };
    let project = project.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let build = match pyproject::build_requirements(project.as_deref()) {
        Ok(build) => build,
        Err(reason) => return Ok(unusable(format!("has a pyproject.toml that can't be used: {reason}"))),
    };
    let metadata = Metadata::parse(&information).map_err(|error| format!("has a PKG-INFO that can't be used: {error}"));
    Ok(About { metadata, text: None, build })
}

/// A file in the folder that a source distribution consists of; none where it has no such file.
pub(crate) fn find(name: &str, bytes: &Bytes, wanted: &str) -> Result<Option<Vec<u8>>, String> {
    if name.ends_with(".zip") {
        let tail = Tail { size: bytes.len() as u64, bytes };
        return match zip_member(tail, |name| is_sdist_file(name, wanted), MEMBER) {
            Ok(found) => Ok(Some(found)),
            Err(ArchiveError::Count(0)) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
    }
    let is_wanted = |path: &[u8]| std::str::from_utf8(path).is_ok_and(|path| is_sdist_file(path, wanted));
    member(&bytes[..], Format::Gzip, &LIMITS, is_wanted).map_err(|error| error.to_string())
}
