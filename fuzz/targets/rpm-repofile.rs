//! The `.repo` files of a host.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for repository in airlift_kind_rpm::format::repofile::read(text) {
        let _ = (repository.enabled(), repository.checks_metadata(), repository.list("gpgkey").len());
    }
});
