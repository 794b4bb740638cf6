//! What ChartMuseum answers, asked of the real one and of Airlift; and an index of ten thousand versions.

use super::*;

/// A ChartMuseum over a folder of charts.
struct Museum {
    address: SocketAddr,
    _daemon: Daemon,
    _logs: tempfile::TempDir,
}

impl Museum {
    fn start(folder: &Path) -> Self {
        let (address, logs) = (free_address(), temporary::folder());
        let mut command = Command::new(tool("chartmuseum"));
        command.args(["--storage", "local", "--storage-local-rootdir"]).arg(folder);
        command.args(["--listen-host", "127.0.0.1", "--port", &address.port().to_string()]);
        let mut daemon = Daemon::start(&command, &logs.path().join("log"));
        daemon.wait_for(address);
        Self { address, _daemon: daemon, _logs: logs }
    }
}

/// What is compared of an answer: texts of errors, and everything else that is no date and no order of fields.
fn comparable(body: &[u8]) -> Value {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Value::from(String::from_utf8_lossy(body).into_owned());
    };
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                // When a file was written is the date there, and `detail` is what Airlift says besides.
                for name in ["created", "generated", "detail", "serverInfo"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, Value) {
    let answer =
        http::request(address, (method, path), &[], &[]).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let media_type = answer.header("content-type").unwrap_or_default().to_owned();
    let body = if method == "HEAD" || path.ends_with(".tgz") { Value::Null } else { comparable(&answer.body) };
    (answer.status, media_type, body)
}

#[test]
fn airlift_answers_what_chartmuseum_answers() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let folder = world.work.path().join("museum");
    fs::create_dir(&folder).expect("a folder");
    for name in ["web-1.0.0.tgz", "web-1.0.0.tgz.prov", "web-1.1.0.tgz", "app-1.0.0.tgz"] {
        fs::copy(world.web.root().join("main").join(name), folder.join(name)).expect("a copy");
    }
    let museum = Museum::start(&folder);
    let work = temporary::folder();
    let manifest = work.path().join("airlift.yaml");
    write(&manifest, &format!("version: 1\nhelm: [{{name: cm, url: \"http://{}\"}}]\n", museum.address));
    let (airlift, archive) = (Airlift::new(), work.path().join("archive.tar"));
    let mut collect = airlift.command(["collect"]);
    run(collect.arg(&manifest).arg("-o").arg(&archive).arg("--store").arg(work.path().join("store")));
    let served = airlift.serve(&archive);
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/charts/web-1.0.0.tgz"),
        ("GET", "/charts/web-1.0.0.tgz.prov"),
        ("GET", "/charts/none-1.0.0.tgz"),
        ("GET", "/charts/none-1.0.0.tgz.prov"),
        ("GET", "/charts/web.bad"),
        ("GET", "/api/charts"),
        ("GET", "/api/charts?offset=0&limit=1"),
        ("GET", "/api/charts?offset=1&limit=5"),
        ("GET", "/api/charts?offset=7&limit=1"),
        ("GET", "/api/charts?offset=-1"),
        ("GET", "/api/charts?offset=x&limit=1"),
        ("GET", "/api/charts?limit=0"),
        ("GET", "/api/charts?limit=-3"),
        ("GET", "/api/charts/web"),
        ("HEAD", "/api/charts/web"),
        ("GET", "/api/charts/none"),
        ("HEAD", "/api/charts/none"),
        ("GET", "/api/charts/web/1.0.0"),
        ("HEAD", "/api/charts/web/1.0.0"),
        ("GET", "/api/charts/web/latest"),
        ("GET", "/api/charts/web/9.9.9"),
        ("HEAD", "/api/charts/web/9.9.9"),
        ("GET", "/api/charts/none/1.0.0"),
    ] {
        let (theirs, ours) = (ask(museum.address, method, path), ask(served.address("helm"), method, path));
        assert_eq!(theirs.0, ours.0, "{method} {path}");
        if method == "GET" {
            assert_eq!((&theirs.1, &theirs.2), (&ours.1, &ours.2), "{method} {path}");
        }
    }
    let helm = Helm::new("helm3");
    let listed = |address: SocketAddr| {
        let name = format!("at{}", address.port());
        helm.run(&["repo", "add", &name, &format!("http://{address}")]);
        helm.run(&["search", "repo", &format!("{name}/"), "--versions", "-o", "json"]).replace(&name, "")
    };
    assert_eq!(listed(museum.address), listed(served.address("helm")), "the index, as Helm reads it");
}

#[test]
fn ten_thousand_versions_are_one_index() {
    if !present(&PROGRAMS) {
        return;
    }
    let server = FileServer::start();
    let (folder, sources, helm) = (server.root().join("ten"), temporary::folder(), Helm::new("helm4"));
    fs::create_dir(&folder).expect("a folder");
    helm.run(&["package", path(&chart(sources.path(), "big", ("1.0.0", ""))), "-d", path(&folder)]);
    let digest = text(Command::new("sha256sum").arg(folder.join("big-1.0.0.tgz")));
    let digest = digest.split(' ').next().expect("a sum");
    let mut index = String::from("apiVersion: v1\nentries:\n");
    for name in 0..100 {
        index.push_str(&format!("  chart-{name:03}:\n"));
        for version in 0..100 {
            index.push_str(&format!("  - {{apiVersion: v2, name: chart-{name:03}, version: 1.{version}.0, appVersion: \"{version}\", description: A chart of many, created: \"2024-05-01T00:00:00Z\", digest: {digest}, urls: [big-1.0.0.tgz]}}\n"));
        }
    }
    write(&folder.join("index.yaml"), &index);
    let work = temporary::folder();
    let manifest = work.path().join("airlift.yaml");
    write(
        &manifest,
        &format!("version: 1\nhelm: [{{name: ten, url: \"http://{}/ten\", provenance: false}}]\n", server.address()),
    );
    let (airlift, archive) = (Airlift::new(), work.path().join("archive.tar"));
    let mut collect = airlift.command(["collect"]);
    run(collect.arg(&manifest).arg("-o").arg(&archive).arg("--store").arg(work.path().join("store")));
    let served = airlift.serve(&archive);
    for program in HELMS {
        let helm = Helm::new(program);
        helm.run(&["repo", "add", "ten", &format!("http://{}/ten", served.address("helm"))]);
        let found = helm.run(&["search", "repo", "ten/", "--versions", "-o", "json"]);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&found).expect("JSON").len(), 10_000, "{program}");
        helm.run(&["pull", "ten/chart-042", "--version", "1.42.0"]);
    }
    let first = http::get(served.address("helm"), "/index.yaml").expect(&[200], "the index");
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = http::request(served.address("helm"), ("GET", "/index.yaml"), &[("If-None-Match", &tag)], &[]);
    assert_eq!(again.expect("an answer").status, 304);
    let page = http::get(served.address("helm"), "/api/charts?offset=98&limit=5").expect(&[200], "a page");
    let page: Value = serde_json::from_slice(&page.body).expect("JSON");
    assert_eq!(page.as_object().map(serde_json::Map::len), Some(2));
}
