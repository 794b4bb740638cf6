//! Signatures that Airlift makes, and what gpgv says of them.

use std::process::Command;
use std::sync::LazyLock;

use airlift_core::{Failure, Time};
use airlift_openpgp::{Keyring, SigningError, SigningKey};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("Airlift <test>", made()).expect("a key"));

const TEXT: &str = "Origin: Test\n- a dash\nSuite: x  \n\nlast: line\n";

fn made() -> Time {
    "2024-05-06T07:08:09Z".parse().expect("a time")
}

fn now() -> Time {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

#[test]
fn what_is_signed_is_believed() {
    let keys = KEY.public();
    let signed: Time = "2025-01-02T03:04:05Z".parse().expect("a time");
    let detached = KEY.sign_detached(TEXT.as_bytes(), signed).expect("a signature");
    let verified = keys.verify_detached(detached.as_bytes(), TEXT.as_bytes(), now()).expect("a good signature");
    assert_eq!((verified.signed, verified.primary, verified.remarks.len()), (signed, KEY.fingerprint(), 0));
    assert!(keys.verify_detached(detached.as_bytes(), b"something else", now()).is_err());

    let inline = KEY.sign_cleartext(TEXT, signed).expect("a signed text");
    let read = keys.verify_inline(inline.as_bytes(), now()).expect("a good signature");
    assert_eq!(read.text, TEXT.replace("x  \n", "x\n").trim_end());
    assert!(inline.contains("\n- - a dash\n") && inline.contains("\nlast: line\n-----BEGIN PGP SIGNATURE-----\n"));
}

#[test]
fn signatures_are_the_same_each_time_and_never_older_than_their_key() {
    let sign = |key: &SigningKey, at: Time| key.sign_cleartext(TEXT, at).expect("a signed text");
    assert_eq!(sign(&KEY, now()), sign(&KEY, now()));
    assert_eq!(sign(&KEY, Time::from_seconds(0)), sign(&KEY, made()));
    let read = SigningKey::read(KEY.to_secret_armored().expose(), "a file").expect("the key");
    assert_eq!((read.fingerprint(), read.created()), (KEY.fingerprint(), made()));
    assert_eq!(sign(&read, now()), sign(&KEY, now()));
}

#[test]
fn what_is_no_signing_key_is_refused() {
    let secret = KEY.to_secret_armored();
    let public = KEY.public().to_armored();
    let (head, tail) = secret.expose().split_at(secret.expose().len() / 2);
    for text in ["", "nothing", &public, head, &format!("{head}{}", &tail[3..])] {
        let error = SigningKey::read(text, "key.asc").expect_err("no secret key");
        assert!(matches!(&error, SigningError::Unreadable { name, .. } if name == "key.asc"), "{error:?}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn the_secret_half_is_in_nothing_that_is_shown() {
    let public = Keyring::read(KEY.public().to_armored().as_bytes(), "the public half").expect("a key");
    assert_eq!(public.keys()[0].fingerprint, KEY.fingerprint());
    assert_eq!((public.keys()[0].user.as_str(), public.keys()[0].created), ("Airlift <test>", made()));
    let shown = format!("{:?} {:?}", *KEY, KEY.to_secret_armored());
    assert!(shown.contains(&KEY.fingerprint()) && !shown.contains("BEGIN") && shown.len() < 200, "{shown}");
}

/// apt verifies with gpgv (or, from Debian 13 on, with sqv), which is there wherever apt is.
#[test]
#[expect(clippy::disallowed_methods, reason = "the panics name what failed")]
fn gpgv_believes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).expect("a file");
    write("key.gpg", &KEY.public().to_binary());
    write("text", TEXT.as_bytes());
    write("text.asc", KEY.sign_detached(TEXT.as_bytes(), now()).expect("a signature").as_bytes());
    write("inline", KEY.sign_cleartext(TEXT, now()).expect("a signed text").as_bytes());
    let inline = String::from_utf8(std::fs::read(path("inline")).expect("a file")).expect("text");
    write("changed", inline.replace("Origin: Test", "Origin: Evil").as_bytes());
    let gpgv = |files: &[&str]| {
        let files = files.iter().map(|name| path(name));
        let mut command = Command::new("gpgv");
        command.args(["--keyring", &path("key.gpg"), "--weak-digest", "SHA1", "--status-fd", "1"]).args(files);
        command.output().expect("gpgv runs")
    };
    for files in [&["text.asc", "text"][..], &["inline"]] {
        let output = gpgv(files);
        let status = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && status.contains("VALIDSIG"), "{files:?}: {status}{errors}");
        assert!(status.contains(&KEY.fingerprint()) && !errors.contains("WARNING"), "{status}{errors}");
    }
    assert!(!gpgv(&["changed"]).status.success());
}
