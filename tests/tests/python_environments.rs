//! DeepOps' Python list for five interpreters on two architectures, collected in one run: for each of them the mirror offers
//! what uv chooses from the whole index, and wheels that are for it.
//!
//! Interpreters and machines that are not here are stood in for by uv, which solves and installs for any of them. pip
//! can't: it asks the interpreter that runs it what the markers of requirements mean.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::clients::python::{Interpreter, alone, deepops, installed, pins, pip, present, program, run_inside};
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::text;
use airlift_e2e::temporary;

/// Each by its full version: what is chosen may depend on it.
const PYTHONS: [&str; 5] = ["3.9.23", "3.10.18", "3.11.13", "3.12.11", "3.13.7"];
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

/// DeepOps' list, with what takes the place of Ansible where the interpreter is too old for it.
fn wanted() -> Vec<String> {
    let too_new = |one: &&str| one.starts_with("ansible");
    let (new, other): (Vec<&str>, Vec<&str>) = deepops().into_iter().partition(too_new);
    let new = new.into_iter().map(|one| format!("{one} ; python_version >= '3.10'"));
    let old = ["ansible==8.7.0", "ansible-lint"].map(|one| format!("{one} ; python_version < '3.10'"));
    new.chain(old).chain(other.into_iter().map(str::to_owned)).collect()
}

/// What uv chooses for an environment; from the index of this machine where none is named.
fn compile((python, machine): (&str, &str), home: &Path, index: Option<&str>) -> Command {
    let mut compile = alone(&program("uv", "uv"), home);
    compile.args(["pip", "compile", "--quiet", "--no-annotate", "--no-header", "--only-binary", ":all:"]);
    compile.args(["--python-version", python, "--python-platform", &format!("{machine}-manylinux_2_28")]);
    match index {
        Some(index) => compile.args(["--default-index", index]),
        None => compile.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
    };
    compile.arg("in.txt");
    compile
}

#[test]
fn deepops_list_is_there_for_every_interpreter_on_both_architectures() {
    if !present() {
        return;
    }
    let here = Interpreter::here();
    let environment = |python: &str, machine: &str, glibc: &str| {
        format!("    - {{ python: \"{python}\", platform: linux-{machine}, glibc: \"{glibc}\" }}\n")
    };
    let cases = PYTHONS.iter().flat_map(|python| MACHINES.map(|machine| (*python, machine)));
    let environments: String = cases.clone().map(|(python, machine)| environment(python, machine, "2.28")).collect();
    let manifest = format!(
        "version: 1\npython:\n  sdists: never\n  requirements: {:?}\n  environments:\n{environments}{}",
        wanted(),
        environment(&here.version, &here.machine, &here.glibc)
    );
    let namespace = Namespace::new();
    let mirror = Mirror::inside("python", &manifest, &namespace);
    let index = mirror.url("/simple/");
    let (inside, outside) = (temporary::folder(), temporary::folder());
    for home in [&inside, &outside] {
        fs::write(home.path().join("in.txt"), wanted().join("\n")).expect("the list can be written");
    }
    for case in cases {
        let chosen = run_inside(&namespace, &compile(case, inside.path(), Some(&index)));
        let from_all = text(&mut compile(case, outside.path(), None));
        assert_eq!(pins(&chosen), pins(&from_all), "{case:?}");
        installs(&namespace, (case, &chosen), (inside.path(), &index));
    }

    let (home, python) = here.environment();
    let mut install = pip("pip-26", home.path(), &python);
    install.args(["install", "--index-url", &index, "--only-binary", ":all:", "-r"]);
    run_inside(&namespace, install.arg(inside.path().join("in.txt")));
    let found = installed(&python);
    assert!(found.contains(&"markupsafe==3.0.2".to_owned()), "{found:?}");
}

/// Installs what was chosen for an environment, without Ansible's own 20,000 files, which are the same everywhere.
fn installs(namespace: &Namespace, ((python, machine), chosen): ((&str, &str), &str), (home, index): (&Path, &str)) {
    let target = home.join(format!("{python}-{machine}"));
    let chosen: Vec<&str> = chosen.lines().filter(|line| !line.starts_with("ansible==")).collect();
    let mut install = alone(&program("uv", "uv"), home);
    install.args(["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", python]);
    install.args(["--python-platform", &format!("{machine}-manylinux_2_28"), "--default-index", index, "--target"]);
    run_inside(namespace, install.arg(&target).args(chosen));
    let compiled = fs::read_dir(target.join("markupsafe")).expect("a folder").flatten();
    let compiled: Vec<String> = compiled.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let minor = python.rsplit_once('.').map_or(python, |(minor, _)| minor).replace('.', "");
    let suffix = format!("cpython-{minor}-{machine}-linux-gnu.so");
    assert!(compiled.iter().any(|name| name.ends_with(&suffix)), "{python} on {machine}: {compiled:?}");
}
