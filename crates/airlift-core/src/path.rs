//! Where a blob appears: the path of a node in an index.
//!
//! A [`TreePath`] can be joined to a folder or looked up in an index without a further check: it is relative, has no
//! empty, `.` or `..` segment, no backslash and no control character. What does not fit is refused when it is read,
//! in a manifest, a lock, an archive and a request alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest path in bytes.
pub const MAX_LENGTH: usize = 4096;

/// The longest segment in bytes, which is what Linux' file systems accept.
pub const MAX_SEGMENT: usize = 255;

/// A relative path of one or more plain segments, `files/get.helm.sh/helm-v3.17.1-linux-amd64.tar.gz`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<str>);

impl TreePath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// [`PathError`] where the text is not such a path; it is never repaired.
    pub fn new(text: impl Into<String>) -> Result<Self, PathError> {
        let text = text.into();
        match problem(&text) {
            Some(reason) => Err(PathError { text: text.chars().take(200).collect(), reason }),
            None => Ok(Self(text.into())),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path with more segments behind it.
    pub fn join(&self, rest: &str) -> Result<Self, PathError> {
        Self::new(format!("{}/{rest}", self.0))
    }

    /// What follows `prefix/`, where this path lies below it.
    pub fn below(&self, prefix: &str) -> Option<&str> {
        self.0.strip_prefix(prefix)?.strip_prefix('/')
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

fn problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > MAX_LENGTH {
        return Some("it is longer than 4096 bytes");
    }
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Some("it has a control character or a backslash");
    }
    text.split('/').find_map(|segment| match segment {
        "" => Some("it has an empty segment, or begins or ends with a slash"),
        "." | ".." => Some("it has a '.' or '..' segment"),
        long if long.len() > MAX_SEGMENT => Some("it has a segment longer than 255 bytes"),
        _ => None,
    })
}

impl AsRef<str> for TreePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TreePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A text that is no path of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} can't be a path: {reason}")]
pub struct PathError {
    /// What was given, cut at 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_leave_a_folder_is_refused() {
        for text in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\..\\b", "a\0b", "a\nb"] {
            assert!(TreePath::new(text).is_err(), "{text:?}");
        }
        assert!(TreePath::new("a".repeat(256)).is_err());
        assert!(TreePath::new("a/".repeat(3000) + "a").is_err());
    }

    #[test]
    fn odd_but_harmless_names_are_kept() {
        for text in ["a", "...", "a/..b", "x_1.0+git~1-2_amd64.deb", "größe/文件", "sha256:00", "a b"] {
            assert_eq!(TreePath::new(text).expect(text).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn a_path_never_leaves_the_folder_it_is_joined_to(text in "[a./\\\\ ~]{0,12}") {
            if let Ok(path) = TreePath::new(text) {
                let joined = std::path::Path::new("/root/of/store").join(path.as_str());
                let plain = |c| matches!(c, std::path::Component::Normal(_) | std::path::Component::RootDir);
                prop_assert!(joined.starts_with("/root/of/store"));
                prop_assert!(joined.components().all(plain));
            }
        }
    }
}
