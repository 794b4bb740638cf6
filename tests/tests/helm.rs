//! Chart repositories: made and signed by Helm and gpg, collected, and used by Helm 3 and Helm 4 as if they were
//! upstream; and what ChartMuseum answers, asked of both.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use airlift_e2e::airlift::{Airlift, Served};
use airlift_e2e::files::FileServer;
use airlift_e2e::http;
use airlift_e2e::process::{Daemon, describe, free_address, output, run, text};
use airlift_e2e::registry::{Registry, Upstream};
use airlift_e2e::temporary;
use airlift_e2e::tools::{checkout, present, tool};
use serde_json::Value;

const PROGRAMS: [&str; 7] = ["helm3", "helm4", "chartmuseum", "gpg", "nginx", "olareg", "crane"];
const HELMS: [&str; 2] = ["helm3", "helm4"];
/// A host that only exists behind a proxy: upstream's, while collecting, and the mirror, afterwards.
const ELSEWHERE: &str = "charts.elsewhere.invalid";
/// Versions of one chart, with everything odd that Helm takes for a version.
const VERSIONS: &str = "0.1.0 0.2.3 0.2.9 1.0.0 1.2.0 1.2.3 1.3.0-rc.1 1.3.0 1.10.0 2.0.0-alpha.1 2.0.0+build.7 3.1.4 4.0.0-beta.2 4.0.0 10.0.0";

/// Helm with folders of its own.
struct Helm {
    program: &'static str,
    home: tempfile::TempDir,
}

impl Helm {
    fn new(program: &'static str) -> Self {
        Self { program, home: temporary::folder() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool(self.program));
        command.args(arguments).current_dir(self.home.path()).env("HOME", self.home.path());
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(folder));
        }
        command.env_remove("HTTP_PROXY").env_remove("http_proxy").env_remove("HTTPS_PROXY").env_remove("https_proxy");
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        text(&mut self.command(arguments))
    }

    fn refuses(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let refused = output(&mut command);
        assert!(!refused.status.success(), "{}", describe(&command, &refused));
        String::from_utf8_lossy(&refused.stderr).into_owned()
    }
}

/// Upstreams, and the archive that was collected of them.
struct World {
    web: FileServer,
    registry: Registry,
    keys: PathBuf,
    work: tempfile::TempDir,
    served: Served,
    told: String,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, content).expect("a file");
}

/// A chart's folder.
fn chart(folder: &Path, name: &str, (version, more): (&str, &str)) -> PathBuf {
    let folder = folder.join(format!("{name}-{version}"));
    write(
        &folder.join("Chart.yaml"),
        &format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: \"1.0\"\n{more}"),
    );
    write(&folder.join("values.yaml"), "greeting: hello\n");
    write(
        &folder.join("templates/map.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {greeting: {{ .Values.greeting }}}\n",
    );
    folder
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

impl World {
    fn new() -> Self {
        let (web, work, helm) = (FileServer::start(), temporary::folder(), Helm::new("helm3"));
        fs::create_dir(work.path().join("registry")).expect("a folder");
        let registry = Upstream::Quay.start_open(&work.path().join("registry"));
        let keys = Self::keys(work.path());
        let (main, elsewhere) = (web.root().join("main"), web.root().join("elsewhere"));
        let sources = work.path().join("sources");
        for folder in [&main, &elsewhere, &web.root().join("versions"), &web.root().join("fixtures")] {
            fs::create_dir_all(folder).expect("a folder");
        }
        for version in ["0.5.0", "0.5.9"] {
            helm.run(&["package", path(&chart(&sources, "db", (version, ""))), "-d", path(&elsewhere)]);
        }
        helm.run(&["repo", "index", path(&elsewhere)]);
        let signed = ["--sign", "--key", "Chart Maker", "--keyring", path(&keys)];
        for version in ["1.0.0", "1.1.0", "2.0.0+build.7"] {
            let folder = chart(&sources, "web", (version, ""));
            helm.run(&[&["package", path(&folder), "-d", path(&main)][..], &signed].concat());
        }
        let image = format!("{}/app/web:1.0", registry.address());
        Self::app(&helm, &image, (&sources, &main));
        Self::parent(&sources, &main);
        helm.run(&["repo", "index", path(&main)]);
        for version in VERSIONS.split(' ') {
            helm.run(&[
                "package",
                path(&chart(&sources, "many", (version, ""))),
                "-d",
                path(&web.root().join("versions")),
            ]);
        }
        helm.run(&["repo", "index", path(&web.root().join("versions"))]);
        Self::fixtures(&helm, &sources, &web.root().join("fixtures"));
        let oci = chart(&sources, "inoci", ("3.0.0+b.1", ""));
        helm.run(&["package", path(&oci), "-d", path(&sources)]);
        let target = format!("oci://{}/charts", registry.address());
        helm.run(&["push", path(&sources.join("inoci-3.0.0+b.1.tgz")), &target, "--plain-http"]);
        Self::push_image(work.path(), &image);

        let manifest = work.path().join("airlift.yaml");
        let url = |name: &str| format!("http://{}/{name}", web.address());
        write(
            &manifest,
            &format!(
                "version: 1\nmirrors: {{charts.invalid: \"http://{}\"}}\nhelm:\n  - {{name: main, url: \"{}\", images: true}}\n  - {{name: many, url: \"{}\"}}\n  - {{name: oci, url: \"oci://charts.invalid/charts\", charts: [{{name: inoci, version: ^3}}]}}\n",
                registry.address(),
                url("main"),
                url("versions"),
            ),
        );
        let proxied =
            Airlift::new().with("http_proxy", &format!("http://{}", web.address())).with("no_proxy", "127.0.0.1");
        let archive = work.path().join("archive.tar");
        let mut collect = proxied.command(["collect"]);
        let told = text(collect.arg(&manifest).arg("-o").arg(&archive).arg("--store").arg(work.path().join("store")));
        let served = Airlift::new().serve(&archive);
        Self { web, registry, keys, work, served, told }
    }

    /// A chart with an image.
    fn app(helm: &Helm, image: &str, (sources, main): (&Path, &Path)) {
        let with_image = chart(sources, "app", ("1.0.0", ""));
        write(
            &with_image.join("templates/pod.yaml"),
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: {{ .Values.image.repository }}:{{ .Values.image.tag }}}]}\n",
        );
        let (repository, tag) = image.rsplit_once(':').expect("a tag");
        write(&with_image.join("values.yaml"), &format!("image: {{repository: \"{repository}\", tag: \"{tag}\"}}\n"));
        helm.run(&["package", path(&with_image), "-d", path(main)]);
    }

    /// Charts in the form of well-known ones, and one whose image only a program names.
    fn fixtures(helm: &Helm, sources: &Path, folder: &Path) {
        for name in ["gpu-operator", "kube-prometheus-stack"] {
            let source = checkout().join("kinds/helm/tests/charts").join(name);
            helm.run(&["package", path(&source), "-d", path(folder)]);
        }
        let programmed = chart(sources, "programmed", ("1.0.0", ""));
        let template =
            "{{- $name := \"computed\" }}\nkind: Pod\nspec: {containers: [{image: \"quay.io/a/{{ $name }}:1\"}]}\n";
        write(&programmed.join("templates/pod.yaml"), template);
        helm.run(&["package", path(&programmed), "-d", path(folder)]);
        let demanding = chart(sources, "demanding", ("1.0.0", ""));
        write(
            &demanding.join("templates/pod.yaml"),
            "kind: Pod\nspec: {licence: {{ required \"give your licence as 'licence'\" .Values.licence }}}\n",
        );
        helm.run(&["package", path(&demanding), "-d", path(folder)]);
        helm.run(&["repo", "index", path(folder)]);
    }

    /// A chart that depends on another host's, packaged without it, as Helm itself never packages one; so that it has to
    /// be there for `helm dependency build`.
    fn parent(sources: &Path, main: &Path) {
        let dependency =
            format!("dependencies:\n- {{name: db, version: 0.x, repository: \"http://{ELSEWHERE}/elsewhere\"}}\n");
        chart(sources, "parent", ("1.0.0", &dependency));
        let packed = main.join("parent-1.0.0.tgz");
        run(Command::new("tar")
            .arg("-C")
            .arg(sources)
            .arg("--transform=s/parent-1.0.0/parent/")
            .arg("-czf")
            .arg(packed)
            .arg("parent-1.0.0"));
    }

    fn keys(work: &Path) -> PathBuf {
        let home = work.join("gnupg");
        fs::create_dir(&home).expect("a folder");
        run(Command::new("chmod").arg("700").arg(&home));
        let gpg = || {
            let mut gpg = Command::new(tool("gpg"));
            gpg.args(["--quiet", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir"])
                .arg(&home);
            gpg
        };
        run(gpg().args(["--quick-gen-key", "Chart Maker", "rsa2048", "sign", "never"]));
        run(gpg().args(["--quick-gen-key", "Stranger", "rsa2048", "sign", "never"]));
        run(gpg().args(["--output"]).arg(work.join("secret.gpg")).args(["--export-secret-keys", "Chart Maker"]));
        run(gpg().args(["--output"]).arg(work.join("public.gpg")).args(["--export", "Chart Maker"]));
        run(gpg().args(["--output"]).arg(work.join("stranger.gpg")).args(["--export", "Stranger"]));
        work.join("secret.gpg")
    }

    fn push_image(work: &Path, image: &str) {
        write(&work.join("layer/hello"), "hello\n");
        run(Command::new("tar").arg("-C").arg(work).args(["-cf"]).arg(work.join("layer.tar")).arg("layer"));
        let mut crane = Command::new(tool("crane"));
        run(crane.args(["append", "--oci-empty-base", "--insecure", "-t", image, "-f"]).arg(work.join("layer.tar")));
    }

    fn mirror(&self) -> SocketAddr {
        self.served.address("helm")
    }

    fn ring(&self, name: &str) -> String {
        path(&self.keys.with_file_name(name)).to_owned()
    }
}

#[test]
fn helm_adds_searches_pulls_and_verifies() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    for program in HELMS {
        let helm = Helm::new(program);
        helm.run(&["repo", "add", "main", &format!("http://{}/main", world.mirror())]);
        helm.run(&["repo", "add", "all", &format!("http://{}", world.mirror())]);
        assert!(helm.run(&["repo", "update"]).contains("Update Complete"), "{program}");
        let found = helm.run(&["search", "repo", "main/", "--versions", "-o", "json"]);
        let found: Vec<Value> = serde_json::from_str(&found).expect("JSON");
        assert_eq!(found.len(), 5, "{program}: {found:?}");
        assert!(helm.run(&["search", "repo", "all/many"]).contains("10.0.0"), "{program}");
        helm.run(&["pull", "main/web", "--version", "1.0.0", "--verify", "--keyring", &world.ring("public.gpg")]);
        let pulled = fs::read(helm.home.path().join("web-1.0.0.tgz")).expect("the chart");
        assert!(pulled == fs::read(world.web.root().join("main/web-1.0.0.tgz")).expect("upstream's"), "{program}");
        let plus = ["pull", "all/web", "--version", "2.0.0+build.7", "--verify", "--keyring"];
        helm.run(&[&plus[..], &[&world.ring("public.gpg")]].concat());
        helm.refuses(&["pull", "main/web", "--version", "1.1.0", "--verify", "--keyring", &world.ring("stranger.gpg")]);
        let refused = helm.refuses(&["pull", "main/app", "--verify", "--keyring", &world.ring("public.gpg")]);
        assert!(refused.contains("404") || refused.contains("prov"), "{program}: {refused}");
        let rendered = helm.run(&["template", "release", "main/web", "--version", "~1.0", "--set", "greeting=hi"]);
        assert!(rendered.contains("name: release") && rendered.contains("greeting: hi"), "{program}: {rendered}");
        let direct = helm.run(&["template", "x", "web", "--repo", &format!("http://{}/main", world.mirror())]);
        assert!(direct.contains("greeting: hello"), "{program}");
        // What an upstream repository would hold as well.
        let config = helm.home.path().join("repositories.yaml");
        fs::write(&config, http::get(world.mirror(), "/repositories.yaml").expect(&[200], "a file").body)
            .expect("a file");
        let listed = helm.run(&["repo", "list", "--repository-config", path(&config)]);
        assert!(listed.contains("main") && listed.contains("many"), "{program}: {listed}");
    }
}

#[test]
fn dependencies_are_built_from_the_mirror() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let mirror = format!("http://{}", world.mirror());
    for program in HELMS {
        let helm = Helm::new(program);
        let folder = helm.home.path().join("parent");
        // By upstream's own address, which leads to the mirror; then with the mirror put before it.
        helm.run(&["pull", "parent", "--repo", &format!("{mirror}/main"), "--untar"]);
        run(helm
            .command(&["repo", "add", "elsewhere", &format!("http://{ELSEWHERE}/elsewhere")])
            .env("HTTP_PROXY", &mirror));
        run(helm.command(&["dependency", "build", path(&folder)]).env("HTTP_PROXY", &mirror));
        assert!(folder.join("charts/db-0.5.9.tgz").is_file() && folder.join("Chart.lock").is_file(), "{program}");
        fs::remove_dir_all(folder.join("charts")).expect("a folder");
        run(helm.command(&["dependency", "build", path(&folder)]).env("HTTP_PROXY", &mirror));
        assert!(folder.join("charts/db-0.5.9.tgz").is_file(), "{program}: by its lock");
        fs::remove_dir_all(folder.join("charts")).expect("a folder");
        let named =
            fs::read_to_string(folder.join("Chart.yaml")).expect("a file").replace("http://", &format!("{mirror}/"));
        fs::write(folder.join("Chart.yaml"), named).expect("a file");
        helm.run(&["dependency", "update", path(&folder)]);
        assert!(folder.join("charts/db-0.5.9.tgz").is_file(), "{program}: by the mirror's address");
        assert!(helm.run(&["template", "x", path(&folder)]).contains("Source: parent/charts/db"), "{program}");
    }
}

#[test]
fn charts_and_images_come_from_the_registry_too() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let (registry, upstream) = (world.served.images(), world.registry.address());
    for program in HELMS {
        let helm = Helm::new(program);
        let chart = format!("oci://{registry}/charts.invalid/charts/inoci");
        helm.run(&["pull", &chart, "--version", "3.0.0+b.1", "--plain-http"]);
        assert!(helm.home.path().join("inoci-3.0.0+b.1.tgz").is_file(), "{program}");
        let rendered = helm.run(&["template", "x", &chart, "--version", "^3", "--plain-http"]);
        assert!(rendered.contains("greeting: hello"), "{program}: {rendered}");
    }
    http::get(registry, &format!("/v2/{upstream}/app/web/manifests/1.0")).expect(&[200], "the image of a chart");
    let expected = format!("images of app 1.0.0, by reading: certain: none; guessed: {upstream}/app/web:1.0");
    assert!(world.told.contains(&expected), "{}", world.told);
}

/// The versions that Airlift takes for a range.
fn versions_of(world: &World, range: &str) -> BTreeSet<String> {
    let work = temporary::folder();
    let manifest = work.path().join("airlift.yaml");
    let charts = format!("[{{name: many, version: {}}}]", Value::from(range));
    write(
        &manifest,
        &format!(
            "version: 1\nhelm:\n  - {{name: many, url: \"http://{}/versions\", provenance: false, dependencies: false, charts: {charts}}}\n",
            world.web.address()
        ),
    );
    let airlift = Airlift::new();
    let mut collect = airlift.command(["collect", "--no-archive"]);
    collect.arg(&manifest).arg("--store").arg(work.path().join("store"));
    let collected = output(&mut collect);
    if !collected.status.success() {
        let told = String::from_utf8_lossy(&collected.stderr).into_owned();
        assert!(told.contains("no version of many"), "{range}: {told}");
        return BTreeSet::new();
    }
    let lock = fs::read_to_string(work.path().join("airlift.lock")).expect("a lock");
    let charts = lock
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("path: helm/many/charts/many-"));
    charts.map(|version| version.trim_end_matches(".tgz").to_owned()).collect()
}

#[test]
fn ranges_mean_what_they_mean_to_helm() {
    if !present(&PROGRAMS) {
        return;
    }
    let world = &*WORLD;
    let helm = Helm::new("helm4");
    helm.run(&["repo", "add", "v", &format!("http://{}/versions", world.web.address())]);
    for range in [
        ">=4",
        ">=4-0",
        "^1.2",
        "~1.2",
        "~1.2.3",
        "1.x",
        "1.2",
        "1.2 - 1.10.0",
        "1.3.0 - 2",
        ">=1.2 <1.3 || 10",
        ">1",
        ">1.2",
        "<=1.2",
        "<1.2",
        "^0.2.3",
        "^0",
        "!=1.x >=1 <5",
        "*",
        ">=1.3.0-rc.0 <2.0.0",
        "2.0.0",
        ">= 1.2.3, != 1.3.0, < 3",
    ] {
        let found = helm.run(&["search", "repo", "v/many", "--versions", "--version", range, "-o", "json"]);
        let found: Vec<Value> = serde_json::from_str(&found).expect("JSON");
        let expected: BTreeSet<String> =
            found.iter().filter_map(|version| version["version"].as_str()).map(str::to_owned).collect();
        assert_eq!(versions_of(world, range), expected, "{range}");
    }
}

#[path = "helm_world/images.rs"]
mod images;
#[path = "helm_world/museum.rs"]
mod museum;
