//! pip installs a requirement from git, with nothing but the mirror in reach.

use std::fs;
use std::process::Command;

use airlift_e2e::git_server::{GitServer, Repository};
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::Mirror;
use airlift_e2e::process::{run, text};
use airlift_e2e::temporary;
use airlift_e2e::tools::{self, present, tool};

const PROJECT: &str = "[build-system]\nrequires = ['flit_core>=3.9']\nbuild-backend = 'flit_core.buildapi'\n\
                       [project]\nname = 'from-git'\nversion = '4.5'\ndescription = 'A thing'\ndependencies = ['passlib']\n";

#[test]
fn a_requirement_from_git_is_built_from_the_mirror() {
    let pip = tools::home().join("python/pip-26/bin/python");
    if !present(&["ip", "git", "python3"]) || !pip.exists() {
        assert!(std::env::var_os("AIRLIFT_E2E_SKIP_MISSING").is_some(), "scripts/install-test-tools --only python");
        return;
    }
    let work = temporary::folder();
    let mut repository = Repository::new(&work.path().join("up/group/from-git.git"));
    repository.commit("pyproject.toml", PROJECT);
    repository.commit("from_git.py", "VALUE = 'tagged'\n");
    repository.git(&["tag", "v4.5"]);
    repository.commit("from_git.py", "VALUE = 'newer'\n");
    let server = GitServer::start(&work.path().join("up"), false);
    let requirement = format!("from-git @ git+{}@v4.5", server.url("group/from-git.git"));
    let python = text(Command::new(tool("python3")).args(["-c", "import platform; print(platform.python_version())"]));
    // The manifest wants another branch of the same repository: both are served.
    let manifest = format!(
        "version: 1\ngit:\n  - {{ url: \"{}\", refs: [main] }}\npython:\n  requirements: [ \"{requirement}\" ]\n  \
         environments: [ {{ python: \"{python}\", platform: linux-x86_64 }} ]\n",
        server.url("group/from-git.git")
    );
    let namespace = Namespace::new();
    let mirror = Mirror::inside("python", &manifest, &namespace);
    let environment = work.path().join("venv");
    run(Command::new(tool("python3")).args(["-m", "venv", "--without-pip"]).arg(&environment));
    let beside = text(Command::new(&pip).args(["-c", "import pip; print(pip.__path__[0])"]));
    let git = format!("http://{}/git/{}/", mirror.served.address("git"), server.address());
    let mut install = Command::new(environment.join("bin/python"));
    install.arg(beside).args(["install", "--no-cache-dir", "--index-url", &mirror.url("/simple/"), &requirement]);
    install.env("HOME", work.path()).env("PIP_CONFIG_FILE", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    install.env_remove("PIP_FIND_LINKS").env_remove("PIP_INDEX_URL").current_dir(work.path());
    let instead = format!("[url \"{git}\"]\n\tinsteadOf = http://{}/\n", server.address());
    fs::write(work.path().join(".gitconfig"), instead).expect("the configuration can be written");
    let before = server.asked().len();
    run(&mut namespace.inside(&install));
    assert_eq!(server.asked().len(), before, "upstream was asked");
    let ask = "import from_git, passlib, importlib.metadata as m; print(from_git.VALUE, m.version('from-git'))";
    assert_eq!(text(Command::new(environment.join("bin/python")).args(["-c", ask])), "tagged 4.5");
    let refs = String::from_utf8(namespace.get(&format!("{git}group/from-git.git/info/refs"))).expect("a text");
    assert!(refs.contains("refs/heads/main") && refs.contains("refs/tags/v4.5"), "{refs}");
}
