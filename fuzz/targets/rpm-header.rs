//! The headers of packages, and what the metadata says of them.
#![no_main]

use airlift_kind_rpm::format::header::{Start, read};
use airlift_kind_rpm::format::{loose, signature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Start::Headers(headers)) = read(data) {
        assert!(headers.range().end <= data.len() as u64);
        let _ = (signature::of_header(&headers), signature::of_header_and_payload(&headers));
        let file = loose::File { pkgid: "aa", href: "a.rpm", modified: 1, size: data.len() as u64 };
        let _ = loose::elements(&headers, &file);
    }
});
