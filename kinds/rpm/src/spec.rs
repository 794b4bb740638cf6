//! The manifest's `yum`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use airlift_kind::hosts::debian_arch;
use airlift_kind::{Hosts, HostsFields, Texts};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::format::request::Request;

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The yum repositories to mirror: a list of them, or a map with that list as `repositories` and with what the hosts
    /// have that install from them.
    #[serde(default)]
    pub yum: Yum,
}

/// The manifest's `yum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yum {
    /// The repositories.
    pub repositories: Vec<RepoSpec>,
    /// The URL or path of a list of what the hosts have, as `rpm -qa` prints it.
    pub installed: Option<String>,
    /// What the hosts have: names, `@groups`, files, anything that packages provide; `base` is whatever no repository of
    /// the manifest has.
    pub assume: Vec<String>,
    /// Whether recommended packages come too.
    pub weak: bool,
}

impl Default for Yum {
    fn default() -> Self {
        Self { repositories: Vec::new(), installed: None, assume: Vec::new(), weak: true }
    }
}

/// What a person writes for a [`Yum`] that is more than a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct YumFields {
    /// The repositories.
    #[serde(default)]
    repositories: Vec<RepoSpec>,
    /// What the hosts have already, so that it is not collected: a file with the output of `rpm -qa` of one of them, and
    /// of `rpm -qa --provides` where libraries count. A path or a URL.
    installed: Option<String>,
    /// What the hosts have already, by name: packages, '@groups', files, anything that packages provide, with '*' where
    /// many are meant. 'base' is whatever is required and no repository of the manifest has.
    #[serde(default)]
    assume: Vec<String>,
    /// Whether packages that are recommended by others come too, as dnf installs them.
    #[serde(default = "yes")]
    weak: bool,
}

const fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for Yum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YumVisitor)
    }
}

struct YumVisitor;

impl<'de> Visitor<'de> for YumVisitor {
    type Value = Yum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of repositories, or a map with 'repositories'")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Yum, E> {
        Ok(Yum::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Yum, A::Error> {
        let repositories = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(Yum { repositories, ..Yum::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Yum, A::Error> {
        let YumFields { repositories, installed, assume, weak } =
            YumFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Yum { repositories, installed, assume, weak })
    }
}

impl JsonSchema for Yum {
    fn schema_name() -> Cow<'static, str> {
        "Yum".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<RepoSpec>>();
        let map = YumFields::json_schema(generator);
        schemars::json_schema!({ "anyOf": [list, map] })
    }
}

/// Which part of a repository is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is asked of it; none for everything.
    pub packages: Option<Vec<String>>,
    /// How many versions of each package; none for one of what is asked, or for all where nothing is.
    pub newest: Option<u32>,
    /// Which architectures; none for those that the hosts run, or for all where nothing is asked.
    pub arches: Option<Vec<String>>,
    /// Whether sources come too; none for no where something is asked, and for all where nothing is.
    pub sources: Option<bool>,
}

impl Choice {
    /// Whether the repository is wanted as it is.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// One entry of `yum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoSpec {
    /// Its name, which is also its path. With [`Place::Host`] it selects one of a file's repositories; none means all
    /// that are enabled.
    pub id: Option<String>,
    /// Where it is.
    pub place: Place,
    /// URLs of the keys that sign its metadata and packages.
    pub gpgkeys: Vec<String>,
    /// Values of the variables in URLs.
    pub vars: BTreeMap<String, String>,
    /// What of it is taken although no key vouches for it.
    pub unsigned: Unsigned,
    /// Which part of it is wanted.
    pub choice: Choice,
    /// The hosts that it is for.
    pub hosts: Hosts,
    /// Whether its packages are seen whatever streams of modules are enabled.
    pub module_hotfixes: bool,
}

/// What of a repository is taken without a good signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "UnsignedField")]
pub enum Unsigned {
    /// Nothing.
    #[default]
    Nothing,
    /// Its metadata. Its packages have to be signed by its keys.
    Metadata,
    /// Its metadata, and packages that others have signed.
    Everything,
}

impl Unsigned {
    /// Whether metadata without a good signature is taken.
    pub const fn metadata(self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether packages are taken that others have signed.
    pub const fn packages(self) -> bool {
        matches!(self, Self::Everything)
    }
}

/// What a person writes for it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or 'metadata'")]
enum UnsignedField {
    Everything(bool),
    Word(UnsignedWord),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum UnsignedWord {
    Metadata,
}

impl From<UnsignedField> for Unsigned {
    fn from(field: UnsignedField) -> Self {
        match field {
            UnsignedField::Everything(false) => Self::Nothing,
            UnsignedField::Everything(true) => Self::Everything,
            UnsignedField::Word(UnsignedWord::Metadata) => Self::Metadata,
        }
    }
}

/// Where a repository is. Variables are still in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a URL.
    Base(String),
    /// At the mirrors that this URL names, as a metalink or as a plain list.
    Mirrors(String),
    /// Where a `.repo` file says, or in a folder of packages without metadata.
    Host(String),
}

/// What a person writes for a [`RepoSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RepoFields {
    /// The repository's name: it is served at `/<id>/`, and its `.repo` file at `/<id>.repo`. With 'from', the one
    /// repository of that file that is wanted; all that are enabled where it is left out.
    id: Option<String>,
    /// The URL below which `repodata/` is.
    baseurl: Option<String>,
    /// The URL of a list of mirrors.
    mirrorlist: Option<String>,
    /// The URL of a metalink: mirrors, with checksums of the repository's root.
    metalink: Option<String>,
    /// This host's own files: `/etc/yum.repos.d`, or one file of it; or the URL of a `.repo` file. Or a folder of
    /// packages without metadata, such as `./rpms/` beside the manifest.
    from: Option<String>,
    /// URLs of the keys that sign the repository, http, https or file.
    #[serde(default)]
    gpgkeys: Texts,
    /// Values of the variables in URLs, such as `releasever` and `basearch`.
    #[serde(default)]
    vars: BTreeMap<String, String>,
    /// Take it although its metadata is not signed, or not by one of 'gpgkeys'; that is shown to whoever loads it. With
    /// 'metadata' its packages have to be signed by these keys all the same; with 'true' those that others have signed are
    /// taken too.
    #[serde(default)]
    unsigned: Unsigned,
    /// Only these packages, and what they need: names with or without versions and architectures and wildcards
    /// ('nginx', 'kernel-5.14*', 'nvidia-*', 'glibc.i686', 'name=1.2*', 'name >= 1.2'), files, '@group',
    /// '@module:stream/profile'. An empty list: only what others need.
    packages: Option<Texts>,
    /// Only so many versions of each package: with 'packages', of each that is asked for (1 where it is left out).
    newest: Option<u32>,
    /// Only these architectures, such as 'x86_64' and 'noarch'.
    arches: Option<Texts>,
    /// Whether the source packages of what is chosen come too, where a repository of the manifest has them.
    sources: Option<bool>,
    /// The hosts that it is for: on others it is off. What is left out follows from 'releasever' and 'basearch' in 'vars';
    /// without them it is for all.
    #[serde(rename = "for")]
    hosts: Option<HostsFields>,
    /// Its packages are seen whatever streams of modules are enabled, as dnf's module_hotfixes=1 has it: for vendors'
    /// repositories beside a distribution with modules. What a host's own file says holds with 'from'.
    #[serde(default, rename = "module-hotfixes")]
    module_hotfixes: bool,
}

impl RepoFields {
    fn check(self) -> Result<RepoSpec, String> {
        let (packages, arches) = (self.packages.map(|texts| texts.0), self.arches.map(|texts| texts.0));
        let choice = Choice { packages, newest: self.newest, arches, sources: self.sources };
        check_choice(&choice)?;
        let hosts = audience(self.hosts.unwrap_or_default(), &self.vars)?;
        if let Some(id) = &self.id {
            check_id(id).map_err(|error| format!("id: {error}"))?;
        }
        let places = [
            self.baseurl.map(|url| Place::Base(url.trim().to_owned())),
            self.mirrorlist.map(Place::Mirrors),
            self.metalink.map(Place::Mirrors),
            self.from.map(Place::Host),
        ];
        let mut places = places.into_iter().flatten();
        let (Some(place), None) = (places.next(), places.next()) else {
            return Err("exactly one of 'baseurl', 'mirrorlist', 'metalink' and 'from' says where it is".to_owned());
        };
        match &place {
            Place::Host(from) if !from.starts_with('/') && !from.contains("://") && !is_relative(from) => {
                return Err(format!(
                    "from: '{from}' is no absolute path, such as /etc/yum.repos.d, and not one beside the manifest, such as \
                     ./rpms/"
                ));
            }
            Place::Host(_) => {}
            _ if self.id.is_none() => return Err("id: missing; it names the repository and its path".to_owned()),
            _ => check_keys(&self.gpgkeys.0, self.unsigned)?,
        }
        let (id, gpgkeys, vars) = (self.id, self.gpgkeys.0, self.vars);
        let (unsigned, module_hotfixes) = (self.unsigned, self.module_hotfixes);
        Ok(RepoSpec { id, place, gpgkeys, vars, unsigned, choice, hosts, module_hotfixes })
    }
}

fn check_keys(keys: &[String], unsigned: Unsigned) -> Result<(), String> {
    let reason = match unsigned {
        _ if !keys.is_empty() => return Ok(()),
        Unsigned::Everything => return Ok(()),
        Unsigned::Metadata => "the packages of a repository whose metadata is unsigned are checked with them",
        Unsigned::Nothing => "without a key nothing vouches for the repository",
    };
    Err(format!("gpgkeys: missing; {reason}. 'unsigned: true' takes it all the same"))
}

/// The hosts that a repository is for: what is not said follows from the values that dnf would have on them.
fn audience(said: HostsFields, vars: &BTreeMap<String, String>) -> Result<Hosts, String> {
    let mut hosts = Hosts::try_from(said)?;
    if let Some(arch) = vars.get("basearch").filter(|_| hosts.arch.is_empty()) {
        hosts.arch.push(debian_arch(arch).to_owned());
    }
    if let Some(release) = vars.get("releasever").filter(|_| hosts.os.is_empty()) {
        // '9', '9.4', '9-stream': the major version is the system's own.
        let major: String = release.chars().take_while(char::is_ascii_digit).collect();
        hosts.os.extend(Some(major).filter(|major| !major.is_empty()));
    }
    Ok(hosts)
}

fn check_choice(choice: &Choice) -> Result<(), String> {
    if choice.newest == Some(0) {
        return Err("newest: expected the number of versions to keep, 1 or more; leave it out to keep all".to_owned());
    }
    if let Some(arches) = &choice.arches {
        let plain = |arch: &String| !arch.is_empty() && arch.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match arches.iter().find(|arch| !plain(arch)) {
            Some(arch) => return Err(format!("arches: '{arch}' is no architecture, such as x86_64 or noarch")),
            None if arches.is_empty() => return Err("arches: expected at least one architecture".to_owned()),
            None => {}
        }
    }
    for line in choice.packages.iter().flatten() {
        Request::parse(line).map_err(|error| format!("packages: {error}"))?;
    }
    Ok(())
}

/// Whether a path is relative to the manifest.
pub(crate) fn is_relative(path: &str) -> bool {
    path.starts_with("./") || path.starts_with("../")
}

/// Whether a text can name a repository: as dnf has it, and not as one of the server's own paths.
pub(crate) fn check_id(id: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if id.is_empty() || id.len() > 200 || !id.chars().all(plain) || id.starts_with('.') {
        return Err(format!("'{id}' is no repository's name: letters, digits, '-', '_', '.' and ':'"));
    }
    if id == "gpgkeys" || id == "airlift" || id.ends_with(".repo") {
        return Err(format!("'{id}' can't be a repository's name, since /{id} is taken by the server itself"));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for RepoSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RepoFields::deserialize(deserializer)?.check().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RepoSpec {
    fn schema_name() -> Cow<'static, str> {
        "YumRepository".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        RepoFields::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use airlift_core::manifest::section;

    fn read(entry: &str) -> Result<Spec, String> {
        section(&format!("yum:\n  - {{ {entry} }}\n"), &["yum"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_a_repository_are_read() {
        let spec = read("id: a, baseurl: \"http://e/$basearch/\", gpgkeys: [file:///k], vars: { basearch: x86_64 }");
        let spec = spec.expect("a manifest");
        let yum = spec.yum.repositories;
        assert!(yum[0].choice.is_whole());
        assert_eq!(yum[0].place, Place::Base("http://e/$basearch/".to_owned()));
        assert_eq!(read("from: /etc/yum.repos.d/a.repo").expect("a manifest").yum.repositories[0].id, None);
        assert!(
            read("id: a, metalink: \"https://e/m\", unsigned: true").expect("a manifest").yum.repositories[0]
                .unsigned
                .packages()
        );
    }

    #[test]
    fn one_text_is_a_list_of_one() {
        let spec = read("id: a, baseurl: \"http://e/\", gpgkeys: \"http://e/k\", packages: nginx, arches: x86_64");
        let yum = spec.expect("a manifest").yum.repositories;
        assert_eq!(yum[0].gpgkeys, ["http://e/k"]);
        assert_eq!(yum[0].choice.packages.as_deref(), Some(&list(&["nginx"])[..]));
        assert_eq!(yum[0].choice.arches.as_deref(), Some(&list(&["x86_64"])[..]));
    }

    #[test]
    fn the_hosts_of_a_repository_are_said_or_follow() {
        for (more, os, arch) in [
            ("for: { os: [el8, EL9], arch: [x86_64] }", &["el8", "el9"][..], &["amd64"][..]),
            ("vars: { releasever: 9-stream, basearch: aarch64 }", &["9"], &["arm64"]),
            ("vars: { releasever: \"9\", basearch: x86_64 }, for: { os: [el9] }", &["el9"], &["amd64"]),
            ("vars: { releasever: rawhide }", &[], &[]),
            ("newest: 1", &[], &[]),
        ] {
            let spec = read(&format!("id: a, baseurl: \"http://e/\", unsigned: true, {more}")).expect(more);
            let hosts = &spec.yum.repositories[0].hosts;
            assert_eq!(
                (hosts.os.as_slice(), hosts.arch.as_slice()),
                (list(os).as_slice(), list(arch).as_slice()),
                "{more}"
            );
        }
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn hosts_are_described_in_a_map() {
        let text = "yum:\n  installed: /r/rpm-qa\n  assume: [base, \"@core\"]\n  weak: false\n  repositories:\n  \
                    - { id: a, baseurl: \"http://e/\", unsigned: true, packages: [x, \"@g\"], newest: 2, sources: true }\n";
        let yum = section::<Spec>(text, &["yum"]).expect("a manifest").yum;
        assert_eq!((yum.installed.as_deref(), yum.assume.len(), yum.weak), (Some("/r/rpm-qa"), 2, false));
        let choice = &yum.repositories[0].choice;
        assert_eq!(
            (choice.packages.as_ref().map(Vec::len), choice.newest, choice.sources),
            (Some(2), Some(2), Some(true))
        );
        assert!(section::<Spec>("yum:\n", &["yum"]).expect("a manifest").yum.weak);
        let error = section::<Spec>("yum:\n  repos: []\n", &["yum"]).expect_err("a mistake").to_string();
        assert!(error.contains("unknown field"), "{error}");
    }

    #[test]
    fn mistakes_are_named() {
        for (entry, expected) in [
            ("id: a, baseurl: \"http://e/\"", "without a key nothing vouches"),
            ("baseurl: \"http://e/\", unsigned: true", "id: missing"),
            ("id: a, baseurl: \"http://e/\", unsigned: metadata", "whose metadata is unsigned are checked with them"),
            ("id: a, baseurl: \"http://e/\", unsigned: packages", "expected true, false or 'metadata'"),
            ("id: a, unsigned: true", "exactly one of"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", mirrorlist: \"http://e/\"", "exactly one of"),
            ("id: a/b, unsigned: true, baseurl: \"http://e/\"", "is no repository's name"),
            ("id: gpgkeys, unsigned: true, baseurl: \"http://e/\"", "taken by the server"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", packages: [\"@\"]", "packages: '@' names no group"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", newest: 0", "newest: expected the number"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", arches: [a-b]", "'a-b' is no architecture"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", for: { os: [\"a b\"] }", "for: os: 'a b' is no name"),
            ("from: yum.repos.d", "is no absolute path"),
            ("id: a, baseurls: \"http://e/\"", "did you mean 'baseurl'?"),
        ] {
            let error = read(entry).expect_err(entry);
            assert!(error.contains(expected), "{entry}\n{error}");
        }
    }
}
