//! containerd, whose mirrors are in `hosts.toml` and asked with `?ns=`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::images::Image;
use crate::process::{Daemon, run, text};
use crate::registry::Upstream;
use crate::temporary;
use crate::tools::tool;

/// A containerd that asks one mirror for every registry, and no one else.
#[derive(Debug)]
pub struct Containerd {
    folder: PathBuf,
    // Ended before its folder is removed.
    _daemon: Daemon,
    _work: tempfile::TempDir,
}

impl Containerd {
    /// The programs that are needed.
    pub const PROGRAMS: [&str; 2] = ["containerd", "ctr"];

    /// Starts it.
    pub fn start(mirror: SocketAddr) -> Self {
        let work = temporary::folder();
        let folder = work.path().to_owned();
        for upstream in Upstream::ALL {
            let hosts = folder.join("hosts").join(upstream.name());
            fs::create_dir_all(&hosts).expect("a folder can be made");
            let text = format!(
                "server = \"http://{mirror}\"\n\n[host.\"http://{mirror}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
            );
            fs::write(hosts.join("hosts.toml"), text).expect("the hosts file can be written");
        }
        let daemon = start_daemon(&folder);
        Self { folder, _daemon: daemon, _work: work }
    }

    /// Pulls an image by its own name, with every platform that travelled, and unpacks it.
    pub fn pull(&self, image: &Image) -> String {
        let mut command = self.ctr();
        command.args(["images", "pull", "--snapshotter", "native", "--hosts-dir"]).arg(self.folder.join("hosts"));
        match image.whole() {
            true => command.arg("--all-platforms"),
            false => command.args(["--platform", "linux/amd64"]),
        };
        run(command.arg(&image.name));
        let listed = text(self.ctr().args(["images", "ls", &format!("name=={}", image.name)]));
        let digest = listed.split_whitespace().find(|word| word.starts_with("sha256:"));
        digest.unwrap_or_else(|| panic!("containerd does not list {}: {listed}", image.name)).to_owned()
    }

    fn ctr(&self) -> Command {
        let mut command = Command::new(tool("ctr"));
        command.arg("--address").arg(self.folder.join("containerd.sock"));
        command
    }
}

/// Starts a containerd with everything below `folder`; its socket is `containerd.sock` there.
pub(super) fn start_daemon(folder: &Path) -> Daemon {
    let config = folder.join("containerd.toml");
    let place = folder.display();
    let text = format!(
        "version = 2\nroot = \"{place}/containerd/root\"\nstate = \"{place}/containerd/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"{place}/containerd.sock\"\n"
    );
    fs::write(&config, text).expect("the configuration can be written");
    let mut command = Command::new(tool("containerd"));
    command.arg("--config").arg(config);
    let mut daemon = Daemon::start(&command, &folder.join("containerd.log"));
    let socket = folder.join("containerd.sock");
    daemon.wait_until(|| std::os::unix::net::UnixStream::connect(&socket).is_ok());
    daemon
}
