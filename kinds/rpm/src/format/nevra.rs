//! Packages by their full names: `bash-5.1.8-9.el9.x86_64`.

use super::evr::Evr;

/// Name, epoch, version, release and architecture of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nevra<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub evr: Evr<'a>,
    /// Its architecture.
    pub arch: &'a str,
}

impl<'a> Nevra<'a> {
    /// Reads `name-epoch:version-release.arch`, of which the epoch may be left out. None for what is no such name.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (rest, arch) = text.rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let (epoch, version) = match version.split_once(':') {
            Some((epoch, version)) => (epoch.parse().ok()?, version),
            None => (0, version),
        };
        let plain = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        let whole = [name, version, release, arch].into_iter().all(plain) && !arch.contains(['(', ')', '/']);
        whole.then_some(Self { name, evr: Evr { epoch, version, release }, arch })
    }

    /// The package that a source RPM's file name names: `bash-5.1.8-9.el9.src.rpm`.
    pub fn of_file(name: &'a str) -> Option<Self> {
        Self::parse(name.rsplit('/').next()?.strip_suffix(".rpm")?)
    }
}

/// What a host has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed<'a> {
    /// A package, as `rpm -qa` lists it.
    Package(Nevra<'a>),
    /// Something that is provided, as `rpm -qa --provides` lists it: a name, with or without a version, or a file.
    Provided(&'a str),
}

/// Reads the packages of a host: a line for each, as `rpm -qa` prints them, and what they provide, as
/// `rpm -qa --provides` does. Empty lines and comments are passed over.
pub fn installed(text: &str) -> impl Iterator<Item = Installed<'_>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match Nevra::parse(line) {
        Some(package) => Installed::Package(package),
        None => Installed::Provided(line),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_are_read() {
        let one = Nevra::parse("java-11-openjdk-1:11.0.2-3.el9.x86_64").expect("a name");
        assert_eq!((one.name, one.evr.epoch, one.evr.version), ("java-11-openjdk", 1, "11.0.2"));
        assert_eq!((one.evr.release, one.arch), ("3.el9", "x86_64"));
        let one = Nevra::of_file("Packages/b/bash-5.1.8-9.el9.src.rpm").expect("a name");
        assert_eq!((one.name, one.arch), ("bash", "src"));
        for text in ["", "bash", "a-b.c", "bash-5.1", "libc.so.6(GLIBC_2.34)(64bit)", "gpg-pubkey = 4:x-y", "-1-1.x"] {
            assert_eq!(Nevra::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_hosts_packages_are_read() {
        let text =
            "# rpm -qa\nbash-5.1.8-9.el9.x86_64\n\ngpg-pubkey-8483c65d-5ccc5b19.(none)\nbash = 5.1.8-9.el9\n/bin/sh\n";
        let found: Vec<Installed<'_>> = installed(text).collect();
        assert_eq!(found.len(), 4);
        assert!(matches!(&found[0], Installed::Package(package) if package.name == "bash"));
        assert_eq!(found[2..], [Installed::Provided("bash = 5.1.8-9.el9"), Installed::Provided("/bin/sh")]);
    }
}
