//! Requirements files, and the configurations of pip and uv.
#![no_main]

use airlift_kind_python::format::{accept, pip, requirements};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = requirements::parse(text) {
        assert!(error.line >= 1 && error.line <= text.lines().count(), "{error}");
    }
    pip::pip_conf(text);
    let _ = pip::uv_toml(text);
    pip::default_of_help(text);
    accept::choose(text);
});
