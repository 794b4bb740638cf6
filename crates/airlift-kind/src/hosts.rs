//! For which hosts something is: a package repository is of no use to another release, and does harm there.
//!
//! Systems go by the names that follow from their `os-release` (os-release(5)): `ubuntu24.04`, `rocky9`, `el9`, `noble`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reply::Asked;

/// Some hosts, as they stand in archives and in what a mirror tells its clients. An empty list means every one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hosts {
    /// Their systems, in lower case: `el9`, `ubuntu24.04`, `noble`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub os: Vec<String>,
    /// Their architectures as Debian calls them: `amd64`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
}

/// What a person writes for [`Hosts`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostsFields {
    /// Their systems: 'el9' for all of Enterprise Linux 9, or the ID of os-release with a version ('ubuntu24.04',
    /// 'rocky9'), a version ('9') or a codename ('noble').
    os: Option<Vec<String>>,
    /// Their architectures: 'x86_64' or 'amd64', 'aarch64' or 'arm64'.
    arch: Option<Vec<String>>,
}

impl TryFrom<HostsFields> for Hosts {
    type Error = String;

    fn try_from(fields: HostsFields) -> Result<Self, String> {
        let os = names("os", fields.os)?;
        let arch = names("arch", fields.arch)?;
        Ok(Self { os, arch: arch.iter().map(|name| debian_arch(name).to_owned()).collect() })
    }
}

/// The names of one list: they stand in client files and in a script.
fn names(field: &str, names: Option<Vec<String>>) -> Result<Vec<String>, String> {
    let Some(names) = names else { return Ok(Vec::new()) };
    if names.is_empty() {
        return Err(format!("for: {field}: expected at least one; leave it out for all"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match names.iter().find(|name| name.is_empty() || !name.chars().all(plain)) {
        Some(name) => Err(format!("for: {field}: '{name}' is no name of letters, digits and . _ -")),
        None => Ok(names.iter().map(|name| name.to_ascii_lowercase()).collect()),
    }
}

impl Hosts {
    /// Whether every host is meant.
    pub fn is_all(&self) -> bool {
        self.os.is_empty() && self.arch.is_empty()
    }

    /// Whether a host with these names and this architecture is one of them.
    pub fn include(&self, names: &[String], arch: &str) -> bool {
        let is_one = |list: &[String], of: &[String]| list.is_empty() || list.iter().any(|name| of.contains(name));
        is_one(&self.os, names) && is_one(&self.arch, &[debian_arch(arch).to_owned()])
    }

    /// Whether several of these mean the same hosts, as far as they say anything: then whoever asks is one of them.
    pub fn agree<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> bool {
        let same = |list: fn(&'a Self) -> &'a Vec<String>| {
            let mut said = all.clone().map(list).filter(|list| !list.is_empty());
            let first = said.next();
            said.all(|other| Some(other) == first)
        };
        same(|hosts| &hosts.os) && same(|hosts| &hosts.arch)
    }

    /// For a person: `el8 or el9, on amd64`.
    pub fn describe(&self) -> String {
        match (self.os.is_empty(), self.arch.is_empty()) {
            (true, true) => "all hosts".to_owned(),
            (true, false) => self.arch.join(" or "),
            (false, true) => self.os.join(" or "),
            (false, false) => format!("{}, on {}", self.os.join(" or "), self.arch.join(" or ")),
        }
    }
}

/// The host that a client file is for, as far as its URL says it: `/airlift.repo?os=el9&arch=x86_64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFor {
    names: Option<Vec<String>>,
    arch: Option<String>,
}

/// What the URL says of the host; none where it says nothing. A system goes by every name that follows from the one that
/// is said: `el9` is also a `9`, and `rocky9.4` a `rocky9`, an `el9` and a `9`.
pub fn asked_for(asked: &Asked<'_>) -> Option<AskedFor> {
    let split = |text: String| text.to_ascii_lowercase().split(',').flat_map(names_of_one).collect();
    let (names, arch) = (asked.parameter("os").map(split), asked.parameter("arch"));
    (names.is_some() || arch.is_some()).then_some(AskedFor { names, arch })
}

impl AskedFor {
    /// Whether something is for it. What the URL leaves open is no reason against it.
    pub fn fits(&self, hosts: &Hosts) -> bool {
        let said = Hosts {
            os: self.names.as_ref().map(|_| hosts.os.clone()).unwrap_or_default(),
            arch: self.arch.as_ref().map(|_| hosts.arch.clone()).unwrap_or_default(),
        };
        said.include(self.names.as_deref().unwrap_or_default(), self.arch.as_deref().unwrap_or_default())
    }
}

/// Relatives of Red Hat Enterprise Linux whose `ID_LIKE` does not say so, and itself.
const ENTERPRISE: [&str; 5] = ["rhel", "centos", "rocky", "almalinux", "ol"];

/// The names that a system goes by, by its `ID` and its `VERSION_ID`, the most exact one first. Whether it is a relative of
/// Red Hat Enterprise Linux follows from its `ID`, where `enterprise` does not say so.
pub fn system_names(id: &str, version: &str, enterprise: bool) -> Vec<String> {
    let major = version.split('.').next().unwrap_or_default();
    let mut names = vec![format!("{id}{version}"), format!("{id}{major}"), id.to_owned()];
    names.extend([version.to_owned(), major.to_owned()]);
    if enterprise || ENTERPRISE.contains(&id) {
        names.push(format!("el{major}"));
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The same by what a person calls it: `rocky9.4`, `9`, `noble`.
fn names_of_one(name: &str) -> Vec<String> {
    let name = name.trim();
    let (id, version) = name.split_at(name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len()));
    let is_version = version.chars().all(|c| c.is_ascii_digit() || c == '.');
    match is_version && !version.is_empty() {
        true => system_names(id, version, false),
        false => vec![name.to_owned()],
    }
}

/// An architecture as Debian calls it, where that differs from what the kernel and rpm say.
pub fn debian_arch(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "ppc64le" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(os: &[&str], arch: &[&str]) -> Hosts {
        let list =
            |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect()).filter(|_| !names.is_empty());
        HostsFields { os: list(os), arch: list(arch) }.try_into().expect("hosts")
    }

    #[test]
    fn a_host_is_meant_or_not() {
        let names = ["rocky9.4", "el9"].map(str::to_owned);
        for (os, arch, expected) in [
            (&["EL9", "el8"][..], &["x86_64"][..], true),
            (&["el9"], &["arm64"], false),
            (&["el8"], &[], false),
            (&[], &["amd64"], true),
            (&[], &[], true),
        ] {
            assert_eq!(hosts(os, arch).include(&names, "x86_64"), expected, "{os:?} {arch:?}");
        }
        assert!(!hosts(&["el9"], &[]).include(&[], "x86_64"), "a system without a name is none of them");
    }

    #[test]
    fn a_url_names_a_system_by_whatever_it_is_called() {
        let (method, headers) = (http::Method::GET, http::HeaderMap::new());
        let host = |query| {
            let scheme = crate::Scheme::Http;
            asked_for(&Asked { method: &method, path: "/airlift.repo", query: Some(query), headers: &headers, scheme })
        };
        for (query, os, expected) in [
            ("os=el9&arch=x86_64", "9", true),
            ("os=el9", "el9", true),
            ("os=el9", "8", false),
            ("os=Rocky9.4", "rocky9", true),
            ("os=rocky9.4", "el9", true),
            ("os=rocky9.4", "9", true),
            ("os=9.4", "9", true),
            ("os=9", "el9", false),
            ("os=ubuntu24.04,noble", "ubuntu24.04", true),
            ("os=ubuntu24.04,noble", "noble", true),
            ("os=ubuntu24.04", "el24", false),
            ("os=opensuse-leap15.6", "opensuse-leap15", true),
            ("os=el9&arch=aarch64", "9", false),
            ("os=", "9", false),
        ] {
            let fits = host(query).expect("a host").fits(&hosts(&[os], &["amd64"]));
            assert_eq!(fits, expected, "{query} {os}");
        }
        assert_eq!(host("signed-by=/k"), None);
    }

    #[test]
    fn they_agree_where_none_says_otherwise() {
        let agree = |all: &[Hosts]| Hosts::agree(all.iter());
        let (one, two) = (hosts(&["el9"], &["amd64"]), hosts(&["el8"], &["amd64"]));
        assert!(agree(&[]) && agree(&[one.clone(), Hosts::default(), hosts(&[], &["amd64"])]));
        assert!(!agree(&[one.clone(), two]) && !agree(&[one, hosts(&["el9"], &["arm64"])]));
    }

    #[test]
    fn mistakes_are_named() {
        for (fields, expected) in [
            (HostsFields { os: Some(vec![]), arch: None }, "os: expected at least one"),
            (HostsFields { os: None, arch: Some(vec!["a b".into()]) }, "arch: 'a b' is no name"),
        ] {
            let error = Hosts::try_from(fields).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
