//! `$releasever` and its like.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let values = [("releasever", "9.4"), ("basearch", "x86_64")];
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let _ = airlift_kind_rpm::format::vars::substitute(text, &values);
});
