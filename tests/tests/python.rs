//! pip, uv, poetry and pip-tools install real packages from a mirror, with nothing else in reach.
//!
//! The packages come from the index that this machine's pip is configured for. What is wanted is what DeepOps' setup
//! installs, for the interpreter that runs these tests.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::clients::python::{Interpreter, alone, deepops, installed, pins, pip, present, program, run_inside};
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::tools::tool;
use airlift_e2e::{relay, temporary};

/// What is small, and has wheels with and without compiled parts.
const SMALL: [&str; 4] = ["ruamel.yaml", "MarkupSafe==3.0.2", "passlib", "Jinja2==3.1.5"];

struct World {
    namespace: Namespace,
    mirror: Mirror,
    interpreter: Interpreter,
}

/// The mirror of this test process.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let interpreter = Interpreter::here();
    let Interpreter { version, glibc, machine, .. } = &interpreter;
    // What poetry, pip-tools and the build of source distributions want besides.
    let requirements: Vec<String> =
        deepops().into_iter().chain(["setuptools", "wheel"]).map(|one| format!("\"{one}\"")).collect();
    let manifest = format!(
        "version: 1\npython:\n  requirements: [ {} ]\n  environments: [ {{ python: \"{version}\", platform: linux-{machine}, glibc: \"{glibc}\" }} ]\n",
        requirements.join(", ")
    );
    let namespace = Namespace::new();
    let mirror = Mirror::inside("python", &manifest, &namespace);
    World { namespace, mirror, interpreter }
});

impl World {
    fn index(&self) -> String {
        self.mirror.url("/simple/")
    }

    /// Runs a command inside.
    fn run(&self, command: &Command) -> String {
        run_inside(&self.namespace, command)
    }
}

#[test]
fn every_pip_installs_everything() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let mut sets = Vec::new();
    for version in ["pip-20", "pip-23", "pip-26"] {
        let (home, python) = world.interpreter.environment();
        // pip 20 can neither build without network of its own nor knows today's metadata of some; wheels are what it takes.
        let mut command = pip(version, home.path(), &python);
        command.args(["install", "--index-url", &world.index()]).args(deepops());
        world.run(&command);
        sets.push(installed(&python));
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
    let (home, python) = world.interpreter.environment();
    let uv = program("uv", "uv");
    let mut command = alone(&uv, home.path());
    command.args(["pip", "install", "--default-index", &world.index(), "--python"]).arg(&python).args(deepops());
    world.run(&command);
    let by_uv = installed(&python);

    let (other, python) = world.interpreter.environment();
    let mut command = pip("pip-26", other.path(), &python);
    command.args(["install", "--index-url", &world.index()]).args(deepops());
    world.run(&command);
    assert_eq!(by_uv, installed(&python));
    let names: Vec<&str> = by_uv.iter().filter_map(|one| one.split("==").next()).collect();
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
    fs::write(
        &wanted,
        deepops().into_iter().chain(["setuptools", "wheel"]).map(|one| format!("{one}\n")).collect::<String>(),
    )
    .expect("a file");
    // Against the index of this machine, and so outside.
    let uv = program("uv", "uv");
    let mut command = Command::new(uv);
    command.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt").env("UV_CACHE_DIR", home.path());
    command
        .args(["pip", "compile", "--quiet", "--no-annotate", "--no-header", "--python"])
        .arg(&world.interpreter.path)
        .arg(&wanted);
    let chosen = pins(&text(&mut command));
    let (_kept, python) = world.interpreter.environment();
    let (other, _) = world.interpreter.environment();
    let mut command = pip("pip-26", other.path(), &python);
    command.args(["install", "--index-url", &world.index()]).args(deepops()).args(["setuptools", "wheel"]);
    world.run(&command);
    assert_eq!(installed(&python), chosen);
}

#[test]
fn the_files_are_those_that_pip_downloads() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    // From the index of this machine, with its settings, and so outside.
    let mut command = Command::new(program("pip-26", "python"));
    command.args(["-m", "pip", "download", "--quiet", "--no-cache-dir", "--dest"]).arg(home.path());
    run(command.args(deepops()).args(["setuptools", "wheel"]));
    let downloaded = fs::read_dir(home.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut downloaded: Vec<String> = downloaded.map(|name| name.to_string_lossy().into_owned()).collect();
    downloaded.sort();
    let links = |path: &str| {
        let page = String::from_utf8(world.get_inside(path)).expect("a text");
        let texts = page.split("</a>").filter_map(|link| Some(link.rsplit_once('>')?.1.to_owned()));
        texts.filter(|text| !text.trim().is_empty()).collect::<Vec<String>>()
    };
    let mut served: Vec<String> =
        links("/simple/").iter().flat_map(|name| links(&format!("/simple/{name}/"))).collect();
    served.sort();
    assert_eq!(served, downloaded);
}

/// What pip-compile makes of the small packages, with their hashes, in `out.txt`.
fn compiled(world: &World, home: &Path) -> String {
    fs::write(home.join("in.txt"), SMALL.map(|one| format!("{one}\n")).concat()).expect("a file");
    let mut command = alone(&program("pip-tools", "pip-compile"), home);
    let index = world.index();
    command.args(["--quiet", "--generate-hashes", "--strip-extras", "--index-url", &index, "-o", "out.txt", "in.txt"]);
    world.run(&command);
    let locked = fs::read_to_string(home.join("out.txt")).expect("a file");
    assert!(locked.contains("--hash=sha256:"), "{locked}");
    locked
}

/// The same with a wrong first hash.
fn lying(locked: &str) -> String {
    let lie = locked.replacen("--hash=sha256:", "--hash=sha256:00", 1);
    let (begin, rest) = lie.split_once("--hash=sha256:00").expect("the lie");
    let digest: String = rest.chars().take(64).collect();
    format!("{begin}--hash=sha256:00{}{}", &digest[..62], &rest[64..])
}

#[test]
fn hashes_and_wheels_only_are_possible() {
    if !present() {
        return;
    }
    let world = &*WORLD;
    let home = temporary::folder();
    let locked = compiled(world, home.path());
    let index = world.index();
    for version in ["pip-20", "pip-23", "pip-26"] {
        let (own, python) = world.interpreter.environment();
        let mut command = pip(version, own.path(), &python);
        command.args(["install", "--require-hashes", "--only-binary", ":all:", "--index-url", &index, "-r"]);
        world.run(command.arg(home.path().join("out.txt")));
        assert!(installed(&python).contains(&"markupsafe==3.0.2".to_owned()), "{version}");
    }
    let (own, python) = world.interpreter.environment();
    let uv = program("uv", "uv");
    let mut command = alone(&uv, own.path());
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

    // pip-tools has the pip of the environment that it fills install.
    let own = temporary::folder();
    let folder = own.path().join("venv");
    run(Command::new(&world.interpreter.path).args(["-m", "venv"]).arg(&folder));
    let python = folder.join("bin/python");
    let mut command = alone(&program("pip-tools", "pip-sync"), own.path());
    command.args(["--quiet", "--index-url", &index, "--python-executable"]).arg(&python);
    world.run(command.arg(home.path().join("out.txt")));
    assert!(installed(&python).contains(&"markupsafe==3.0.2".to_owned()));

    // A lie in the file is found by the client.
    fs::write(home.path().join("lie.txt"), lying(&locked)).expect("a file");
    let (own, python) = world.interpreter.environment();
    let mut command = pip("pip-26", own.path(), &python);
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
    let version = &world.interpreter.version;
    let minor = version.rsplit_once('.').map_or(version.as_str(), |(minor, _)| minor);
    let project = format!(
        "[project]\nname = \"me\"\nversion = \"0\"\nrequires-python = \"=={minor}.*\"\ndependencies = [{}]\n[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"mirror\"\nurl = \"{}\"\npriority = \"primary\"\n",
        SMALL.map(|one| format!("\"{one}\"")).join(", "),
        world.index()
    );
    fs::write(home.path().join("pyproject.toml"), project).expect("a file");
    let poetry = program("poetry", "poetry");
    for arguments in [&["lock", "--no-interaction"][..], &["install", "--no-interaction"][..]] {
        let mut command = alone(&poetry, home.path());
        world.run(command.args(arguments));
    }
    let python = home.path().join(".venv/bin/python");
    assert!(installed(&python).contains(&"markupsafe==3.0.2".to_owned()));
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
    let (home, python) = world.interpreter.environment();
    let mut command = pip("pip-26", home.path(), &python);
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
    let (home, python) = world.interpreter.environment();
    let mut command = pip("pip-26", home.path(), &python);
    command.args(["install", "--retries", "0", "--index-url", &world.index(), "a-project-that-nobody-mirrored"]);
    let mut inside = world.namespace.inside(&command);
    let refused = output(&mut inside);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("No matching distribution found"), "{told}");
    // Without the mirror's address there is nothing at all.
    let mut command = pip("pip-26", home.path(), &python);
    command.args(["install", "--retries", "0", "passlib"]);
    assert!(!output(&mut world.namespace.inside(&command)).status.success());
}
