//! Lists of packages and of sources.
#![no_main]

use airlift_kind_deb::format::packages::{PackagesError, PoolFile, packages, sources};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let check = |file: PoolFile| {
        assert!(!file.checksums.is_empty() && !file.path.as_str().split('/').any(|segment| segment == ".."));
        Ok::<(), PackagesError>(())
    };
    let _ = packages(data, check);
    let _ = sources(data, check);
});
