//! Which signatures count: those that gpg made, in `fixtures/` (see `make.sh` there).

use airlift_core::Time;
use airlift_openpgp::{Keyring, Problem, Verified, VerifyError, unverified_text};

#[expect(clippy::disallowed_methods, reason = "the panic names the path")]
fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn now() -> Time {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

fn keys(name: &str) -> Keyring {
    Keyring::read(&file(name), name).expect("keys")
}

fn verify(key: &str, signature: &str) -> Result<Verified, VerifyError> {
    keys(key).verify_detached(&file(signature), &file("text"), now())
}

fn problem(result: Result<Verified, VerifyError>) -> Problem {
    match result {
        Err(VerifyError::Bad { mut rejected, .. }) => rejected.remove(0).problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn good_signatures_count() {
    let plain = verify("Plain.gpg", "Plain.sig").expect("a good signature");
    assert_eq!((plain.primary == plain.key, plain.remarks.len()), (true, 0));
    assert_eq!(plain.signed.to_string(), "2023-01-01T00:00:00Z");
    assert_eq!(verify("all.asc", "armored.asc").expect("a good signature").key, plain.key);
    let subkey = verify("Subkey.gpg", "Subkey.sig").expect("a good signature of a subkey");
    assert_ne!(subkey.primary, subkey.key);
}

#[test]
fn only_the_signed_text_is_read() {
    let inline = file("inline");
    let read = keys("Plain.gpg").verify_inline(&inline, now()).expect("a signed text");
    // The line end before the signature is not part of the text (RFC 9580, section 7.1).
    assert_eq!(read.text.trim_end(), String::from_utf8(file("text")).expect("a text").trim_end());
    assert_eq!(unverified_text(&inline).expect("a text"), read.text);

    let changed = String::from_utf8(inline.clone()).expect("a text").replace("Suite: test", "Suite: evil");
    assert!(keys("Plain.gpg").verify_inline(changed.as_bytes(), now()).is_err());
    for around in [[b"Suite: evil\n\n", &inline[..]].concat(), [&inline[..], b"Suite: evil\n"].concat()] {
        assert!(keys("Plain.gpg").verify_inline(&around, now()).is_err());
    }
}

#[test]
fn what_does_not_count_is_told_apart() {
    assert_eq!(problem(verify("Plain.gpg", "Subkey.sig")), Problem::UnknownKey);
    assert_eq!(problem(verify("Plain.gpg", "sha1.sig")), Problem::WeakHash("SHA-1"));
    assert_eq!(problem(verify("Short.gpg", "Short.sig")), Problem::ShortKey(1024));
    assert!(matches!(problem(verify("Expiring.gpg", "Expiring.sig")), Problem::KeyExpired(_)));
    assert_eq!(problem(verify("Revoked.gpg", "Revoked.sig")), Problem::Revoked("no reason given".to_owned()));
    let changed = keys("Plain.gpg").verify_detached(&file("Plain.sig"), b"other bytes", now());
    assert_eq!(problem(changed), Problem::Wrong);
    let early = "2022-01-01T00:00:00Z".parse().expect("a time");
    let future = keys("Plain.gpg").verify_detached(&file("Plain.sig"), &file("text"), early);
    assert!(matches!(problem(future), Problem::Future(_)));
    let told = verify("Plain.gpg", "Subkey.sig").expect_err("another key").to_string();
    let [plain] = &keys("Plain.gpg").keys()[..] else { panic!("one key") };
    assert!(told.contains(&plain.fingerprint), "{told}");
}

#[test]
fn a_key_that_expired_since_is_remarked() {
    let verified = verify("Expiring.gpg", "early.sig").expect("it was good when it was made");
    assert!(verified.remarks[0].contains("2021-01-01"), "{:?}", verified.remarks);
}

#[test]
fn pinned_keys_alone_count() {
    let all = keys("all.asc").keys();
    assert_eq!(all.len(), 2);
    let pin = |fingerprint: &str| keys("all.asc").pin(&[fingerprint.to_owned()]).expect("a known key");
    let text = file("text");
    let subkey = all.iter().flat_map(|key| &key.subkeys).next().expect("a subkey").to_lowercase();
    assert!(pin(&subkey).verify_detached(&file("Subkey.sig"), &text, now()).is_ok());
    let refused = pin(&subkey).verify_detached(&file("Plain.sig"), &text, now());
    assert_eq!(problem(refused), Problem::UnknownKey);
    assert!(keys("all.asc").pin(&["00".repeat(20)]).expect_err("no such key").to_string().contains("no key has"));
}

#[test]
fn keys_are_removed_as_often_as_they_are_there() {
    let (mut ring, plain) = (keys("all.asc"), keys("Plain.gpg"));
    ring.extend(plain.clone());
    for left in [2, 1, 1] {
        ring.remove(&plain);
        assert_eq!(ring.keys().len(), left);
    }
    assert_ne!(ring.keys(), plain.keys());
}

#[test]
fn keys_survive_being_printed_and_read() {
    let all = keys("all.asc");
    let armored = all.to_armored();
    assert_eq!(armored.matches("-----BEGIN").count(), 1);
    assert_eq!(Keyring::read(armored.as_bytes(), "armored").expect("keys").keys(), all.keys());
    assert_eq!(Keyring::read(&all.to_binary(), "binary").expect("keys").keys(), all.keys());
    let blocks = [file("all.asc"), b"\ntext between\n".to_vec(), file("all.asc")].concat();
    assert_eq!(Keyring::read(&blocks, "blocks").expect("keys").keys().len(), 4);
    for no_key in [&b""[..], b"<html>not found</html>", &file("Plain.sig")] {
        assert!(Keyring::read(no_key, "nothing").is_err());
    }
}
