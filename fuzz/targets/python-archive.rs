//! Wheels and zipped source distributions, of which only the end may be there: the first byte says how much is missing.
#![no_main]

use airlift_kind_python::format::archive::{ArchiveError, Tail, is_sdist_file, is_wheel_metadata, zip_member};
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((missing, bytes)) = data.split_first() else { return };
    let size = bytes.len() as u64;
    let whole = zip_member(Tail { size, bytes }, is_wheel_metadata, LIMIT);
    assert!(!matches!(whole, Err(ArchiveError::More(_))), "there is no more of it");
    let end = &bytes[usize::from(*missing).min(bytes.len())..];
    if let (Ok(whole), Ok(found)) = (&whole, zip_member(Tail { size, bytes: end }, is_wheel_metadata, LIMIT)) {
        assert_eq!(*whole, found, "the end says what the whole says");
    }
    if let Ok(found) = zip_member(Tail { size, bytes }, |name| is_sdist_file(name, "PKG-INFO"), LIMIT) {
        assert!(found.len() as u64 <= LIMIT);
    }
});
