//! The mirror as a service: what is installed, and that systemd runs it as tightly as the unit says.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use airlift_e2e::airlift::{Airlift, binary};
use airlift_e2e::booted::Booted;
use airlift_e2e::debs::sum;
use airlift_e2e::files::FileServer;
use airlift_e2e::process::{describe, output, run, text};
use airlift_e2e::temporary;
use airlift_e2e::tools::present;

/// What `systemd-analyze security` may say at most of the unit, where 10 is the worst.
const MOST_EXPOSED: f64 = 1.1;

/// Collects a small and a large file into an archive.
fn archive(folder: &Path) -> std::path::PathBuf {
    let upstream = FileServer::start();
    let files = [upstream.put("small.txt", 100), upstream.put("large.bin", 48 << 20)];
    let manifest = folder.join("airlift.yaml");
    let lines: String = files.iter().map(|file| format!("  - {}\n", file.url)).collect();
    fs::write(&manifest, format!("version: 1\nname: service\nfiles:\n{lines}")).expect("a file");
    let archive = folder.join("archive.tar");
    let (airlift, store) = (Airlift::new(), folder.join("store"));
    run(airlift.command(["collect"]).arg(&manifest).arg("-o").arg(&archive).arg("--store").arg(store));
    archive
}

#[test]
fn a_system_that_is_being_made_gets_a_unit_once() {
    if !present(&["systemd-analyze", "useradd"]) {
        return;
    }
    let folder = temporary::folder();
    let etc = folder.path().join("etc");
    fs::create_dir(&etc).expect("a folder");
    fs::write(etc.join("passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("a file");
    fs::write(etc.join("group"), "root:x:0:\n").expect("a file");
    let airlift = Airlift::new();
    let service = |action: &str, more: &[&str]| {
        let mut command = airlift.command(["service", action, "--root"]);
        text(command.arg(folder.path()).args(more))
    };
    let unit = etc.join("systemd/system/airlift.service");

    let would = service("install", &["--dry-run", "--", "--port", "oci=5001"]);
    assert!(would.contains("would write: /etc/systemd/system/airlift.service") && !unit.exists(), "{would}");
    let first = service("install", &["--", "--port", "oci=5001"]);
    assert!(first.contains("made: the account airlift") && first.contains("NOT started"), "{first}");
    let passwd = fs::read_to_string(etc.join("passwd")).expect("a file");
    assert!(passwd.contains("\nairlift:") && passwd.contains("nologin"), "{passwd}");
    let installed = folder.path().join("usr/local/bin/airlift");
    assert_eq!(sum("sha256", &installed), sum("sha256", binary()));
    let link = fs::read_link(etc.join("systemd/system/multi-user.target.wants/airlift.service")).expect("a link");
    assert_eq!(link, Path::new("/etc/systemd/system/airlift.service"));

    let again = service("install", &["--", "--port", "oci=5001"]);
    let unchanged = again.lines().filter(|line| line.starts_with("unchanged: ")).count();
    assert_eq!(unchanged, again.lines().count() - 1, "{again}");
    let other = service("install", &["--", "--port", "oci=5002"]);
    assert!(other.contains("changed: /etc/systemd/system/airlift.service"), "{other}");

    let mut wrong = airlift.command(["service", "install", "--root"]);
    wrong.arg(folder.path()).args(["--", "--prot", "oci=5001"]);
    let refused = output(&mut wrong);
    assert_eq!(refused.status.code(), Some(2), "{}", describe(&wrong, &refused));
    let mut hostile = airlift.command(["service", "install", "--root"]);
    hostile.arg(folder.path()).args(["--", "--access-log", "/var/log/airlift/x\nExecStartPre=+/bin/false"]);
    let refused = output(&mut hostile);
    assert_eq!(refused.status.code(), Some(2), "{}", describe(&hostile, &refused));
    assert!(fs::read_to_string(&unit).expect("a file").contains("oci=5002"), "a refused call changes nothing");

    let removed = service("remove", &[]);
    assert!(removed.contains("kept: /opt/deepops") && !unit.exists(), "{removed}");
    assert!(service("remove", &[]).lines().all(|line| line.starts_with("unchanged: ")), "nothing is left to remove");
}

#[test]
fn systemd_runs_it_as_tightly_as_the_unit_says() {
    if !present(&Booted::PROGRAMS) || !present(&["nginx", "curl", "systemd-analyze", "setpriv"]) {
        return;
    }
    let host = Booted::start();
    let (here, there) = host.shared();
    fs::copy(archive(&here), here.join("deepops-archive.tar")).expect("a copy");
    let tar = there.join("deepops-archive.tar");
    let program = binary().to_str().expect("UTF-8");
    let airlift = |words: &[&str]| host.run(&[&[program], words].concat());

    let early = airlift(&["service", "install"]);
    assert!(early.contains("NOT started") && early.contains("airlift load ARCHIVE"), "{early}");
    airlift(&["load", tar.to_str().expect("UTF-8")]);
    let started = airlift(&["service", "install"]);
    assert!(started.contains("started: airlift.service") && started.contains("/healthz: ok"), "{started}");
    let again = airlift(&["service", "install"]);
    assert!(again.lines().all(|line| line.starts_with("unchanged: ") || line.contains("/healthz: ok")), "{again}");

    prove_unit(&host);
    let first = prove_sandbox(&host);
    prove_service(&host, &here);

    // From here on, whatever the filter forbids kills the service instead of being refused.
    let own = "/etc/systemd/system/airlift.service.d";
    host.run(&["mkdir", own]);
    host.run(&["sh", "-c", &format!("printf '[Service]\\nSystemCallErrorNumber=kill\\n' >{own}/kill.conf")]);
    host.run(&["systemctl", "daemon-reload"]);
    host.run(&["systemctl", "restart", "airlift"]);
    prove_service(&host, &here);
    assert_eq!(property(&host, "NRestarts"), "0", "it did what its unit forbids");

    let process = property(&host, "MainPID");
    assert_ne!(process, first);
    host.run(&["kill", "-KILL", &process]);
    let limit = Instant::now() + Duration::from_secs(30);
    while property(&host, "NRestarts") != "1" || property(&host, "ActiveState") != "active" {
        assert!(Instant::now() < limit, "it was not started again");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(airlift(&["service", "status"]).contains("restarted 1 times by itself"));

    prove_graceful_stop(&host, &here);
    let mut status = host.command(&[program, "service", "status"]);
    let stopped = output(&mut status);
    assert_eq!(stopped.status.code(), Some(1), "{}", describe(&status, &stopped));

    let removed = airlift(&["service", "remove"]);
    assert!(removed.contains("kept: /opt/deepops, with all of its content") && removed.contains(own), "{removed}");
    assert!(
        host.path("/opt/deepops/store.json").exists()
            || host.path("/opt/deepops").read_dir().expect("kept").count() > 0
    );
    assert_eq!(property(&host, "LoadState"), "not-found");
}

#[test]
fn a_port_below_1024_takes_one_capability() {
    if !present(&Booted::PROGRAMS) || !present(&["nginx", "curl"]) {
        return;
    }
    let host = Booted::start();
    let (here, there) = host.shared();
    fs::copy(archive(&here), here.join("deepops-archive.tar")).expect("a copy");
    let (program, tar) = (binary().to_str().expect("UTF-8"), there.join("deepops-archive.tar"));
    // An archive in place, on a file system of its own.
    let place = tar.to_str().expect("UTF-8");
    host.run(&[program, "service", "install", "--store", place, "--", "--port", "files=80", "--port", "git=80"]);
    let status = host.run(&["cat", &format!("/proc/{}/status", property(&host, "MainPID"))]);
    for line in ["CapEff:\t0000000000000400", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    host.run(&["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://mirror/small.txt"]);
}

#[test]
fn with_tls_and_users() {
    if !present(&Booted::PROGRAMS) || !present(&["nginx", "curl"]) {
        return;
    }
    let host = Booted::start();
    let (here, there) = host.shared();
    fs::copy(archive(&here), here.join("deepops-archive.tar")).expect("a copy");
    let (program, tar) = (binary().to_str().expect("UTF-8"), there.join("deepops-archive.tar"));
    host.run(&[program, "tls", "init", "mirror"]);
    let add =
        "printf 'over-the-gap\\n' | $0 user add ops --htpasswd /etc/airlift/users && chmod 600 /etc/airlift/users";
    host.run(&["sh", "-c", add, program]);
    let options = ["--store", tar.to_str().expect("UTF-8"), "--", "--tls", "--htpasswd", "/etc/airlift/users"];
    let started = host.run(&[&[program, "service", "install"], &options[..]].concat());
    assert!(started.contains("given to the account: /etc/airlift/tls/mirror.key"), "{started}");
    assert!(started.contains("https://127.0.0.1:8000/healthz: ok"), "{started}");
    let again = host.run(&[&[program, "service", "install"], &options[..]].concat());
    assert!(again.lines().all(|line| line.starts_with("unchanged: ") || line.contains("/healthz: ok")), "{again}");
    let curl =
        ["curl", "-fsS", "--cacert", "/etc/airlift/tls/ca.crt", "-o", "/dev/null", "https://mirror:8004/small.txt"];
    host.run(&[&curl[..], &["--user", "ops:over-the-gap"]].concat());
    assert!(!output(&mut host.command(&curl)).status.success(), "nobody is let in without a password");
    // The certificate has the mirror's name, and not this address of it.
    let bound = host.run(&[&[program, "service", "install"], &options[..], &["--bind", "10.77.0.1"]].concat());
    assert!(bound.contains("https://mirror:8000/healthz: ok"), "{bound}");
    assert!(host.run(&[program, "service", "status"]).contains("https://mirror:8000/healthz: ok"));
    // It issues again with the key that it made, and that is the account's now.
    host.run(&[program, "tls", "init", "mirror", "other"]);
}

fn property(host: &Booted, name: &str) -> String {
    host.run(&["systemctl", "show", "airlift", "--value", &format!("--property={name}")])
}

/// What systemd's own program says of the unit.
fn prove_unit(host: &Booted) {
    let mut verify = host.command(&["systemd-analyze", "verify", "--man=no", "/etc/systemd/system/airlift.service"]);
    let verified = output(&mut verify);
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !told.contains("airlift"), "{}", describe(&verify, &verified));
    let table = host.run(&["systemd-analyze", "security", "--no-pager", "airlift"]);
    let exposure = table.lines().last().and_then(|line| line.split(": ").nth(1)).unwrap_or_default();
    let exposure: f64 = exposure.split(' ').next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("{table}"));
    assert!(exposure <= MOST_EXPOSED, "{table}");
}

/// What the kernel says of the process, and what can be written where it runs, even by root; its process.
fn prove_sandbox(host: &Booted) -> String {
    let process = property(host, "MainPID");
    let status = host.run(&["cat", &format!("/proc/{process}/status")]);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let user = host.run(&["id", "--user", "airlift"]);
    assert!(status.contains(&format!("Uid:\t{user}\t{user}\t{user}\t{user}")) && user != "0", "{status}");
    for place in ["/opt/deepops", "/usr", "/etc", "/var", "/var/log"] {
        let touch = format!("touch {place}/x 2>&1");
        let mut inside = host.command(&["nsenter", "--target", &process, "--mount", "sh", "-c", &touch]);
        let touched = output(&mut inside);
        let told = String::from_utf8_lossy(&touched.stdout).into_owned();
        assert!(told.contains("Read-only file system"), "{place}: {}", describe(&inside, &touched));
    }
    let limits = host.run(&["cat", &format!("/proc/{process}/limits")]);
    // As many as the unit says, or as this machine lets systemd give.
    let most: u64 = host.run(&["sh", "-c", "ulimit -H -n"]).parse().unwrap_or(u64::MAX);
    let files = most.min(65536).to_string();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    assert!(line.contains(&format!(" {files} ")), "{files}\n{limits}");
    process
}

/// Every port answers, and a large file arrives whole and in ranges.
fn prove_service(host: &Booted, here: &Path) {
    for (port, path, expected) in [
        (8000, "/healthz", "200"),
        (5000, "/v2/", "200"),
        (8001, "/nothing", "404"),
        (8002, "/nothing", "404"),
        (8003, "/nothing/", "404"),
        (8004, "/small.txt", "200"),
    ] {
        let url = format!("http://mirror:{port}{path}");
        let code = host.run(&["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url]);
        assert_eq!(code, expected, "{url}");
    }
    let got = here.join("got");
    let url = "http://mirror:8004/large.bin";
    host.run(&["curl", "--fail", "--silent", "--show-error", "--output", "/srv/shared/got", url]);
    let whole = sum("sha256", &got);
    let twice = "curl -fsS --range 0-999 $0 >/srv/shared/got && curl -fsS --range 1000- $0 >>/srv/shared/got";
    host.run(&["sh", "-c", twice, url]);
    assert_eq!(sum("sha256", &got), whole);
    let many = "for i in 1 2 3 4 5 6 7 8; do curl -fsS -o /dev/null $0 & done; wait";
    host.run(&["sh", "-c", many, url]);
}

/// A download that runs when the service is stopped arrives whole.
fn prove_graceful_stop(host: &Booted, here: &Path) {
    let mut slow = host.command(&["curl", "--fail", "--silent", "--show-error", "--limit-rate", "16M"]);
    slow.args(["--output", "/srv/shared/slow", "http://mirror:8004/large.bin"]);
    let mut download = slow.spawn().expect("curl can be started");
    let begun = || fs::metadata(here.join("slow")).is_ok_and(|file| file.len() > 0);
    let limit = Instant::now() + Duration::from_secs(20);
    while !begun() {
        assert!(Instant::now() < limit, "the download does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    host.run(&["systemctl", "stop", "airlift"]);
    assert!(download.wait().expect("it ends").success(), "the download was cut off");
    assert_eq!(sum("sha256", &here.join("slow")), sum("sha256", &here.join("got")));
    assert_eq!(property(host, "Result"), "success");
}
