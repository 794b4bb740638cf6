//! One manifest before it is resolved: the keys by which manifests are put together, and the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use airlift_core::manifest::{self, Envelope, ManifestError, MappingForm};
use airlift_core::tree::{self, Tree};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::place::PREFIX;
use crate::kinds::KINDS;

/// The top-level keys by which manifests are put together.
pub(crate) const KEYS: [&str; 5] = ["include", "data", "variables", "vars", "without"];
/// The fields that an entry may have besides what its kind knows, and what they mean.
pub(crate) const ENTRY_KEYS: [(&str, &str); 4] = [
    ("why", "Who needs it."),
    ("when", "Only where this holds: true, false, an expression over variables, or a list of which all must hold."),
    ("loop", "A list: the entry is there once for each of its parts, which is called item."),
    ("entry", "The whole entry, where it is no mapping."),
];

/// One manifest before it is resolved.
pub(crate) struct Document {
    pub(crate) envelope: Envelope,
    pub(crate) has_name: bool,
    pub(crate) composition: Composition,
    /// What it says to kinds.
    pub(crate) body: Vec<(String, Tree)>,
}

impl Document {
    /// Reads a manifest; none where it uses nothing that would have to be resolved.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, ManifestError> {
        // What can't even be read as a tree, the kinds say best.
        let Ok(tree) = tree::read(text) else { return Ok(None) };
        let composed = |(key, tree): &(String, Tree)| KEYS.contains(&key.as_str()) || uses_entry_keys(tree);
        match tree.iter().any(composed) {
            true => Self::whole(text).map(Some),
            false => Ok(None),
        }
    }

    /// Reads a manifest that is included, whatever it uses.
    pub(crate) fn whole(text: &str) -> Result<Self, ManifestError> {
        let keys: Vec<&str> = KINDS.iter().flat_map(|kind| kind.keys()).chain(&KEYS).copied().collect();
        let envelope = manifest::envelope(text, &keys)?;
        let tree = tree::read(text)?;
        let composition = manifest::section(text, &KEYS)?;
        let has_name = tree.iter().any(|(key, _)| key == "name");
        let own = |key: &String| KEYS.contains(&key.as_str()) || manifest::ENVELOPE_KEYS.contains(&key.as_str());
        let body = tree.into_iter().filter(|(key, _)| !own(key)).collect();
        Ok(Self { envelope, has_name, composition, body })
    }
}

fn uses_entry_keys(tree: &Tree) -> bool {
    let ours = |key: &str| ENTRY_KEYS.iter().any(|(known, _)| *known == key);
    match tree {
        Tree::List(entries) => {
            entries.iter().any(|entry| entry.value.as_object().is_some_and(|fields| fields.keys().any(|key| ours(key))))
        }
        Tree::Map(pairs) => {
            pairs.iter().any(|(key, tree)| matches!(key.as_str(), "why" | "when") || uses_entry_keys(tree))
        }
        Tree::Value(_) => false,
    }
}

/// The keys by which manifests are put together.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Composition {
    /// Manifests whose entries come before this one's: profiles, files beside this one, or the lists that Kubespray's
    /// contrib/offline/generate_list.sh writes.
    #[serde(default)]
    pub(crate) include: Vec<Include>,
    /// Files with data for loops, TOML, YAML or JSON, by the name under which templates see them.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, String>,
    /// The variables that this manifest declares: their defaults, or more about them.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Declaration>")]
    pub(crate) variables: Pairs<Declaration>,
    /// Values for variables of this manifest and of those that it includes.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) vars: Pairs<Value>,
    /// Entries of the included manifests that are not wanted: patterns of their ids, names, references or URLs.
    #[serde(default)]
    pub(crate) without: Vec<String>,
}

/// A mapping in the order of the text.
pub(crate) struct Pairs<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of names and values")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Pairs<T>, E> {
                Ok(Pairs::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_any(PairsVisitor(PhantomData))
    }
}

/// What a variable is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    /// Its value where nobody sets one; its type is the variable's. May be a template over earlier variables.
    pub(crate) default: Value,
    /// The values that it may have, or that each of its parts may have where it is a list; any where there are none.
    pub(crate) values: Vec<String>,
    /// Whether it may not be empty.
    pub(crate) needed: bool,
    /// What it means.
    pub(crate) help: String,
    /// What did the same in DeepOps' own offline role.
    pub(crate) formerly: Option<String>,
}

impl<'de> Deserialize<'de> for Declaration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            value @ Value::Object(_) => {
                let fields: DeclarationFields = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
                let DeclarationFields { default, values, needed, help, formerly } = fields;
                Ok(Self { default, values, needed, help, formerly })
            }
            default => Ok(Self { default, values: Vec::new(), needed: false, help: String::new(), formerly: None }),
        }
    }
}

/// The mapping form of a [`Declaration`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeclarationFields {
    /// The value where nobody sets one; the variable has its type.
    default: Value,
    /// The values that it may have.
    #[serde(default)]
    values: Vec<String>,
    /// Whether at least one value has to be there: an empty list is refused.
    #[serde(default)]
    needed: bool,
    /// What it means.
    #[serde(default)]
    help: String,
    /// What did the same before.
    formerly: Option<String>,
}

impl JsonSchema for Declaration {
    fn schema_name() -> Cow<'static, str> {
        "Variable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<DeclarationFields>();
        json_schema!({ "anyOf": [{ "type": ["string", "boolean", "integer", "array"] }, fields] })
    }
}

/// One entry of `include`.
#[derive(Debug)]
pub(crate) struct Include {
    pub(crate) what: Included,
    pub(crate) when: Option<Value>,
    pub(crate) why: Option<String>,
}

/// What is included.
#[derive(Debug)]
pub(crate) enum Included {
    /// A profile that the program brings.
    Profile(String),
    /// Another manifest.
    Manifest(String),
    /// URLs, one a line.
    KubesprayFiles(String),
    /// Images, one a line, each for these platforms; for all where there are none.
    KubesprayImages(String, Vec<String>),
}

/// The mapping form of an [`Include`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct IncludeFields {
    /// A profile that the program brings.
    profile: Option<String>,
    /// Another manifest, a path relative to this one.
    manifest: Option<String>,
    /// The files.list that Kubespray's contrib/offline/generate_list.sh writes.
    kubespray_files: Option<String>,
    /// The images.list that Kubespray's contrib/offline/generate_list.sh writes.
    kubespray_images: Option<String>,
    /// With kubespray-images: the platforms to collect, such as linux/amd64; every one where this is left out.
    #[serde(default)]
    platforms: Vec<String>,
    /// Include it only where this holds.
    #[schemars(with = "Option<Value>")]
    when: Option<Value>,
    /// With a list: the reason for which its entries are wanted.
    why: Option<String>,
}

impl MappingForm for Include {
    type Fields = IncludeFields;

    fn from_fields(fields: IncludeFields) -> Result<Self, String> {
        let platforms = fields.platforms;
        let some = platforms.is_empty();
        let what = match (fields.profile, fields.manifest, fields.kubespray_files, fields.kubespray_images) {
            (Some(name), None, None, None) if some => Included::Profile(name),
            (None, Some(path), None, None) if some => Included::Manifest(path),
            (None, None, Some(path), None) if some => Included::KubesprayFiles(path),
            (None, None, None, Some(path)) => Included::KubesprayImages(path, platforms),
            _ if !some => return Err("platforms: it goes with kubespray-images alone".to_owned()),
            _ => return Err("exactly one of profile, manifest, kubespray-files and kubespray-images".to_owned()),
        };
        Ok(Self { what, when: fields.when, why: fields.why })
    }
}

impl<'de> Deserialize<'de> for Include {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |text: &str| {
            let what = match text.strip_prefix(PREFIX) {
                Some(name) => Included::Profile(name.to_owned()),
                None => Included::Manifest(text.to_owned()),
            };
            Ok::<_, String>(Self { what, when: None, why: None })
        };
        manifest::text_or_mapping(deserializer, "profile:NAME, the path of a manifest, or a mapping", text)
    }
}

impl JsonSchema for Include {
    fn schema_name() -> Cow<'static, str> {
        "Include".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<IncludeFields>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}
