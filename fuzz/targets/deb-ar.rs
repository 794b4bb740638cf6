//! Where the control archive of a `.deb` lies.
#![no_main]

use airlift_kind_deb::format::ar;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = ar::control(data, data.len() as u64) {
        assert!(found.range.end <= data.len() as u64 && found.range.start <= found.range.end);
    }
    // A file of which only the beginning was read.
    let _ = ar::control(data, u64::MAX);
});
