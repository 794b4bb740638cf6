//! The manifest's `apt`.

use std::borrow::Cow;
use std::sync::Arc;

use airlift_core::UpstreamUrl;
use airlift_kind::{Hosts, HostsFields, Texts};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

use crate::format::selector::Selector;

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The repositories to collect.
    #[serde(default)]
    pub apt: Vec<AptSpec>,
}

/// One entry of `apt`.
#[derive(Clone, Debug)]
pub struct AptSpec {
    /// Which repositories.
    pub what: What,
    /// The architectures; none for all that the repository has.
    pub architectures: Vec<String>,
    /// Where the keys are that vouch for it.
    pub signed_by: Vec<KeySource>,
    /// Accept these keys only.
    pub fingerprints: Vec<String>,
    /// Whether source packages travel too.
    pub sources: bool,
    /// Whether it may be unsigned.
    pub unsigned: bool,
    /// Whether it must not have expired.
    pub check_valid_until: bool,
    /// The hosts that it is solved for; none for all.
    pub target: Option<String>,
    /// The hosts whose apt has it on.
    pub hosts: Hosts,
    /// What of it travels; none for all.
    pub partial: Option<Arc<Partial>>,
}

/// What of a repository travels.
#[derive(Clone, Debug)]
pub struct Partial {
    /// What is asked for.
    pub packages: Vec<Selector>,
    /// How many versions of it, the best first.
    pub newest: usize,
    /// Whether recommendations are followed.
    pub recommends: bool,
    /// What a reference host has.
    pub installed: Option<HostPath>,
    /// What hosts have.
    pub assume: Vec<Assume>,
    /// Architectures that hosts have packages of beside their own.
    pub foreign: Vec<String>,
}

/// What hosts are taken to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Assume {
    /// What every installation has: packages that are essential or of the priority required, and all that they need.
    Base,
    /// The same, with packages of the priority important.
    Important,
    /// Whatever no repository of the manifest has in any version.
    Unlisted,
}

/// Which repositories an entry means.
#[derive(Clone, Debug)]
pub enum What {
    /// One, by its address.
    One {
        /// Its name here.
        id: String,
        /// Its address.
        uri: UpstreamUrl,
        /// Its suites.
        suites: Vec<String>,
        /// Its components.
        components: Vec<String>,
    },
    /// Those of a host: a folder or a file of sources; or one that is made of a folder of packages.
    Host {
        /// The folder or file.
        from: HostPath,
        /// The name of the one that is made of packages; none for the folder's own.
        id: Option<String>,
    },
}

/// A place on the host that collects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPath {
    /// Wherever the manifest lies.
    Absolute(UpstreamUrl),
    /// Beside the manifest.
    Relative(String),
}

impl HostPath {
    /// Whether a text is a path beside the manifest.
    pub(crate) fn is_relative(text: &str) -> bool {
        matches!(text, "." | "..") || text.starts_with("./") || text.starts_with("../")
    }

    fn read(field: &str, from: &str) -> Result<Self, String> {
        if from.starts_with('/') {
            return file_url(from).map(Self::Absolute);
        }
        if from.starts_with("file://") {
            return from.parse().map(Self::Absolute).map_err(|error| format!("{field}: {error}"));
        }
        match Self::is_relative(from) {
            true => Ok(Self::Relative(from.to_owned())),
            false => Err(format!(
                "{field}: '{from}' is neither absolute, such as /etc/apt/sources.list.d, nor begins with ./"
            )),
        }
    }
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// At this URL, armored or binary.
    Url(UpstreamUrl),
    /// Here, armored.
    Inline(String),
}

impl KeySource {
    /// Reads a URL, an absolute path or an armored key.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.contains("-----BEGIN PGP") {
            return Ok(Self::Inline(text.to_owned()));
        }
        match text.starts_with('/') {
            true => file_url(text).map(Self::Url),
            false => text.parse().map(Self::Url).map_err(|error| format!("signed-by: {error}")),
        }
    }
}

/// The `file` URL of an absolute path.
pub(crate) fn file_url(path: &str) -> Result<UpstreamUrl, String> {
    format!("file://{}", crate::format::link::encode(path)).parse().map_err(|error| format!("{path}: {error}"))
}

/// An [`AptSpec`] as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AptFields {
    /// What it is called here: it is served at `/<id>/`.
    id: Option<String>,
    /// The repository's address, as it stands in a sources.list.
    uri: Option<UpstreamUrl>,
    /// The suites, such as noble or bookworm-updates; "/" or "./" for a flat repository.
    #[serde(default)]
    suites: Texts,
    /// The components, such as main; none for a flat repository.
    #[serde(default)]
    components: Texts,
    /// The architectures, such as amd64; all that the repository has where this is left out.
    #[serde(default)]
    architectures: Texts,
    /// The keys that vouch for it: URLs (file:// too), absolute paths, or armored keys themselves.
    #[serde(default)]
    signed_by: Texts,
    /// Accept these keys only: fingerprints of primary keys or subkeys.
    #[serde(default)]
    fingerprints: Texts,
    /// Whether source packages travel too.
    #[serde(default)]
    sources: bool,
    /// Whether it may be unsigned. It is then said at load, and apt on clients refuses it unless told otherwise.
    #[serde(default)]
    unsigned: bool,
    /// Whether it must not have expired (Valid-Until). Snapshots of the past always have.
    #[serde(default = "yes")]
    check_valid_until: bool,
    /// The repositories of this host: a folder such as /etc/apt/sources.list.d, or a file of sources; or a folder of .deb
    /// files, which becomes a repository. A path that begins with ./ is beside the manifest.
    from: Option<String>,
    /// What travels of it, with all that it needs: names, globs (nvidia-*), versions (nginx=1.2*), architectures
    /// (libc6:i386), tasks (standard^), ?essential, ?priority(required), ?section(net). Left out: the whole repository.
    packages: Option<Texts>,
    /// How many versions of what is asked for, the best first; 1 where this is left out.
    newest: Option<u16>,
    /// Whether recommendations are followed too, as apt does unless told otherwise. Default: true.
    recommends: Option<bool>,
    /// What a reference host has, and what therefore need not travel: a file with the output of dpkg -l or dpkg-query -W,
    /// or a copy of /var/lib/dpkg/status.
    installed: Option<String>,
    /// What hosts are taken to have: base, important, unlisted. Default: nothing.
    #[serde(default)]
    assume: Vec<Assume>,
    /// Architectures that hosts have packages of beside their own, such as i386.
    #[serde(default)]
    foreign_architectures: Texts,
    /// The hosts that it is for, where the manifest has repositories for several distributions: only repositories with the
    /// same target, or without one, are looked at for what its packages need.
    target: Option<String>,
    /// The hosts that it is for: on others it is off. Without it, suites of Debian and Ubuntu themselves are for their own
    /// release, and everything else is for all.
    #[serde(rename = "for")]
    hosts: Option<HostsFields>,
}

const fn yes() -> bool {
    true
}

impl TryFrom<AptFields> for AptSpec {
    type Error = String;

    fn try_from(fields: AptFields) -> Result<Self, String> {
        let partial = fields.partial()?.map(Arc::new);
        fields.target.iter().try_for_each(|name| plain("target", name))?;
        let signed_by = fields.signed_by.0.iter().map(|text| KeySource::read(text)).collect::<Result<_, _>>()?;
        fields.architectures.0.iter().try_for_each(|name| plain("architectures", name))?;
        let what = match (fields.from, fields.id, fields.uri) {
            (Some(from), id, None) if fields.suites.0.is_empty() && fields.components.0.is_empty() => {
                What::Host { from: HostPath::read("from", &from)?, id }
            }
            (Some(_), ..) => return Err("from: uri, suites and components come from the host's files".to_owned()),
            (None, Some(id), Some(uri)) => {
                let (suites, components) = (fields.suites.0, fields.components.0);
                check(&id, &suites, &components)?;
                What::One { id, uri, suites, components }
            }
            (None, None, _) => return Err("a repository needs an 'id', or 'from'".to_owned()),
            (None, Some(id), None) => return Err(format!("the repository {id} needs a 'uri'")),
        };
        Ok(Self {
            what,
            architectures: fields.architectures.0,
            signed_by,
            fingerprints: fields.fingerprints.0,
            sources: fields.sources,
            unsigned: fields.unsigned,
            check_valid_until: fields.check_valid_until,
            target: fields.target,
            hosts: fields.hosts.unwrap_or_default().try_into()?,
            partial,
        })
    }
}

impl AptFields {
    fn partial(&self) -> Result<Option<Partial>, String> {
        let Some(packages) = &self.packages else {
            let only = [
                ("newest", self.newest.is_some()),
                ("recommends", self.recommends.is_some()),
                ("installed", self.installed.is_some()),
                ("assume", !self.assume.is_empty()),
                ("foreign-architectures", !self.foreign_architectures.0.is_empty()),
            ];
            return match only.into_iter().find(|(_, there)| *there) {
                Some((name, _)) => Err(format!("{name}: it is about a part of a repository: name 'packages' too")),
                None => Ok(None),
            };
        };
        self.foreign_architectures.0.iter().try_for_each(|name| plain("foreign-architectures", name))?;
        let newest = self.newest.map_or(1, usize::from);
        if newest == 0 {
            return Err("newest: at least one version travels".to_owned());
        }
        let mut assume = self.assume.clone();
        assume.sort();
        assume.dedup();
        Ok(Some(Partial {
            packages: packages.0.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            newest,
            recommends: self.recommends.unwrap_or(true),
            installed: self.installed.as_deref().map(|path| HostPath::read("installed", path)).transpose()?,
            assume,
            foreign: self.foreign_architectures.0.clone(),
        }))
    }
}

/// Whether id, suites and components can be names in paths and in generated files.
pub(crate) fn check(id: &str, suites: &[String], components: &[String]) -> Result<(), String> {
    plain("id", id)?;
    if matches!(id, "gpgkeys" | "airlift") {
        return Err(format!("id: '{id}' is the name of something else on this port"));
    }
    if suites.is_empty() {
        return Err(format!("the repository {id} needs 'suites'; a flat one has the suite \"/\""));
    }
    for suite in suites {
        let inner = suite.trim_start_matches("./").trim_matches('/');
        if !inner.is_empty() {
            path("suites", inner)?;
        }
        match (suite.ends_with('/'), components.is_empty()) {
            (true, false) => return Err(format!("suites: the flat repository '{suite}' has no components")),
            (false, true) => return Err(format!("the suite {suite} of {id} needs 'components'")),
            _ => {}
        }
    }
    components.iter().try_for_each(|component| path("components", component))
}

fn path(field: &str, text: &str) -> Result<(), String> {
    text.split('/').try_for_each(|segment| plain(field, segment))
}

fn plain(field: &str, text: &str) -> Result<(), String> {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    match first && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+~-".contains(c)) {
        true => Ok(()),
        false => Err(format!("{field}: '{text}' is no name of letters, digits and . _ + ~ -")),
    }
}

impl<'de> Deserialize<'de> for AptSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AptFields::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl JsonSchema for AptSpec {
    fn schema_name() -> Cow<'static, str> {
        "Apt".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AptFields::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["apt"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_repository_are_read() {
        let spec = read(
            "apt:\n  - { id: docker-noble, uri: \"https://e.org/linux/ubuntu\", suites: [noble], components: [stable], \
             architectures: [amd64], signed-by: \"https://e.org/gpg\" }\n  - { id: flat, uri: \"https://e.org/x\", \
             suites: [\"./\"], unsigned: true }\n  - { from: /etc/apt/sources.list.d, sources: true }\n",
        )
        .expect("a manifest");
        assert!(matches!(&spec.apt[0].signed_by[..], [KeySource::Url(url)] if url.to_string() == "https://e.org/gpg"));
        assert!(spec.apt[1].unsigned && spec.apt[1].check_valid_until);
        let What::Host { from, id: None } = &spec.apt[2].what else { panic!("{:?}", spec.apt[2]) };
        let HostPath::Absolute(url) = from else { panic!("{from:?}") };
        assert_eq!(url.to_string(), "file:///etc/apt/sources.list.d");
        let spec = read("apt:\n  - { from: ../debs, id: own }\n").expect("a manifest");
        let What::Host { from, id: Some(_) } = &spec.apt[0].what else { panic!("{:?}", spec.apt[0]) };
        assert_eq!(*from, HostPath::Relative("../debs".to_owned()));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("{ id: x, uri: \"https://e.org\", suites: [a], components: [b], newest: 2 }", "name 'packages' too"),
            (
                "{ id: x, uri: \"https://e.org\", suites: [a], components: [b], packages: [\"a b\"] }",
                "'a b': a name has",
            ),
            (
                "{ id: x, uri: \"https://e.org\", suites: [a], components: [b], packages: [c], assume: [all] }",
                "unknown variant",
            ),
            (
                "{ id: x, uri: \"https://e.org\", suites: [a], components: [b], packages: [c], installed: status }",
                "installed: 'status' is neither",
            ),
            ("{ id: x, uri: \"https://e.org\", components: [b] }", "needs 'suites'"),
            ("{ id: x, uri: \"https://e.org\", suites: [a] }", "needs 'components'"),
            ("{ id: x, uri: \"https://e.org\", suites: [\"/\"], components: [a] }", "has no components"),
            ("{ id: ../x, uri: \"https://e.org\", suites: [a], components: [b] }", "is no name"),
            ("{ id: x, uri: \"https://e.org\", suites: [a/../b], components: [b] }", "is no name"),
            ("{ id: gpgkeys, uri: \"https://e.org\", suites: [a], components: [b] }", "something else"),
            ("{ uri: \"https://e.org\" }", "needs an 'id'"),
            ("{ from: etc }", "neither absolute"),
            ("{ from: /etc, uri: \"https://e.org\" }", "come from the host's files"),
            ("{ id: x, url: \"https://e.org\" }", "unknown field 'url'"),
        ] {
            let error = read(&format!("apt:\n  - {text}\n")).expect_err(text);
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
