//! Real root file systems, unpacked from this machine's own Debian packages for any architecture.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run;

/// A folder that holds the packages of one architecture.
#[derive(Debug)]
pub struct Packages {
    architecture: &'static str,
    folder: PathBuf,
}

impl Packages {
    /// Reads the package lists of an architecture (`amd64`, `arm64`) without touching the machine's own apt state.
    pub fn of(architecture: &'static str, folder: &Path) -> Self {
        let folder = folder.join(architecture);
        for part in ["state/lists/partial", "cache/archives/partial", "debs"] {
            fs::create_dir_all(folder.join(part)).expect("a folder for packages can be made");
        }
        let packages = Self { architecture, folder };
        run(packages.apt_get().arg("update"));
        packages
    }

    /// An uncompressed tar of what these packages contain; the same bytes for the same packages.
    pub fn layer(&self, packages: &[&str]) -> Vec<u8> {
        let name = packages.join("+");
        let debs = self.folder.join("debs").join(&name);
        let root = self.folder.join("root").join(&name);
        for folder in [&debs, &root] {
            fs::create_dir_all(folder).expect("a folder for packages can be made");
        }
        run(self.apt_get().arg("download").args(packages).current_dir(&debs));
        for entry in fs::read_dir(&debs).expect("the packages were downloaded") {
            let deb = entry.expect("a folder can be read").path();
            run(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&root));
        }
        run(Command::new("tar")
            .args(["--create", "--sort=name", "--mtime=@1700000000", "--numeric-owner", "--format=gnu"])
            .args(["--owner=0", "--group=0", "--directory"])
            .arg(&root)
            .arg("."))
        .stdout
    }

    fn apt_get(&self) -> Command {
        let mut command = Command::new("apt-get");
        let architecture = self.architecture;
        for option in [
            format!("APT::Architecture={architecture}"),
            format!("APT::Architectures={architecture}"),
            format!("Dir::State={}/state", self.folder.display()),
            format!("Dir::Cache={}/cache", self.folder.display()),
            "Dir::State::status=/dev/null".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("--option").arg(option);
        }
        command.arg("--quiet=2");
        command
    }
}
