//! What packages depend on and provide, and the order of versions.
#![no_main]

use airlift_kind_deb::format::{raw, relation, version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for relation in
        relation::groups(text).into_iter().flatten().flatten().chain(relation::relations(text).into_iter().flatten())
    {
        let _ = format!("{relation:?}");
    }
    let (left, right) = text.split_once('\n').unwrap_or((text, "1"));
    assert_eq!(version::compare(left, right), version::compare(right, left).reverse());
    for stanza in raw::stanzas(text.as_bytes()) {
        raw::fields(stanza).for_each(drop);
    }
});
