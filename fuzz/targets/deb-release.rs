//! `Release` files.
#![no_main]

use airlift_kind_deb::format::release::Release;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(release) = Release::parse(text) {
        for listed in release.files.values() {
            let _ = (listed.checksums(), listed.by_hash().count());
        }
    }
});
