//! What is inside of packed collections and roles: the little that says what they need. Nothing is unpacked to anywhere,
//! and links are followed nowhere: only regular files are looked at.

use std::cell::RefCell;
use std::collections::BTreeMap;

use airlift_unpack::{Format, Limits, MemberLimits, UnpackError, member};
use serde::Deserialize;
use serde_json::Value;

use super::name::CollectionName;
use super::requirement::Role;
use super::{requirements, version, yaml};

/// What looking into an archive may cost.
const LIMITS: MemberLimits = MemberLimits { archive: Limits::output(2 << 30), members: 500_000, member: 4 << 20 };

/// The longest list of dependencies.
const MOST_DEPENDENCIES: usize = 1000;

/// Why an archive can't be looked into.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no intact archive.
    #[error("it can't be unpacked")]
    Unpack(#[from] UnpackError),
    /// A file that makes it what it is is not in it.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A file of it can't be read.
    #[error("its {file} can't be read: {reason}")]
    File {
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a packed collection says of itself (`MANIFEST.json`, `collection_info`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its name.
    pub name: CollectionName,
    /// Its version.
    pub version: semver::Version,
    /// What it needs.
    pub dependencies: BTreeMap<String, String>,
}

impl Packed {
    /// Looks into a packed collection.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn read(archive: &[u8]) -> Result<Self, ArchiveError> {
        #[derive(Deserialize)]
        struct Manifest {
            collection_info: Info,
        }
        #[derive(Deserialize)]
        struct Info {
            namespace: String,
            name: String,
            version: String,
            dependencies: Option<BTreeMap<String, String>>,
        }
        const FILE: &str = "MANIFEST.json";
        let wanted = |name: &[u8]| name.strip_prefix(b"./").unwrap_or(name) == FILE.as_bytes();
        let found = member(archive, Format::of_magic(archive), &LIMITS, wanted)?;
        let failed = |reason: String| ArchiveError::File { file: FILE.to_owned(), reason };
        let Manifest { collection_info: info } = serde_json::from_slice(&found.ok_or(ArchiveError::Missing(FILE))?)
            .map_err(|error| failed(error.to_string()))?;
        let dependencies = info.dependencies.unwrap_or_default();
        if dependencies.len() > MOST_DEPENDENCIES {
            return Err(failed(format!("more than {MOST_DEPENDENCIES} dependencies")));
        }
        Ok(Self {
            name: format!("{}.{}", info.namespace, info.name).parse().map_err(failed)?,
            version: version::parse(&info.version).ok_or_else(|| {
                failed(format!("'{}' is no version", info.version.chars().take(60).collect::<String>()))
            })?,
            dependencies,
        })
    }
}

/// What a packed role needs: the roles of its `meta/main.yml` and `meta/requirements.yml`.
///
/// # Errors
///
/// [`ArchiveError`]; without a `meta/main.yml` it is no role, and ansible-galaxy would not install it.
pub fn role_dependencies(archive: &[u8]) -> Result<Vec<Role>, ArchiveError> {
    let names = RefCell::new(BTreeMap::<&str, String>::new());
    let note = |name: &[u8]| {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        for file in ["meta/main", "meta/requirements"] {
            let above = [".yml", ".yaml"].iter().find_map(|ending| name.strip_suffix(ending)?.strip_suffix(file));
            // Roles may be inside of roles: the one nearest to the root is meant.
            let mut names = names.borrow_mut();
            if above.is_some_and(|above| above.is_empty() || above.ends_with('/'))
                && names.get(file).is_none_or(|known| depth(name) < depth(known))
            {
                names.insert(file, name.to_owned());
            }
        }
        false
    };
    let format = Format::of_magic(archive);
    member(archive, format, &LIMITS, note)?;
    let names = names.into_inner();
    let main = names.get("meta/main").ok_or(ArchiveError::Missing("meta/main.yml"))?;
    let mut wanted = Vec::new();
    let beside = |name: &&String| depth(name) == depth(main);
    for (key, name) in [("dependencies", Some(main)), ("", names.get("meta/requirements").filter(beside))] {
        let Some(name) = name else { continue };
        let bytes = member(archive, format, &LIMITS, |other| other == name.as_bytes())?.unwrap_or_default();
        let failed = |reason: String| ArchiveError::File { file: name.clone(), reason };
        let document = yaml::read(&bytes).map_err(failed)?;
        let list = match (key, document) {
            ("", document) => document,
            (key, Value::Object(mut all)) => all.remove(key).unwrap_or_default(),
            (_, Value::Null) => Value::Null,
            _ => return Err(failed("it is no mapping".to_owned())),
        };
        wanted.extend(roles(list).map_err(failed)?);
    }
    Ok(wanted)
}

fn depth(name: &str) -> usize {
    name.matches('/').count()
}

/// The roles of a list that ansible-galaxy would look for: a name without a dot is a role beside this one.
fn roles(list: Value) -> Result<Vec<Role>, String> {
    let list = match list {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) if list.len() <= MOST_DEPENDENCIES => list,
        Value::Array(_) => return Err(format!("more than {MOST_DEPENDENCIES} dependencies")),
        _ => return Err("its dependencies are no list".to_owned()),
    };
    let mut roles = Vec::new();
    for entry in &list {
        let named = ["role", "name", "src"].iter().filter_map(|key| entry.get(*key)?.as_str());
        let text = entry.as_str().into_iter().chain(named).collect::<Vec<_>>();
        let beside = !text.iter().any(|text| text.contains('.')) && entry.get("scm").is_none();
        if !beside {
            roles.push(requirements::role(entry)?);
        }
    }
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(files: &[(&str, &str)]) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        for (name, text) in files {
            let mut header = tar::Header::new_ustar();
            header.as_ustar_mut().expect("ustar").name[..name.len()].copy_from_slice(name.as_bytes());
            match text.strip_prefix("-> ") {
                Some(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_link_name(target).expect("a short name");
                    header.set_size(0);
                }
                None => header.set_size(text.len() as u64),
            }
            header.set_mode(0o644);
            header.set_cksum();
            let text = if text.starts_with("-> ") { "" } else { text };
            builder.append(&header, text.as_bytes()).expect("memory");
        }
        builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory")
    }

    #[test]
    fn a_collection_says_what_it_needs() {
        let manifest = r#"{"collection_info": {"namespace": "a", "name": "b", "version": "1.2.3", "dependencies": {"c.d": "*"}, "tags": []}, "format": 1}"#;
        let read = Packed::read(&packed(&[("README.md", "x"), ("MANIFEST.json", manifest)])).expect("a collection");
        assert_eq!((read.name.to_string().as_str(), read.version.to_string().as_str()), ("a.b", "1.2.3"));
        assert_eq!(read.dependencies["c.d"], "*");
        for (file, text, expected) in [
            ("MANIFEST.json", manifest.replace("\"a\"", "\"../a\""), "no collection's name"),
            ("MANIFEST.json", manifest.replace("1.2.3", "1.2"), "'1.2' is no version"),
            ("MANIFEST.json", "-> /etc/passwd".to_owned(), "it has no MANIFEST.json"),
            ("x/MANIFEST.json", manifest.to_owned(), "it has no MANIFEST.json"),
        ] {
            let error = Packed::read(&packed(&[(file, &text)])).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(Packed::read(b"no archive").is_err());
    }

    #[test]
    fn a_role_says_what_it_needs() {
        let main = "galaxy_info: {}\ndependencies:\n  - geerlingguy.repo-epel\n  - { role: a.b, version: v1, x: 1 }\n  - common\n  - { src: \"https://e.org/x.git\", scm: git }\n";
        let archive = packed(&[
            ("ntp-1/molecule/x/meta/main.yml", "dependencies: [wrong.one]"),
            ("ntp-1/tasks/main.yml", "[]"),
            ("ntp-1/meta/main.yml", main),
            ("ntp-1/meta/requirements.yml", "- { src: c.d, version: 2.0.0 }\n"),
        ]);
        let names: Vec<String> =
            role_dependencies(&archive).expect("a role").into_iter().map(|role| role.name).collect();
        assert_eq!(names, ["geerlingguy.repo-epel", "a.b", "x", "c.d"]);
        assert_eq!(role_dependencies(&packed(&[("r/meta/main.yaml", "dependencies: []\n")])).expect("a role"), []);
        assert_eq!(role_dependencies(&packed(&[("meta/main.yml", "---\n")])).expect("a role"), []);
        for (text, expected) in [
            ("dependencies: x", "its dependencies are no list"),
            ("[1]", "it is no mapping"),
            ("dependencies: [{role: ../../x.y}]", "can't be a role's name"),
            ("a: [", "can't be read"),
            ("-> ../../../etc/passwd", "it has no meta/main.yml"),
        ] {
            let error = role_dependencies(&packed(&[("r/meta/main.yml", text)])).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Packed::read(&bytes);
            let _ = role_dependencies(&bytes);
        }
    }
}
