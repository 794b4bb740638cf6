//! Compressed bytes, and tars in them, within bounds.
#![no_main]

use airlift_unpack::{Format, Limits, MemberLimits, member, unpack};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { output: 1 << 20, ratio: 400, memory: 8 << 20 };

fuzz_target!(|data: &[u8]| {
    let Some((first, packed)) = data.split_first() else { return };
    let format = Format::ALL[usize::from(*first) % Format::ALL.len()];
    if let Ok(bytes) = unpack(packed, format, &LIMITS) {
        assert!(bytes.len() as u64 <= LIMITS.output);
    }
    let limits = MemberLimits { archive: LIMITS, members: 100, member: 1000 };
    if let Ok(Some(bytes)) = member(packed, format, &limits, |name| name.ends_with(b"control")) {
        assert!(bytes.len() <= 1000);
    }
});
