//! The index of an archive: what is read is written as it was.
#![no_main]

use airlift_core::Index;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(index) = Index::from_lines(data) {
        let lines = index.to_lines();
        assert_eq!(Index::from_lines(&lines).expect("an index").to_lines(), lines);
    }
});
