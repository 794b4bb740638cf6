//! `playbooks/build-offline-mirrors.yml`: with systemd and without, twice, and with the old role's variables.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::{Airlift, binary};
use airlift_e2e::booted::Booted;
use airlift_e2e::files::FileServer;
use airlift_e2e::playbook::{Recap, play, playbook, variable};
use airlift_e2e::process::{output, run};
use airlift_e2e::tools::{checkout, present};

const PLAYBOOK: &str = "playbooks/build-offline-mirrors.yml";
const ARCHIVE: &str = "/srv/shared/deepops-archive.tar";

/// Collects a file into the folder that a host shares with this machine.
fn collect(folder: &Path, name: &str, size: usize) {
    let upstream = FileServer::start();
    let manifest = folder.join("airlift.yaml");
    let text = format!("version: 1\nname: {name}\nfiles:\n  - {}\n", upstream.put("file.bin", size).url);
    fs::write(&manifest, text).expect("a file");
    let (airlift, store) = (Airlift::new(), folder.join("store"));
    let archive = folder.join("deepops-archive.tar");
    run(airlift.command(["collect"]).arg(&manifest).arg("-o").arg(archive).arg("--store").arg(store));
}

/// Plays it on a host.
fn build(host: &Booted, more: &[&str]) -> Recap {
    play(&mut command(host, ARCHIVE, more))
}

fn command(host: &Booted, archive: &str, more: &[&str]) -> Command {
    let (program, archive) = (variable("airlift_program", binary()), variable("tar_file_path", Path::new(archive)));
    let words = [&["-e", program.as_str(), "-e", archive.as_str()], more].concat();
    host.inside(&playbook(PLAYBOOK, &words))
}

/// What a port of the mirror answers: the status.
fn status(host: &Booted, port: u16, path: &str) -> String {
    let url = format!("http://mirror:{port}{path}");
    let mut curl = host.command(&["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url]);
    String::from_utf8_lossy(&output(&mut curl).stdout).into_owned()
}

/// The program as another file, as the one of the next release is.
fn another_program(folder: &Path) {
    let mut bytes = fs::read(binary()).expect("the program");
    bytes.extend_from_slice(b"another");
    fs::write(folder.join("airlift"), bytes).expect("a file");
    fs::set_permissions(folder.join("airlift"), fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// Whether a process runs the program that is installed, and not one that was replaced.
fn runs_what_is_installed(host: &Booted, process: &str) -> bool {
    let same = ["test", &format!("/proc/{process}/exe"), "-ef", "/usr/local/bin/airlift"];
    output(&mut host.command(&same)).status.success()
}

#[test]
fn every_kind_has_a_switch_and_a_port() {
    let known = fs::read_to_string(checkout().join("roles/offline-repo-mirrors/vars/main.yml")).expect("a file");
    let entries = fs::read_dir(checkout().join("kinds")).expect("a folder").map(|entry| entry.expect("an entry"));
    for folder in entries.filter(|entry| entry.path().is_dir()) {
        let kind = folder.file_name().into_string().expect("UTF-8");
        assert!(known.contains(&format!("{{ kind: {kind}, port: ")), "the role knows nothing of {kind}");
    }
}

#[test]
fn with_systemd() {
    if !present(&Booted::PROGRAMS) || !present(&["ansible-playbook", "nginx", "curl"]) {
        return;
    }
    let host = Booted::start();
    let here = host.shared().0;
    collect(&here, "first", 1000);
    assert!(build(&host, &[]).changed > 0);
    let again = build(&host, &[]);
    assert_eq!(again.changed, 0, "{}", again.said);
    assert_eq!(status(&host, 8004, "/file.bin"), "200");
    for port in [5000, 8000, 8001, 8002, 8003] {
        assert_ne!(status(&host, port, "/"), "000", "nobody listens on {port}");
    }

    collect(&here, "second", 2000);
    let other = build(&host, &[]);
    assert!(other.changed > 0 && other.said.contains("serves second of"), "{}", other.said);

    another_program(&here);
    let upgraded = build(&host, &["-e", "airlift_program=/srv/shared/airlift"]);
    let process = host.run(&["systemctl", "show", "airlift", "--value", "--property=MainPID"]);
    assert!(upgraded.changed > 0 && runs_what_is_installed(&host, &process), "the old program runs: {}", upgraded.said);

    let old = [
        "-e",
        "build_helm_mirror=Off",
        "-e",
        "build_pip_mirror=on",
        "-e",
        "nginx_misc_port=8014",
        "-e",
        "docker_dest_registry=localhost:5001",
    ];
    let switched = build(&host, &[&old[..], &["-e", "extract_path=/tmp/x", "-e", "upload_helm_chats=yes"]].concat());
    for name in ["extract_path", "upload_helm_chats"] {
        assert!(switched.said.contains(&format!("{name} is set, and nothing follows from it")), "{}", switched.said);
    }
    assert_eq!(status(&host, 5001, "/v2/"), "200");
    assert_ne!(status(&host, 8003, "/"), "000", "on is yes");
    assert_eq!(status(&host, 8014, "/file.bin"), "200");
    assert_eq!(
        (status(&host, 8002, "/index.yaml"), status(&host, 8004, "/file.bin")),
        ("000".to_owned(), "000".to_owned())
    );

    let neither = output(&mut command(&host, ARCHIVE, &["-e", "build_helm_mirror=perhaps"]));
    let said = String::from_utf8_lossy(&neither.stdout).into_owned();
    assert!(
        !neither.status.success() && said.contains("build_helm_mirror is 'perhaps', and neither yes nor no"),
        "{said}"
    );

    let missing = output(&mut command(&host, "/srv/shared/no.tar", &[]));
    let said = String::from_utf8_lossy(&missing.stdout).into_owned();
    assert!(
        !missing.status.success() && said.contains("There is no archive /srv/shared/no.tar on localhost"),
        "{said}"
    );
}

#[test]
fn without_systemd() {
    if !present(&Booted::PROGRAMS) || !present(&["ansible-playbook", "nginx", "curl", "setpriv"]) {
        return;
    }
    let host = Booted::without_systemd();
    collect(&host.shared().0, "first", 1000);
    let first = build(&host, &[]);
    assert!(first.changed > 0 && first.said.contains("systemd does not run here"), "{}", first.said);
    let again = build(&host, &[]);
    assert_eq!(again.changed, 0, "{}", again.said);
    assert_eq!(status(&host, 8004, "/file.bin"), "200");
    let process = host.run(&["cat", "/run/airlift.pid"]);
    let known = host.run(&["cat", &format!("/proc/{process}/status")]);
    let user = host.run(&["id", "--user", "airlift"]);
    for line in ["NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", &format!("Uid:\t{user}\t")]
    {
        assert!(known.contains(line), "{line}\n{known}");
    }
    build(&host, &["-e", "nginx_misc_port=8014"]);
    assert_eq!(
        (status(&host, 8014, "/file.bin"), status(&host, 8004, "/file.bin")),
        ("200".to_owned(), "000".to_owned())
    );

    another_program(&host.shared().0);
    let more = ["-e", "nginx_misc_port=8014", "-e", "airlift_program=/srv/shared/airlift"];
    let upgraded = build(&host, &more);
    assert!(upgraded.changed > 0, "{}", upgraded.said);
    let process = host.run(&["cat", "/run/airlift.pid"]);
    assert!(runs_what_is_installed(&host, &process), "the old program runs: {}", upgraded.said);
    assert_eq!(build(&host, &more).changed, 0);

    // The mirror has ended, and its number is another process's now, which has something to do with airlift as well.
    let end = "kill $0; while grep -q . /proc/$0/cmdline 2>/dev/null; do sleep 0.1; done";
    host.run(&["sh", "-c", end, &process]);
    let tail = "tail -f /srv/shared/airlift.yaml >/dev/null 2>&1 & echo $! >/run/airlift.pid; cat /run/airlift.pid";
    let other = host.run(&["sh", "-c", tail]);
    build(&host, &more);
    host.run(&["kill", "-0", &other]);
    assert_eq!(status(&host, 8014, "/file.bin"), "200");

    let removed = host.run(&["airlift", "service", "remove"]);
    let process = host.run(&["cat", "/run/airlift.pid"]);
    assert!(removed.contains(&format!("NOT stopped: process {process} serves")), "{removed}");
}
