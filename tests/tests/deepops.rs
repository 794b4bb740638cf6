//! DeepOps' page, from one end to the other: its two commands, literally, and then what it left to be determined.

use std::fs;
use std::path::Path;
use std::process::Command;

use airlift_e2e::airlift::{Airlift, binary};
use airlift_e2e::booted::Booted;
use airlift_e2e::debs::sum;
use airlift_e2e::internet::{Entry, Internet};
use airlift_e2e::playbook::{Recap, play, playbook};
use airlift_e2e::process::{output, run, text};
use airlift_e2e::tools::{checkout, present, tool};
use serde_json::{Value, json};

/// What a manifest comes to: every entry with its key.
fn resolved(folder: &Path) -> Vec<Entry> {
    let mut show = Airlift::new().command(["profile", "show", "--json", "-e", "os=el9,ubuntu24.04"]);
    let lines = text(show.current_dir(folder));
    let entries = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let entries = entries.filter(|event| event["event"] == "entry");
    entries.map(|event| (event["key"].as_str().expect("a key").to_owned(), event["entry"].clone())).collect()
}

/// A checkout with what the two commands are, the program, and a site's manifest.
fn make_site(folder: &Path, manifest: &str) {
    for part in ["scripts", "playbooks", "roles"] {
        run(Command::new("cp").arg("-a").arg(checkout().join(part)).arg(folder));
    }
    fs::create_dir_all(folder.join("target/dist")).expect("a folder");
    fs::copy(binary(), folder.join("target/dist/airlift")).expect("a copy");
    let galaxy = "galaxy:\n  - requirements: [requirements.yml]\n";
    fs::write(folder.join("airlift.yaml"), format!("{manifest}{galaxy}")).expect("a file");
    let requirements = "roles:\n  - { name: deepops.ntp, src: \"https://github.com/deepops/ansible-role-ntp.git\", scm: git, version: 4.0.0 }\n\
                        collections:\n  - { name: \"https://github.com/deepops/tools.git\", type: git, version: v1.2.0 }\n";
    fs::write(folder.join("requirements.yml"), requirements).expect("a file");
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

/// The page's second command, on a host that boots for it and reaches nothing.
fn second_command(host: &Booted, more: &[&str]) -> Recap {
    let archive = "tar_file_path=/srv/shared/deepops-archive.tar";
    let mut command = Command::new(tool("ansible-playbook"));
    command.args(["-e", archive]).args(more).arg("playbooks/build-offline-mirrors.yml");
    command.current_dir("/srv/shared").env("HOME", "/root").env("LC_ALL", "C.UTF-8");
    play(&mut host.inside(&command))
}

/// Each of the five ports, asked by a client of its kind that was told the mirror's address and nothing else.
fn prove_ports(host: &Booted) {
    let image = "docker://mirror:5000/quay.io/calico/node:v3.31.5";
    let inspected = host.run(&["skopeo", "inspect", "--tls-verify=false", image]);
    assert!(inspected.contains("\"Architecture\": \"amd64\""), "{inspected}");

    host.run(&["mkdir", "-p", "/srv/ports/repos"]);
    host.run(&["curl", "-fsS", "-o", "/srv/ports/repos/airlift.repo", "http://mirror:8001/airlift.repo"]);
    let dnf = ["dnf", "--setopt=reposdir=/srv/ports/repos", "--setopt=cachedir=/srv/ports/cache", "--assumeyes"];
    let found = host.run(&[&dnf[..], &["--releasever=9", "repoquery", "nvidia-container-toolkit"]].concat());
    assert!(found.contains("nvidia-container-toolkit"), "{found}");

    let helm = tool("helm3");
    let chart =
        ["pull", "gpu-operator", "--version", "v26.3.3", "--repo", "http://mirror:8002/nvidia", "-d", "/srv/ports"];
    host.run(&[&[helm.to_str().expect("UTF-8")], &chart[..]].concat());

    let index = ["--index-url", "http://mirror:8003/simple/", "--trusted-host", "mirror", "--dest", "/srv/ports"];
    host.run(&[&["/usr/bin/python3", "-m", "pip", "download", "--isolated", "jmespath==1.1.0"], &index[..]].concat());

    host.run(&[
        "git",
        "clone",
        "--quiet",
        "http://mirror:8004/git/github.com/NVIDIA/deepops.git",
        "/srv/ports/deepops",
    ]);
    let slurm = "http://mirror:8004/slurm-26.05.1.tar.bz2";
    host.run(&["curl", "-fsS", "-o", "/srv/ports/slurm.tar.bz2", slurm]);
}

/// What answers on this machine does not answer on the host, and no way leads out of it.
fn prove_alone(host: &Booted, internet: &Internet) {
    let url = format!("http://{}/", internet.address);
    let curl = ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", &url];
    run(Command::new(tool("curl")).args(&curl[1..]));
    assert!(!output(&mut host.command(&curl)).status.success(), "{url} answers inside");
    assert_eq!(host.run(&["ip", "route", "show", "table", "main"]), "", "a way leads out");
}

/// Everything that the offline build was to bring is there.
fn prove_built(host: &Booted, said: &str) {
    for place in [
        "rpm/usr/share/airlift/nvidia-container-toolkit",
        "rpm/usr/share/airlift/cuda-drivers",
        "kubeadm",
        "gpu-operator-v26.3.3.tgz",
        "deepops/submodules/kubespray/README.md",
        "deepops/src/packer-maas/README.md",
        "galaxy/roles/deepops.ntp/tasks/main.yml",
        "galaxy/collections/ansible_collections/deepops/tools/MANIFEST.json",
    ] {
        assert!(host.path(&format!("/srv/build/{place}")).exists(), "{place} is not there\n{}", said);
    }
    assert!(host.path("/usr/share/airlift/cuda-drivers").exists(), "{}", said);
    let pip = host.run(&["/srv/build/env/bin/pip", "list", "--format=freeze"]);
    assert!(pip.contains("ansible==10.7.0") && pip.contains("ruamel.yaml==1.0"), "{pip}");
}

/// Sets the host up, which is an Ubuntu host and, for dnf, one of EL 9: each gets the repositories of its own release.
fn set_up(host: &Booted) -> String {
    let becomes = |release: &str| {
        // On a usual host it is a link.
        let _ = fs::remove_file(host.path("/etc/os-release"));
        fs::write(host.path("/etc/os-release"), release).expect("a file");
    };
    let ubuntu = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n";
    becomes(ubuntu);
    let all = host.run(&["airlift", "setup", "--mirror", "mirror"]);
    becomes("ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.6\"\n");
    let dnf = host.run(&["airlift", "setup", "--mirror", "mirror", "--only", "dnf"]);
    becomes(ubuntu);
    all + &dnf
}

#[test]
fn the_pages_two_commands_and_then_an_offline_build() {
    let programs =
        ["nginx", "unshare", "docker-registry", "helm3", "rpmbuild", "reprepro", "ansible-playbook", "dnf", "skopeo"];
    if !present(&programs)
        || !present(&Booted::PROGRAMS)
        || !present(&["dockerd", "containerd", "ctr", "git", "python3"])
    {
        return;
    }
    let host = Booted::start();
    let site = host.shared().0;
    let entries = resolved(&site);
    let internet = Internet::start(&entries);
    make_site(&site, &internet.site_manifest(&entries));
    first_command(&internet, &site);

    assert!(second_command(&host, &[]).changed > 0);
    let again = second_command(&host, &[]);
    assert_eq!(again.changed, 0, "{}", again.said);
    prove_alone(&host, &internet);
    prove_ports(&host);

    // Docker as it has to be on a root that is in memory; setup keeps it.
    let docker = r#"{ "iptables": false, "ip6tables": false, "bridge": "none", "storage-driver": "vfs" }"#;
    fs::write(host.path("/etc/docker/daemon.json"), docker).expect("a file");
    let setup = set_up(&host);
    let kubeadm = entries.iter().filter_map(|(_, entry)| entry["url"].as_str()).find(|url| url.ends_with("/kubeadm"));
    let kubeadm = kubeadm.expect("the profile has kubeadm");
    let sum = sum("sha256", &internet.path(kubeadm));
    let (bin, helm) = (tool("ansible-playbook"), tool("helm3"));
    let variables = json!({
        "file_url": kubeadm, "file_sha256": sum, "helm": helm, "ansible_bin": bin.parent(),
        "requirements": "/srv/shared/requirements.yml",
    });
    let mut build = playbook("tests/playbooks/offline-build.yml", &["-e", &variables.to_string()]);
    let built = play(&mut host.inside(build.env("LC_ALL", "C.UTF-8")));
    assert!(
        built.changed > 0,
        "{setup}
{}",
        built.said
    );
    let status =
        String::from_utf8_lossy(&output(&mut host.command(&["airlift", "setup", "status"])).stdout).into_owned();
    for client in ["docker", "apt", "pip", "git"] {
        assert!(
            status.contains(&format!("good  {client}: asks the mirror alone")),
            "{client}
{status}"
        );
    }

    prove_built(&host, &built.said);
}
