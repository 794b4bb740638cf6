//! Packed collections and roles.
#![no_main]

use airlift_kind_galaxy::format::archive::{Packed, role_dependencies};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Packed::read(data);
    let _ = role_dependencies(data);
});
