//! Names of collections and roles, `namespace.name`.

use std::fmt;
use std::str::FromStr;

/// The longest name that is accepted, in bytes.
const LONGEST: usize = 200;

/// A collection's name (ansible-core, `AnsibleCollectionRef.is_valid_collection_name`): two Python identifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName {
    /// What is before the dot.
    pub namespace: String,
    /// What is behind it.
    pub name: String,
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.name)
    }
}

impl FromStr for CollectionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let identifier = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && part.starts_with(|c: char| !c.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((namespace, name)) if text.len() <= LONGEST && identifier(namespace) && identifier(name) => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!(
                "'{}' is no collection's name: namespace.name, of letters, digits and '_'",
                text.chars().take(LONGEST).collect::<String>()
            )),
        }
    }
}

/// Whether a role can have this name here: letters, digits, '.', '_' and '-', and no leading dot.
pub fn is_role(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Owner and name of a role of Galaxy, as ansible-galaxy parts them: at the last dot.
pub fn owner(role: &str) -> Option<(&str, &str)> {
    role.rsplit_once('.').filter(|(owner, name)| !owner.is_empty() && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_names() {
        for text in ["ansible.posix", "community.library_inventory_filtering_v1", "_a._b"] {
            assert_eq!(text.parse::<CollectionName>().expect(text).to_string(), text);
        }
        for text in ["", "ansible", "a.b.c", "1a.b", "a.1b", "a-b.c", "../x.y", "a./b", "a.", ".b", "ä.b"] {
            assert!(text.parse::<CollectionName>().is_err(), "{text}");
        }
        assert!(is_role("geerlingguy.ntp") && is_role("andrewrothstein.unarchive-deps") && is_role("a..b"));
        assert!(!is_role("..") && !is_role("a/b") && !is_role("") && !is_role(&"a".repeat(300)));
        assert_eq!(owner("a.b.c"), Some(("a.b", "c")));
        assert_eq!(owner("ntp"), None);
    }
}
