//! The root of a yum repository's metadata.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = airlift_kind_rpm::format::repomd::read(data);
});
