//! pip, uv, poetry and pip-tools, each with a home folder of its own, so that no setting of this machine has a say.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{run, text};
use crate::tools::{self, tool};
use crate::{isolated::Namespace, temporary};

/// What DeepOps' `scripts/setup.sh` installs, as requirements.
pub fn deepops() -> Vec<&'static str> {
    include_str!("deepops.txt").lines().collect()
}

/// The folders of the clients.
const FOLDERS: [&str; 6] = ["pip-20", "pip-23", "pip-26", "uv", "poetry", "pip-tools"];

/// A program of a client, `program("uv", "uv")`.
pub fn program(client: &str, name: &str) -> PathBuf {
    tools::home().join("python").join(client).join("bin").join(name)
}

/// Whether all clients are there; see [`tools::present`].
pub fn present() -> bool {
    let missing: Vec<&str> = FOLDERS.into_iter().filter(|client| !program(client, "python").exists()).collect();
    if missing.is_empty() {
        return tools::present(&["ip", "python3", "curl"]);
    }
    let sentence = format!("not installed: {}; run scripts/install-test-tools --only python", missing.join(", "));
    assert!(std::env::var_os("AIRLIFT_E2E_SKIP_MISSING").is_some(), "{sentence}");
    tools::say(&format!("SKIPPED: {sentence}"));
    false
}

/// A command that knows no setting of this machine.
pub fn alone(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, value) in [
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("UV_LINK_MODE", "hardlink"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
    ] {
        command.env(name, value);
    }
    for (name, folder) in [("PIP_CACHE_DIR", "cache"), ("POETRY_CACHE_DIR", "poetry"), ("UV_CACHE_DIR", "uv")] {
        command.env(name, home.join(folder));
    }
    for name in [
        "PIP_CERT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "VIRTUAL_ENV",
    ] {
        command.env_remove(name);
    }
    command.env("HOME", home).current_dir(home);
    command
}

/// Runs a command in a namespace; what it says.
pub fn run_inside(namespace: &Namespace, command: &Command) -> String {
    let done = run(&mut namespace.inside(command));
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

/// The interpreter that is here.
#[derive(Debug)]
pub struct Interpreter {
    /// Its program.
    pub path: PathBuf,
    /// Its version, `3.11.7`.
    pub version: String,
    /// The version of its glibc, `2.36`.
    pub glibc: String,
    /// Its machine, `x86_64`.
    pub machine: String,
}

impl Interpreter {
    /// The one that is called `python3`.
    pub fn here() -> Self {
        let path = text(Command::new(tool("python3")).args(["-c", "import sys; print(sys.executable)"]));
        let ask = "import platform; print(platform.python_version(), platform.libc_ver()[1], platform.machine())";
        let told = text(Command::new(&path).args(["-c", ask]));
        let mut words = told.split_whitespace().map(str::to_owned);
        let mut next = || words.next().expect("three words");
        Self { path: path.into(), version: next(), glibc: next(), machine: next() }
    }

    /// A clean virtual environment in a home folder of its own, and its interpreter.
    pub fn environment(&self) -> (TempDir, PathBuf) {
        let home = temporary::folder();
        let folder = home.path().join("venv");
        run(Command::new(&self.path).args(["-m", "venv", "--without-pip"]).arg(&folder));
        (home, folder.join("bin/python"))
    }
}

/// pip of a version, for the interpreter of a clean virtual environment.
pub fn pip(client: &str, home: &Path, python: &Path) -> Command {
    let found = text(Command::new(program(client, "python")).args(["-c", "import pip; print(pip.__path__[0])"]));
    let mut command = alone(python, home);
    command.arg(found);
    command
}

/// Whether this lies beside the pip that is run: it is run from its own folder, and takes what is there for installed.
fn is_beside(line: &str) -> bool {
    ["pip==", "setuptools==", "wheel=="].iter().any(|name| line.starts_with(name))
}

/// What is installed for an interpreter, as `name==version`, without what pip has beside itself.
pub fn installed(python: &Path) -> Vec<String> {
    let ask =
        "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'] + '==' + d.version)";
    pins(&text(Command::new(python).args(["-c", ask])))
}

/// The pins that a program prints, sorted, each with its project's normal name, without what pip has beside itself.
pub fn pins(told: &str) -> Vec<String> {
    let normal = |line: &str| {
        let (name, version) = line.split_once("==").unwrap_or_else(|| panic!("{line} is no pin"));
        format!("{}=={version}", name.to_lowercase().replace(['_', '.'], "-"))
    };
    let mut pins: Vec<String> = told.lines().map(normal).filter(|line| !is_beside(line)).collect();
    pins.sort();
    pins.dedup();
    pins
}
