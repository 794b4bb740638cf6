//! The manifest's `python`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use airlift_core::UpstreamUrl;
use pep508_rs::{PackageName, VersionOrUrl};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::format::tags::Libc;
use crate::format::{Requirement, requirements};

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The Python packages to collect, with all that they need.
    #[serde(default)]
    pub python: Option<PythonSpec>,
}

/// The manifest's `python`.
#[derive(Clone, Debug)]
pub struct PythonSpec {
    /// Where packages come from.
    pub index: IndexSpec,
    /// More indexes, each for the projects that it may answer for.
    pub indexes: Vec<NamedIndex>,
    /// What is wanted: each set is solved for itself.
    pub sets: Vec<SetSpec>,
    /// Which source distributions travel.
    pub sdists: Sdists,
    /// Whether pre-releases are as good as releases.
    pub pre: bool,
}

impl PythonSpec {
    /// A URL of a lock, which has no credentials, with those that the manifest has for it.
    pub(crate) fn with_credentials(&self, url: UpstreamUrl) -> UpstreamUrl {
        let mut own: Vec<UpstreamUrl> = self.indexes.iter().map(|named| named.url.clone()).collect();
        if let IndexSpec::At(index) = &self.index {
            own.insert(0, index.clone());
        }
        for one in self.sets.iter().flat_map(|set| set.requirements.iter().chain(&set.constraints)) {
            if let Some(VersionOrUrl::Url(url)) = &one.version_or_url {
                own.extend(UpstreamUrl::try_from(url.to_url()));
            }
        }
        if let Some(same) = own.iter().find(|own| own.redacted() == *url.expose()) {
            return same.clone();
        }
        own.iter().fold(url, |url, own| url.with_user_of(own))
    }
}

/// What is installed together.
#[derive(Clone, Debug)]
pub struct SetSpec {
    /// Its name, where it is one of `sets`.
    pub name: Option<String>,
    /// What is wanted.
    pub requirements: Vec<Requirement>,
    /// Files of requirements, constraints, and locks.
    pub files: Vec<String>,
    /// What only restricts versions.
    pub constraints: Vec<Requirement>,
    /// For which interpreters.
    pub environments: Vec<EnvironmentSpec>,
}

/// Where packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexSpec {
    /// From where pip and uv on this machine get them.
    Default,
    /// From the index at this address.
    At(UpstreamUrl),
}

/// An index that answers for some projects only, and is the only one that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedIndex {
    /// Its name, for messages.
    pub name: String,
    /// Its address.
    pub url: UpstreamUrl,
    /// The projects that it answers for; a star at the end stands for any rest.
    pub packages: Vec<String>,
}

/// Which source distributions travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sdists {
    /// None: what has no wheel can't be had.
    Never,
    /// Those of versions that have no wheel for an environment.
    #[default]
    WhenNeeded,
    /// Those of every chosen version, beside its wheel.
    Always,
}

/// An interpreter on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSpec {
    /// Its version: major, minor and, where it was given, the patch release.
    pub python: (u16, u16, Option<u16>),
    /// The machine, as the kernel calls it: `x86_64`.
    pub machine: String,
    /// The C library.
    pub libc: Libc,
}

impl EnvironmentSpec {
    /// How it is told to people: `Python 3.11 on linux-x86_64 (glibc 2.28)`.
    pub fn describe(&self) -> String {
        let (major, minor, patch) = self.python;
        let patch = patch.map(|patch| format!(".{patch}")).unwrap_or_default();
        let libc = match self.libc {
            Libc::Glibc(major, minor) => format!("glibc {major}.{minor}"),
            Libc::Musl(major, minor) => format!("musl {major}.{minor}"),
        };
        format!("Python {major}.{minor}{patch} on linux-{} ({libc})", self.machine)
    }
}

/// A [`PythonSpec`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonFields {
    /// Where packages come from: "default" for where pip or uv on this machine get them, or the address of an index.
    #[serde(default)]
    index: Option<String>,
    /// More indexes by name, each with the projects that it alone answers for.
    #[serde(default)]
    indexes: BTreeMap<String, NamedFields>,
    /// What is wanted, such as ansible==10.7.0.
    #[serde(default)]
    requirements: Vec<String>,
    /// Requirements files, constraints*.txt, uv.lock, pylock.toml: paths beside the manifest, or URLs.
    #[serde(default)]
    files: Vec<String>,
    /// Requirements that only restrict the versions of what others need.
    #[serde(default)]
    constraints: Vec<String>,
    /// The interpreters and platforms that everything is collected for.
    #[serde(default)]
    environments: Vec<EnvironmentFields>,
    /// More of what is wanted, by names of your own: each set is solved for itself, so that what excludes each other can be
    /// had from one index.
    #[serde(default)]
    sets: BTreeMap<String, SetFields>,
    /// Which source distributions travel: never, when-needed (the default) or always.
    #[serde(default)]
    sdists: Sdists,
    /// Whether pre-releases are as good as releases, as with pip's --pre.
    #[serde(default)]
    pre: bool,
}

/// A [`SetSpec`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PythonSet")]
pub struct SetFields {
    /// What is wanted, such as ansible==10.7.0.
    #[serde(default)]
    requirements: Vec<String>,
    /// Requirements files, constraints*.txt, uv.lock, pylock.toml: paths beside the manifest, or URLs.
    #[serde(default)]
    files: Vec<String>,
    /// Requirements that only restrict the versions of what others need.
    #[serde(default)]
    constraints: Vec<String>,
    /// The interpreters and platforms that this set is collected for; those of 'python' where they are left out.
    #[serde(default)]
    environments: Option<Vec<EnvironmentFields>>,
}

/// A [`NamedIndex`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedFields {
    /// Its address.
    url: UpstreamUrl,
    /// The projects that it answers for, and no other index does; a star at the end stands for any rest.
    packages: Vec<String>,
}

/// An [`EnvironmentSpec`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentFields {
    /// The interpreter's version: 3.11 (then its newest patch release is meant) or 3.11.7.
    python: Text,
    /// The platform: linux-x86_64, linux-aarch64, …
    platform: String,
    /// The version of its glibc; 2.28 where nothing is said.
    glibc: Option<Text>,
    /// The version of its musl, for Alpine Linux.
    musl: Option<Text>,
}

/// A text, which YAML may take for a number where it has no quotes.
#[derive(Clone, Debug)]
pub struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a version in quotes, such as \"3.10\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
        }
        // A number would have lost its last zero: 3.10 is 3.1.
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "VersionText".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// The machines that Linux wheels are made for.
const MACHINES: [&str; 7] = ["x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "i686", "armv7l"];

impl TryFrom<EnvironmentFields> for EnvironmentSpec {
    type Error = String;

    fn try_from(fields: EnvironmentFields) -> Result<Self, String> {
        let python = version(&fields.python.0).filter(|(major, ..)| *major == 3);
        let python = python.ok_or_else(|| {
            format!("python: '{}' is no version of CPython 3, such as \"3.11\" or \"3.11.7\"", fields.python.0)
        })?;
        let machine = match fields.platform.strip_prefix("linux-") {
            Some("amd64") => return Err("platform: wheels call it linux-x86_64".to_owned()),
            Some("arm64") => return Err("platform: wheels call it linux-aarch64".to_owned()),
            Some(machine) if MACHINES.contains(&machine) => machine.to_owned(),
            _ => {
                let known = MACHINES.map(|machine| format!("linux-{machine}")).join(", ");
                return Err(format!("platform: '{}' is not known; there are {known}", fields.platform));
            }
        };
        let two = |name: &str, text: &Text| match version(&text.0) {
            Some((major, minor, None)) => Ok((major, minor)),
            _ => Err(format!("{name}: '{}' is no version of two numbers, such as \"2.28\"", text.0)),
        };
        let libc = match (&fields.glibc, &fields.musl) {
            (Some(_), Some(_)) => return Err("glibc, musl: a platform has one of them".to_owned()),
            (None, Some(text)) => two("musl", text).map(|(major, minor)| Libc::Musl(major, minor))?,
            (Some(text), None) => two("glibc", text).map(|(major, minor)| Libc::Glibc(major, minor))?,
            // What EL8 has, the oldest of those that people install today.
            (None, None) => Libc::Glibc(2, 28),
        };
        if !matches!(libc, Libc::Glibc(2, 0..=200) | Libc::Musl(1, 0..=200)) {
            return Err("glibc, musl: there is no such version; glibc is 2.…, musl is 1.…".to_owned());
        }
        Ok(Self { python, machine, libc })
    }
}

/// Two or three numbers with dots between them.
fn version(text: &str) -> Option<(u16, u16, Option<u16>)> {
    let numbers: Vec<u16> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [major, minor] if *minor <= 99 => Some((*major, *minor, None)),
        [major, minor, patch] if *minor <= 99 => Some((*major, *minor, Some(*patch))),
        _ => None,
    }
}

impl TryFrom<PythonFields> for PythonSpec {
    type Error = String;

    fn try_from(fields: PythonFields) -> Result<Self, String> {
        let index = match fields.index.as_deref() {
            None | Some("default") => IndexSpec::Default,
            Some(url) => IndexSpec::At(url.parse().map_err(|error| format!("index: {error}"))?),
        };
        let shared = environments(fields.environments)?;
        let own = SetFields {
            requirements: fields.requirements,
            files: fields.files,
            constraints: fields.constraints,
            environments: None,
        };
        let mut sets = Vec::new();
        // Beside sets it may be that nothing else is wanted.
        if !own.is_empty() || fields.sets.is_empty() {
            sets.push(SetSpec::read(None, own, &shared)?);
        }
        for (name, set) in fields.sets {
            let read = SetSpec::read(Some(name.clone()), set, &shared);
            sets.push(read.map_err(|error| format!("sets: {name}: {error}"))?);
        }
        Ok(Self {
            index,
            indexes: fields.indexes.into_iter().map(named).collect::<Result<_, _>>()?,
            sets,
            sdists: fields.sdists,
            pre: fields.pre,
        })
    }
}

impl SetFields {
    fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.files.is_empty()
    }
}

impl SetSpec {
    fn read(name: Option<String>, fields: SetFields, shared: &[EnvironmentSpec]) -> Result<Self, String> {
        if fields.is_empty() {
            return Err("python: name what is wanted in 'requirements' or 'files'".to_owned());
        }
        let environments = fields.environments.map_or_else(|| Ok(shared.to_vec()), environments)?;
        if environments.is_empty() {
            return Err(
                "environments: name at least one, such as { python: \"3.11\", platform: linux-x86_64 }".to_owned()
            );
        }
        let all = |name: &str, texts: Vec<String>| -> Result<Vec<Requirement>, String> {
            let read = |text: &String| requirements::read(text).map_err(|error| format!("{name}: '{text}': {error}"));
            texts.iter().map(read).collect()
        };
        Ok(Self {
            name,
            requirements: all("requirements", fields.requirements)?,
            files: fields.files,
            constraints: all("constraints", fields.constraints)?,
            environments,
        })
    }
}

fn environments(fields: Vec<EnvironmentFields>) -> Result<Vec<EnvironmentSpec>, String> {
    let mut environments: Vec<EnvironmentSpec> = Vec::new();
    for environment in fields {
        let environment = EnvironmentSpec::try_from(environment)?;
        if !environments.contains(&environment) {
            environments.push(environment);
        }
    }
    Ok(environments)
}

fn named((name, fields): (String, NamedFields)) -> Result<NamedIndex, String> {
    if fields.packages.is_empty() {
        return Err(format!(
            "indexes: {name} needs the 'packages' that it answers for, such as [\"torch\", \"nvidia-*\"]"
        ));
    }
    let packages = fields.packages.iter().map(|pattern| {
        let (stem, star) = pattern.strip_suffix('*').map_or((pattern.as_str(), ""), |stem| (stem, "*"));
        // A name may end in a hyphen only where something follows.
        let (stem, hyphen) = match stem.strip_suffix(['-', '_', '.']).filter(|_| !star.is_empty()) {
            Some(stem) => (stem, "-"),
            None => (stem, ""),
        };
        match PackageName::from_str(stem) {
            Ok(normal) => Ok(format!("{normal}{hyphen}{star}")),
            Err(_) => Err(format!(
                "indexes: '{pattern}' in {name} is no name of a project, nor the beginning of one and a star"
            )),
        }
    });
    Ok(NamedIndex { packages: packages.collect::<Result<_, _>>()?, name, url: fields.url })
}

impl NamedIndex {
    /// Whether it answers for a project.
    pub fn answers_for(&self, project: &PackageName) -> bool {
        self.packages.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(stem) => project.as_ref().starts_with(stem),
            None => project.as_ref() == pattern,
        })
    }
}

impl<'de> Deserialize<'de> for PythonSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PythonFields::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl JsonSchema for PythonSpec {
    fn schema_name() -> Cow<'static, str> {
        "Python".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PythonFields::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<PythonSpec, String> {
        let spec: Spec = section(text, &["python"]).map_err(|error| error.to_string())?;
        Ok(spec.python.expect("a section"))
    }

    #[test]
    fn the_forms_are_read() {
        let spec = read(
            "python:\n  index: default\n  indexes: { torch: { url: \"https://t.example.org/whl\", packages: [torch, \"NVIDIA_*\"] } }\n  requirements: [\"ansible==10.7.0\", \"setuptools<45\"]\n  environments:\n    - { python: \"3.10\", platform: linux-x86_64, glibc: \"2.34\" }\n    - { python: \"3.9.18\", platform: linux-aarch64, musl: \"1.2\" }\n  sdists: never\n",
        )
        .expect("a manifest");
        let set = &spec.sets[0];
        assert_eq!(set.environments[0].python, (3, 10, None));
        assert_eq!(set.environments[1].describe(), "Python 3.9.18 on linux-aarch64 (musl 1.2)");
        assert_eq!((spec.index, spec.sdists, set.requirements.len()), (IndexSpec::Default, Sdists::Never, 2));
        let name = |text| PackageName::from_str(text).expect("a name");
        assert!(spec.indexes[0].answers_for(&name("nvidia-cublas")) && spec.indexes[0].answers_for(&name("torch")));
        assert!(!spec.indexes[0].answers_for(&name("torchvision")) && !spec.indexes[0].answers_for(&name("nvidia")));
    }

    #[test]
    fn sets_have_the_environments_of_all_unless_they_have_their_own() {
        let own = "environments: [{ python: \"3.12\", platform: linux-x86_64 }]";
        let all = "environments: [{ python: \"3.11\", platform: linux-x86_64 }]";
        let text = format!(
            "python: {{ requirements: [a], {all}, sets: {{ x: {{ requirements: [b], {own} }}, y: {{ files: [c] }} }} }}\n"
        );
        let sets = read(&text).expect("a manifest").sets;
        let pythons: Vec<_> = sets.iter().map(|set| (set.name.as_deref(), set.environments[0].python.1)).collect();
        assert_eq!(pythons, [(None, 11), (Some("x"), 12), (Some("y"), 11)]);
        let alone =
            read(&format!("python: {{ sets: {{ x: {{ requirements: [b], {own} }} }} }}\n")).expect("a manifest");
        assert_eq!(alone.sets.len(), 1);
    }

    #[test]
    fn a_lock_gets_the_credentials_of_the_manifest_back() {
        let spec = read(
            "python:\n  index: \"https://me:pass@i.example.org/simple/\"\n  indexes: { t: { url: \"https://you:word@t.example.org/whl\", packages: [t] } }\n  requirements: [\"a @ https://u:p@a.example.org/a-1.tar.gz?token=x\"]\n  environments: [{ python: \"3.11\", platform: linux-x86_64 }]\n",
        )
        .expect("a manifest");
        for (url, user, expected) in [
            ("https://i.example.org/files/b-1.tar.gz", "me", "https://me:pass@i.example.org/files/b-1.tar.gz"),
            ("https://t.example.org/t-1.tar.gz", "you", "https://you:word@t.example.org/t-1.tar.gz"),
            ("https://a.example.org/a-1.tar.gz?token=REDACTED", "u", "https://u:p@a.example.org/a-1.tar.gz?token=x"),
            ("https://elsewhere.example.org/c-1.tar.gz", "", "https://elsewhere.example.org/c-1.tar.gz"),
            ("http://i.example.org/files/b-1.tar.gz", "", "http://i.example.org/files/b-1.tar.gz"),
        ] {
            let asked = spec.with_credentials(url.parse().expect("a URL"));
            assert_eq!((asked.expose().username(), asked.expose().as_str()), (user, expected));
        }
    }

    #[test]
    fn mistakes_are_named() {
        let e = "environments: [{ python: \"3.11\", platform: linux-x86_64 }]";
        for (text, expected) in [
            ("{ requirements: [a] }".to_owned(), "environments: name at least one"),
            (format!("{{ {e}, sets: {{ x: {{ constraints: [a] }} }} }}"), "sets: x: python: name what is wanted"),
            ("{ sets: { x: { requirements: [a] } } }".to_owned(), "sets: x: environments: name at least one"),
            (format!("{{ {e} }}"), "name what is wanted"),
            (format!("{{ {e}, requirements: [\"a b\"] }}"), "requirements: 'a b'"),
            (format!("{{ {e}, requirements: [\"git+https://x/y\"] }}"), "its project's name"),
            (format!("{{ {e}, requirement: [a] }}"), "did you mean 'requirements'?"),
            (format!("{{ {e}, requirements: [a], index: pypi }}"), "index:"),
            (format!("{{ {e}, requirements: [a], sdists: maybe }}"), "maybe"),
            (
                format!("{{ {e}, requirements: [a], indexes: {{ x: {{ url: \"https://x\", packages: [] }} }} }}"),
                "needs the 'packages'",
            ),
            ("{ requirements: [a], environments: [{ python: 3.10, platform: linux-x86_64 }] }".to_owned(), "in quotes"),
            (
                "{ requirements: [a], environments: [{ python: \"2.7\", platform: linux-x86_64 }] }".to_owned(),
                "CPython 3",
            ),
            (
                "{ requirements: [a], environments: [{ python: \"3.11\", platform: linux-amd64 }] }".to_owned(),
                "linux-x86_64",
            ),
            (
                "{ requirements: [a], environments: [{ python: \"3.11\", platform: windows }] }".to_owned(),
                "is not known",
            ),
            (
                "{ requirements: [a], environments: [{ python: \"3.11\", platform: linux-x86_64, glibc: \"2\" }] }"
                    .to_owned(),
                "glibc:",
            ),
        ] {
            let error = read(&format!("python: {text}\n")).expect_err(&text);
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
