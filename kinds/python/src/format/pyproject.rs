//! What building a source distribution takes, as its `pyproject.toml` says (PEP 517, 518).

use std::collections::BTreeMap;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName, VersionOrUrl};
use serde::Deserialize;

use super::metadata::Metadata;
use super::{Requirement, dependency, plain};

/// What pip installs to build something that has no `pyproject.toml`, or whose says nothing of it.
const DEFAULT: [&str; 2] = ["setuptools>=40.8.0", "wheel"];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "build-system")]
    build: Option<Build>,
    project: Option<Project>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: String,
    version: Option<String>,
    description: Option<String>,
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    dynamic: Vec<String>,
}

/// What a project declares of itself.
#[derive(Clone, Debug)]
pub struct Declared {
    /// As its metadata will say it.
    pub metadata: Metadata,
    /// Whether the version is there; if not, the build makes one, and the metadata has 0.
    pub has_version: bool,
}

/// What a project declares of itself (PEP 621), where that is all that a build would say of what it needs.
///
/// # Errors
///
/// A sentence where only a build can tell what it needs, or where it is another project.
pub fn project(text: &str, name: &PackageName) -> Result<Declared, String> {
    let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let only_build = |what: &str| format!("its pyproject.toml {what}, so that only a build knows what it needs");
    let project = document.project.ok_or_else(|| only_build("has no [project]"))?;
    for field in ["dependencies", "optional-dependencies"] {
        if project.dynamic.iter().any(|dynamic| dynamic == field) {
            return Err(only_build(&format!("says that '{field}' is dynamic")));
        }
    }
    if project.name.parse::<PackageName>().ok().as_ref() != Some(name) {
        return Err(format!("its pyproject.toml says that it is {}", plain(&project.name, 100)));
    }
    let odd = |field: &str, value: &str| format!("its pyproject.toml has '{}' as its {field}", plain(value, 100));
    let version = project.version.as_deref().map(|text| text.parse().map_err(|_| odd("version", text))).transpose()?;
    let requires_python = project.requires_python.as_deref().filter(|text| !text.trim().is_empty());
    let requires_python =
        requires_python.map(|text| text.parse::<VersionSpecifiers>().map_err(|_| odd("requires-python", text)));
    let mut requires = project.dependencies.iter().map(|text| dependency_of(text)).collect::<Result<Vec<_>, _>>()?;
    let mut extras = Vec::new();
    for (extra, texts) in &project.optional_dependencies {
        let extra: ExtraName = extra.parse().map_err(|_| odd("optional-dependencies", extra))?;
        extras.push(extra.clone());
        for text in texts {
            requires.push(dependency_of(text)?.with_extra_marker(&extra));
        }
    }
    let metadata = Metadata {
        name: name.clone(),
        version: version.clone().unwrap_or_else(|| Version::new([0])),
        requires,
        extras,
        requires_python: requires_python.transpose()?,
        summary: project.description.as_deref().map(|text| plain(text, 512)),
        dynamic: Some(Vec::new()),
    };
    Ok(Declared { metadata, has_version: version.is_some() })
}

fn dependency_of(text: &str) -> Result<Requirement, String> {
    dependency::strange_requirement(text).map_err(|reason| format!("it needs '{}': {reason}", plain(text, 120)))
}

#[derive(Deserialize)]
struct Build {
    #[serde(default)]
    requires: Vec<String>,
}

/// The requirements of a build.
///
/// # Errors
///
/// A sentence where the file is no TOML or names what is no requirement.
pub fn build_requirements(text: Option<&str>) -> Result<Vec<Requirement>, String> {
    let declared = match text {
        None => None,
        Some(text) => {
            let document: Document = toml::from_str(text).map_err(|error| error.message().to_owned())?;
            document.build.map(|build| build.requires)
        }
    };
    match declared {
        Some(requires) => requires.iter().map(|text| read(text)).collect(),
        None => DEFAULT.iter().map(|text| read(text)).collect(),
    }
}

fn read(text: &str) -> Result<Requirement, String> {
    let requirement = dependency::strange_requirement(text);
    let requirement = requirement.map_err(|reason| format!("'{}': {reason}", plain(text, 120)))?;
    match requirement.version_or_url {
        Some(VersionOrUrl::Url(_)) => Err(format!("it is built with {} from a URL of its own", requirement.name)),
        _ => Ok(requirement),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_declares_is_read() {
        let name: PackageName = "foo-bar".parse().expect("a name");
        let text = "[project]\nname = 'Foo_Bar'\nversion = '1.2'\nrequires-python = '>=3.9'\ndependencies = ['a>1']\n\
                    [project.optional-dependencies]\nx = ['b', \"c ; os_name == 'nt'\"]\n";
        let declared = project(text, &name).expect("a project");
        let requires: Vec<String> = declared.metadata.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["a>1", "b ; extra == 'x'", "c ; os_name == 'nt' and extra == 'x'"]);
        assert_eq!((declared.metadata.version.to_string().as_str(), declared.has_version), ("1.2", true));
        let dynamic = text.replace("version = '1.2'", "dynamic = ['version']");
        assert!(!project(&dynamic, &name).expect("a project").has_version);
        for (text, expected) in [
            (text.replace("version = '1.2'", "dynamic = ['dependencies']"), "only a build knows"),
            ("[tool.poetry]\nname = 'foo-bar'\n".to_owned(), "no [project]"),
            (text.replace("Foo_Bar", "other"), "says that it is other"),
            (text.replace("'1.2'", "'one'"), "'one' as its version"),
            (text.replace("'a>1'", "'a b'"), "it needs 'a b'"),
        ] {
            let error = project(&text, &name).expect_err(&text);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_a_build_takes_is_read() {
        let names = |text| -> Vec<String> {
            build_requirements(text).expect("requirements").iter().map(|one| one.name.to_string()).collect()
        };
        assert_eq!(names(None), ["setuptools", "wheel"]);
        assert_eq!(names(Some("[tool.x]\n")), ["setuptools", "wheel"]);
        assert_eq!(names(Some("[build-system]\nrequires = ['Flit_Core >=3.2,<4']\n")), ["flit-core"]);
        assert!(build_requirements(Some("[build-system\n")).is_err());
        for odd in ["a b", "a-;os_name=='x'", "a @ https://example.org/a-1.tar.gz"] {
            let text = format!("[build-system]\nrequires = [\"{odd}\"]\n");
            assert!(build_requirements(Some(&text)).is_err(), "{odd}");
        }
    }
}
