//! pip, uv, poetry and pip-tools install real packages from a mirror, with nothing else in reach.
//!
//! The packages come from the index that this machine's pip is configured for. What is wanted is what DeepOps' setup
//! installs, for the interpreter that runs these tests.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::tools::{self, tool};
use airlift_e2e::{relay, temporary};
use tempfile::TempDir;

/// What DeepOps' `scripts/setup.sh` installs.
const WANTED: [&str; 13] = [
    "pip",
    "packaging",
    "ansible==10.7.0",
    "ansible-lint==26.1.1",
    "Jinja2==3.1.5",
    "netaddr",
    "ruamel.yaml",
    "PyMySQL",
    "passlib",
    "paramiko",
    "jmespath==1.1.0",
    "MarkupSafe==3.0.2",
    "selinux",
];

/// What is small, and has wheels with and without compiled parts.
const SMALL: [&str; 4] = ["ruamel.yaml", "MarkupSafe==3.0.2", "passlib", "Jinja2==3.1.5"];

struct World {
    namespace: Namespace,
    mirror: Mirror,
    interpreter: PathBuf,
}

/// The mirror of this test process.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let interpreter =
        PathBuf::from(text(Command::new(tool("python3")).args(["-c", "import sys; print(sys.executable)"])));
    let (version, glibc, machine) = about(&interpreter);
    // What poetry, pip-tools and the build of source distributions want besides.
    let requirements: Vec<String> =
        WANTED.iter().chain(&["setuptools", "wheel"]).map(|one| format!("\"{one}\"")).collect();
    let manifest = format!(
        "version: 1\npython:\n  requirements: [ {} ]\n  environments: [ {{ python: \"{version}\", platform: linux-{machine}, glibc: \"{glibc}\" }} ]\n",
        requirements.join(", ")
    );
    let namespace = Namespace::new();
    let mirror = Mirror::inside("python", &manifest, &namespace);
    World { namespace, mirror, interpreter }
});

/// Whether this lies beside the pip that is run: it is run from its own folder, and takes what is there for installed.
fn is_beside(line: &str) -> bool {
    ["pip==", "setuptools==", "wheel=="].iter().any(|name| line.starts_with(name))
}

/// `Name_x==1` with the project's normal name.
fn normal(line: &str) -> String {
    let (name, version) = line.split_once("==").expect("a pin");
    format!("{}=={version}", name.to_lowercase().replace(['_', '.'], "-"))
}

/// The interpreter's version, its glibc and its machine.
fn about(interpreter: &Path) -> (String, String, String) {
    let ask = "import platform; print(platform.python_version(), platform.libc_ver()[1], platform.machine())";
    let told = text(Command::new(interpreter).args(["-c", ask]));
    let mut words = told.split_whitespace().map(str::to_owned);
    let mut next = || words.next().expect("three words");
    (next(), next(), next())
}

impl World {
    fn index(&self) -> String {
        self.mirror.url("/simple/")
    }

    /// A command inside of the namespace that knows no setting of this machine.
    fn alone(&self, program: &Path, home: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", home)
            .env("PIP_CONFIG_FILE", "/dev/null")
            .env("UV_NO_CONFIG", "1")
            .env("UV_PYTHON_DOWNLOADS", "never");
        command
            .env("PIP_CACHE_DIR", home.join("cache"))
            .env("UV_CACHE_DIR", home.join("uv"))
            .env("POETRY_CACHE_DIR", home.join("poetry"));
        command
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("POETRY_VIRTUALENVS_IN_PROJECT", "true")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        for name in [
            "PIP_INDEX_URL",
            "PIP_EXTRA_INDEX_URL",
            "PIP_FIND_LINKS",
            "PIP_CERT",
            "UV_INDEX_URL",
            "UV_DEFAULT_INDEX",
            "VIRTUAL_ENV",
        ] {
            command.env_remove(name);
        }
        command.current_dir(home);
        command
    }

    /// Runs a command inside.
    fn run(&self, command: &Command) -> String {
        let done = run(&mut self.namespace.inside(command));
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
    }

    /// A clean virtual environment in a home folder of its own.
    fn environment(&self) -> (TempDir, PathBuf) {
        let home = temporary::folder();
        let folder = home.path().join("venv");
        run(Command::new(&self.interpreter).args(["-m", "venv", "--without-pip"]).arg(&folder));
        (home, folder.join("bin/python"))
    }

    /// pip of a version, for the interpreter of a clean virtual environment.
    fn pip(&self, version: &str, home: &Path, python: &Path) -> Command {
        let folder = tools::home().join("python").join(version);
        let found = text(Command::new(folder.join("bin/python")).args(["-c", "import pip; print(pip.__path__[0])"]));
        let mut command = self.alone(python, home);
        command.arg(found);
        command
    }

    /// What is installed for an interpreter, as `name==version`, without what pip has beside itself: see [`is_beside`].
    fn installed(&self, python: &Path) -> Vec<String> {
        let ask = "import importlib.metadata as m, re\nfor d in m.distributions(): print(re.sub(r'[-_.]+', '-', d.metadata['Name']).lower() + '==' + d.version)";
        let mut lines: Vec<String> = text(Command::new(python).args(["-c", ask])).lines().map(str::to_owned).collect();
        lines.retain(|line| !is_beside(line));
        lines.sort();
        lines.dedup();
        lines
    }
}

/// Whether the clients are there.
fn present() -> bool {
    let there = |name: &str| tools::home().join("python").join(name).join("bin/python").exists();
    let missing: Vec<&str> =
        ["pip-20", "pip-23", "pip-26", "uv", "poetry", "pip-tools"].into_iter().filter(|name| !there(name)).collect();
    if missing.is_empty() {
        return tools::present(&["ip", "python3"]);
    }
    let sentence = format!("not installed: {}; run scripts/install-test-tools --only python", missing.join(", "));
    assert!(std::env::var_os("AIRLIFT_E2E_SKIP_MISSING").is_some(), "{sentence}");
    tools::say(&format!("SKIPPED: {sentence}"));
    false
}

#[test]
fn every_pip_installs_everything() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let mut sets = Vec::new();
    for version in ["pip-20", "pip-23", "pip-26"] {
        let (home, python) = world.environment();
        // pip 20 can neither build without network of its own nor knows today's metadata of some; wheels are what it takes.
        let mut command = world.pip(version, home.path(), &python);
        command.args(["install", "--index-url", &world.index()]).args(WANTED);
        world.run(&command);
        sets.push(world.installed(&python));
    }
    assert!(sets[0].contains(&"ansible==10.7.0".to_owned()), "{:?}", sets[0]);
    assert_eq!(sets[1], sets[2], "pip 23 and pip 26");
    assert_eq!(sets[0], sets[2], "pip 20 and pip 26");
}

#[test]
fn uv_installs_everything_and_agrees() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let (home, python) = world.environment();
    let uv = tools::home().join("python/uv/bin/uv");
    let mut command = world.alone(&uv, home.path());
    command.args(["pip", "install", "--default-index", &world.index(), "--python"]).arg(&python).args(WANTED);
    world.run(&command);
    let installed = world.installed(&python);

    let (other, python) = world.environment();
    let mut command = world.pip("pip-26", other.path(), &python);
    command.args(["install", "--index-url", &world.index()]).args(WANTED);
    world.run(&command);
    assert_eq!(installed, world.installed(&python));
    let names: Vec<&str> = installed.iter().filter_map(|one| one.split("==").next()).collect();
    // Nothing more than is needed travelled, but for what builds source distributions.
    let page = run(&mut world.namespace.inside(Command::new(tool("curl")).args(["-fsS", &world.index()]))).stdout;
    let page = String::from_utf8_lossy(&page).into_owned();
    let served: Vec<&str> = page.split("<a href=\"").skip(1).filter_map(|rest| rest.split('/').next()).collect();
    assert!(names.iter().all(|name| served.contains(name)), "{names:?}\n{served:?}");
}

#[test]
fn the_set_is_the_one_that_pip_and_uv_choose() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    let wanted = home.path().join("in.txt");
    fs::write(&wanted, WANTED.iter().chain(&["setuptools", "wheel"]).map(|one| format!("{one}\n")).collect::<String>())
        .expect("a file");
    // Against the index of this machine, and so outside.
    let uv = tools::home().join("python/uv/bin/uv");
    let mut command = Command::new(uv);
    command.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt").env("UV_CACHE_DIR", home.path());
    command
        .args(["pip", "compile", "--quiet", "--no-annotate", "--no-header", "--python"])
        .arg(&world.interpreter)
        .arg(&wanted);
    let compiled = text(&mut command);
    let mut chosen: Vec<String> = compiled.lines().map(normal).filter(|line| !is_beside(line)).collect();
    chosen.sort();
    let (_kept, python) = world.environment();
    let (other, _) = world.environment();
    let mut command = world.pip("pip-26", other.path(), &python);
    command.args(["install", "--index-url", &world.index()]).args(WANTED).args(["setuptools", "wheel"]);
    world.run(&command);
    assert_eq!(world.installed(&python), chosen);
}

#[test]
fn hashes_and_wheels_only_are_possible() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    fs::write(home.path().join("in.txt"), SMALL.map(|one| format!("{one}\n")).concat()).expect("a file");
    let compile = tools::home().join("python/pip-tools/bin/pip-compile");
    let mut command = world.alone(&compile, home.path());
    command.args([
        "--quiet",
        "--generate-hashes",
        "--strip-extras",
        "--index-url",
        &world.index(),
        "-o",
        "out.txt",
        "in.txt",
    ]);
    world.run(&command);
    let locked = fs::read_to_string(home.path().join("out.txt")).expect("a file");
    assert!(locked.contains("--hash=sha256:"), "{locked}");
    let index = world.index();
    for version in ["pip-20", "pip-23", "pip-26"] {
        let (own, python) = world.environment();
        let mut command = world.pip(version, own.path(), &python);
        command.args(["install", "--require-hashes", "--only-binary", ":all:", "--index-url", &index, "-r"]);
        world.run(command.arg(home.path().join("out.txt")));
        assert!(world.installed(&python).contains(&"markupsafe==3.0.2".to_owned()), "{version}");
    }
    let (own, python) = world.environment();
    let uv = tools::home().join("python/uv/bin/uv");
    let mut command = world.alone(&uv, own.path());
    command.args([
        "pip",
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--default-index",
        &index,
        "--python",
    ]);
    world.run(command.arg(&python).arg("-r").arg(home.path().join("out.txt")));

    // A lie in the file is found by the client.
    let lie = locked.replacen("--hash=sha256:", "--hash=sha256:00", 1);
    let (begin, rest) = lie.split_once("--hash=sha256:00").expect("the lie");
    let digest: String = rest.chars().take(64).collect();
    let lie = format!("{begin}--hash=sha256:00{}{}", &digest[..62], &rest[64..]);
    fs::write(home.path().join("lie.txt"), lie).expect("a file");
    let (own, python) = world.environment();
    let mut command = world.pip("pip-26", own.path(), &python);
    command.args(["install", "--require-hashes", "--index-url", &index, "-r"]).arg(home.path().join("lie.txt"));
    let mut inside = world.namespace.inside(&command);
    let refused = output(&mut inside);
    assert!(!refused.status.success(), "{}", describe(&inside, &refused));
}

#[test]
fn poetry_locks_and_installs() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    let (version, ..) = about(&world.interpreter);
    let minor = version.rsplit_once('.').map_or(version.as_str(), |(minor, _)| minor);
    let project = format!(
        "[project]\nname = \"me\"\nversion = \"0\"\nrequires-python = \"=={minor}.*\"\ndependencies = [{}]\n[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"mirror\"\nurl = \"{}\"\npriority = \"primary\"\n",
        SMALL.map(|one| format!("\"{one}\"")).join(", "),
        world.index()
    );
    fs::write(home.path().join("pyproject.toml"), project).expect("a file");
    let poetry = tools::home().join("python/poetry/bin/poetry");
    for arguments in [&["lock", "--no-interaction"][..], &["install", "--no-interaction"][..]] {
        let mut command = world.alone(&poetry, home.path());
        world.run(command.args(arguments));
    }
    let python = home.path().join(".venv/bin/python");
    assert!(world.installed(&python).contains(&"markupsafe==3.0.2".to_owned()));
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    let page = String::from_utf8(world.get_inside("/simple/ansible/")).expect("a text");
    let href = page.split("href=\"../..").nth(1).and_then(|rest| rest.split('#').next()).expect("a link");
    let url = world.mirror.url(href);
    let part = home.path().join("part");
    let mut curl = Command::new(tool("curl"));
    run(&mut world.namespace.inside(curl.args(["-fsS", "-r", "0-999999", "-o"]).arg(&part).arg(&url)));
    assert_eq!(fs::metadata(&part).expect("a part").len(), 1_000_000);
    let mut curl = Command::new(tool("curl"));
    run(&mut world.namespace.inside(curl.args(["-fsS", "-C", "-", "-o"]).arg(&part).arg(&url)));
    let sum = text(Command::new("sha256sum").arg(&part));
    let promised = page.split("#sha256=").nth(1).and_then(|rest| rest.get(..64)).expect("a digest");
    assert!(sum.starts_with(promised), "{sum} {promised}");
}

impl World {
    fn get_inside(&self, path: &str) -> Vec<u8> {
        self.namespace.get(&self.mirror.url(path))
    }
}

/// Passes requests on, and breaks off the first answer with a large file in its middle; who asks for the rest gets it.
fn breaking(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let (listener, address) = relay::listen();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(request) = relay::Request::read(&stream) else { continue };
            let Ok(answer) = request.pass_on(server, &request.target) else { continue };
            let large = answer.body.len() > 1 << 20;
            let first = large && !told.lock().expect("a list").contains(&request.target);
            if large {
                told.lock().expect("a list").push(format!("{} {}", answer.status, answer.body.len()));
                told.lock().expect("a list").push(request.target.clone());
            }
            // Whoever goes away has what it wanted.
            let _ = match first {
                true => relay::send_head(&stream, &answer, Some(&answer.body.len().to_string()))
                    .and_then(|()| (&stream).write_all(&answer.body[..answer.body.len() / 2])),
                false => relay::send(&stream, &answer, &request.method),
            };
        }
    });
    (address, asked)
}

#[test]
fn pip_goes_on_where_a_connection_broke() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let served = Airlift::new().serve(&world.mirror.work.path().join("archive.tar"));
    let (address, asked) = breaking(served.address("python"));
    let (home, python) = world.environment();
    let mut command = world.pip("pip-26", home.path(), &python);
    command.args(["download", "--no-deps", "--resume-retries", "3", "ansible==10.7.0", "--index-url"]);
    run(command.arg(format!("http://{address}/simple/")));
    let asked = asked.lock().expect("a list").clone();
    assert!(asked[0].starts_with("200 ") && asked[2].starts_with("206 "), "{asked:?}");
}

#[test]
fn nothing_else_is_in_reach() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let (home, python) = world.environment();
    let mut command = world.pip("pip-26", home.path(), &python);
    command.args(["install", "--retries", "0", "--index-url", &world.index(), "a-project-that-nobody-mirrored"]);
    let mut inside = world.namespace.inside(&command);
    let refused = output(&mut inside);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("No matching distribution found"), "{told}");
    // Without the mirror's address there is nothing at all.
    let mut command = world.pip("pip-26", home.path(), &python);
    command.args(["install", "--retries", "0", "passlib"]);
    assert!(!output(&mut world.namespace.inside(&command)).status.success());
}
