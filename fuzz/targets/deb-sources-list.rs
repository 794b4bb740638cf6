//! The sources of a host, in both forms.
#![no_main]

use airlift_kind_deb::format::sources_list::{one_line, stanzas};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = one_line(text);
    let _ = stanzas(text);
});
