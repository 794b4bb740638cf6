//! What building a source distribution takes, as its `pyproject.toml` says (PEP 517, 518).

use pep508_rs::VersionOrUrl;
use serde::Deserialize;

use super::{Requirement, dependency, plain};

/// What pip installs to build something that has no `pyproject.toml`, or whose says nothing of it.
const DEFAULT: [&str; 2] = ["setuptools>=40.8.0", "wheel"];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "build-system")]
    build: Option<Build>,
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
