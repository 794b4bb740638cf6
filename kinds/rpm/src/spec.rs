//! The manifest's `yum`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The yum repositories to mirror.
    #[serde(default)]
    pub yum: Vec<RepoSpec>,
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
    /// Whether it is taken although no key vouches for its metadata.
    pub unsigned: bool,
}

/// Where a repository is. Variables are still in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a URL.
    Base(String),
    /// At the mirrors that this URL names, as a metalink or as a plain list.
    Mirrors(String),
    /// Where a `.repo` file says.
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
    /// This host's own files: `/etc/yum.repos.d`, or one file of it; or the URL of a `.repo` file.
    from: Option<String>,
    /// URLs of the keys that sign the repository, http, https or file.
    #[serde(default)]
    gpgkeys: Vec<String>,
    /// Values of the variables in URLs, such as `releasever` and `basearch`.
    #[serde(default)]
    vars: BTreeMap<String, String>,
    /// Take it although its metadata is not signed, or not by one of 'gpgkeys'; that is shown to whoever loads it.
    #[serde(default)]
    unsigned: bool,
    /// Only these packages. Not there yet: repositories are mirrored whole.
    packages: Option<Vec<String>>,
    /// Only so many versions of each package. Not there yet: repositories are mirrored whole.
    newest: Option<u32>,
    /// Only these architectures. Not there yet: repositories are mirrored whole.
    arches: Option<Vec<String>>,
    /// Whether source packages come too. Not there yet: repositories are mirrored whole.
    sources: Option<bool>,
}

impl RepoFields {
    fn check(self) -> Result<RepoSpec, String> {
        let partial = [
            ("packages", self.packages.is_some()),
            ("newest", self.newest.is_some()),
            ("arches", self.arches.is_some()),
            ("sources", self.sources.is_some()),
        ];
        if let Some((name, _)) = partial.iter().find(|(_, given)| *given) {
            return Err(format!(
                "{name}: this version of Airlift mirrors yum repositories whole, and can't select from them; \
                 leave out '{name}' to mirror the whole repository"
            ));
        }
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
            Place::Host(from) if !from.starts_with('/') && !from.contains("://") => {
                return Err(format!("from: '{from}' is no absolute path, such as /etc/yum.repos.d"));
            }
            Place::Host(_) => {}
            _ if self.id.is_none() => return Err("id: missing; it names the repository and its path".to_owned()),
            _ if self.gpgkeys.is_empty() && !self.unsigned => {
                return Err("gpgkeys: missing; without a key nothing vouches for the repository. \
                            'unsigned: true' takes it all the same"
                    .to_owned());
            }
            _ => {}
        }
        Ok(RepoSpec { id: self.id, place, gpgkeys: self.gpgkeys, vars: self.vars, unsigned: self.unsigned })
    }
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
        assert_eq!(spec.yum[0].place, Place::Base("http://e/$basearch/".to_owned()));
        assert_eq!(read("from: /etc/yum.repos.d/a.repo").expect("a manifest").yum[0].id, None);
        assert!(read("id: a, metalink: \"https://e/m\", unsigned: true").expect("a manifest").yum[0].unsigned);
    }

    #[test]
    fn mistakes_are_named() {
        for (entry, expected) in [
            ("id: a, baseurl: \"http://e/\"", "without a key nothing vouches"),
            ("baseurl: \"http://e/\", unsigned: true", "id: missing"),
            ("id: a, unsigned: true", "exactly one of"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", mirrorlist: \"http://e/\"", "exactly one of"),
            ("id: a/b, unsigned: true, baseurl: \"http://e/\"", "is no repository's name"),
            ("id: gpgkeys, unsigned: true, baseurl: \"http://e/\"", "taken by the server"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", packages: [x]", "mirrors yum repositories whole"),
            ("id: a, unsigned: true, baseurl: \"http://e/\", newest: 1", "leave out 'newest'"),
            ("from: yum.repos.d", "is no absolute path"),
            ("id: a, baseurls: \"http://e/\"", "did you mean 'baseurl'?"),
        ] {
            let error = read(entry).expect_err(entry);
            assert!(error.contains(expected), "{entry}\n{error}");
        }
    }
}
