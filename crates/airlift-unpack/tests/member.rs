//! One file out of a tar, from friends and from strangers.

use std::io::Write;

use airlift_unpack::{Format, Limits, MemberLimits, UnpackError, member};

const LIMITS: MemberLimits = MemberLimits { archive: Limits::output(1 << 20), members: 10, member: 1000 };

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).expect("memory");
    }
    builder.into_inner().expect("memory")
}

fn find(archive: &[u8], format: Format) -> Result<Option<Vec<u8>>, UnpackError> {
    member(archive, format, &LIMITS, |name| name == b"wanted")
}

#[test]
fn a_member_is_found() {
    let plain = tar(&[("other", b"x"), ("wanted", b"text"), ("wanted", b"second")]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).expect("memory");
    for (bytes, format) in [(plain, Format::Plain), (packed.finish().expect("memory"), Format::Gzip)] {
        assert_eq!(find(&bytes, format).expect("an archive").expect("a member"), b"text");
        assert!(find(&tar(&[("other", b"x")]), Format::Plain).expect("an archive").is_none());
    }
}

#[test]
fn limits_hold() {
    let large = tar(&[("wanted", &[b'x'; 1001])]);
    assert!(matches!(find(&large, Format::Plain), Err(UnpackError::TooLarge { limit: 1000 })));
    let many = tar(&[("x", &b""[..]); 11]);
    assert!(matches!(find(&many, Format::Plain), Err(UnpackError::Members { limit: 10 })));
    let long = tar(&[("x", &[0; 2 << 20]), ("wanted", b"")]);
    assert!(matches!(find(&long, Format::Plain), Err(UnpackError::TooLarge { limit: 0x0010_0000 })));
    assert!(matches!(find(&[b'x'; 2000], Format::Plain), Err(UnpackError::Tar { .. })));
    let short = tar(&[("wanted", &[b'x'; 900])]);
    assert!(matches!(find(&short[..800], Format::Plain), Err(UnpackError::Truncated | UnpackError::Tar { .. })));
}

#[test]
fn links_and_extensions_are_not_wanted() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "wanted", "/etc/passwd").expect("memory");
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(tar::EntryType::GNULongName);
    // A header that claims more than there is: reading it into memory would be a mistake.
    long.set_size(u64::from(u32::MAX));
    long.set_cksum();
    let mut bytes = builder.into_inner().expect("memory");
    assert!(find(&bytes, Format::Plain).expect("an archive").is_none());
    bytes.truncate(512);
    bytes.extend_from_slice(long.as_bytes());
    assert!(find(&bytes, Format::Plain).is_err());
}
