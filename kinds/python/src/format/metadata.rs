//! Core metadata of a distribution, as far as solving and publishing needs it (core metadata specification, 1.0 to 2.5).

use std::collections::HashSet;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName};

use super::{Requirement, dependency, plain};

/// What a distribution says about itself.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The project.
    pub name: PackageName,
    /// The version.
    pub version: Version,
    /// What it needs.
    pub requires: Vec<Requirement>,
    /// The extras that it has.
    pub extras: Vec<ExtraName>,
    /// Which interpreters it runs on.
    pub requires_python: Option<VersionSpecifiers>,
    /// One line about it.
    pub summary: Option<String>,
    /// The fields that only a build can tell, in small letters (PEP 643); none where the metadata is older than that.
    pub dynamic: Option<Vec<String>>,
}

/// Why a text is no usable core metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// A field that must be there is not.
    #[error("it has no '{0}'")]
    Missing(&'static str),
    /// A field can't be understood.
    #[error("its '{field}' is '{value}', which can't be understood")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value, cut at 120 characters.
        value: String,
    },
    /// It needs something that can't be understood.
    #[error("its 'Requires-Dist' is '{value}', which can't be understood: {reason}")]
    Requirement {
        /// Its value, cut at 120 characters.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Metadata {
    /// Reads a `METADATA` or `PKG-INFO` file.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] where a field that solving needs is missing or can't be understood.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let text = std::str::from_utf8(bytes).map_err(|_| MetadataError::Encoding)?;
        let fields = fields(text);
        let all = |name: &'static str| {
            let matching = fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
            matching.map(|(_, value)| value.as_str())
        };
        let one = |name| all(name).next().ok_or(MetadataError::Missing(name));
        let known = |value: &&str| !value.is_empty() && *value != "UNKNOWN";
        let requires = all("Requires-Dist").filter(known).map(|value| {
            dependency::strange_requirement(value)
                .map_err(|reason| MetadataError::Requirement { value: plain(value, 120), reason })
        });
        let requires_python = all("Requires-Python").find(known).map(|value| read("Requires-Python", value));
        let modern = Version::from_str(one("Metadata-Version")?).is_ok_and(|version| version >= Version::new([2, 2]));
        Ok(Self {
            name: read("Name", one("Name")?)?,
            version: read("Version", one("Version")?)?,
            requires: requires.collect::<Result<_, _>>()?,
            extras: all("Provides-Extra").filter_map(|name| name.trim().parse().ok()).collect(),
            requires_python: requires_python.transpose()?,
            summary: all("Summary").find(known).map(|summary| plain(summary, 512)),
            dynamic: modern.then(|| all("Dynamic").map(|field| field.trim().to_ascii_lowercase()).collect()),
        })
    }

    /// Whether another one says the same of what is needed, and of what it is.
    pub fn needs_as(&self, other: &Self) -> bool {
        let needs = |of: &Self| of.requires.iter().cloned().collect::<HashSet<_>>();
        (&self.name, &self.version, &self.requires_python) == (&other.name, &other.version, &other.requires_python)
            && needs(self) == needs(other)
    }

    /// Whether a source distribution's own metadata says what a build would say of its requirements (PEP 643).
    pub fn is_static(&self) -> bool {
        let unsure = ["requires-dist", "requires-python", "provides-extra", "version"];
        self.dynamic.as_ref().is_some_and(|dynamic| !dynamic.iter().any(|field| unsure.contains(&field.as_str())))
    }
}

fn read<T: FromStr>(field: &'static str, value: &str) -> Result<T, MetadataError> {
    value.trim().parse().map_err(|_| MetadataError::Field { field, value: plain(value, 120) })
}

/// The header's fields in order. Lines that begin with a blank go on with the field before.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wheels_metadata_is_read() {
        let metadata = Metadata::parse(
            b"Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0.post1\nSummary: A thing\nRequires-Python: >=3.8,\n  <4\n\
              Requires-Dist: baz (>=2) ; extra == 'all'\nRequires-Dist: qux[a,b]>=1; python_version < '3.9'\n\nRequires-Dist: not-this\n",
        )
        .expect("metadata");
        assert_eq!((metadata.name.as_ref(), metadata.version.to_string().as_str()), ("foo-bar", "1.0.post1"));
        assert_eq!(metadata.requires.len(), 2);
        assert_eq!(metadata.requires_python.expect("a field").to_string(), ">=3.8, <4");
        assert_eq!(metadata.dynamic, None);
    }

    #[test]
    fn what_is_static_is_told_from_what_a_build_must_tell() {
        let head = "Name: a\nVersion: 1\n";
        let is_static = |text: String| Metadata::parse(text.as_bytes()).expect("metadata").is_static();
        assert!(!is_static(format!("Metadata-Version: 2.1\n{head}")));
        assert!(is_static(format!("Metadata-Version: 2.2\n{head}Dynamic: Description\n")));
        assert!(!is_static(format!("Metadata-Version: 2.2\n{head}Dynamic: Requires-Dist\n")));
    }

    #[test]
    fn what_is_missing_or_odd_is_named() {
        let field = |field, value: &str| MetadataError::Field { field, value: value.to_owned() };
        let requirement = |value: &str, reason: &str| MetadataError::Requirement {
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        for (text, error) in [
            ("Name: a\nVersion: 1\n", MetadataError::Missing("Metadata-Version")),
            ("Metadata-Version: 2.1\nVersion: 1\n", MetadataError::Missing("Name")),
            ("Metadata-Version: 2.1\nName: a\nVersion: one\n", field("Version", "one")),
            (
                "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: a-;os_name=='x'\n",
                requirement("a-;os_name=='x'", "the name 'a-' ends with a '-'"),
            ),
        ] {
            assert_eq!(Metadata::parse(text.as_bytes()).expect_err(text), error);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_judged(text in "(Metadata-Version: 2.1\n|Name: a\n|Version: 1\n|Requires-Dist: ?\\PC{0,20}\n){0,8}") {
            let _ = Metadata::parse(text.as_bytes());
        }
    }
}
