//! The docker command with a daemon of its own.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::images::Image;
use crate::process::{Daemon, output, run, text};
use crate::temporary;
use crate::tools::tool;

/// A docker daemon whose mirror for Docker Hub is the one given. It runs no containers and touches no firewall.
#[derive(Debug)]
pub struct Docker {
    mirror: SocketAddr,
    socket: String,
    // Ended before its folder is removed.
    _daemon: Daemon,
    _containerd: Daemon,
    _work: tempfile::TempDir,
}

impl Docker {
    /// The programs that are needed.
    pub const PROGRAMS: [&str; 3] = ["docker", "dockerd", "containerd"];

    /// Starts the daemon.
    pub fn start(mirror: SocketAddr) -> Self {
        let work = temporary::folder();
        let folder = work.path();
        let containerd = super::containerd::start_daemon(folder);
        let config = format!("{{\"registry-mirrors\": [\"http://{mirror}\"]}}");
        fs::write(folder.join("daemon.json"), config).expect("the configuration can be written");
        let socket = format!("unix://{}/docker.sock", folder.display());
        // It mounts its own data folder, which would stay so when it is killed, if not in a namespace that ends with it.
        let mut command = Command::new(tool("unshare"));
        command.arg("--mount").arg(tool("dockerd"));
        command.arg("--config-file").arg(folder.join("daemon.json"));
        command.arg("--data-root").arg(folder.join("data")).arg("--exec-root").arg(folder.join("exec"));
        command.arg("--pidfile").arg(folder.join("pid")).args(["--host", &socket]);
        command.arg("--containerd").arg(folder.join("containerd.sock"));
        command.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        let mut daemon = Daemon::start(&command, &folder.join("dockerd.log"));
        daemon.wait_until(|| output(docker(&socket).arg("version")).status.success());
        Self { mirror, socket, _daemon: daemon, _containerd: containerd, _work: work }
    }

    /// Whether this daemon can unpack zstd layers, which it learned in version 23.
    pub fn knows_zstd(&self) -> bool {
        let version = text(docker(&self.socket).args(["version", "--format", "{{.Server.Version}}"]));
        version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 23)
    }

    /// Pulls an image of Docker Hub by its own name, by way of the mirror.
    pub fn pull_through_mirror(&self, image: &Image) -> String {
        assert_eq!(image.registry(), "docker.io", "docker asks mirrors for images of Docker Hub alone");
        let short = image.repository().strip_prefix("library/").unwrap_or(image.repository());
        self.pull(short, image.tag())
    }

    /// Pulls an image by the name that it has on the mirror.
    pub fn pull_by_explicit_name(&self, image: &Image) -> String {
        self.pull(&format!("{}/{}/{}", self.mirror, image.registry(), image.repository()), image.tag())
    }

    fn pull(&self, repository: &str, tag: &str) -> String {
        let name = format!("{repository}:{tag}");
        run(docker(&self.socket).args(["pull", "--quiet", "--platform", "linux/amd64", &name]));
        let names =
            text(docker(&self.socket).args(["image", "inspect", "--format", "{{join .RepoDigests \"\\n\"}}", &name]));
        let prefix = format!("{repository}@");
        let digest = names.lines().find_map(|line| line.strip_prefix(&prefix));
        digest.unwrap_or_else(|| panic!("docker knows no digest of {name}: {names}")).to_owned()
    }
}

fn docker(socket: &str) -> Command {
    let mut command = Command::new(tool("docker"));
    command.args(["--host", socket]).env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
    command
}
