//! The manifest's `galaxy`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use airlift_core::manifest::{MappingForm, text_or_mapping};
use airlift_core::{Secret, UpstreamUrl};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::format::requirement::{Collection, CollectionFields, Role, RoleFields};

/// Where collections and roles come from where nothing else is said.
const PUBLIC: &str = "https://galaxy.ansible.com";

/// This kind's part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Ansible collections and roles to collect, with all that they need. Each entry is solved for itself.
    #[serde(default)]
    pub galaxy: Vec<GroupSpec>,
}

/// One entry of `galaxy`: what is installed together.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Galaxy")]
pub struct GroupSpec {
    /// Files such as `requirements.yml`: paths beside the manifest, or URLs.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// Collections.
    #[serde(default)]
    pub collections: Vec<CollectionSpec>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<RoleSpec>,
    /// The Galaxy server that they come from.
    #[serde(default = "public")]
    pub server: UpstreamUrl,
    /// More request headers, such as an access token; they are sent to the server's host only and kept nowhere.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<String, Secret>,
}

fn public() -> UpstreamUrl {
    PUBLIC.parse().expect("the public server has a URL")
}

/// One entry of `collections`.
#[derive(Clone, Debug)]
pub struct CollectionSpec(pub Collection);

/// The mapping form of a [`CollectionSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GalaxyCollection")]
pub struct CollectionMapping {
    /// Its name, `community.general`, or where it is.
    name: Option<String>,
    /// A range of versions, `>=9,<10`; of a git repository a branch, a tag or a commit.
    version: Option<String>,
    /// Where it is: a Galaxy server, a git repository, a URL or a path of a packed collection.
    source: Option<String>,
    /// What is there: `galaxy`, `git`, `url` or `file`.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl MappingForm for CollectionSpec {
    type Fields = CollectionMapping;

    fn from_fields(fields: CollectionMapping) -> Result<Self, String> {
        let CollectionMapping { name, version, source, kind } = fields;
        Collection::of(CollectionFields { name, version, source, kind }).map(Self)
    }
}

impl<'de> Deserialize<'de> for CollectionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_mapping(deserializer, "a collection's name, or a mapping with 'name'", |text| {
            Collection::of_text(text).map(Self)
        })
    }
}

impl JsonSchema for CollectionSpec {
    fn schema_name() -> Cow<'static, str> {
        "GalaxyCollectionOrName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<CollectionMapping>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

/// One entry of `roles`.
#[derive(Clone, Debug)]
pub struct RoleSpec(pub Role);

/// The mapping form of a [`RoleSpec`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GalaxyRole")]
pub struct RoleMapping {
    /// What it is installed as; its name on the server, `geerlingguy.ntp`, where there is no `src`.
    name: Option<String>,
    /// Where it is: a name on the server, a git repository, a URL or a path of a packed role.
    src: Option<String>,
    /// What is there: `git`.
    scm: Option<String>,
    /// Its version: a tag, a branch or a commit. The newest where there is none.
    version: Option<String>,
}

impl MappingForm for RoleSpec {
    type Fields = RoleMapping;

    fn from_fields(fields: RoleMapping) -> Result<Self, String> {
        let RoleMapping { name, src, scm, version } = fields;
        Role::of(RoleFields { name, role: None, src, scm, version }).map(Self)
    }
}

impl<'de> Deserialize<'de> for RoleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_mapping(deserializer, "a role's name, or a mapping with 'name' or 'src'", |text| {
            Role::of_text(text).map(Self)
        })
    }
}

impl JsonSchema for RoleSpec {
    fn schema_name() -> Cow<'static, str> {
        "GalaxyRoleOrName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<RoleMapping>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
    let headers = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    match headers.keys().find(|name| http::HeaderName::try_from(name.as_str()).is_err()) {
        Some(bad) => Err(serde::de::Error::custom(format!("'{bad}' is not the name of a header"))),
        None => Ok(headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::requirement::RolePlace;
    use airlift_core::manifest::section;

    fn read(text: &str) -> Result<Spec, String> {
        section(text, &["galaxy"]).map_err(|error| error.to_string())
    }

    #[test]
    fn the_forms_of_an_entry_are_read() {
        let spec = read(concat!(
            "version: 1\ngalaxy:\n",
            "  - requirements: [roles/requirements.yml]\n",
            "  - collections: [ { name: community.general, version: \">=9,<10\" }, ansible.posix ]\n",
            "    roles: [ { name: geerlingguy.ntp, version: \"2.4.0\" }, { src: \"https://github.com/NVIDIA/ansible-role-enroot.git\", scm: git, version: v0.5.0, name: nvidia.enroot } ]\n",
            "    server: https://hub.example.org/api/galaxy/\n    headers: { Authorization: Token x }\n",
        ))
        .expect("a manifest");
        assert_eq!(spec.galaxy[0].server.to_string(), "https://galaxy.ansible.com/");
        assert_eq!(spec.galaxy[0].requirements, ["roles/requirements.yml"]);
        assert_eq!((spec.galaxy[1].collections.len(), spec.galaxy[1].headers.len()), (2, 1));
        assert!(matches!(spec.galaxy[1].roles[1].0.place, RolePlace::Git(_)));
        let spec = read("galaxy: [{roles: [{name: a.b, version: 1.10}]}]").expect("a manifest");
        assert_eq!(spec.galaxy[0].roles[0].0.version.as_deref(), Some("1.10"), "as it is written");
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, expected) in [
            ("{requirement: [x]}", "unknown field 'requirement': did you mean 'requirements'?"),
            ("{collections: [{nam: a.b}]}", "unknown field 'nam': did you mean 'name'?"),
            ("{collections: [a]}", "'a' is no collection's name"),
            ("{collections: [{name: a.b, version: newest}]}", "is no range of versions"),
            ("{roles: [{src: \"git@github.com:a/b.git\", scm: git}]}", "write https://github.com/a/b.git"),
            ("{roles: [{name: ../x}]}", "can't be a role's name"),
            ("{headers: {\"a b\": c}}", "is not the name of a header"),
            ("{server: x}", "can't be fetched"),
        ] {
            let error = read(&format!("galaxy:\n  - {text}\n")).expect_err(text);
            assert!(error.contains(expected) && error.starts_with("line 2"), "{text}\n{error}");
        }
    }
}
