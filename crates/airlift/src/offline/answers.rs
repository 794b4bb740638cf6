//! Which variables hold for a snapshot.

use std::collections::BTreeSet;

use airlift_core::Index;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::addresses::Addresses;
use crate::profile::{Place, ProfileError};

/// Who reads a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Ansible.
    #[default]
    Ansible,
    /// Scripts, from their environment.
    Env,
}

/// A variable with its value.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// What reads it: `deepops`, `kubespray`, a role.
    pub(crate) owner: String,
    pub(crate) scope: Scope,
    pub(crate) note: Option<String>,
}

/// A download that no variable moves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gap {
    needs: Vec<String>,
    pub(crate) what: String,
    #[serde(rename = "where")]
    pub(crate) place: String,
    pub(crate) remedy: String,
}

/// What holds for a snapshot.
pub(crate) struct Answers {
    pub(crate) variables: Vec<Variable>,
    pub(crate) gaps: Vec<Gap>,
}

/// A row of `overrides.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    name: String,
    owner: String,
    #[serde(default)]
    scope: Scope,
    precedence: Option<String>,
    value: String,
    #[serde(default)]
    needs: Vec<String>,
    image: Option<String>,
    file: Option<String>,
    kubespray: Option<String>,
    note: Option<String>,
    /// Whether it is only for a mirror without TLS.
    #[serde(default)]
    plain: bool,
}

#[derive(Deserialize)]
struct Overrides {
    variable: Vec<Override>,
}

#[derive(Deserialize)]
struct Gaps {
    gap: Vec<Gap>,
}

/// What of the inventory is looked up here.
#[derive(Deserialize)]
struct Inventory {
    image: Vec<Image>,
    kubespray_image: Vec<Image>,
    file: Vec<File>,
    kubespray_file: Vec<File>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "ref")]
    reference: String,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    key: Option<String>,
    url: String,
}

impl Answers {
    /// What holds for the snapshot with this index, behind these addresses.
    pub(crate) fn of(index: &Index, addresses: &Addresses) -> Result<Self, ProfileError> {
        let inventory: Inventory = own("inventory.toml")?;
        let overrides: Overrides = own("overrides.toml")?;
        let gaps: Gaps = own("gaps.toml")?;
        let snapshot = Snapshot { index, addresses, inventory };
        let mut variables: Vec<Variable> =
            overrides.variable.into_iter().filter_map(|one| snapshot.answer(one)).collect();
        variables.extend(snapshot.registries());
        variables.extend(snapshot.git());
        variables.sort_by(|a, b| a.owner.cmp(&b.owner));
        let gaps = gaps.gap.into_iter().filter(|gap| snapshot.any(&gap.needs)).collect();
        Ok(Self { variables, gaps })
    }
}

/// Data that the program brings.
fn own<T: DeserializeOwned>(name: &str) -> Result<T, ProfileError> {
    let place = Place::profile("deepops")?.beside(name)?;
    let refuse = |error: toml::de::Error| ProfileError::Data { place: place.clone(), reason: error.to_string() };
    toml::from_str(&place.read()?).map_err(refuse)
}

struct Snapshot<'a> {
    index: &'a Index,
    addresses: &'a Addresses,
    inventory: Inventory,
}

impl Snapshot<'_> {
    fn has(&self, prefix: &str) -> bool {
        !self.index.starting_with(prefix).is_empty()
    }

    fn any(&self, prefixes: &[String]) -> bool {
        prefixes.iter().any(|prefix| self.has(prefix))
    }

    /// A variable, where the snapshot has what its value leads to.
    fn answer(&self, one: Override) -> Option<Variable> {
        let mut value = one.value;
        if (!one.needs.is_empty() && !self.any(&one.needs)) || (one.plain && self.addresses.has_tls()) {
            return None;
        }
        if let Some(repository) = &one.image {
            value = value.replace("{image}", self.image(repository)?);
        }
        if let Some(name) = &one.file {
            self.file(|file| file.name.as_ref() == Some(name))?;
        }
        if let Some(key) = &one.kubespray {
            let path = self.file(|file| file.key.as_ref() == Some(key))?;
            value = value.replace(&format!("{{kubespray:{key}}}"), path.strip_prefix("files").unwrap_or(&path));
        }
        let only = one.precedence.map(|precedence| match precedence.as_str() {
            "extra-vars" => "only with -e: the role itself sets it".to_owned(),
            other => other.to_owned(),
        });
        let note = [only, one.note].into_iter().flatten().collect::<Vec<_>>().join("; ");
        Some(Variable {
            name: one.name,
            value: typed(&self.addresses.fill(&value)),
            owner: one.owner,
            scope: one.scope,
            note: Some(note).filter(|note| !note.is_empty()),
        })
    }

    /// The inventory's image of this repository that is there.
    fn image(&self, repository: &str) -> Option<&str> {
        let images = self.inventory.image.iter().chain(&self.inventory.kubespray_image);
        let mut of = images.filter_map(|image| Some((image.reference.as_str(), image.reference.rsplit_once(':')?)));
        let there = |(_, (own, tag)): &(&str, (&str, &str))| {
            *own == repository && self.index.get(&format!("oci/{own}/manifests/{tag}")).is_some()
        };
        of.find(there).map(|(reference, _)| reference)
    }

    /// The path of a file of the inventory that is there.
    fn file(&self, wanted: impl Fn(&File) -> bool) -> Option<String> {
        let files = self.inventory.file.iter().chain(&self.inventory.kubespray_file);
        let paths = files.filter(|file| wanted(file)).filter_map(|file| file.url.split_once("://"));
        paths.map(|(_, rest)| format!("files/{rest}")).find(|path| self.index.get(path).is_some())
    }

    /// Kubespray's list of registries, each of which the mirror answers for under its own name; and the mirror itself, whose
    /// name is in the images' variables.
    fn registries(&self) -> Option<Variable> {
        let (address, own) = (self.addresses.of("oci"), self.addresses.fill("{oci:host}"));
        let registries = self.first_segments("oci");
        let own = (!registries.is_empty()).then_some(own.as_str());
        let registries: Vec<Value> = registries
            .into_iter()
            .chain(own)
            .map(|registry| {
                let mirror = json!({ "host": address, "capabilities": ["pull", "resolve"], "skip_verify": false });
                json!({ "prefix": registry, "server": address, "mirrors": [mirror] })
            })
            .collect();
        (!registries.is_empty()).then(|| Variable {
            name: "containerd_registries_mirrors".to_owned(),
            value: registries.into(),
            owner: "kubespray".to_owned(),
            scope: Scope::Ansible,
            note: Some(
                "every pull of containerd, from charts too; 'server' keeps it from falling back to the Internet".into(),
            ),
        })
    }

    /// Git's own variables, by which it asks the mirror for what has a URL at these hosts.
    fn git(&self) -> Vec<Variable> {
        let hosts = self.first_segments("git/repositories");
        let address = self.addresses.of("git");
        let pairs = (0..).zip(&hosts).flat_map(|(number, host)| {
            [
                (format!("GIT_CONFIG_KEY_{number}"), format!("url.{address}/git/{host}/.insteadOf")),
                (format!("GIT_CONFIG_VALUE_{number}"), format!("https://{host}/")),
            ]
        });
        let count = (!hosts.is_empty()).then(|| ("GIT_CONFIG_COUNT".to_owned(), hosts.len().to_string()));
        let variable = |(name, value): (String, String)| Variable {
            name,
            value: value.into(),
            owner: "git".to_owned(),
            scope: Scope::Env,
            note: None,
        };
        count.into_iter().chain(pairs).map(variable).collect()
    }

    /// The folders directly below one.
    fn first_segments(&self, folder: &str) -> BTreeSet<&str> {
        let nodes = self.index.below(folder).iter();
        nodes.filter_map(|node| Some(node.path.below(folder)?.split_once('/')?.0)).collect()
    }
}

/// A value as Ansible has it: lists, true and false are what they look like.
fn typed(text: &str) -> Value {
    let plain = || Value::from(text);
    match text {
        "true" => true.into(),
        "false" => false.into(),
        text if text.starts_with('[') => serde_json::from_str(text).unwrap_or_else(|_| plain()),
        _ => plain(),
    }
}
