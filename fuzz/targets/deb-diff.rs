//! Indices of patches between lists.
#![no_main]

use airlift_kind_deb::format::diff::DiffIndex;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(index) = DiffIndex::parse(data) {
        index.patches.iter().for_each(|patch| assert!(!patch.name.contains('/') && !patch.name.starts_with('.')));
    }
});
