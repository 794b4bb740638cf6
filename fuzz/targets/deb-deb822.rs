//! Stanzas, as machines and as people write them.
#![no_main]

use airlift_kind_deb::format::deb822::{Stanza, Stanzas};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for mut stanzas in [Stanzas::new(data), Stanzas::with_comments(data)] {
        let mut stanza = Stanza::default();
        while stanzas.read(&mut stanza).unwrap_or(false) {
            stanza.fields().for_each(|(name, _)| assert!(stanza.get(name).is_some()));
        }
    }
});
