//! ansible-galaxy installs the roles and collections of a requirements file from the mirror's git repositories.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::Airlift;
use airlift_e2e::git_server::{GitServer, Repository};
use airlift_e2e::process::{output, run};
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};
use airlift_e2e::world::path;

const GALAXY: &str = "namespace: example\nname: tools\nversion: 1.2.0\nreadme: README.md\nauthors: [A]\n";

/// A role and a collection, each in a repository with a tag.
fn upstream(folder: &Path) -> GitServer {
    let mut role = Repository::new(&folder.join("roles/ansible-role-ntp.git"));
    role.commit(
        "meta/main.yml",
        "galaxy_info: {author: A, description: d, license: MIT, min_ansible_version: '2.9'}\n",
    );
    role.commit("tasks/main.yml", "- debug: {msg: one}\n");
    role.git(&["tag", "4.0.0"]);
    role.commit("tasks/main.yml", "- debug: {msg: two}\n");
    let mut collection = Repository::new(&folder.join("collections/example.tools.git"));
    collection.commit("galaxy.yml", GALAXY);
    collection.commit("README.md", "# Tools\n");
    collection.git(&["tag", "v1.2.0"]);
    GitServer::start(folder, false)
}

#[test]
fn roles_and_collections_of_a_requirements_file_are_installed_by_git() {
    if !present(&["ansible-galaxy"]) {
        return;
    }
    let work = temporary::folder();
    let server = upstream(&work.path().join("upstream"));
    let requirements = work.path().join("requirements.yml");
    let text = format!(
        "roles:\n  - {{ name: example.ntp, src: \"{}\", scm: git, version: 4.0.0 }}\n\
         collections:\n  - {{ name: \"{}\", type: git, version: v1.2.0 }}\n",
        server.url("roles/ansible-role-ntp.git"),
        server.url("collections/example.tools.git")
    );
    fs::write(&requirements, text).expect("the requirements can be written");
    let manifest = work.path().join("airlift.yaml");
    let text = format!(
        "version: 1\nname: galaxy\ngit:\n  - {{ url: \"{}\", refs: [4.0.0] }}\n  - {{ url: \"{}\", refs: [v1.2.0] }}\n",
        server.url("roles/ansible-role-ntp.git"),
        server.url("collections/example.tools.git")
    );
    fs::write(&manifest, text).expect("the manifest can be written");
    let (airlift, archive) = (Airlift::new(), work.path().join("archive.tar"));
    airlift.run([path("collect"), &manifest, path("-o"), &archive, path("--store"), &work.path().join("store")]);
    let mirror = airlift.serve(&archive);
    let before = server.asked().len();
    let instead = format!(
        "[url \"http://{}/git/{}/\"]\n\tinsteadOf = http://{}/\n",
        mirror.address("git"),
        server.address(),
        server.address()
    );
    fs::write(work.path().join(".gitconfig"), instead).expect("the configuration can be written");
    let install = |what: &str, to: &str| {
        let mut galaxy = Command::new(tool("ansible-galaxy"));
        galaxy.args([what, "install", "-r"]).arg(&requirements).arg("-p").arg(work.path().join(to));
        galaxy.env("HOME", work.path()).env("ANSIBLE_HOME", work.path().join("ansible")).current_dir(work.path());
        galaxy.env("ANSIBLE_GALAXY_SERVER", "http://127.0.0.1:9/");
        galaxy
    };
    run(&mut install("role", "roles"));
    run(&mut install("collection", "collections"));
    let tasks = fs::read_to_string(work.path().join("roles/example.ntp/tasks/main.yml")).expect("the role is there");
    assert!(tasks.contains("one"), "{tasks}");
    let installed = work.path().join("collections/ansible_collections/example/tools/MANIFEST.json");
    let installed = fs::read_to_string(installed).expect("the collection is there");
    assert!(installed.contains("1.2.0"), "{installed}");
    assert_eq!(server.asked().len(), before, "upstream was asked");

    // Without the mirror nothing could have been installed.
    drop(mirror);
    assert!(!output(&mut install("role", "elsewhere")).status.success());
}
