//! Locks: what is read is written as it was.
#![no_main]

use airlift_core::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::from_yaml(text) {
        let yaml = lock.to_yaml();
        assert_eq!(Lock::from_yaml(&yaml).expect("a lock").to_yaml(), yaml);
        let _ = lock.index();
    }
});
