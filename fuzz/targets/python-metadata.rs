//! Core metadata of distributions, and what building one takes.
#![no_main]

use airlift_kind_python::format::metadata::Metadata;
use airlift_kind_python::format::pyproject::build_requirements;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(metadata) = Metadata::parse(data) {
        metadata.is_static();
        let _ = (metadata.version.to_string(), metadata.requires_python.map(|specifiers| specifiers.to_string()));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = build_requirements(Some(text));
    }
});
