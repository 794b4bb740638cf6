//! Metadata that means harm is refused, with a sentence and in little memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::debs::sum;
use airlift_e2e::files::FileServer;
use airlift_e2e::process::{describe, output, run};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};

/// The most memory that the program may ask for, in bytes.
const MEMORY: u64 = 1 << 30;

const FOLDER: &str = "dists/s/main/binary-amd64";

/// Writes a `Release` that lists one file, and more lines.
fn release(root: &Path, name: &str, more: &str) {
    let file = root.join(FOLDER).join(name);
    let (sum, size) = (sum("sha256", &file), fs::metadata(&file).expect("a file").len());
    let text =
        format!("Components: main\nArchitectures: amd64\nSHA256:\n {sum} {size} main/binary-amd64/{name}\n{more}");
    fs::write(root.join("dists/s/Release"), text).expect("a file");
}

/// What the program says about such a repository; it must not need more than [`MEMORY`].
fn refusal(server: &FileServer) -> String {
    let (work, airlift) = (temporary::folder(), Airlift::new());
    let yaml = work.path().join("airlift.yaml");
    let uri = format!("http://{}/", server.address());
    let manifest =
        format!("version: 1\napt:\n  - {{ id: x, uri: \"{uri}\", suites: [s], components: [main], unsigned: true }}\n");
    fs::write(&yaml, manifest).expect("a file");
    let mut collect = airlift.command(["collect"]);
    collect.arg(&yaml).arg("-o").arg(work.path().join("archive.tar")).arg("--store").arg(work.path().join("store"));
    let mut limited = Command::new(tool("prlimit"));
    limited.arg(format!("--data={MEMORY}")).arg(collect.get_program()).args(collect.get_args());
    limited.current_dir(work.path()).env("HOME", work.path());
    let refused = output(&mut limited);
    assert_eq!(refused.status.code(), Some(3), "{}", describe(&limited, &refused));
    String::from_utf8_lossy(&refused.stderr).into_owned()
}

#[test]
fn hostile_repositories_are_refused_in_little_memory() {
    if !present(&["nginx", "prlimit", "xz", "zstd", "gzip"]) {
        return;
    }
    let server = FileServer::start();
    let (root, folder) = (server.root(), server.root().join(FOLDER));
    fs::create_dir_all(&folder).expect("a folder");
    let pack = |name: &str, command: &str| {
        run(Command::new("sh").args(["-ec", command]).current_dir(&folder));
        release(&root, name, "");
        let told = refusal(&server);
        fs::remove_file(folder.join(name)).expect("a file");
        told
    };

    // A gigabyte of one long line, and of many short ones.
    let told = pack("Packages.xz", "head -c 1G /dev/zero | xz -0 >Packages.xz");
    assert!(told.contains("decompression bomb") || told.contains("longer than 32 MiB"), "{told}");
    let told = pack("Packages.zst", "yes 'A: b' | head -c 1G | zstd -q >Packages.zst");
    assert!(told.contains("decompression bomb") || told.contains("longer than 32 MiB"), "{told}");
    let told = pack("Packages.zst", "head -c 300M /dev/zero | zstd -q --long=28 >Packages.zst");
    assert!(told.contains("memory") || told.contains("bomb") || told.contains("longer than 32 MiB"), "{told}");

    // A million packages.
    let mut list = String::new();
    for number in 0..1_000_000 {
        let sum = format!("{number:064x}");
        writeln!(
            list,
            "Package: p{number}\nVersion: 1\nArchitecture: all\nFilename: pool/p{number}.deb\nSize: 1\nSHA256: {sum}\n"
        )
        .expect("a text");
    }
    fs::write(folder.join("Packages"), list).expect("a file");
    release(&root, "Packages", "");
    let told = refusal(&server);
    assert!(told.contains("more than half a million files"), "{told}");

    // A million files in the root itself.
    fs::write(folder.join("Packages"), "").expect("a file");
    let lines = (0..1_000_000).fold(String::new(), |mut text, number| {
        writeln!(text, " {number:064x} 1 {number}").expect("a text");
        text
    });
    release(&root, "Packages", &lines[..25 << 20]);
    let told = refusal(&server);
    assert!(told.contains("more than two hundred thousand files"), "{told}");

    let path = "Package: p\nVersion: 1\nArchitecture: all\nFilename: pool/../../../etc/cron.d/x\nSize: 1\nSHA256: ";
    fs::write(folder.join("Packages"), format!("{path}{:064x}\n", 1)).expect("a file");
    release(&root, "Packages", "");
    let told = refusal(&server);
    assert!(told.contains("'.' or '..' segment"), "{told}");
}
