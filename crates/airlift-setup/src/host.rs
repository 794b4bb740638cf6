//! Which host it is that is set up, by what its root says: its system's names, and its architecture.

use std::fmt;

use airlift_kind::client::ClientFile;
use airlift_kind::hosts::{debian_arch, system_names};

use crate::root::Root;

/// A host as the names of [`Hosts`](airlift_kind::Hosts) know it. The script has the same in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    names: Vec<String>,
    arch: String,
}

impl Host {
    /// The host with this root. Its architecture is the one that its dpkg says, or else this program's.
    pub fn of(root: &Root) -> Self {
        // In a tree, /etc/os-release may be a link that means another place there than it does here.
        let release = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| text(root, path));
        let dpkg = text(root, "/var/lib/dpkg/arch").and_then(|text| text.lines().next().map(str::to_owned));
        let arch = dpkg.filter(|arch| !arch.is_empty());
        Self {
            names: release.as_deref().map(names).unwrap_or_default(),
            arch: arch.unwrap_or_else(|| debian_arch(std::env::consts::ARCH).to_owned()),
        }
    }

    /// Whether a file is for this host.
    pub fn gets(&self, file: &ClientFile) -> bool {
        file.only_for.as_ref().is_none_or(|only| only.hosts.include(&self.names, &self.arch))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.first() {
            Some(name) => write!(f, "{name} on {}", self.arch),
            None => write!(f, "a system without os-release on {}", self.arch),
        }
    }
}

fn text(root: &Root, path: &str) -> Option<String> {
    root.guard(path).ok()?;
    Some(String::from_utf8_lossy(&root.read(path).ok()??).into_owned())
}

/// The names that a system goes by, the most exact one first (os-release(5)).
fn names(release: &str) -> Vec<String> {
    let value = |key: &str| {
        let mut lines = release.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines.next_back().map(|value| value.replace(['"', '\''], "").trim().to_ascii_lowercase()).unwrap_or_default()
    };
    let (id, version, like) = (value("ID"), value("VERSION_ID"), value("ID_LIKE"));
    let is_like = |name: &str| matches!(name, "rhel" | "centos");
    let mut names = system_names(&id, &version, like.split(' ').any(is_like));
    names.extend(["VERSION_CODENAME", "UBUNTU_CODENAME", "DEBIAN_CODENAME"].map(value));
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_go_by_their_names() {
        for (release, expected) in [
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n", "ubuntu24.04 noble"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n", "rocky9.4 rocky9 rocky el9 9"),
            ("ID='ol'\nID_LIKE='fedora'\nVERSION_ID='8.10'\n", "ol8.10 el8 8"),
            ("ID=linuxmint\nVERSION_ID=22\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n", "linuxmint22 noble"),
        ] {
            let names = names(release);
            for name in expected.split(' ') {
                assert!(names.iter().any(|one| one == name), "{name} of {names:?}");
            }
        }
        let fedora = names("ID=fedora\nVERSION_ID=40\n");
        assert!(!fedora.iter().any(|name| name.starts_with("el")), "{fedora:?}");
        assert!(names("").is_empty());
    }
}
