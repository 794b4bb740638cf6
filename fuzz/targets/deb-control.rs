//! Control archives in every compression.
#![no_main]

use airlift_kind_deb::format::control::Control;
use airlift_unpack::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((first, archive)) = data.split_first() {
        let _ = Control::read(archive, Format::ALL[usize::from(*first) % Format::ALL.len()]);
    }
});
