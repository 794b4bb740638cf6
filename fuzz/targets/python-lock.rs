//! Lock files: `uv.lock` and `pylock.toml`.
#![no_main]

use airlift_kind_python::format::dependency;
use airlift_kind_python::format::locks::LockFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let environment = dependency::cpython((3, 11, 7), "x86_64");
    for name in ["uv.lock", "pylock.toml"] {
        if let Ok(lock) = LockFile::parse(name, text) {
            let _ = lock.pins(&environment);
        }
    }
});
