//! How a person sees what a kind has: what stands for itself, what it is called, and what belongs together.
//!
//! An index has paths and blobs; a person looks for an image by its tag, for a package by its name and version. Each kind
//! says of one node at a time how it is seen ([`crate::Kind::shown`]), purely, from its path and its package URL. The
//! machine counts, sorts, searches and pages for all of them. What only the content itself can tell, such as an image's
//! platforms, is read for one node at a time ([`crate::Kind::facts`]).

use std::borrow::Cow;

use airlift_core::Node;
use percent_encoding::percent_decode_str;

/// What a kind's groups and items are called, one and many: `repository`, `repositories`, `image`, `images`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nouns {
    /// One group, and several.
    pub groups: [&'static str; 2],
    /// One item, and several.
    pub items: [&'static str; 2],
}

/// The group of what lies in no folder.
const NO_FOLDER: &str = "top level";

/// How a person sees a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// What it belongs to: an image's repository, a yum repository, a Python project. Its bytes are counted there.
    pub group: Cow<'a, str>,
    /// What it is; none for what is only a part of something: a layer, a repository's metadata.
    pub item: Option<Item<'a>>,
}

/// Something that a person looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is called.
    pub name: Cow<'a, str>,
    /// Its version or tag; empty where it has none.
    pub version: Cow<'a, str>,
    /// For whom it is, where that is told apart: an architecture; else empty.
    pub of: Cow<'a, str>,
    /// How many bytes it has; none where only its content tells.
    pub size: Option<u64>,
}

impl<'a> Shown<'a> {
    /// A part of a group that is not shown by itself.
    pub fn part(group: impl Into<Cow<'a, str>>) -> Self {
        Self { group: group.into(), item: None }
    }

    /// A node as a file in the folder that its path (below the kind's name) begins with; its version is that of its package
    /// URL.
    pub fn file(path: &'a str, node: &'a Node) -> Self {
        let (group, name) = path.split_once('/').unwrap_or((NO_FOLDER, path));
        let version = Package::of(node).map(|package| package.version).unwrap_or_default();
        Self { group: group.into(), item: Some(Item { name: name.into(), version, ..Item::new(node) }) }
    }
}

impl<'a> Item<'a> {
    /// An item of a node's size that is called nothing yet.
    pub fn new(node: &Node) -> Self {
        Self { name: Cow::default(), version: Cow::default(), of: Cow::default(), size: Some(node.size) }
    }

    /// What a package URL says of a node; none where it has no such URL.
    pub fn package(node: &'a Node) -> Option<Self> {
        let Package { name, version, .. } = Package::of(node)?;
        let of = Package::qualifier(node, "arch").unwrap_or_default();
        Some(Self { name, version, of, ..Item::new(node) })
    }
}

/// The parts of a package URL that a person looks for (purl specification).
struct Package<'a> {
    name: Cow<'a, str>,
    version: Cow<'a, str>,
}

impl<'a> Package<'a> {
    fn of(node: &'a Node) -> Option<Self> {
        let purl = node.purl.as_deref()?;
        let path = purl.split(['?', '#']).next()?.strip_prefix("pkg:")?;
        let last = path.rsplit('/').next()?;
        let (name, version) = last.split_once('@').unwrap_or((last, ""));
        Some(Self { name: decoded(name), version: decoded(version) })
    }

    fn qualifier(node: &'a Node, name: &str) -> Option<Cow<'a, str>> {
        let (_, qualifiers) = node.purl.as_deref()?.split_once('?')?;
        let qualifiers = qualifiers.split('#').next().unwrap_or_default();
        let mut pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(value))
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Something that is told of an item on its page: `platform`, `linux/amd64, 29.1 MB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What is told.
    pub label: Cow<'static, str>,
    /// What is said of it.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(label: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// What a person types into a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The client: `docker`; or half a sentence.
    pub client: Cow<'static, str>,
    /// One command, or several lines of them.
    pub text: String,
}

impl Usage {
    /// A client's commands. What stands in them of the archive's names has to be [`quoted`].
    pub fn new(client: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self { client: client.into(), text: text.into() }
    }

    /// To fetch what is at a URL.
    pub fn fetch(url: &str) -> Self {
        Self::new("curl", format!("curl -fLO {}", quoted(url)))
    }
}

/// A text as one word of a shell (POSIX, "Quoting"), whatever is in it: names come from upstream, and are pasted.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => {
            let printed: String = text.chars().filter(|c| !c.is_control()).collect();
            Cow::Owned(format!("'{}'", printed.replace('\'', r"'\''")))
        }
    }
}

#[cfg(test)]
mod tests {
    use airlift_core::Digest;

    use super::*;

    fn node(path: &str, purl: Option<&str>) -> Node {
        Node {
            path: path.parse().expect("a path"),
            blob: Digest::of(b"x"),
            size: 7,
            media_type: "application/octet-stream".into(),
            modified: None,
            origin: None,
            purl: purl.map(Into::into),
        }
    }

    #[test]
    fn a_package_url_says_name_version_and_architecture() {
        let node = node("deb/x/pool/g.deb", Some("pkg:deb/debian/g%2B%2B@4:12.2.0-3%2Bb1?arch=amd64#x"));
        let item = Item::package(&node).expect("an item");
        let told = (&*item.name, &*item.version, &*item.of, item.size);
        assert_eq!(told, ("g++", "4:12.2.0-3+b1", "amd64", Some(7)));
        let bare = self::node("a/b", Some("pkg:generic/b"));
        assert_eq!(Item::package(&bare).map(|item| item.version.into_owned()), Some(String::new()));
        assert_eq!(Item::package(&self::node("a/b", None)), None);
    }

    #[test]
    fn names_are_words_for_a_shell() {
        for (name, word) in [
            ("nginx=1.22.1-9+b1", "nginx=1.22.1-9+b1"),
            ("$(reboot)", "'$(reboot)'"),
            ("a'; reboot; '", r"'a'\''; reboot; '\'''"),
            ("a\nreboot", "'areboot'"),
            ("", "''"),
            ("~root", "'~root'"),
        ] {
            assert_eq!(quoted(name), word);
        }
    }

    #[test]
    fn a_file_is_in_its_first_folder() {
        let (inside, top) = (node("files/get.helm.sh/a/b", None), node("files/b", Some("pkg:generic/b@1")));
        let shown = Shown::file("get.helm.sh/a/b", &inside);
        assert_eq!((&*shown.group, &*shown.item.expect("an item").name), ("get.helm.sh", "a/b"));
        let shown = Shown::file("b", &top);
        let item = shown.item.expect("an item");
        assert_eq!((&*shown.group, &*item.name, &*item.version), (NO_FOLDER, "b", "1"));
    }
}
