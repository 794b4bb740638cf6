//! A `requirements.yml` (ansible-core, `GalaxyCLI._parse_requirements_file`): a mapping with `collections` and `roles`, or
//! a list of roles.

use serde_json::{Map, Value};

use super::requirement::{Collection, CollectionFields, Role, RoleFields};
use super::yaml;

/// The most entries of one file.
const MOST: usize = 10_000;

/// What a file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The collections.
    pub collections: Vec<Collection>,
    /// The roles.
    pub roles: Vec<Role>,
    /// More files with roles.
    pub includes: Vec<String>,
    /// What ansible-galaxy reads and is not collected, each a sentence.
    pub remarks: Vec<String>,
}

impl Requirements {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// A sentence, with the entry that it is about.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut read = Self::default();
        match yaml::read(bytes)? {
            Value::Null => return Err("it is empty".to_owned()),
            Value::Array(roles) => read.roles(&roles)?,
            Value::Object(mut all) => {
                let [collections, roles] =
                    ["collections", "roles"].map(|key| all.remove(key).filter(|value| !value.is_null()));
                if let Some(other) = all.keys().next() {
                    return Err(format!(
                        "'{other}' is neither 'collections' nor 'roles', and ansible-galaxy refuses it"
                    ));
                }
                for (number, entry) in list("collections", collections)?.iter().enumerate() {
                    let collection =
                        read.collection(entry).map_err(|reason| at("collections", number, entry, &reason))?;
                    read.collections.push(collection);
                }
                read.roles(&list("roles", roles)?)?;
            }
            _ => return Err("it is neither a list of roles nor a mapping with 'collections' and 'roles'".to_owned()),
        }
        Ok(read)
    }

    fn collection(&mut self, entry: &Value) -> Result<Collection, String> {
        let fields = match entry {
            Value::String(text) => return Collection::of_text(text),
            Value::Object(fields) => fields,
            _ => return Err("it is neither a name nor a mapping".to_owned()),
        };
        if fields.get("signatures").is_some_and(|signatures| !signatures.is_null()) {
            let name = field(fields, "name")?.unwrap_or_default();
            self.remarks.push(format!(
                "the 'signatures' of {name} in the file are not collected: those that the server has for it are"
            ));
        }
        Collection::of(CollectionFields {
            name: field(fields, "name")?,
            version: field(fields, "version")?,
            source: field(fields, "source")?,
            kind: field(fields, "type")?,
        })
    }

    fn roles(&mut self, entries: &[Value]) -> Result<(), String> {
        if entries.len() > MOST {
            return Err(format!("it has more than {MOST} roles"));
        }
        for (number, entry) in entries.iter().enumerate() {
            let included = match entry {
                Value::Object(fields) => field(fields, "include"),
                _ => Ok(None),
            };
            match included.map_err(|reason| at("roles", number, entry, &reason))? {
                Some(file) => self.includes.push(file),
                None => self.roles.push(role(entry).map_err(|reason| at("roles", number, entry, &reason))?),
            }
        }
        Ok(())
    }
}

/// Reads one role of a file, or of what a role depends on.
///
/// # Errors
///
/// A sentence.
pub fn role(entry: &Value) -> Result<Role, String> {
    match entry {
        Value::String(text) => Role::of_text(text),
        Value::Object(fields) => Role::of(RoleFields {
            name: field(fields, "name")?,
            role: field(fields, "role")?,
            src: field(fields, "src")?,
            scm: field(fields, "scm")?,
            version: field(fields, "version")?,
        }),
        _ => Err("it is neither a name nor a mapping".to_owned()),
    }
}

fn field(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => yaml::text(value).map(Some).ok_or_else(|| format!("its '{name}' is no text")),
    }
}

fn list(key: &str, value: Option<Value>) -> Result<Vec<Value>, String> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(entries)) if entries.len() <= MOST => Ok(entries),
        Some(Value::Array(_)) => Err(format!("it has more than {MOST} {key}")),
        Some(_) => Err(format!("'{key}' is no list")),
    }
}

/// Which entry a sentence is about.
fn at(key: &str, number: usize, entry: &Value, reason: &str) -> String {
    let shown: String = match entry {
        Value::Object(fields) => ["name", "src", "source", "role"]
            .iter()
            .find_map(|key| fields.get(*key).and_then(yaml::text))
            .unwrap_or_default(),
        other => yaml::text(other).unwrap_or_default(),
    };
    let shown: String = shown.chars().take(80).collect();
    format!("{key}, entry {} ({shown}): {reason}", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Requirements, String> {
        Requirements::read(text.as_bytes())
    }

    #[test]
    fn both_forms_of_a_file_are_read() {
        let file = read(concat!(
            "---\ncollections:\n  - ansible.posix\n",
            "  - name: community.general\n    version: \">=9,<10\"\n    signatures: [https://e.org/x.asc]\n",
            "  - { name: example.short, version: 1.10 }\n",
            "roles:\n  - src: geerlingguy.ntp\n    version: 4.0\n    become: true\n",
            "  - include: more.yml\n  - name: nvidia.enroot\n    version: v0.5.0\n",
        ))
        .expect("a file");
        assert_eq!((file.collections.len(), file.roles.len()), (3, 2));
        assert_eq!(file.includes, ["more.yml"]);
        assert_eq!(file.remarks.len(), 1);
        assert_eq!(file.roles[0].version.as_deref(), Some("4.0"));
        let Collection::Galaxy { range, .. } = &file.collections[2] else { panic!("of a server") };
        assert_eq!(range.to_string(), "1.1", "a number loses its last zero, in ansible-galaxy as well");
        let old = read("- geerlingguy.ntp,4.0.0\n- { role: a.b, x: 1 }\n").expect("a list");
        assert_eq!((old.roles.len(), old.collections.len()), (2, 0));
        assert_eq!(read("roles:\n").expect("nothing is wanted"), Requirements::default());
    }

    #[test]
    fn mistakes_name_the_entry() {
        for (text, expected) in [
            ("", "it is empty"),
            ("x", "neither a list of roles"),
            ("role: []\n", "'role' is neither"),
            ("roles: x\n", "'roles' is no list"),
            ("collections: [a.b, {name: x}]\n", "collections, entry 2 (x): 'x' is no collection's name"),
            ("collections: [{name: a.b, version: [1]}]\n", "entry 1 (a.b): its 'version' is no text"),
            ("roles: [5]\n", "entry 1 (5): it is neither"),
            ("roles: [{include: {}}]\n", "its 'include' is no text"),
            ("roles: [a\n", "line"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([ \\n-]{0,3}(roles|collections|name|src|version|scm|git|http://|a\\.b|,|:|#|\\+|@|\\[|\\{|\\}|\\]|1\\.0)){0,12}") {
            let _ = read(&text);
        }

        #[test]
        fn a_role_s_line_says_what_its_mapping_says(
            src in "[a-z]{1,4}\\.[a-z]{1,4}|https://e\\.org/[a-z]{1,4}\\.tar\\.gz|git\\+https://e\\.org/[a-z]{1,4}\\.git",
            version in "v?[0-9]\\.[0-9]",
            name in "[a-z]{1,4}",
        ) {
            let line = role(&Value::String(format!("{src},{version},{name}")));
            let mapping = role(&serde_json::json!({ "src": src, "version": version, "name": name }));
            prop_assert!(line.is_ok());
            prop_assert_eq!(line, mapping);
        }
    }
}
