//! Requirements and markers, of people and of strangers.
#![no_main]

use airlift_kind_python::format::{ExtraName, dependency};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let environment = dependency::cpython((3, 11, 7), "x86_64");
    let extras = ["x".parse::<ExtraName>().expect("a name")];
    for read in [dependency::requirement(text), dependency::strange_requirement(text)].into_iter().flatten() {
        dependency::applies(&read.marker, &environment, &extras);
        let _ = read.version_or_url.map(|wanted| wanted.to_string());
    }
    if let Ok(marker) = dependency::marker(text) {
        dependency::applies(&marker, &environment, &extras);
    }
});
