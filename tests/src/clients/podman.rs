//! podman, whose mirrors are in `registries.conf` and asked with another path.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::images::Image;
use crate::process::{run, text};
use crate::registry::Upstream;
use crate::temporary;
use crate::tools::tool;

/// A podman with storage of its own that finds every registry on one mirror.
#[derive(Debug)]
pub struct Podman {
    work: tempfile::TempDir,
}

impl Podman {
    /// The programs that are needed.
    pub const PROGRAMS: [&str; 1] = ["podman"];

    /// Writes its configuration.
    pub fn new(mirror: SocketAddr) -> Self {
        let work = temporary::folder();
        let registries: String = Upstream::ALL
            .iter()
            .map(|upstream| {
                let name = upstream.name();
                format!("[[registry]]\nprefix = \"{name}\"\nlocation = \"{mirror}/{name}\"\ninsecure = true\n")
            })
            .collect();
        fs::write(work.path().join("registries.conf"), registries).expect("the configuration can be written");
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        fs::write(work.path().join("policy.json"), policy).expect("the policy can be written");
        Self { work }
    }

    /// Pulls an image by its own name and returns the digests that podman knows it by.
    pub fn pull(&self, image: &Image) -> Vec<String> {
        let policy = self.work.path().join("policy.json");
        run(self
            .podman()
            .args(["pull", "--quiet", "--platform", "linux/amd64", "--signature-policy"])
            .arg(policy)
            .arg(&image.name));
        let names =
            text(self.podman().args(["image", "inspect", "--format", "{{join .RepoDigests \"\\n\"}}", &image.name]));
        names.lines().filter_map(|line| line.split_once('@')).map(|(_, digest)| digest.to_owned()).collect()
    }

    fn podman(&self) -> Command {
        let folder = self.work.path();
        let mut command = Command::new(tool("podman"));
        command.arg("--root").arg(folder.join("root")).arg("--runroot").arg(folder.join("run"));
        command.arg("--tmpdir").arg(folder.join("tmp"));
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.env("CONTAINERS_REGISTRIES_CONF", folder.join("registries.conf"));
        command
    }
}
