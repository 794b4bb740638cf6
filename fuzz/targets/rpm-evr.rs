//! The order of versions, rich dependencies, and names of packages.
#![no_main]

use airlift_kind_rpm::format::{evr, nevra, rich};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (left, right) = text.split_once('\n').unwrap_or((text, "1"));
    assert_eq!(evr::compare(left, right), evr::compare(right, left).reverse());
    let _ = evr::Evr::parse(text);
    let _ = rich::parse(text);
    nevra::installed(text).for_each(drop);
});
