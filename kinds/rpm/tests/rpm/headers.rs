//! Headers of packages: what they say, and what strangers put there.

use airlift_kind_rpm::format::header::{self, Headers, Start, tag};
use airlift_kind_rpm::format::loose::{self, File};
use proptest::prelude::*;

use crate::package::{Value, header as made, package, tags, unsigned};

fn whole(bytes: &[u8]) -> Headers<'_> {
    match header::read(bytes).expect("a package") {
        Start::Headers(headers) => headers,
        Start::More(more) => panic!("it is whole, and {more} bytes are asked for"),
    }
}

fn refusal(bytes: &[u8]) -> String {
    match header::read(bytes) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("it is taken: {read:?}"),
    }
}

#[test]
fn what_a_header_says_is_read_as_soon_as_it_is_there() {
    let bytes = unsigned("a");
    let headers = whole(&bytes);
    assert_eq!(headers.main.text(tag::NAME), Some(&b"a"[..]));
    assert_eq!(headers.main.number(tag::EPOCH), Some(3));
    assert_eq!(headers.main.texts(tag::DIRNAMES).collect::<Vec<_>>(), [b"/usr/bin/" as &[u8], b"/usr/"]);
    assert_eq!(headers.main.text(tag::VENDOR), None);
    let range = headers.range();
    assert_eq!(&bytes[range.start as usize..range.end as usize], headers.signed);
    assert_eq!(bytes.len() as u64, range.end + b"payload".len() as u64);
    for end in 0..range.end as usize {
        match header::read(&bytes[..end]) {
            Ok(Start::More(more)) => assert!(more > end as u64 && more <= range.end, "{end}: {more}"),
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let good = made(&tags("a"));
    let with = |at: usize, bytes: &[u8]| {
        let mut main = good.clone();
        main[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(&package(&main, b"", |_, _| Vec::new()))
    };
    assert!(refusal(&[0; 200]).contains("no RPM package"));
    assert!(with(0, b"xx").contains("has no header at byte 112"));
    assert!(with(8, &[0xff; 4]).contains("which no package has"));
    assert!(with(12, &[0xff; 4]).contains("which no package has"));
    assert!(with(16 + 4, &[0, 0, 0, 77]).contains("has the type 77, which is none"));
    assert!(with(16 + 8, &[0x7f; 4]).contains("tag 1000 points to data that is not there"));
    assert!(with(16 + 12, &[0xff; 4]).contains("tag 1000 points to data that is not there"));
    assert!(with(16 + 12, &[0; 4]).contains("tag 1000 points to data that is not there"));
}

#[test]
fn metadata_is_written_as_createrepo_has_it() {
    let bytes = unsigned("a&b");
    let file = File { pkgid: "ab", href: "x/a&b.rpm", modified: 5, size: 9 };
    let all = loose::elements(&whole(&bytes), &file).expect("metadata");
    insta::assert_snapshot!(format!("{}{}{}", all.primary, all.filelists, all.other));
}

#[test]
fn a_little_header_does_not_become_much_metadata() {
    let long = "x".repeat(100_000);
    let (count, mut all) = (100_000, tags("a"));
    all.retain(|(tag, _)| !(tag::BASENAMES..=tag::DIRNAMES).contains(tag) && *tag != tag::DIRINDEXES);
    all.retain(|(tag, _)| !matches!(*tag, tag::FILEFLAGS | tag::FILEMODES));
    all.push((tag::DIRNAMES, Value::Texts(vec![long])));
    all.push((tag::BASENAMES, Value::Texts(vec![String::new(); count])));
    all.push((tag::DIRINDEXES, Value::Numbers(vec![0; count])));
    all.push((tag::FILEFLAGS, Value::Numbers(vec![0; count])));
    all.push((tag::FILEMODES, Value::Shorts(vec![0; count])));
    let bytes = package(&made(&all), b"", |_, _| Vec::new());
    let file = File { pkgid: "ab", href: "a.rpm", modified: 5, size: 9 };
    let error = loose::elements(&whole(&bytes), &file).expect_err("10 GB of names");
    assert!(error.to_string().contains("longer names than memory is for"), "{error}");
}

proptest! {
    #[test]
    fn no_damage_panics(at in any::<usize>(), bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
        let mut package = unsigned("a");
        let at = at % package.len();
        let end = (at + bytes.len()).min(package.len());
        package.splice(at..end, bytes);
        if let Ok(Start::Headers(headers)) = header::read(&package) {
            let _ = loose::elements(&headers, &File { pkgid: "ab", href: "a.rpm", modified: 5, size: 9 });
            let _ = airlift_kind_rpm::format::signature::of_header(&headers);
        }
    }
}
