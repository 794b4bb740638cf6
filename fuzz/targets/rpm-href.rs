//! Where something lies in a yum repository.
#![no_main]

use airlift_kind_rpm::format::href::Href;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(href) = Href::new(text) {
        let base = "https://example.invalid/base/".parse().expect("a URL");
        if let Ok(url) = href.at(&base) {
            assert!(url.to_string().starts_with("https://example.invalid/base/"), "{url}");
        }
    }
});
