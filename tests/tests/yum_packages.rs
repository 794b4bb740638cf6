//! Packages themselves: the signatures inside of them, as rpmsign makes them, and folders of them that become
//! repositories, compared with createrepo_c's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::digest::sha256_of_file;
use airlift_e2e::dnf::Dnf;
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{output, run, text};
use airlift_e2e::rpms::{BUILDERS, KEY, Repository, spec};
use airlift_e2e::tools::{present, tool};

/// Packages with everything that metadata tells of them.
const PACKAGES: [(&str, &str, &str); 4] = [
    (
        "plain",
        "1.0",
        "Epoch: 3\nRequires: rich >= 2:1.5-3, other\nRequires(pre): /bin/sh\nConflicts: old < 1\nObsoletes: older <= 0:2\n\
         Recommends: (rich if other)\nSuggests: a\nSupplements: (b and c)\nEnhances: d = 4\nProvides: virtual = 1:2-3\n\
         URL: https://example.org/?a=1&b=2\nVendor: V & W <v@example.org>%%/usr/bin/plain /etc/plain.conf /opt/a<b>&c",
    ),
    ("rich", "1.5", "Requires: (plain or (other with other-feature > 1))\nRequires: /usr/bin/plain"),
    ("other", "2~rc1^git1", "Provides: other-feature = 2\nGroup: Applications/Ümlaut"),
    ("last", "0", "URL: again"),
];

/// A repository with these packages, signed.
fn upstream() -> Repository {
    let upstream = Repository::new();
    upstream.build("all", &(spec("all", &PACKAGES) + CHANGES), &[]);
    upstream
}

const CHANGES: &str = "%changelog\n* Mon Nov 20 2023 A B <a@example.org> - 1-3\n- third <change> & more\n\n\
     * Mon Nov 20 2023 A B <a@example.org> - 1-2\n- second\n  line\n\n* Sun Nov 19 2023 C D <c@example.org> - 1-1\n- first\n";

fn signed(upstream: &Repository, key: &str, names: &[&str]) {
    let all = Repository::packages(&upstream.folder());
    let wanted = all.iter().filter(|path| names.iter().any(|name| named(path, name)));
    upstream.sign_packages(key, wanted.map(PathBuf::as_path));
}

fn named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}-")))
}

#[test]
fn packages_without_a_signature_are_counted_and_told_at_load() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = upstream();
    signed(&upstream, KEY, &["plain", "rich", "other"]);
    upstream.index(&[]);
    let mirror = Mirror::of("rpm", &upstream.manifest("r", &upstream.gpgkeys()));
    let (archive, store) = (mirror.work.path().join("archive.tar"), mirror.work.path().join("loaded"));
    let loaded = run(Airlift::new().command(["load"]).arg(archive).arg("--store").arg(store));
    let said = String::from_utf8_lossy(&[loaded.stdout, loaded.stderr].concat()).into_owned();
    let expected = "yum repository r: 1 of 4 packages have no signature of their own, so clients with gpgcheck=1 refuse them: \
                    Packages/noarch/last-0-1.noarch.rpm";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_package_that_another_key_has_signed_is_refused_with_both_keys() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = upstream();
    upstream.make_key("Thief");
    signed(&upstream, KEY, &["plain", "rich", "other"]);
    signed(&upstream, "Thief", &["last"]);
    upstream.index(&[]);
    let said = refusal(&upstream.manifest("r", &upstream.gpgkeys()));
    for part in [
        "1 of its 4 packages are not signed by one of its keys".to_owned(),
        format!(
            "Packages/noarch/last-0-1.noarch.rpm: no good signature: the one of key {}",
            upstream.fingerprint("Thief")
        ),
        format!("accepted keys: {}", upstream.fingerprint(KEY)),
        "add their URLs to 'gpgkeys'".to_owned(),
    ] {
        assert!(said.contains(&part), "{part} is not in:\n{said}");
    }
    // Metadata that nobody has signed is no reason to take packages of others.
    fs::remove_file(upstream.folder().join("repodata/repomd.xml.asc")).expect("a signature");
    let said = refusal(&upstream.manifest("r", &format!("{}, unsigned: metadata", upstream.gpgkeys())));
    assert!(said.contains("1 of its 4 packages are not signed by one of its keys"), "{said}");
    upstream.index(&[]);
    upstream.export_key("Thief", "thief.asc");
    let both = format!("gpgkeys: [\"{}\", \"{}\"]", upstream.url("key.asc"), upstream.url("thief.asc"));
    drop(Mirror::of("rpm", &upstream.manifest("r", &both)));
    let taken = format!("{}, unsigned: true", upstream.gpgkeys());
    let mirror = Mirror::of("rpm", &upstream.manifest("r", &taken));
    let lock = fs::read_to_string(mirror.work.path().join("airlift.lock")).expect("a lock");
    assert!(lock.contains("1 of 4 packages are not signed by one of its keys"), "it is not told");
}

#[test]
fn a_signature_that_is_not_of_its_package_is_refused() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = upstream();
    signed(&upstream, KEY, &["plain", "rich", "other", "last"]);
    let all = Repository::packages(&upstream.folder());
    let path = all.iter().find(|path| named(path, "last")).expect("the package");
    let mut bytes = fs::read(path).expect("a package");
    // The URL stands in the header alone, and is signed with it.
    let at = bytes.windows(6).position(|window| window == b"again\0").expect("the URL");
    bytes[at] = b'A';
    fs::write(path, bytes).expect("a file");
    upstream.index(&["--no-database"]);
    let said = refusal(&upstream.manifest("r", &upstream.gpgkeys()));
    assert!(
        said.contains("last-0-1.noarch.rpm: no good signature") && said.contains("not a signature of these bytes"),
        "{said}"
    );
}

#[test]
fn a_lock_is_followed_where_its_packages_are_signed_as_well() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = upstream();
    upstream.make_key("Thief");
    signed(&upstream, KEY, &["plain", "rich", "other"]);
    upstream.index(&[]);
    let (work, airlift) = (airlift_e2e::temporary::folder(), Airlift::new());
    let (path, lock) = (work.path().join("airlift.yaml"), work.path().join("airlift.lock"));
    fs::write(&path, upstream.manifest("r", &upstream.gpgkeys())).expect("a manifest");
    let collect = |name: &str, store: &str, options: &[&str]| {
        let mut collect = airlift.command([&["collect"], options].concat());
        collect.arg(&path).arg("-o").arg(work.path().join(name)).arg("--store").arg(work.path().join(store));
        collect
    };
    run(&mut collect("a.tar", "a", &[]));
    let first = fs::read_to_string(&lock).expect("a lock");
    assert!(first.contains("1 of 4 packages have no signature of their own"), "it is not told");
    run(&mut collect("b.tar", "b", &["--locked"]));
    let archive = |name: &str| fs::read(work.path().join(name)).expect("an archive");
    assert!(archive("a.tar") == archive("b.tar"), "the lock gave another archive");

    // Somebody puts another package there, and its name into the lock.
    let package = upstream.folder().join("Packages/noarch/rich-1.5-1.noarch.rpm");
    let facts = || (sha256_of_file(&package), fs::metadata(&package).expect("a file").len());
    let (old, old_size) = facts();
    upstream.sign_packages("Thief", [package.as_path()]);
    let (new, new_size) = facts();
    let (before, entry) = first.split_once("rich-1.5-1.noarch.rpm").expect("the package is in the lock");
    let entry = entry.replace(&old, &new).replacen(&format!("size: {old_size}"), &format!("size: {new_size}"), 1);
    let changed = format!("{before}rich-1.5-1.noarch.rpm{entry}");
    // The keys are those of the manifest, whether or not the lock has them still.
    let (before, keys) = changed.split_once("- path: rpm/gpgkeys/r.pub\n").expect("the keys are in the lock");
    let after = keys.find("- path: ").expect("another entry");
    let without_keys = format!("{before}{}", &keys[after..]);
    for changed in [changed, without_keys] {
        fs::write(&lock, changed).expect("a file");
        let refused = output(&mut collect("c.tar", "c", &["--locked"]));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && !work.path().join("c.tar").exists(), "{said}");
        assert!(said.contains("1 of its 4 packages are not signed by one of its keys"), "{said}");
        assert!(said.contains("rich-1.5-1.noarch.rpm"), "{said}");
    }
}

/// What an XML document has, without the order of elements that have none, and without blanks between them.
fn elements(xml: &str) -> BTreeMap<String, Vec<String>> {
    const SCRIPT: &str = r#"
import sys, xml.etree.ElementTree as tree
def show(element, path):
    path = path + "/" + element.tag.split("}")[-1]
    text = (element.text or "").strip()
    print(path + " " + repr(sorted((k.split("}")[-1], v) for k, v in element.attrib.items())) + " " + repr(text))
    for child in element:
        show(child, path)
for package in tree.parse(sys.argv[1]).getroot():
    named = package.find("{*}checksum")
    print("=" + (package.get("pkgid") or named.text))
    show(package, "")
"#;
    let folder = airlift_e2e::temporary::folder();
    let path = folder.path().join("document.xml");
    fs::write(&path, xml).expect("a file");
    let printed = text(Command::new(tool("python3")).args(["-c", SCRIPT]).arg(path));
    let mut packages = BTreeMap::new();
    let mut current = String::new();
    for line in printed.lines() {
        match line.strip_prefix('=') {
            Some(id) => current = id.to_owned(),
            None => packages.entry(current.clone()).or_insert_with(Vec::new).push(line.to_owned()),
        }
    }
    packages
}

/// The documents of a repository by their kinds.
fn documents(read: impl Fn(&str) -> Vec<u8>) -> BTreeMap<&'static str, String> {
    let root = String::from_utf8(read("repodata/repomd.xml")).expect("a text");
    let document = |kind: &str| {
        let part =
            root.split(&format!("<data type=\"{kind}\">")).nth(1).unwrap_or_else(|| panic!("no {kind} in {root}"));
        let name = part.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a location");
        let mut unpacked = String::new();
        let packed = read(name);
        let mut reader = flate2::read::GzDecoder::new(&packed[..]);
        std::io::Read::read_to_string(&mut reader, &mut unpacked).expect("gzip");
        unpacked
    };
    ["primary", "filelists", "other"].into_iter().map(|kind| (kind, document(kind))).collect()
}

#[test]
fn a_folder_of_packages_becomes_the_repository_that_createrepo_makes() {
    if !present(&BUILDERS) || !present(&["python3", "dnf"]) {
        return;
    }
    let upstream = upstream();
    signed(&upstream, KEY, &["plain", "rich", "other", "last"]);
    let (work, airlift) = (airlift_e2e::temporary::folder(), Airlift::new());
    let rpms = work.path().join("rpms");
    run(Command::new("cp").arg("-a").arg(upstream.folder().join("Packages")).arg(&rpms));
    fs::copy(upstream.folder().join("key.asc"), work.path().join("key.asc")).expect("a copy");
    let manifest = "version: 1\nyum:\n  - { from: ./rpms/, gpgkeys: [./key.asc] }\n";
    fs::write(work.path().join("airlift.yaml"), manifest).expect("a manifest");
    let archive = work.path().join("archive.tar");
    let collect = || {
        let mut collect = airlift.command(["collect"]);
        collect.arg(work.path().join("airlift.yaml")).arg("-o").arg(&archive);
        run(collect.arg("--store").arg(work.path().join("store")));
        fs::read(&archive).expect("an archive")
    };
    let first = collect();
    assert!(first == collect(), "the same folder gave two archives");
    let served = airlift.serve(&archive);
    let get = |path: &str| airlift_e2e::http::get(served.address("rpm"), path).expect(&[200], path).body;
    let ours = documents(|name| get(&format!("/rpms/{name}")));
    run(Command::new(tool("createrepo_c")).args(["--quiet", "--no-database"]).arg(&rpms));
    let theirs = documents(|name| fs::read(rpms.join(name)).expect("a document"));
    for kind in ["primary", "filelists", "other"] {
        let (ours, theirs) = (elements(&ours[kind]), elements(&theirs[kind]));
        assert_eq!(ours.len(), PACKAGES.len(), "{kind}");
        assert_eq!(ours, theirs, "{kind}");
    }
    let text = String::from_utf8(get("/rpms.repo")).expect("a text");
    assert!(text.contains("gpgcheck=1\nrepo_gpgcheck=1\n"), "{text}");
    let dnf = Dnf::new(work.path().join("dnf"), &text);
    dnf.run(&["makecache"]);
    dnf.run(&["install", "other"]);
    assert!(dnf.root().join("usr/share/airlift/other").is_file());
}

#[test]
fn signatures_that_no_key_was_given_for_are_told() {
    if !present(&BUILDERS) {
        return;
    }
    let upstream = upstream();
    signed(&upstream, KEY, &["plain", "rich", "other"]);
    let manifest = format!("version: 1\nyum:\n  - {{ id: own, from: {} }}\n", upstream.folder().display());
    let mirror = Mirror::of("rpm", &manifest);
    let lock = fs::read_to_string(mirror.work.path().join("airlift.lock")).expect("a lock");
    let key = upstream.fingerprint(KEY);
    assert!(lock.contains(&format!("3 of 4 packages are signed by the key {key}")), "{lock}");
    assert!(lock.contains("no 'gpgkeys'") && lock.contains("1 of 4 packages have no signature of their own"), "{lock}");
}

#[test]
fn a_folder_without_packages_is_refused() {
    let (work, airlift) = (airlift_e2e::temporary::folder(), Airlift::new());
    fs::create_dir(work.path().join("rpms")).expect("a folder");
    fs::write(work.path().join("rpms/a.txt"), "").expect("a file");
    let path = work.path().join("airlift.yaml");
    for (from, expected) in [
        ("./rpms", "without .repo files and without .rpm packages"),
        ("rpms", "such as ./rpms/"),
        ("./missing/", "what 'from' names could not be had"),
        ("./rpms/a.txt", "is neither a folder nor a .repo file"),
    ] {
        fs::write(&path, format!("version: 1\nyum:\n  - {{ from: {from} }}\n")).expect("a manifest");
        let mut collect = airlift.command(["collect"]);
        let refused = airlift_e2e::process::output(collect.arg(&path).arg("--store").arg(work.path().join("store")));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(expected), "{said}");
    }
}
