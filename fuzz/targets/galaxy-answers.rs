//! What Galaxy servers answer.
#![no_main]

use airlift_kind_galaxy::format::answer::{Detail, ListedRole, ListedRoleVersion, ListedVersion, Page, Root};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Root::read(data);
    let _ = Page::<ListedVersion>::read(data);
    let _ = Page::<ListedRoleVersion>::read(data);
    if let Ok(page) = Page::<ListedRole>::read(data) {
        for id in page.items.iter().filter_map(ListedRole::id) {
            assert!(!id.contains('/'), "an id is one part of a path");
        }
    }
    if let Ok(detail) = Detail::read_own(data) {
        let again = Detail::read_own(detail.print().as_bytes()).expect("what was printed can be read");
        assert_eq!(again, detail);
    }
});
