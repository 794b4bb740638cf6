//! Project pages, as JSON and as HTML.
#![no_main]

use airlift_core::UpstreamUrl;
use airlift_kind_python::format::index::{from_html, from_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let base: UpstreamUrl = "https://me:pass@index.example.org/simple/foo/".parse().expect("a URL");
    for page in [from_json(data, &base, |_| true).ok(), from_html(data, &base).ok()].into_iter().flatten() {
        for file in page.files {
            assert_ne!(file.url.expose().scheme(), "file", "a page from the network names no file of this machine");
            let own = file.url.expose().origin() == base.expose().origin();
            assert!(own || file.url.expose().password() != Some("pass"), "the password goes to its own host only");
        }
    }
});
