//! Lock files: `uv.lock`, and `pylock.toml` (PEP 751).

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::Checksum;
use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use serde::Deserialize;

use super::dependency;

/// What a lock fixes for an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// The project.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The checksums of its files.
    pub checksums: Vec<Checksum>,
}

/// A lock file.
#[derive(Clone, Debug)]
pub enum LockFile {
    /// `uv.lock`.
    Uv(UvLock),
    /// `pylock.toml`.
    Py(PyLock),
}

impl LockFile {
    /// Reads a lock file of this name: `uv.lock`, `pylock.toml` or `pylock.<name>.toml`.
    ///
    /// # Errors
    ///
    /// A sentence where it is none, or of a version that is not known.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let toml = |error: toml::de::Error| error.message().to_owned();
        if name == "uv.lock" {
            let lock: UvLock = toml::from_str(text).map_err(toml)?;
            return match lock.version {
                1 => Ok(Self::Uv(lock)),
                other => Err(format!("it is of version {other} of uv.lock, and this Airlift reads version 1")),
            };
        }
        let lock: PyLock = toml::from_str(text).map_err(toml)?;
        match lock.lock_version.split('.').next() {
            Some("1") => Ok(Self::Py(lock)),
            _ => {
                Err(format!("it is of version {} of pylock.toml, and this Airlift reads version 1", lock.lock_version))
            }
        }
    }

    /// What it fixes for an environment, by name.
    ///
    /// # Errors
    ///
    /// A sentence where something in it can't be collected.
    pub fn pins(&self, environment: &MarkerEnvironment) -> Result<Vec<Pin>, String> {
        match self {
            Self::Uv(lock) => lock.pins(environment),
            Self::Py(lock) => lock.pins(environment),
        }
    }
}

/// Whether something is for an environment.
fn applies(marker: Option<&str>, environment: &MarkerEnvironment) -> Result<bool, String> {
    let Some(text) = marker else { return Ok(true) };
    let tree = dependency::marker(text)
        .map_err(|reason| format!("the marker '{}' can't be understood: {reason}", super::plain(text, 200)))?;
    Ok(dependency::applies(&tree, environment, &[]))
}

/// Why something without an index can't be taken from a lock.
fn elsewhere(name: &PackageName) -> String {
    format!(
        "{name} comes from git, a URL or a folder in it, which a lock's checksums of an index can't tell: name it at \
         'requirements' ({name} @ git+https://…@ref, or {name} @ https://…/file.whl), and leave it out of the lock"
    )
}

/// A `uv.lock`.
#[derive(Clone, Debug, Deserialize)]
pub struct UvLock {
    version: u32,
    #[serde(default, rename = "package")]
    packages: Vec<UvPackage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPackage {
    name: PackageName,
    version: Option<Version>,
    #[serde(default)]
    source: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dependencies: Vec<UvDependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<ExtraName, Vec<UvDependency>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<UvDependency>>,
    sdist: Option<UvFile>,
    #[serde(default)]
    wheels: Vec<UvFile>,
}

#[derive(Clone, Debug, Deserialize)]
struct UvDependency {
    name: PackageName,
    version: Option<Version>,
    marker: Option<String>,
    #[serde(default)]
    extra: Vec<ExtraName>,
}

#[derive(Clone, Debug, Deserialize)]
struct UvFile {
    hash: Option<Checksum>,
}

impl UvLock {
    fn pins(&self, environment: &MarkerEnvironment) -> Result<Vec<Pin>, String> {
        let is_root = |package: &&UvPackage| {
            ["virtual", "editable", "directory"].iter().any(|kind| package.source.contains_key(*kind))
        };
        let mut queue: Vec<&UvDependency> = Vec::new();
        for root in self.packages.iter().filter(is_root) {
            queue.extend(&root.dependencies);
            queue.extend(root.optional_dependencies.values().chain(root.dev_dependencies.values()).flatten());
        }
        let mut seen = BTreeSet::new();
        let mut pins = BTreeSet::new();
        while let Some(wanted) = queue.pop() {
            if !applies(wanted.marker.as_deref(), environment)? {
                continue;
            }
            let fits = |package: &&UvPackage| {
                package.name == wanted.name && (wanted.version.is_none() || package.version == wanted.version)
            };
            let package = self.packages.iter().find(fits).ok_or_else(|| format!("it has no {}", wanted.name))?;
            if seen.insert((&package.name, &package.version, None)) {
                queue.extend(&package.dependencies);
            }
            for extra in &wanted.extra {
                if seen.insert((&package.name, &package.version, Some(extra))) {
                    queue.extend(package.optional_dependencies.get(extra).into_iter().flatten());
                }
            }
            if !is_root(&package) {
                pins.insert(package.pin()?);
            }
        }
        Ok(pins.into_iter().collect())
    }
}

impl UvPackage {
    fn pin(&self) -> Result<Pin, String> {
        let version = self.version.clone().filter(|_| self.source.contains_key("registry"));
        let version = version.ok_or_else(|| elsewhere(&self.name))?;
        let checksums = self.wheels.iter().chain(&self.sdist).filter_map(|file| file.hash.clone()).collect();
        Ok(Pin { name: self.name.clone(), version, checksums })
    }
}

/// A `pylock.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PyLock {
    lock_version: String,
    #[serde(default)]
    packages: Vec<PyPackage>,
}

#[derive(Clone, Debug, Deserialize)]
struct PyPackage {
    name: PackageName,
    version: Option<Version>,
    marker: Option<String>,
    sdist: Option<PyFile>,
    #[serde(default)]
    wheels: Vec<PyFile>,
}

#[derive(Clone, Debug, Deserialize)]
struct PyFile {
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl PyLock {
    fn pins(&self, environment: &MarkerEnvironment) -> Result<Vec<Pin>, String> {
        let mut pins = BTreeSet::new();
        for package in &self.packages {
            if !applies(package.marker.as_deref(), environment)? {
                continue;
            }
            let version = package.version.clone().ok_or_else(|| elsewhere(&package.name))?;
            let files = package.wheels.iter().chain(&package.sdist);
            let checksums =
                files.flat_map(|file| &file.hashes).filter_map(|(name, hex)| format!("{name}:{hex}").parse().ok());
            pins.insert(Pin { name: package.name.clone(), version, checksums: checksums.collect() });
        }
        Ok(pins.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pep508_rs::MarkerEnvironmentBuilder;

    fn environment() -> MarkerEnvironment {
        MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: "3.11.7",
            os_name: "posix",
            platform_machine: "x86_64",
            platform_python_implementation: "CPython",
            platform_release: "",
            platform_system: "Linux",
            platform_version: "",
            python_full_version: "3.11.7",
            python_version: "3.11",
            sys_platform: "linux",
        }
        .try_into()
        .expect("an environment")
    }

    fn pins(name: &str, text: &str) -> Result<Vec<String>, String> {
        let pins = LockFile::parse(name, text)?.pins(&environment())?;
        Ok(pins.iter().map(|pin| format!("{}=={} {}", pin.name, pin.version, pin.checksums.len())).collect())
    }

    #[test]
    fn uv_locks_are_followed_from_their_project() {
        let sum = "ab".repeat(32);
        let text = format!(
            "version = 1\nrequires-python = '>=3.9'\n\
             [[package]]\nname = 'me'\nversion = '0'\nsource = {{ virtual = '.' }}\ndependencies = [{{ name = 'a', extra = ['x'] }}, {{ name = 'w', marker = \"sys_platform == 'win32'\" }}]\n\
             [[package]]\nname = 'a'\nversion = '1'\nsource = {{ registry = 'https://i' }}\nwheels = [{{ url = 'u', hash = 'sha256:{sum}', size = 1 }}]\n[package.optional-dependencies]\nx = [{{ name = 'b' }}]\n\
             [[package]]\nname = 'b'\nversion = '2'\nsource = {{ registry = 'https://i' }}\n\
             [[package]]\nname = 'w'\nversion = '3'\nsource = {{ registry = 'https://i' }}\n"
        );
        assert_eq!(pins("uv.lock", &text).expect("pins"), ["a==1 1", "b==2 0"]);
        assert!(pins("uv.lock", "version = 2\n").is_err());
        let git = text.replacen("source = { registry = 'https://i' }", "source = { git = 'https://g' }", 1);
        assert!(pins("uv.lock", &git).expect_err("git").contains("comes from git"));
    }

    #[test]
    fn pylocks_are_read() {
        let sum = "ab".repeat(32);
        let text = format!(
            "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\nversion = '1'\n[[packages.wheels]]\nname = 'a.whl'\nurl = 'u'\nhashes = {{ sha256 = '{sum}' }}\n[[packages]]\nname = 'w'\nversion = '2'\nmarker = \"sys_platform == 'win32'\"\n"
        );
        assert_eq!(pins("pylock.toml", &text).expect("pins"), ["a==1 1"]);
        assert!(pins("pylock.toml", &text.replace("'1.0'", "'2.0'")).is_err());
    }
}
