//! Lists of the files of packages.
#![no_main]

use airlift_kind_rpm::format::listing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = listing::select(data, |_| true);
    let _ = listing::files(data, |_, _| {});
});
