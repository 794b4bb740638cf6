//! The folder of an authority: what is made once, what is made anew, and what is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use airlift_core::failure::line;
use airlift_core::{Failure, Time};
use airlift_tls::{Certificate, Files, Folder, Issued, Name, Pair, TlsError, Wanted, name};

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| name.parse().expect("a name")).collect()
}

fn issue(folder: &Folder, wanted: &[&str]) -> Result<Issued, TlsError> {
    folder.issue(&Wanted { names: names(wanted), days: None, host: "mirror1".to_owned() }, SystemTime::now())
}

fn made() -> (tempfile::TempDir, Folder) {
    let work = tempfile::tempdir().expect("a folder");
    let folder = Folder::new(work.path().join("etc/airlift/tls"));
    issue(&folder, &["mirror.example", "10.0.0.7", "fd00::7", "*.mirror.example"]).expect("a certificate");
    (work, folder)
}

fn mode(path: &Path) -> u32 {
    fs_err::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn now() -> Time {
    Time::from(SystemTime::now())
}

fn days(time: Time) -> u64 {
    (time.seconds() - now().seconds()) / (24 * 60 * 60)
}

#[test]
fn an_authority_and_a_certificate_are_made() {
    let (_work, folder) = made();
    let authority = Certificate::read(&folder.authority()).expect("an authority");
    let certificate = folder.certificate().expect("it can be read").expect("a certificate");
    assert!(authority.authority && authority.subject.starts_with("CN=Airlift CA of mirror1 (20"), "{authority:?}");
    assert!(authority.names.is_empty() && days(authority.until) > 3650);
    assert_eq!((&certificate.issuer, &*certificate.subject), (&authority.subject, "CN=mirror.example"));
    assert_eq!(name::list(&certificate.names), "mirror.example, 10.0.0.7, fd00::7, *.mirror.example");
    assert!(!certificate.authority && certificate.until == authority.until && certificate.since < now());
    assert_eq!(certificate.fingerprint.len(), 32 * 3 - 1);
    let Files { certificate, key } = folder.files();
    for (path, expected) in
        [(folder.authority(), 0o644), (folder.authority_key(), 0o600), (certificate, 0o644), (key, 0o600)]
    {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn other_names_come_from_the_same_authority() {
    let (_work, folder) = made();
    let read = |path: &Path| fs_err::read(path).expect("a file");
    let before = [folder.authority(), folder.authority_key(), folder.files().key].map(|path| read(&path));
    let first = folder.certificate().expect("read").expect("a certificate");
    let issued = issue(&folder, &["other.example"]).expect("another one");
    assert!(!issued.made && issued.certificate.fingerprint != first.fingerprint);
    assert_eq!(name::list(&issued.certificate.names), "other.example");
    let after = [folder.authority(), folder.authority_key(), folder.files().key].map(|path| read(&path));
    assert!(before == after, "authority and keys stay");
    assert!(Pair::read(&folder.files(), now()).is_ok());
    // The same names once more: another certificate, with a number of its own.
    assert_ne!(
        issue(&folder, &["other.example"]).expect("one more").certificate.fingerprint,
        issued.certificate.fingerprint
    );
}

#[test]
fn a_certificate_lives_as_long_as_it_is_asked_to_and_not_longer_than_its_authority() {
    let (_work, folder) = made();
    let of = |days| Wanted { names: names(&["m"]), days: Some(days), host: "x".to_owned() };
    assert_eq!(days(folder.issue(&of(825), SystemTime::now()).expect("one").certificate.until), 825);
    let issued = folder.issue(&of(u16::MAX), SystemTime::now()).expect("one");
    assert_eq!(issued.certificate.until, issued.authority.until);
    let later = SystemTime::now() + Duration::from_secs(4000 * 24 * 60 * 60);
    let error = folder.issue(&of(1), later).expect_err("its authority has expired");
    assert!(line(&error).contains("ca.crt has expired"), "{error}");
}

#[test]
fn half_an_authority_is_not_completed() {
    for half in ["ca.crt", "ca.key"] {
        let (_work, folder) = made();
        let path = folder.authority().with_file_name(half);
        let kept = fs_err::read(&path).expect("a file");
        fs_err::remove_file(&path).expect("a file");
        let error = issue(&folder, &["m"]).expect_err(half);
        assert!(line(&error).ends_with(&format!("{half} is missing")), "{error}");
        assert!(error.hint().expect("a hint").contains("bring") && !path.exists());
        fs_err::write(&path, kept).expect("a file");
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a mode");
        issue(&folder, &["m"]).expect("it is whole again");
    }
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let (_work, folder) = made();
    for key in [folder.authority_key(), folder.files().key] {
        fs_err::set_permissions(&key, PermissionsExt::from_mode(0o640)).expect("a mode");
        let error = issue(&folder, &["m"]).expect_err("it is open");
        assert!(
            line(&error).contains("mode 0640") && error.hint().expect("a hint").starts_with("chmod 600 "),
            "{error}"
        );
        fs_err::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("a mode");
    }
    assert!(matches!(issue(&folder, &[]), Err(TlsError::NoNames)));
}

#[test]
fn what_is_no_pair_is_told_apart() {
    let (work, folder) = made();
    let files = folder.files();
    let said = |files: &Files, at: Time| {
        let error = Pair::read(files, at).expect_err("no pair");
        (line(&error), error.hint().unwrap_or_default())
    };
    let (_other, another) = made();
    let mixed = Files { certificate: files.certificate.clone(), key: another.files().key };
    let (what, _) = said(&mixed, now());
    assert!(what.contains("does not belong to the certificate"), "{what}");
    let reversed = Files { certificate: folder.authority(), key: files.key.clone() };
    let (_, hint) = said(&reversed, now());
    assert!(hint.contains("must be the mirror's own"), "{hint}");
    let later = Time::from_seconds(4_000_000_000);
    let (what, hint) = said(&files, later);
    assert!(what.contains("has expired: it was valid until 20") && hint.contains("airlift tls init"), "{what} {hint}");

    let with = |bytes: &[u8]| {
        let key = work.path().join("key");
        fs_err::write(&key, bytes).expect("a file");
        said(&Files { certificate: files.certificate.clone(), key }, now())
    };
    assert!(with(b"").0.ends_with("it is empty"));
    assert!(with(&[0x30, 0x82]).1.contains("openssl"));
    let locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(with(locked).1.contains("unlock it: openssl pkey"), "{:?}", with(locked));
    let cut = &fs_err::read(&files.key).expect("a key")[..90];
    assert!(with(cut).0.contains("can't be used"), "{:?}", with(cut));
    let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs_err::write(&files.certificate, text).expect("a file");
    let (what, _) = said(&files, now());
    assert!(what.contains("is damaged"), "{what}");
}
