//! A folder of loose packages: the list is what apt-ftparchive makes of it, and apt installs with every check.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use airlift_e2e::clients::Apt;
use airlift_e2e::debs::{BUILDERS, Package, Upstream};
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{output, text};
use airlift_e2e::tools::{present, tool};

const HELLO: &str = "Source: greetings (7)\nInstalled-Size: 5\nPre-Depends: hello-data (>= 2)\nDepends: hello-xz | nothing,\n \
                     hello-plain (= 3)\nSuggests: hello-data:any\nProvides: greeting (= 1)\nMulti-Arch: foreign\nHomepage: https://example.invalid/#a\n\
                     X-Odd:\n one\n two\nEssential: no\nBuilt-Using: a (= 1)\n";

/// What apt-ftparchive says besides: weaker sums, and one more strong one than is needed.
const OTHER_SUMS: [&str; 3] = ["MD5sum", "SHA1", "SHA512"];

/// The stanzas of a list by their file, each field by its name.
fn stanzas(list: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let stanza = |text: &str| {
        let mut fields = BTreeMap::<String, String>::new();
        let mut last = String::new();
        for line in text.lines() {
            if line.starts_with(' ') {
                let field = fields.get_mut(&last).expect("a field to go on with");
                *field = format!("{field}\n{}", line.trim_end());
            } else {
                let (name, value) = line.split_once(':').expect("a field");
                last = name.to_owned();
                fields.insert(last.clone(), value.trim().to_owned());
            }
        }
        OTHER_SUMS.iter().for_each(|name| drop(fields.remove(*name)));
        (fields["Filename"].clone(), fields)
    };
    list.split("\n\n").filter(|text| !text.trim().is_empty()).map(stanza).collect()
}

#[test]
fn loose_packages_become_what_apt_ftparchive_makes_of_them() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    upstream.build("hello", "1:2.0+b~1", Package { architecture: "amd64", fields: HELLO, ..<_>::default() });
    upstream.build("hello-data", "3", Package { size: 2_000_000, ..<_>::default() });
    upstream.build("hello-xz", "2~rc1-1", Package { packed: "xz", ..<_>::default() });
    upstream.build("hello-zstd", "1.2.3", Package { packed: "zstd", ..<_>::default() });
    upstream.build("hello-plain", "3", Package { packed: "none", ..<_>::default() });
    let manifest = "version: 1\napt:\n  - { from: ./debs/, id: own }\n";
    let mirror = Mirror::beside("deb", manifest, |work| {
        upstream.copy_debs(&work.join("debs"));
        fs::create_dir(work.join("debs/below")).expect("a folder");
        let moved = "hello-zstd_1.2.3_all.deb";
        fs::rename(work.join("debs").join(moved), work.join("debs/below").join(moved)).expect("a file");
    });

    let packed = mirror.work.path().join("Packages.xz");
    fs::write(&packed, mirror.get("/own/Packages.xz")).expect("a file");
    let made = stanzas(&text(Command::new(tool("xz")).arg("-dc").arg(&packed)));
    let expected = stanzas(&Upstream::packages(&mirror.work.path().join("debs"), "."));
    assert_eq!(made, expected);
    assert_eq!(made.len(), 5);

    let apt = Apt::new(&mirror.work.path().join("apt"), "amd64", (".sources", &mirror.get("/own.sources")));
    let told = apt.run(&["-o", "Acquire::By-Hash=force", "-o", "Debug::Acquire::http=true", "update"]);
    assert!(told.contains("/own/./by-hash/SHA256/") || told.contains("/own/by-hash/SHA256/"), "{told}");
    apt.run(&["install", "hello", "hello-zstd"]);
    for name in ["hello", "hello-data", "hello-xz", "hello-plain", "hello-zstd"] {
        assert!(apt.installed(name), "{name}");
    }
    let source = String::from_utf8(mirror.get("/own.sources")).expect("a text");
    assert!(source.contains("BEGIN PGP PUBLIC KEY BLOCK") && !source.contains("trusted"), "{source}");
}

#[test]
fn apt_refuses_the_list_under_another_key() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = Upstream::new();
    upstream.build("hello", "1", Package::default());
    let manifest = format!("version: 1\napt:\n  - {{ from: {}, id: own }}\n", upstream.debs().display());
    let mirror = Mirror::of("deb", &manifest);
    let key = upstream.root().join("Stranger.asc");
    let source = mirror.get(&format!("/own.list?signed-by={}", key.display()));
    let apt = Apt::new(&mirror.work.path().join("apt"), "amd64", (".list", &source));
    let refused = output(&mut apt.command(&["update"]));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("NO_PUBKEY"), "{told}");
}
