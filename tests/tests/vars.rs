//! Ansible and a shell read what `airlift vars` writes.

use std::fs;
use std::process::Command;

use airlift_e2e::process::text;
use airlift_e2e::temporary;
use airlift_e2e::tools::{present, tool};
use airlift_e2e::world::{path, world};

#[test]
fn ansible_reads_the_variables_and_a_shell_the_exports() {
    if !present(&["ansible"]) {
        return;
    }
    let (world, work) = (world(), temporary::folder());
    let written = |format: &str| {
        let arguments =
            [path("vars"), &world.archive, path("--mirror"), path("mirror"), path("--format"), path(format)];
        String::from_utf8(world.airlift.run(arguments).stdout).expect("text")
    };
    let file = work.path().join("offline.yml");
    let variables = written("ansible");
    // What the archive does not have is not promised.
    assert!(!variables.contains("get_helm_url"), "{variables}");
    fs::write(&file, variables).expect("the variables can be written");
    let show = |variable: &str| {
        let mut ansible = Command::new(tool("ansible"));
        ansible.args(["localhost", "-i", "localhost,", "-c", "local", "-m", "ansible.builtin.debug"]);
        ansible.arg("-e").arg(format!("@{}", file.display())).arg("-a").arg(format!("var={variable}"));
        text(&mut ansible)
    };
    let mirrors = show("containerd_registries_mirrors");
    for registry in ["docker.io", "quay.io", "nvcr.io", "mirror:5000"] {
        assert!(mirrors.contains(&format!("\"prefix\": \"{registry}\"")), "{registry}\n{mirrors}");
    }
    assert!(show("quay_image_repo").contains("\"quay_image_repo\": \"mirror:5000/quay.io\""));

    let exports = work.path().join("offline.sh");
    fs::write(&exports, written("shell")).expect("the exports can be written");
    text(Command::new("sh").arg("-n").arg(&exports));
}
