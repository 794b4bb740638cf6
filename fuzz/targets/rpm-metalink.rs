//! Lists of mirrors.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = airlift_kind_rpm::format::metalink::read(data);
});
