//! What a reference host has: the output of dpkg, or its status file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = airlift_kind_deb::format::installed::read(data);
});
