//! Control files: whatever a package says of itself, its stanza stays one, and says of the file what is so.
#![no_main]

use airlift_core::Digest;
use airlift_kind_deb::format::control::{Control, DebFile};
use airlift_kind_deb::format::deb822::{Stanza, Stanzas};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(control) = Control::parse(data) else { return };
    let digest = Digest::of(b"");
    let text = control.stanza(DebFile { path: "./a.deb", size: 7, digest });
    let (mut stanzas, mut stanza) = (Stanzas::new(text.as_bytes()), Stanza::default());
    assert!(stanzas.read(&mut stanza).expect("a stanza"));
    assert_eq!(stanza.get("Package"), Some(&*control.package));
    assert_eq!(stanza.get("Filename"), Some("./a.deb"));
    assert_eq!(stanza.get("Size"), Some("7"));
    assert_eq!(stanza.get("SHA256"), Some(&*digest.hex()));
    assert!(!stanzas.read(&mut Stanza::default()).expect("the end"));
});
