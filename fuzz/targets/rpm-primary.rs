//! The packages of a yum repository.
#![no_main]

use airlift_kind_rpm::format::primary;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = primary::read(data, |_| Ok(()));
    let _ = primary::read_parts(data, |_| Ok(()));
});
