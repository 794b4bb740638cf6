//! DeepOps' page, from one end to the other: its two commands, literally, and then what it left to be determined.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::{Airlift, binary};
use airlift_e2e::internet::{Entry, Internet};
use airlift_e2e::process::{run, text};
use airlift_e2e::temporary;
use airlift_e2e::tools::{checkout, present, tool};
use serde_json::Value;

/// What a manifest comes to: every entry with its key.
fn resolved(folder: &Path) -> Vec<Entry> {
    let mut show = Airlift::new().command(["profile", "show", "--json", "-e", "os=el9,ubuntu24.04"]);
    let lines = text(show.current_dir(folder));
    let entries = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let entries = entries.filter(|event| event["event"] == "entry");
    entries.map(|event| (event["key"].as_str().expect("a key").to_owned(), event["entry"].clone())).collect()
}

/// A checkout with what the two commands are, the program, and a site's manifest.
fn site(folder: &Path, manifest: &str) {
    for part in ["scripts", "playbooks", "roles"] {
        run(Command::new("cp").arg("-a").arg(checkout().join(part)).arg(folder));
    }
    fs::create_dir_all(folder.join("target/dist")).expect("a folder");
    fs::copy(binary(), folder.join("target/dist/airlift")).expect("a copy");
    fs::write(folder.join("airlift.yaml"), manifest).expect("a file");
}

/// The page's first command, where the names of the Internet lead to the stand-in, and nothing else is known by any name.
fn first_command(internet: &Internet, site: &Path) {
    fs::write(site.join("hosts"), internet.hosts_file()).expect("a file");
    fs::write(site.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").expect("a file");
    fs::copy(&internet.authority, site.join("authority.pem")).expect("a copy");
    // The page's own places are below /tmp, which is another one here.
    let script = "mount --bind \"$0\" /mnt && mount -t tmpfs tmpfs /tmp && mount --bind /mnt/hosts /etc/hosts &&\n\
                  mount --bind /mnt/resolv.conf /etc/resolv.conf && cd /mnt && ./scripts/build_offline_cache.sh &&\n\
                  cp /tmp/deepops-archive.tar /mnt/";
    let mut command = Command::new(tool("unshare"));
    command.args(["--mount", "sh", "-c", script]).arg(site);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/mnt/home");
    command.env("AIRLIFT_CA", "/mnt/authority.pem").env("PIP_INDEX_URL", internet.python_index());
    fs::create_dir_all(site.join("home")).expect("a folder");
    run(&mut command);
}

#[test]
fn the_pages_two_commands_and_then_an_offline_build() {
    let programs = ["nginx", "unshare", "docker-registry", "helm3", "rpmbuild", "reprepro", "ansible-playbook"];
    if !present(&programs) {
        return;
    }
    let work = temporary::folder();
    let entries = resolved(work.path());
    let internet = Internet::start(&entries);
    site(work.path(), &internet.site_manifest(&entries));
    first_command(&internet, work.path());
}
