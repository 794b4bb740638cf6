//! Groups of packages, and what is cut out of them.
#![no_main]

use std::collections::BTreeSet;

use airlift_kind_rpm::format::{comps, excerpt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(groups) = comps::read(text.as_bytes()) {
        let cuts = comps::cuts(&groups, &BTreeSet::new(), |_| true, |name| name.len() % 2 == 0);
        let _ = excerpt::without(text, cuts);
    }
});
