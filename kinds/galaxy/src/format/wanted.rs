//! What was asked for, and what became of it: it travels, so that a mirror can offer a `requirements.yml` in which
//! everything has the mirror's own URL.

use serde::{Deserialize, Serialize};

/// Everything, in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Wanted {
    /// Collections, each in the newest version that travels.
    #[serde(default)]
    pub collections: Vec<WantedCollection>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<WantedRole>,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct WantedCollection {
    /// Its name; a repository's has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version, or what of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Host and path of its repository, and the folder behind a `#`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct WantedRole {
    /// What it is installed as.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is below the kind's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Host and path of its repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

impl Wanted {
    /// As it travels.
    pub fn print(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain data with string keys is always JSON");
        text.push('\n');
        text
    }

    /// A `requirements.yml` of the mirror at `base`, `http://mirror:8004`.
    pub fn to_requirements(&self, base: &str, archive: &str) -> String {
        let mut text = format!(
            "# What {archive} has for ansible-galaxy, by this mirror's own URLs.\n# Install it with: ansible-galaxy install -r requirements.yml\n---\n"
        );
        if !self.collections.is_empty() {
            text.push_str("collections:\n");
        }
        for collection in &self.collections {
            let version = collection.version.as_deref().unwrap_or("HEAD");
            match (&collection.git, &collection.name) {
                (Some(git), _) => {
                    let (repository, folder) = git.split_once('#').unwrap_or((git, ""));
                    let folder = if folder.is_empty() { String::new() } else { format!("#/{folder}") };
                    text.push_str(&format!("  - name: {}\n", quoted(&format!("{base}/git/{repository}.git{folder}"))));
                    text.push_str(&format!("    type: git\n    version: {}\n", quoted(version)));
                }
                (None, name) => {
                    text.push_str(&format!("  - name: {}\n", quoted(name.as_deref().unwrap_or_default())));
                    text.push_str(&format!("    version: {}\n", quoted(version)));
                    text.push_str(&format!("    source: {}\n", quoted(&format!("{base}/galaxy/"))));
                }
            }
        }
        if !self.roles.is_empty() {
            text.push_str("roles:\n");
        }
        for role in &self.roles {
            let (src, scm) = match (&role.git, &role.file) {
                (Some(git), _) => (format!("{base}/git/{git}.git"), "    scm: git\n"),
                (None, file) => {
                    let file = airlift_core::upstream::encode_path(file.as_deref().unwrap_or_default());
                    (format!("{base}/galaxy/{file}"), "")
                }
            };
            text.push_str(&format!("  - name: {}\n    src: {}\n{scm}", quoted(&role.name), quoted(&src)));
            if let Some(version) = &role.version {
                text.push_str(&format!("    version: {}\n", quoted(version)));
            }
        }
        text
    }
}

/// A text in double quotes; JSON's are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::requirement::{Collection, RolePlace};
    use crate::format::requirements::Requirements;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_offered_is_what_ansible_galaxy_reads(
            collections in proptest::collection::vec(("[a-z]{1,3}\\.[a-z]{1,3}", "[0-9]\\.[0-9]\\.[0-9]", any::<bool>()), 0..4),
            roles in proptest::collection::vec(("[a-z]{1,3}\\.[a-z-]{1,3}", "v?[0-9]\\.[0-9]", any::<bool>()), 0..4),
        ) {
            let wanted = Wanted {
                collections: collections.iter().map(|(name, version, git)| WantedCollection {
                    name: (!git).then(|| name.clone()),
                    version: Some(version.clone()),
                    git: git.then(|| format!("e.org/{name}#x")),
                }).collect(),
                roles: roles.iter().map(|(name, version, git)| WantedRole {
                    name: name.clone(),
                    version: Some(version.clone()),
                    file: (!git).then(|| format!("roles/{name}/{version}.tar.gz")),
                    git: git.then(|| format!("e.org/{name}")),
                }).collect(),
            };
            let text = wanted.to_requirements("http://mirror:8004", "example of today");
            if wanted == Wanted::default() {
                return Ok(());
            }
            let read = Requirements::read(text.as_bytes()).expect("a file");
            prop_assert_eq!((read.collections.len(), read.roles.len()), (collections.len(), roles.len()));
            for (read, (name, version, git)) in read.collections.iter().zip(&collections) {
                match read {
                    Collection::Git(source) => prop_assert!(*git && source.version.as_ref() == Some(version)),
                    Collection::Galaxy { name: read, range, .. } => {
                        prop_assert_eq!((&read.to_string(), &range.to_string()), (name, version));
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            for (read, (name, version, git)) in read.roles.iter().zip(&roles) {
                prop_assert_eq!((&read.name, read.version.as_ref()), (name, Some(version)));
                prop_assert_eq!(matches!(read.place, RolePlace::Git(_)), *git);
            }
            let again: Wanted = serde_json::from_str(&wanted.print()).expect("printed");
            prop_assert_eq!(again, wanted);
        }
    }
}
