//! curl, wget, aria2c and Ansible fetch files from the archive in place and from the store, whole and resumed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use airlift_e2e::airlift::{Airlift, Served};
use airlift_e2e::digest::sha256_of_file;
use airlift_e2e::files::{FileServer, UpstreamFile};
use airlift_e2e::http;
use airlift_e2e::process::{output, run};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};
use airlift_e2e::world::path;

/// Files that were collected, and are served twice.
struct World {
    upstream: FileServer,
    files: Vec<UpstreamFile>,
    served: [(&'static str, Served); 2],
    _work: tempfile::TempDir,
}

impl World {
    /// Every file at both of its addresses on both mirrors: under its name, and under its host and path.
    fn addresses(&self) -> impl Iterator<Item = (&UpstreamFile, String)> {
        let host = self.upstream.address();
        self.served.iter().flat_map(move |(_, mirror)| {
            let root = mirror.files();
            self.files.iter().flat_map(move |file| {
                let base = file.name.rsplit('/').next().unwrap_or(&file.name);
                [format!("http://{root}/{base}"), format!("http://{root}/{host}/{}", file.name)].map(|url| (file, url))
            })
        })
    }

    /// The largest file at one address per mirror.
    fn largest(&self) -> impl Iterator<Item = (&UpstreamFile, String)> {
        let largest = &self.files[0];
        self.addresses().filter(move |(file, _)| file.name == largest.name).step_by(2)
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let work = temporary::folder();
    let upstream = FileServer::start();
    let files = vec![
        upstream.put("releases/v1.2/large.bin", 40 << 20),
        upstream.put("tool-1.0.tar.gz", 300_000),
        upstream.put("one-byte", 1),
        upstream.put("empty", 0),
    ];
    let entries: String = files.iter().map(|file| format!("  - {}\n", file.url)).collect();
    let manifest = work.path().join("airlift.yaml");
    fs::write(&manifest, format!("version: 1\nname: files\nfiles:\n{entries}")).expect("the manifest can be written");
    let (archive, loaded) = (work.path().join("archive.tar"), work.path().join("loaded"));
    let airlift = Airlift::new();
    airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &work.path().join("collected")]);
    airlift.run([path("load"), &archive, path("--store"), &loaded]);
    let served = [("archive", airlift.serve(&archive)), ("store", airlift.serve(&loaded))];
    World { upstream, files, served, _work: work }
});

/// Fetches every file at every address with a command, which gets the URL and the path to write, and compares.
fn every_file_arrives(fetch: impl Fn(&str, &Path, &UpstreamFile) -> Command) {
    let work = temporary::folder();
    for (number, (file, url)) in WORLD.addresses().enumerate() {
        let target = work.path().join(number.to_string());
        run(&mut fetch(&url, &target, file));
        assert_eq!(sha256_of_file(&target), sha256_of_file(&file.path), "{url}");
    }
}

/// Writes the first `size` bytes of a file, as an interrupted download leaves them.
fn begin(file: &UpstreamFile, size: usize, target: &Path) {
    let whole = fs::read(&file.path).expect("the file upstream can be read");
    fs::write(target, &whole[..size]).expect("a file can be written");
}

#[test]
fn curl_fetches_every_file_with_its_date() {
    if !present(&["curl"]) {
        return;
    }
    every_file_arrives(|url, target, _| {
        let mut curl = Command::new(tool("curl"));
        curl.args(["--fail", "--silent", "--show-error", "--remote-time", "--output"]).arg(target).arg(url);
        curl
    });
    let work = temporary::folder();
    let date = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a file has a date");
    for (file, url) in WORLD.addresses() {
        let target = work.path().join("dated");
        run(Command::new(tool("curl"))
            .args(["--fail", "--silent", "--remote-time", "--output"])
            .arg(&target)
            .arg(&url));
        // curl writes no file for an empty answer in some versions, and then sets no date.
        if file.name != "empty" {
            assert_eq!(date(&target), date(&file.path), "{url}");
        }
    }
}

#[test]
fn an_interrupted_curl_resumes() {
    if !present(&["curl"]) {
        return;
    }
    let work = temporary::folder();
    for (number, (file, url)) in WORLD.largest().enumerate() {
        let target = work.path().join(number.to_string());
        let mut slow = Command::new(tool("curl"))
            .args(["--fail", "--silent", "--limit-rate", "8M", "--output"])
            .arg(&target)
            .arg(&url)
            .spawn()
            .expect("curl starts");
        let size = interrupted_size(&target);
        slow.kill().expect("curl can be killed");
        slow.wait().expect("curl ends");
        let mut resume = Command::new(tool("curl"));
        resume.args(["--fail", "--silent", "--show-error", "--continue-at", "-", "--write-out", "%{http_code}"]);
        let said = run(resume.arg("--output").arg(&target).arg(&url));
        assert_eq!(said.stdout, b"206", "{url} from byte {size}");
        assert_eq!(sha256_of_file(&target), sha256_of_file(&file.path), "{url}");
    }
}

/// Waits until a download has begun, and tells how far it came.
fn interrupted_size(target: &Path) -> u64 {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let size = fs::metadata(target).map_or(0, |metadata| metadata.len());
        if size > 0 {
            return size;
        }
        assert!(Instant::now() < limit, "the download did not begin");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn wget_continues_a_file_that_was_begun() {
    if !present(&["wget"]) {
        return;
    }
    let work = temporary::folder();
    for (number, (file, url)) in WORLD.largest().enumerate() {
        let target = work.path().join(number.to_string());
        begin(file, 12_345_678, &target);
        let said = run(Command::new(tool("wget"))
            .args(["--continue", "--no-verbose", "--server-response", "--output-document"])
            .arg(&target)
            .arg(&url));
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("206 Partial Content"), "wget began anew: {said}");
        assert_eq!(sha256_of_file(&target), sha256_of_file(&file.path), "{url}");
        // A file that is complete already is left alone.
        run(Command::new(tool("wget"))
            .args(["--continue", "--no-verbose", "--output-document"])
            .arg(&target)
            .arg(&url));
        assert_eq!(sha256_of_file(&target), sha256_of_file(&file.path), "{url}");
    }
}

#[test]
fn wget_fetches_every_file() {
    if !present(&["wget"]) {
        return;
    }
    every_file_arrives(|url, target, _| {
        let mut wget = Command::new(tool("wget"));
        wget.args(["--continue", "--no-verbose", "--output-document"]).arg(target).arg(url);
        wget
    });
}

#[test]
fn aria2_fetches_every_file_in_parallel_ranges() {
    if !present(&["aria2c"]) {
        return;
    }
    every_file_arrives(|url, target, file| {
        let mut aria2 = Command::new(tool("aria2c"));
        aria2.args(["--quiet", "--split=4", "--max-connection-per-server=4", "--min-split-size=1M", "--no-conf"]);
        let digest = sha256_of_file(&file.path).replace("sha256:", "sha-256=");
        aria2.arg(format!("--checksum={digest}"));
        let (folder, name) =
            (target.parent().expect("a file has a folder"), target.file_name().expect("a file has a name"));
        aria2.arg("--dir").arg(folder).arg("--out").arg(name).arg(url);
        aria2
    });
}

#[test]
fn ansible_fetches_with_a_checksum() {
    if !present(&["ansible"]) {
        return;
    }
    let work = temporary::folder();
    for (number, (file, url)) in WORLD.addresses().filter(|(file, _)| file.name.contains("tool")).enumerate() {
        let target = work.path().join(number.to_string());
        let digest = sha256_of_file(&file.path);
        let first = run(&mut get_url(&url, &target, &digest, work.path()));
        assert!(String::from_utf8_lossy(&first.stdout).contains("CHANGED"), "{url}");
        assert_eq!(sha256_of_file(&target), digest, "{url}");
        let again = run(&mut get_url(&url, &target, &digest, work.path()));
        assert!(String::from_utf8_lossy(&again.stdout).contains("SUCCESS"), "{url}");
        let other = sha256_of_file(&WORLD.files[0].path);
        let wrong = output(&mut get_url(&url, &work.path().join("wrong"), &other, work.path()));
        assert!(!wrong.status.success(), "Ansible took {url} for another file");
    }
}

fn get_url(url: &str, target: &Path, digest: &str, home: &Path) -> Command {
    let mut ansible = Command::new(tool("ansible"));
    let arguments = format!("url={url} dest={} checksum={digest}", target.display());
    let python: PathBuf = tool("ansible").with_file_name("python3");
    ansible.args(["localhost", "--connection", "local", "--module-name", "get_url", "--args", &arguments]);
    ansible.arg("--extra-vars").arg(format!("ansible_python_interpreter={}", python.display()));
    ansible.env("ANSIBLE_HOME", home).env("ANSIBLE_LOCALHOST_WARNING", "False").env("NO_COLOR", "1");
    ansible
}

#[test]
fn a_complete_file_has_no_more_bytes() {
    for (file, url) in WORLD.largest() {
        let size = fs::metadata(&file.path).expect("the file is there").len();
        let (address, place) = url.trim_start_matches("http://").split_once('/').expect("a URL has a path");
        let address = address.parse().expect("a URL has an address");
        let range = format!("bytes={size}-");
        let answer = http::request(address, ("GET", &format!("/{place}")), &[("Range", &range)], &[])
            .expect("the mirror answers")
            .expect(&[416], &url);
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()), "{url}");
    }
}
