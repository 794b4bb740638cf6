//! What a manifest asks for of an apt repository.
#![no_main]

use airlift_kind_deb::format::selector::Selector;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<Selector>();
});
