//! Advisories.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = airlift_kind_rpm::format::updateinfo::select(data, |_| true);
});
