//! Names of distribution files: wheels (binary distribution format, "File name convention") and source distributions
//! (source distribution format, "Source distribution file name").

use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::PackageName;

/// What a file's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileName {
    /// A wheel.
    Wheel(Wheel),
    /// A source distribution, of this version.
    Sdist(Version),
    /// No file: a repository of git, with a project of this version in it.
    Repository(Version),
}

/// What a wheel's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The version.
    pub version: Version,
    /// The build: its number and what follows it. The higher one is preferred.
    pub build: Option<(u64, String)>,
    /// The interpreters, `["cp311"]` or `["py2", "py3"]`.
    pub pythons: Vec<String>,
    /// The binary interfaces, `["abi3"]` or `["none"]`.
    pub abis: Vec<String>,
    /// The platforms, `["manylinux_2_17_x86_64", "manylinux2014_x86_64"]` or `["any"]`.
    pub platforms: Vec<String>,
}

/// Why a name is none of a distribution of the project.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// It has characters that no distribution's name has; it could lead out of a folder.
    #[error("it has characters that no file of a package has in its name")]
    Characters,
    /// It is neither a wheel nor a source distribution that anybody installs today.
    #[error("it is neither a wheel nor a source distribution")]
    Other,
    /// It does not have the parts that it must have.
    #[error("it does not have the parts that it must have")]
    Parts,
    /// It says to be of another project.
    #[error("it is of another project than its page")]
    Project,
    /// Its version is none.
    #[error("its version is none (PEP 440)")]
    Version,
}

/// The endings of source distributions; the first is what everybody writes today (PEP 625).
const SDIST_ENDINGS: [&str; 3] = [".tar.gz", ".tgz", ".zip"];

impl FileName {
    /// Reads the name of a file of a project.
    ///
    /// # Errors
    ///
    /// [`FileNameError`] where it is none of a distribution of that project.
    pub fn parse(text: &str, project: &PackageName) -> Result<Self, FileNameError> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._+!-".contains(c);
        if text.starts_with('.') || text.len() > 255 || !text.chars().all(good) {
            return Err(FileNameError::Characters);
        }
        if let Some(stem) = text.strip_suffix(".whl") {
            return wheel(stem, project).map(Self::Wheel);
        }
        let stem = SDIST_ENDINGS.iter().find_map(|ending| text.strip_suffix(ending)).ok_or(FileNameError::Other)?;
        sdist(stem, project).map(Self::Sdist)
    }

    /// The version.
    pub const fn version(&self) -> &Version {
        match self {
            Self::Wheel(wheel) => &wheel.version,
            Self::Sdist(version) | Self::Repository(version) => version,
        }
    }
}

/// Whether this is how a project may be called.
fn is_called(text: &str, project: &PackageName) -> bool {
    PackageName::from_str(text).is_ok_and(|name| name == *project)
}

fn wheel(stem: &str, project: &PackageName) -> Result<Wheel, FileNameError> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, build, tags) = match parts.as_slice() {
        [name, version, tags @ ..] if tags.len() == 3 => (name, version, None, tags),
        [name, version, build, tags @ ..] if tags.len() == 3 => (name, version, Some(*build), tags),
        _ => return Err(FileNameError::Parts),
    };
    if !is_called(name, project) {
        return Err(FileNameError::Project);
    }
    let version = Version::from_str(version).map_err(|_| FileNameError::Version)?;
    let build = build.map(build_number).transpose()?;
    let all = |set: &str| set.split('.').map(str::to_ascii_lowercase).collect::<Vec<_>>();
    let (pythons, abis, platforms) = (all(tags[0]), all(tags[1]), all(tags[2]));
    // What a name may multiply to is bounded, since every combination is looked up.
    if [&pythons, &abis, &platforms].iter().any(|set| set.len() > 32 || set.iter().any(String::is_empty)) {
        return Err(FileNameError::Parts);
    }
    Ok(Wheel { version, build, pythons, abis, platforms })
}

fn build_number(text: &str) -> Result<(u64, String), FileNameError> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let number = text[..digits].parse().map_err(|_| FileNameError::Parts)?;
    Ok((number, text[digits..].to_owned()))
}

/// Older names have hyphens in the project's name, and so the project's page says where the version begins.
fn sdist(stem: &str, project: &PackageName) -> Result<Version, FileNameError> {
    let hyphens = stem.match_indices('-').map(|(at, _)| at);
    let mut named = hyphens.filter(|at| is_called(&stem[..*at], project)).peekable();
    if named.peek().is_none() {
        return Err(FileNameError::Project);
    }
    named.find_map(|at| Version::from_str(&stem[at + 1..]).ok()).ok_or(FileNameError::Version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, project: &str) -> Result<FileName, FileNameError> {
        FileName::parse(text, &PackageName::from_str(project).expect("a name"))
    }

    #[test]
    fn wheels_are_read() {
        let Ok(FileName::Wheel(wheel)) =
            parse("Foo_Bar-1.0-2a-py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "foo-bar")
        else {
            panic!("a wheel")
        };
        assert_eq!(wheel.version.to_string(), "1.0");
        assert_eq!(wheel.build, Some((2, "a".to_owned())));
        assert_eq!((wheel.pythons.len(), wheel.abis.len(), wheel.platforms.len()), (2, 1, 2));
    }

    #[test]
    fn source_distributions_are_read() {
        for (text, project, version) in [
            ("foo-1.0.tar.gz", "foo", "1.0"),
            ("foo_bar-1.0rc1.zip", "foo-bar", "1.0rc1"),
            ("foo-bar-2.tar.gz", "foo-bar", "2"),
            ("ruamel.yaml-0.18.tgz", "ruamel-yaml", "0.18"),
        ] {
            let Ok(FileName::Sdist(found)) = parse(text, project) else { panic!("{text}") };
            assert_eq!(found.to_string(), version, "{text}");
        }
    }

    #[test]
    fn names_that_lie_or_lead_away_are_refused() {
        for (text, error) in [
            ("bar-1.0-py3-none-any.whl", FileNameError::Project),
            ("bar-1.0.tar.gz", FileNameError::Project),
            ("foo-1.0-py3-any.whl", FileNameError::Parts),
            ("foo-1.0-x-py3-none-any.whl", FileNameError::Parts),
            ("foo-one-py3-none-any.whl", FileNameError::Version),
            ("../foo-1.0.tar.gz", FileNameError::Characters),
            ("foo-1.0/../x.tar.gz", FileNameError::Characters),
            ("foo-1.0\n.tar.gz", FileNameError::Characters),
            ("foo-1.0.exe", FileNameError::Other),
        ] {
            assert_eq!(parse(text, "foo"), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_name_is_too_odd_to_be_judged(text in "\\PC{0,40}(\\.whl|\\.tar\\.gz|\\.zip)?") {
            let _ = parse(&text, "foo");
        }
    }
}
