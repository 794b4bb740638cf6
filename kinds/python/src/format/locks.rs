//! Lock files: `uv.lock`, and `pylock.toml` (PEP 751), which `pylock` reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use airlift_core::Checksum;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use serde::Deserialize;

use super::dependency;
pub use super::pylock::PyLock;

/// What a lock fixes for an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// The project.
    pub name: PackageName,
    /// Its version, or where it is.
    pub what: Pinned,
    /// The checksums that its files may have; none where nothing is promised of them.
    pub checksums: Vec<Checksum>,
}

/// What of a project a lock fixes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pinned {
    /// A version, from an index.
    Version(Version),
    /// A URL, as a requirement has it behind the @.
    Url(String),
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
    /// A sentence where something in it can't be collected, or where it is not for this environment.
    pub fn pins(&self, environment: &MarkerEnvironment) -> Result<Vec<Pin>, String> {
        let requires = match self {
            Self::Uv(lock) => &lock.requires_python,
            Self::Py(lock) => &lock.requires_python,
        };
        let python = environment.python_full_version();
        if let Some(specifiers) = requires.as_ref().filter(|specifiers| !specifiers.contains(&python.version)) {
            return Err(format!(
                "it is for Python {specifiers}, which {python} is not: give that environment a set of its own"
            ));
        }
        match self {
            Self::Uv(lock) => lock.pins(environment),
            Self::Py(lock) => lock.pins(environment),
        }
    }
}

/// Whether something is for an environment.
pub(super) fn applies(marker: Option<&str>, environment: &MarkerEnvironment) -> Result<bool, String> {
    let Some(text) = marker else { return Ok(true) };
    let tree = dependency::marker(text)
        .map_err(|reason| format!("the marker '{}' can't be understood: {reason}", super::plain(text, 200)))?;
    Ok(dependency::applies(&tree, environment, &[]))
}

/// Why something without an index can't be taken from a lock.
pub(super) fn elsewhere(name: &PackageName) -> String {
    format!(
        "{name} comes from git, a URL or a folder in it, which a lock's checksums of an index can't tell: name it at \
         'requirements' ({name} @ git+https://…@ref, or {name} @ https://…/file.whl), and leave it out of the lock"
    )
}

/// A `uv.lock`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UvLock {
    version: u32,
    requires_python: Option<VersionSpecifiers>,
    /// What a script wants, or a workspace without a project.
    #[serde(default)]
    manifest: UvManifest,
    #[serde(default, rename = "package")]
    packages: Vec<UvPackage>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct UvManifest {
    requirements: Vec<UvDependency>,
    dependency_groups: BTreeMap<String, Vec<UvDependency>>,
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
    #[serde(default, alias = "extras")]
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
        let groups = self.manifest.dependency_groups.values().flatten();
        let mut queue: Vec<&UvDependency> = self.manifest.requirements.iter().chain(groups).collect();
        for root in self.packages.iter().filter(is_root) {
            queue.extend(&root.dependencies);
            queue.extend(root.optional_dependencies.values().chain(root.dev_dependencies.values()).flatten());
        }
        if queue.is_empty() && !self.packages.iter().any(|package| is_root(&package)) {
            return Err("it has no project of its own, and so nothing that is wanted".to_owned());
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
        alone(pins)
    }
}

/// Pins, of which a project has one only.
pub(super) fn alone(pins: BTreeSet<Pin>) -> Result<Vec<Pin>, String> {
    let pins: Vec<Pin> = pins.into_iter().collect();
    match pins.windows(2).find(|two| two[0].name == two[1].name) {
        Some(two) => Err(format!(
            "it has {name} twice for one environment, {} and {}: extras or groups of it exclude each other, and all of them \
             are collected. Write each choice to a file of requirements ('uv export --frozen --extra NAME -o FILE'), and \
             name that in one of 'sets'",
            two[0].what,
            two[1].what,
            name = two[0].name,
        )),
        None => Ok(pins),
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Url(url) => f.write_str(&super::plain(url, 200)),
        }
    }
}

impl UvPackage {
    fn pin(&self) -> Result<Pin, String> {
        let version = self.version.clone().filter(|_| self.source.contains_key("registry"));
        let version = version.ok_or_else(|| elsewhere(&self.name))?;
        let checksums = self.wheels.iter().chain(&self.sdist).filter_map(|file| file.hash.clone()).collect();
        Ok(Pin { name: self.name.clone(), what: Pinned::Version(version), checksums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(name: &str, text: &str) -> Result<Vec<String>, String> {
        let pins = LockFile::parse(name, text)?.pins(&dependency::cpython((3, 11, 7), "x86_64"))?;
        Ok(pins.iter().map(|pin| format!("{}=={} {}", pin.name, pin.what, pin.checksums.len())).collect())
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
        let older = text.replace(">=3.9", ">=3.8,<3.11");
        assert!(pins("uv.lock", &older).expect_err("older").contains("for Python >=3.8, <3.11, which 3.11.7 is not"));
    }

    #[test]
    fn what_a_script_wants_is_followed_and_a_lock_of_nothing_is_refused() {
        let package = "[[package]]\nname = 'a'\nversion = '1'\nsource = { registry = 'https://i' }\n";
        let script =
            format!("version = 1\n[manifest]\nrequirements = [{{ name = 'a', specifier = '>=1' }}]\n{package}");
        assert_eq!(pins("uv.lock", &script).expect("pins"), ["a==1 0"]);
        let nothing = pins("uv.lock", &format!("version = 1\n{package}")).expect_err("nothing is wanted");
        assert!(nothing.contains("no project of its own"), "{nothing}");
    }

    #[test]
    fn extras_that_exclude_each_other_are_told() {
        let text = "version = 1\nconflicts = [[{ package = 'me', extra = 'cpu' }, { package = 'me', extra = 'gpu' }]]\n\
             [[package]]\nname = 'me'\nversion = '0'\nsource = { virtual = '.' }\n[package.optional-dependencies]\n\
             cpu = [{ name = 't', version = '1' }]\ngpu = [{ name = 't', version = '2' }]\n\
             [[package]]\nname = 't'\nversion = '1'\nsource = { registry = 'https://i' }\n\
             [[package]]\nname = 't'\nversion = '2'\nsource = { registry = 'https://i' }\n";
        let told = pins("uv.lock", text).expect_err("a conflict");
        assert!(told.contains("t twice for one environment, 1 and 2") && told.contains("uv export"), "{told}");
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

    /// A package of a `pylock.toml`; `lines` say where it is.
    fn pylock(lines: &str) -> Result<Vec<String>, String> {
        pins("pylock.toml", &format!("lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\n{lines}\n"))
    }

    /// A project of the same name in the index is another one.
    #[test]
    fn what_is_elsewhere_is_not_taken_from_the_index() {
        let sum = "ab".repeat(32);
        let archive =
            format!("version = '1'\narchive = {{ url = 'https://e.org/a-1.zip', hashes = {{ sha256 = '{sum}' }} }}");
        assert_eq!(pylock(&archive).expect("an archive"), ["a==https://e.org/a-1.zip 1"]);
        let vcs =
            "version = '1'\nvcs = { type = 'git', url = 'https://e.org/a.git', commit-id = 'abc', subdirectory = 'b' }";
        assert_eq!(pylock(vcs).expect("git"), ["a==git+https://e.org/a.git@abc#subdirectory=b 0"]);
        for lines in [
            "version = '1'\ndirectory = { path = '../a' }".to_owned(),
            vcs.replace("'git'", "'hg'"),
            vcs.replace("url", "path"),
            archive.replace("url", "path"),
            archive.replace("url", "subdirectory = 'b', url"),
        ] {
            let told = pylock(&lines).expect_err(&lines);
            assert!(told.contains("comes from git, a URL or a folder"), "{told}");
        }
    }

    #[test]
    fn a_lock_without_checksums_that_are_known_is_refused() {
        let wheel = "version = '1'\nwheels = [{ url = 'u', hashes = { blake2b = 'ab' } }]";
        for lines in [wheel, "version = '1'", "archive = { url = 'https://e.org/a-1.zip', hashes = { md5 = 'ab' } }"] {
            let told = pylock(lines).expect_err(lines);
            assert!(told.contains("would go unchecked"), "{told}");
        }
        assert!(pylock("wheels = []").expect_err("no version").contains("no version"));
    }

    #[test]
    fn all_extras_and_groups_of_a_pylock_are_wanted() {
        let sum = "ab".repeat(32);
        let package = |name: &str, marker: &str| {
            format!(
                "[[packages]]\nname = '{name}'\nversion = '1'\nmarker = \"{marker}\"\nwheels = [{{ hashes = {{ sha256 = '{sum}' }} }}]\n"
            )
        };
        let text = format!(
            "lock-version = '1.0'\nenvironments = [\"sys_platform == 'win32'\", \"sys_platform == 'linux'\"]\n\
             extras = ['x']\ndependency-groups = ['dev']\ndefault-groups = ['main']\n{}{}{}{}{}{}",
            package("a", "'x' in extras and python_version >= '3'"),
            package("b", "'dev' in dependency_groups or 'none' in extras"),
            package("c", "'none' in extras"),
            package("d", "'main' in dependency_groups and 'none' not in extras and 'in' not in sys_platform"),
            package("e", "'main' in dependency_groups and 'lin' in sys_platform"),
            package("f", "'x' not in extras"),
        );
        assert_eq!(pins("pylock.toml", &text).expect("pins"), ["a==1 1", "b==1 1", "e==1 1"]);
        let elsewhere = text.replace("'linux'\"]", "'darwin'\"]");
        assert!(pins("pylock.toml", &elsewhere).expect_err("elsewhere").contains("none of its 'environments'"));
    }
}
