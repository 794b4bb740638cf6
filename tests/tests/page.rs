//! The admin port's pages, as a person sees them: in Chromium, without scripts, light and dark, on a desk and on a phone.
//! The pictures are kept in `target/page/`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::LazyLock;

use airlift_e2e::airlift::{Airlift, Served};
use airlift_e2e::browser::Browser;
use airlift_e2e::debs::{Package, Upstream as Debs};
use airlift_e2e::files::FileServer;
use airlift_e2e::git_server::{GitServer, Repository};
use airlift_e2e::http;
use airlift_e2e::manifests::{Family, Layer, image, index};
use airlift_e2e::registry::{Upstream, push};
use airlift_e2e::temporary;
use airlift_e2e::tools::{checkout, present};
use airlift_e2e::world::path;

const PROGRAMS: [&str; 6] = ["chromium", "olareg", "nginx", "dpkg-deb", "gpg", "git"];
/// A file whose name would run as a script, and as a command.
const HOSTILE: &str = "a<img src=x onerror=alert(1)>$(reboot)'.bin";
const DESK: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 740);

/// Images, packages, files and a repository; some of what the manifest asks for is missing.
struct World {
    served: Served,
    _work: tempfile::TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let work = temporary::folder();
    let registry = Upstream::Quay.start_open(&work.path().join("registry"));
    let layer = |text: &str| Layer::gzip(Family::Oci, text.repeat(2000).as_bytes());
    let layers = [layer("one"), layer("two")];
    let images = ["amd64", "arm64"].map(|architecture| image(Family::Oci, architecture, &layers));
    for tag in ["v1.9.0", "v1.10.0", "latest"] {
        push(registry.address(), "prometheus/node-exporter", tag, &index(Family::Oci, &images));
    }
    let debs = Debs::new();
    debs.build("hello", "1:2.0+b~1", Package { architecture: "amd64", ..<_>::default() });
    debs.build("hello-data", "3", Package { size: 2_000_000, ..<_>::default() });
    debs.copy_debs(&work.path().join("debs"));
    let web = FileServer::start();
    let mut files: Vec<String> = (0..130).map(|number| web.put(&format!("many/part-{number}.bin"), 1000).url).collect();
    web.put(HOSTILE, 50);
    files.push(format!("http://{}/a%3Cimg%20src=x%20onerror=alert(1)%3E$(reboot)'.bin", web.address()));
    files.push(format!("http://{}/not-there.tar.gz", web.address()));
    let files: String = files.iter().map(|url| format!("  - \"{url}\"\n")).collect();
    let upstream = work.path().join("git");
    let git = GitServer::start(&upstream, false);
    let mut repository = Repository::new(&upstream.join("group/main.git"));
    repository.commit("file", "text");
    repository.git(&["tag", "v1"]);
    let manifest = work.path().join("airlift.yaml");
    let text = format!(
        "version: 1\nname: reactor-hall\nmirrors:\n  quay.io: \"http://{}\"\nimages:\n  - repository: \
         quay.io/prometheus/node-exporter\n    tags: {{ glob: \"*\" }}\napt:\n  - {{ from: ./debs/, id: own }}\ngit:\n  - \
         {}\nfiles:\n{files}",
        registry.address(),
        git.url("group/main.git")
    );
    fs::write(&manifest, text).expect("the manifest can be written");
    let (archive, airlift) = (work.path().join("archive.tar"), Airlift::new());
    let store = work.path().join("store");
    // It ends with the exit code for something that was left out.
    let mut collect = airlift.command([path("collect"), path("--keep-going"), &manifest, path("-o"), &archive]);
    let collected = airlift_e2e::process::output(collect.arg("--store").arg(&store));
    assert!(archive.exists(), "{}", airlift_e2e::process::describe(&collect, &collected));
    World { served: airlift.serve(&archive), _work: work }
});

impl World {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.admin())
    }

    /// The pages that a person comes by.
    fn pages(&self) -> Vec<(&'static str, String)> {
        let folder = link("/browse/files", "/browse/files/127");
        let hostile = link(&folder, "reboot");
        vec![
            ("overview", "/".to_owned()),
            ("images", "/browse/oci".to_owned()),
            ("tags", "/browse/oci/quay.io/prometheus/node-exporter".to_owned()),
            ("image", "/entry/oci/quay.io/prometheus/node-exporter/manifests/v1.10.0".to_owned()),
            ("packages", "/browse/deb/own".to_owned()),
            ("files", "/browse/files".to_owned()),
            ("file", hostile),
            ("search", "/search?q=HELLO".to_owned()),
            ("nothing", "/search?q=nowhere".to_owned()),
            ("omitted", "/omitted".to_owned()),
            ("missing", "/browse/none".to_owned()),
        ]
    }
}

/// The link on a page that has these words in it.
fn link(path: &str, words: &str) -> String {
    let page = page(path);
    let link = page.split('"').find(|part| part.starts_with('/') && part.contains(words));
    link.unwrap_or_else(|| panic!("{words}\n{page}")).to_owned()
}

fn pictures() -> PathBuf {
    checkout().join("target/page")
}

/// The page at a path, as it is sent to a browser.
fn page(path: &str) -> String {
    let answer = http::get(WORLD.served.admin(), path).expect(&[200], path);
    String::from_utf8(answer.body).expect("text")
}

#[test]
fn pages_are_readable_on_a_desk_and_on_a_phone_in_light_and_dark() {
    if !present(&PROGRAMS) {
        return;
    }
    let mut browser = Browser::start();
    for (screen, size) in [("desk", DESK), ("phone", PHONE)] {
        for scheme in ["light", "dark"] {
            browser.like(size, scheme, false);
            for (name, path) in WORLD.pages() {
                browser.open(&WORLD.url(&path));
                browser.picture(&pictures().join(format!("{name}-{screen}-{scheme}.png")));
                let (width, _) = browser.size();
                assert!(width <= u64::from(size.0), "{path} is {width} pixels wide on a {screen} of {}", size.0);
                let brightness = browser.colour((2, 300)).iter().copied().max().unwrap_or_default();
                match scheme {
                    "dark" => assert!(brightness < 0x30, "{path} has {brightness} where it should be dark"),
                    _ => assert!(brightness > 0xe0, "{path} has {brightness} where it should be light"),
                }
            }
        }
    }
    let own = WORLD.url("/");
    let foreign: Vec<&String> = browser.requests.iter().filter(|url| !url.starts_with(&own)).collect();
    assert!(!browser.requests.is_empty() && foreign.is_empty(), "{foreign:?}");
    let missing = |complaint: &&String| !complaint.contains("404");
    let complaints: Vec<&String> = browser.complaints.iter().filter(missing).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

#[test]
fn a_person_searches_and_comes_to_the_commands() {
    if !present(&PROGRAMS) {
        return;
    }
    let mut browser = Browser::start();
    browser.like(DESK, "light", false);
    browser.open(&WORLD.url("/"));
    browser.submit("#q", "node-exporter 1.10");
    assert_eq!(browser.url(), WORLD.url("/search?q=node-exporter+1.10"));
    let html = browser.html();
    assert!(html.contains("quay.io/prometheus/node-exporter:v1.10.0") && !html.contains(":v1.9.0<"), "{html}");
    browser.open(&WORLD.url("/entry/oci/quay.io/prometheus/node-exporter/manifests/v1.10.0"));
    let html = browser.html();
    let port = WORLD.served.images().port();
    let command = format!("docker pull 127.0.0.1:{port}/quay.io/prometheus/node-exporter:v1.10.0");
    assert!(html.contains(&command) && !html.contains("<button type"), "{html}");
    assert!(html.contains("linux/arm64") && html.contains("in 2 layers"), "{html}");
    // With scripts there is a button beside each command, and nothing is refused by the page's own policy.
    browser.like(DESK, "light", true);
    browser.open(&WORLD.url("/browse/oci"));
    assert!(browser.html().contains("Copy the command for docker"), "{}", browser.html());
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn the_first_page_tells_of_all_kinds_and_of_what_is_missing() {
    if !present(&PROGRAMS) {
        return;
    }
    http::get(WORLD.served.files(), "/wanted-tool.tar.gz?token=hunter2").expect(&[404], "nothing");
    let first = page("/");
    for text in [
        "reactor-hall",
        "sha256:",
        "2 things were left out",
        "not-there.tar.gz",
        "3 images in 1 repository",
        "2 packages in 1 repository",
        "131 files in",
        "1 repository in 1 host",
        "None in this archive.",
        "/wanted-tool.tar.gz?token=REDACTED",
        "/setup.sh &#38;&#38; sh setup.sh",
        "airlift setup --mirror",
    ] {
        assert!(first.contains(text), "{text}\n{first}");
    }
    assert!(!first.contains("hunter2"));
    let metrics = page("/metrics");
    assert!(
        metrics.lines().any(|line| line.starts_with("airlift_missed_names ") && !line.ends_with(" 0")),
        "{metrics}"
    );
}

#[test]
fn long_lists_come_in_pages_and_natural_order() {
    if !present(&PROGRAMS) {
        return;
    }
    let folder = page("/browse/files");
    let link =
        folder.split('"').find(|part| part.starts_with("/browse/files/127")).expect("a folder's link").to_owned();
    let (first, second) = (page(&link), page(&format!("{link}?page=2")));
    assert!(first.contains("Page 1 of 2") && second.contains("Page 2 of 2"), "{first}");
    let place = |page: &str, name: &str| page.find(name).unwrap_or_else(|| panic!("{name}\n{page}"));
    assert!(place(&first, "part-9.bin") < place(&first, "part-10.bin"));
    assert!(place(&second, "part-129.bin") > 0);
    let tags = page("/browse/oci/quay.io/prometheus/node-exporter");
    assert!(place(&tags, ":v1.9.0<") < place(&tags, ":v1.10.0<"));
}

#[test]
fn hostile_names_are_text_and_nothing_else() {
    if !present(&PROGRAMS) {
        return;
    }
    for (name, path) in WORLD.pages() {
        if name == "missing" {
            continue;
        }
        let html = page(&path);
        assert!(!html.contains("<img") && !html.to_ascii_lowercase().contains("onerror=alert(1)>"), "{path}\n{html}");
    }
    let (_, hostile) = WORLD.pages().into_iter().find(|(name, _)| *name == "file").expect("the page");
    let html = page(&hostile);
    // In a command it is one word of a shell: quoted, and its own quote too.
    assert!(html.contains(r"$(reboot)&#39;\&#39;&#39;.bin&#39;"), "{html}");
    let question = page("/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert!(!question.contains("<script>alert") && question.contains("&#60;script&#62;"), "{question}");
    let mut forged = TcpStream::connect(WORLD.served.admin()).expect("a connection");
    forged.write_all(b"GET /browse/oci HTTP/1.0\r\nHost: mirror$(reboot)\r\n\r\n").expect("a request");
    let mut answer = String::new();
    forged.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("docker pull localhost:") && !answer.contains("reboot"), "{answer}");
}

#[test]
fn pages_have_validators_and_a_policy() {
    if !present(&PROGRAMS) {
        return;
    }
    let admin = WORLD.served.admin();
    let first = http::get(admin, "/browse/oci").expect(&[200], "a page");
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = http::request(admin, ("GET", "/browse/oci"), &[("If-None-Match", &tag)], &[]).expect("an answer");
    assert_eq!(again.status, 304);
    let policy = first.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let missing = http::request(admin, ("GET", "/none"), &[("Accept", "text/html")], &[]).expect("an answer");
    assert_eq!((missing.status, missing.header("content-type")), (404, Some("text/html; charset=utf-8")));
}
