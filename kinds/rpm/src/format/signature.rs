//! The OpenPGP signatures of a package (RPM file format, "Signature header").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::header::{Headers, tag};

/// The most signatures that are looked at; rpm itself makes one for each algorithm.
const MOST: usize = 16;

/// The signatures over the header as it lies in the file, one packet behind the other; empty where there are none. The
/// header has the payload's digest in it.
pub fn of_header(headers: &Headers<'_>) -> Vec<u8> {
    // rpm 6 has a list of them; it, and all before it, have one of the kind of the key.
    let listed = headers.signature.texts(tag::SIG_OPENPGP).take(MOST);
    let mut packets: Vec<u8> = listed.filter_map(decode).flatten().collect();
    if packets.is_empty() {
        let old = [tag::SIG_RSA, tag::SIG_DSA].into_iter().filter_map(|tag| headers.signature.bytes(tag));
        packets.extend(old.flatten());
    }
    packets
}

/// The signature over header and payload, which packages from before 2003 have instead.
pub fn of_header_and_payload<'a>(headers: &Headers<'a>) -> Option<&'a [u8]> {
    headers.signature.bytes(tag::SIG_PGP).or_else(|| headers.signature.bytes(tag::SIG_GPG))
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}
