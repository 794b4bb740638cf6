//! Metadata of strangers: refused in bounded memory, and never read for ever.

use std::io::{BufReader, Read};

use airlift_kind_rpm::format::{FormatError, comps, listing, metalink, modules, primary, repomd, updateinfo};
use proptest::prelude::*;

const SUM: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn package(parts: &str) -> String {
    format!("<package type=\"rpm\">{parts}</package>")
}

fn good() -> String {
    package(&format!(
        "<name>a&amp;b</name><arch>noarch</arch><version epoch=\"\" ver=\"1\" rel=\"2\"/>\
         <checksum type=\"sha256\" pkgid=\"YES\">{SUM}</checksum><summary><![CDATA[<x>]]></summary><size package=\"5\"/>\
         <location href=\"a.rpm\"/><format><rpm:provides><rpm:entry name=\"a\"/></rpm:provides><file>/a</file></format>"
    ))
}

fn list(packages: &str) -> String {
    format!("<metadata xmlns=\"c\" packages=\"1\">{packages}</metadata>")
}

fn read(text: &str) -> Result<Vec<primary::Package>, String> {
    let mut found = Vec::new();
    let read = primary::read(text.as_bytes(), |package| {
        found.push(package);
        Ok(())
    });
    read.map(|_| found).map_err(|error| chain(&error))
}

fn chain(error: &FormatError) -> String {
    airlift_core::failure::line(error)
}

#[test]
fn a_package_is_read() {
    let found = read(&list(&good())).expect("a list");
    let one = &found[0];
    assert_eq!((one.name.as_str(), one.epoch.as_str(), one.release.as_str(), one.size), ("a&b", "0", "2", 5));
    assert_eq!((one.checksum.hex().as_str(), one.href.path().as_str()), (SUM, "a.rpm"));
}

#[test]
fn what_would_mislead_is_refused() {
    let with = |from: &str, to: &str| list(&good().replacen(from, to, 1));
    for (text, expected) in [
        (with("<location href=\"a.rpm\"/>", "<location xml:base=\"http://evil/\" href=\"a.rpm\"/>"), "past the mirror"),
        (with("href=\"a.rpm\"", "href=\"../a.rpm\""), "'..' segment"),
        (with("href=\"a.rpm\"", "href=\"&#46;&#46;/a.rpm\""), "'..' segment"),
        (with("href=\"a.rpm\"", "href=\"http://evil/a.rpm\""), "not below the repository"),
        (with("href=\"a.rpm\"", "href=\"a.rpm\" href=\"b.rpm\""), "XML"),
        (
            with("<location href=\"a.rpm\"/>", "<location href=\"a.rpm\"/><location href=\"b.rpm\"/>"),
            "more than one <location>",
        ),
        (with("<arch>", "<arch>x</arch><arch>"), "more than one <arch>"),
        (with("<size package=\"5\"/>", "<size package=\"-5\"/>"), "is no number"),
        (with("<size package=\"5\"/>", ""), "has no size"),
        (with("sha256", "md5"), "can be forged"),
        (with(SUM, "12"), "has no sha256 checksum"),
        (with("a&amp;b", "a&bomb;b"), "uses an entity that is none: bomb"),
        (format!("<!DOCTYPE m [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]>{}", list(&good())), "document type"),
        (list(&(good() + &good())), "says that it lists 1 packages, and lists 2"),
        (list(&good()) + &list(&good()), "more than one root element"),
        ("<html/>".to_owned(), "root element is another"),
        (String::new(), "ends too early"),
        (list(&"<x>".repeat(40)), "nested more deeply"),
        (list(&package(&format!("<name>{}</name>", "n".repeat(100_000)))), "a text that is longer"),
    ] {
        let error = read(&text).expect_err(expected);
        assert!(error.contains(expected), "{expected}\n{error}");
    }
}

#[test]
fn an_early_end_is_an_error_wherever_it_is() {
    let whole = list(&good());
    for end in 0..whole.len() {
        assert!(whole.is_char_boundary(end) && read(&whole[..end]).is_err(), "cut at {end}");
    }
    let root = format!(
        "<repomd><data type=\"primary\"><checksum type=\"sha256\">{SUM}</checksum><location href=\"p\"/></data></repomd>"
    );
    assert_eq!(repomd::read(root.as_bytes()).expect("a root").data.len(), 1);
    for end in 0..root.len() {
        assert!(repomd::read(&root.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

/// Repeats a text for ever, without having it.
struct Endless {
    before: Vec<u8>,
    again: Vec<u8>,
    at: usize,
    given: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = match self.before.get(self.at) {
                Some(byte) => *byte,
                None => self.again[(self.at - self.before.len()) % self.again.len()],
            };
            self.at += 1;
        }
        self.given += buffer.len() as u64;
        Ok(buffer.len())
    }
}

fn endless(before: &str, again: &str) -> (String, u64) {
    let mut input = Endless { before: before.into(), again: again.into(), at: 0, given: 0 };
    let error = primary::read(BufReader::new(&mut input), |_| Ok(())).expect_err("an end");
    (chain(&error), input.given)
}

#[test]
fn what_never_ends_is_refused_early() {
    for (before, again) in [
        ("<metadata>", " "),
        ("<metadata>", "<x>"),
        ("<metadata><package a=\"", "x"),
        ("<metadata><package><name>", "x"),
        ("<metadata><package><name>", "&amp;"),
        ("<metadata><!--", "x"),
        ("<metadata ", "a"),
        ("", " "),
    ] {
        let (error, given) = endless(before, again);
        assert!(given < 6 << 20, "{before:?}: {given} bytes were read: {error}");
    }
}

#[test]
fn a_list_of_a_million_packages_is_refused() {
    let small = package(&format!(
        "<name>a</name><arch>x</arch><version ver=\"1\" rel=\"2\"/><checksum type=\"sha256\">{SUM}</checksum>\
         <size package=\"5\"/><location href=\"a\"/>"
    ));
    let (error, given) = endless("<metadata>", &small);
    assert!(error.contains("lists more than 500000 packages"), "{error}");
    assert!(given < 501_000 * small.len() as u64);
}

#[test]
fn groups_without_end_are_refused() {
    let text = format!("<comps><group><id>a</id><packagelist>{}", "<packagereq>a</packagereq>".repeat(1_000_001));
    let error = comps::read(text.as_bytes()).expect_err("a limit");
    assert!(chain(&error).contains("more than 1000000 entries"), "{error}");
    assert!(modules::read(&"---\na: b\n".repeat(20_001)).is_err());
}

#[test]
fn lists_of_files_advisories_and_groups_end_where_they_say() {
    let files =
        "<filelists packages=\"1\"><package pkgid=\"a\" name=\"a\" arch=\"x\"><file>/a</file></package></filelists>";
    let updates =
        "<updates><update><pkglist><collection><package name=\"a\"/></collection></pkglist></update></updates>";
    let groups = "<comps><group><id>a</id><packagelist><packagereq>b</packagereq></packagelist></group></comps>";
    assert_eq!(listing::select(files.as_bytes(), |id| id == "a").expect("files").ranges.len(), 1);
    assert_eq!(updateinfo::select(updates.as_bytes(), |one| one.name == "a").expect("advisories").ranges.len(), 1);
    for end in 0..files.len() {
        assert!(listing::select(&files.as_bytes()[..end], |_| true).is_err(), "cut at {end}");
    }
    for end in 0..updates.len() {
        assert!(updateinfo::select(&updates.as_bytes()[..end], |_| true).is_err(), "cut at {end}");
    }
    for end in 0..groups.len() {
        assert!(comps::read(&groups.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn mirrors_are_found_in_both_forms() {
    let text = format!(
        "<metalink><files><file name=\"repomd.xml\"><verification><hash type=\"md5\">00</hash>\
         <hash type=\"sha256\">{SUM}</hash></verification><alternates><alternate><verification>\
         <hash type=\"sha512\">{SUM}{SUM}</hash></verification></alternate></alternates><resources>\
         <url preference=\"9\">http://b/r/repodata/repomd.xml</url><url preference=\"100\">https://a/r/repodata/repomd.xml\
         </url><url>rsync://c/r/repodata/repomd.xml</url></resources></file></files></metalink>"
    );
    let mirrors = metalink::read(text.as_bytes()).expect("a metalink");
    assert_eq!(mirrors.urls, ["https://a/r/", "http://b/r/"]);
    assert_eq!(mirrors.roots.len(), 2);
    let mirrors = metalink::read(b"# a comment\nhttp://a/r\n\nftp://x/\nhttps://b/r/\n").expect("a list");
    assert_eq!(mirrors.urls, ["http://a/r/", "https://b/r/"]);
    assert!(metalink::read(b"<metalink><url>http://a/repodata/repomd.xml</url></metalink>").is_err());
    assert!(metalink::read(b"nothing").is_err());
}

#[test]
fn a_package_that_fills_memory_is_refused() {
    let with = |entry: &str, count: usize| {
        let text = list(&good().replacen(entry, &entry.repeat(count), 1));
        let mut seen = 0_usize;
        let read = primary::read_parts(text.as_bytes(), |part| {
            seen += usize::from(!matches!(part, primary::Part::Package(_)));
            Ok(())
        });
        (seen, read.map(|listed| listed.count).map_err(|error| chain(&error)))
    };
    for entry in ["<rpm:entry name=\"a\"/>", "<file>/a</file>"] {
        // The package has one of the other.
        assert_eq!(with(entry, primary::MOST_OF_PACKAGE - 1), (primary::MOST_OF_PACKAGE, Ok(1)));
        let (seen, read) = with(entry, primary::MOST_OF_PACKAGE + 10);
        let error = read.expect_err("a refusal");
        assert!(error.contains("the package a&b has more than 100000 relations and files"), "{error}");
        assert_eq!(seen, primary::MOST_OF_PACKAGE);
    }
}

proptest! {
    #[test]
    fn no_damage_panics(at in any::<usize>(), bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
        let mut text = list(&good()).into_bytes();
        let at = at % text.len();
        text.splice(at..(at + bytes.len()).min(text.len()), bytes);
        let _ = primary::read_parts(text.as_slice(), |_| Ok(()));
        let _ = (comps::read(&text), listing::select(text.as_slice(), |_| true));
        let _ = repomd::read(&text);
        let _ = metalink::read(&text);
    }
}
