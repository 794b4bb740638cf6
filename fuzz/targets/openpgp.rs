//! Keys, signatures and signed texts of strangers, with keys that made none of them.
#![no_main]

use std::sync::LazyLock;

use airlift_core::Time;
use airlift_openpgp::{Keyring, unverified_text};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
    let all = include_bytes!("../../crates/airlift-openpgp/tests/fixtures/all.asc");
    Keyring::read(all, "all.asc").expect("keys")
});

fuzz_target!(|data: &[u8]| {
    let now = Time::from_seconds(1_800_000_000);
    if let Ok(keys) = Keyring::read(data, "a key") {
        let _ = (keys.keys(), keys.to_armored());
    }
    let _ = KEYS.verify_inline(data, now);
    let _ = KEYS.verify_detached(data, b"some text\n", now);
    let _ = unverified_text(data);
});
