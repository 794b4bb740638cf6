//! What a person writes about yum and apt.
#![no_main]

use airlift_core::manifest::{envelope, section};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = envelope(text, &["apt", "yum"]);
    let _ = section::<airlift_kind_deb::spec::Spec>(text, &["apt"]);
    let _ = section::<airlift_kind_rpm::spec::Spec>(text, &["yum"]);
});
