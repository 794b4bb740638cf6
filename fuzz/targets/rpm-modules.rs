//! Modules and their defaults.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = airlift_kind_rpm::format::modules::read(text);
});
