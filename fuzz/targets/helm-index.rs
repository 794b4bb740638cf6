//! Indexes of chart repositories.
#![no_main]

use airlift_kind_helm::format::index::Index;
use airlift_kind_helm::format::name::is_chart;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(index) = Index::read(data) {
        let printed = index.print();
        let again = Index::read(printed.as_bytes()).expect("what was printed is read");
        assert_eq!(again.print(), printed);
        for entry in index.entries.values().flatten() {
            assert!(is_chart(&entry.name) && !entry.file_name().contains('/'), "{}", entry.file_name());
        }
    }
});
