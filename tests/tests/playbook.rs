//! `playbooks/build-offline-mirrors.yml`: with systemd and without, twice, and with the old role's variables.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::{Airlift, binary};
use airlift_e2e::booted::Booted;
use airlift_e2e::files::FileServer;
use airlift_e2e::playbook::{Recap, play, playbook, variable};
use airlift_e2e::process::{output, run};
use airlift_e2e::tools::present;

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

    let old = ["-e", "build_helm_mirror=no", "-e", "nginx_misc_port=8014", "-e", "docker_dest_registry=localhost:5001"];
    let switched = build(&host, &[&old[..], &["-e", "extract_path=/tmp/x", "-e", "upload_helm_chats=yes"]].concat());
    for name in ["extract_path", "upload_helm_chats"] {
        assert!(switched.said.contains(&format!("{name} is set, and nothing follows from it")), "{}", switched.said);
    }
    assert_eq!(status(&host, 5001, "/v2/"), "200");
    assert_eq!(status(&host, 8014, "/file.bin"), "200");
    assert_eq!(
        (status(&host, 8002, "/index.yaml"), status(&host, 8004, "/file.bin")),
        ("000".to_owned(), "000".to_owned())
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
}
