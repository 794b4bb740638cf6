//! DeepOps' Python list for five interpreters on two architectures, from one manifest: everything that each of them needs
//! is installed from the mirror alone.
//!
//! Interpreters and machines that are not here are stood in for by uv, which installs wheels for any of them, and by pip,
//! which says what it would take for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::run;
use airlift_e2e::{temporary, tools};

/// What DeepOps' `scripts/setup.sh` installs, and what stands for it where the interpreter is older than that needs.
const WANTED: [&str; 15] = [
    "pip",
    "packaging",
    "ansible==10.7.0 ; python_version >= '3.10'",
    "ansible==8.7.0 ; python_version < '3.10'",
    "ansible-lint==26.1.1 ; python_version >= '3.10'",
    "ansible-lint ; python_version < '3.10'",
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

const PYTHONS: [&str; 5] = ["3.9", "3.10", "3.11", "3.12", "3.13"];
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

/// A command that knows no setting of this machine.
fn alone(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).env("HOME", home).env("UV_NO_CONFIG", "1").env("UV_PYTHON_DOWNLOADS", "never");
    command.env("UV_CACHE_DIR", home.join("uv")).env("UV_LINK_MODE", "hardlink").env("PIP_CONFIG_FILE", "/dev/null");
    for name in ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "UV_INDEX_URL"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn deepops_list_is_installed_for_every_interpreter_on_both_architectures() {
    let uv = tools::home().join("python/uv/bin/uv");
    let there = |path: &PathBuf| path.exists();
    if !there(&uv) {
        assert!(std::env::var_os("AIRLIFT_E2E_SKIP_MISSING").is_some(), "scripts/install-test-tools --only python");
        tools::say("SKIPPED: uv is not installed");
        return;
    }
    let requirements = WANTED.map(|one| format!("    - \"{one}\"\n")).concat();
    let environment =
        |python, machine| format!("    - {{ python: \"{python}\", platform: linux-{machine}, glibc: \"2.28\" }}\n");
    let environments: String =
        PYTHONS.iter().flat_map(|python| MACHINES.map(|machine| environment(python, machine))).collect();
    let manifest =
        format!("version: 1\npython:\n  requirements:\n{requirements}  sdists: never\n  environments:\n{environments}");
    let namespace = Namespace::new();
    let mirror = Mirror::inside("python", &manifest, &namespace);
    let home = temporary::folder();
    let list = home.path().join("requirements.txt");
    fs::write(&list, WANTED.map(|one| format!("{one}\n")).concat()).expect("the list can be written");
    for python in PYTHONS {
        for machine in MACHINES {
            let target = home.path().join(format!("{python}-{machine}"));
            let mut install = alone(&uv, home.path());
            install.args(["pip", "install", "--quiet", "--only-binary", ":all:", "--python-version", python]);
            install.args(["--python-platform", &format!("{machine}-manylinux_2_28")]);
            install.args(["--default-index", &mirror.url("/simple/"), "--target"]).arg(&target);
            run(&mut namespace.inside(install.arg("-r").arg(&list)));
            let found = |name: &str| target.join(name).exists();
            let all = ["ansible", "ansiblelint", "markupsafe", "ruamel", "pymysql", "netaddr", "paramiko", "selinux"];
            assert!(all.iter().all(|name| found(name)), "{python} on {machine}");
            let compiled = fs::read_dir(target.join("markupsafe")).expect("a folder").flatten();
            let compiled: Vec<String> =
                compiled.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            let suffix = format!("cpython-{}-{machine}-linux-gnu.so", python.replace('.', ""));
            assert!(compiled.iter().any(|name| name.ends_with(&suffix)), "{python} on {machine}: {compiled:?}");
        }
    }
}
