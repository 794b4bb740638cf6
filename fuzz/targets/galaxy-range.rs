//! Ranges of versions: the first line is a range, the second a version.
#![no_main]

use airlift_kind_galaxy::format::loose;
use airlift_kind_galaxy::format::version::{self, Range};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (range, version) = text.split_once('\n').unwrap_or((text, "1.2.3"));
    let newest = loose::newest([range, version]);
    assert!(newest.is_none_or(|newest| newest == range || newest == version));
    if let (Ok(range), Some(version)) = (range.parse::<Range>(), version::parse(version)) {
        let matches = range.matches(&version);
        assert_eq!(range.to_string().parse::<Range>().map(|again| again.matches(&version)), Ok(matches));
        assert!(Range::exactly(&version).matches(&version));
    }
});
