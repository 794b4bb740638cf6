//! The whole truth about a snapshot: a sorted list of nodes, path → blob.
//!
//! On disk an index is JSON lines, one record a line, sorted by path; see `docs/archive-format.md`, which is normative.
//! A record names a blob ([`Node`]), says what was left out and why ([`Omission`]), or says something that whoever loads
//! the snapshot must know ([`Notice`]). Readers ignore fields that
//! they don't know, since an index is written by machines only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::path::TreePath;
use crate::positions::Positions;
use crate::time::Time;

/// One entry of an index: what appears at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Where it appears; the first segment is the kind's name.
    pub path: TreePath,
    /// What appears there.
    pub blob: Digest,
    /// The blob's size in bytes.
    pub size: u64,
    /// The media type that clients are told (RFC 6838).
    #[serde(rename = "type")]
    pub media_type: Arc<str>,
    /// When upstream last changed it, where upstream says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Time>,
    /// The URL that it came from, without secrets; none where Airlift made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<str>>,
    /// Its package URL (purl), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<Box<str>>,
}

/// Something that the manifest asked for and this snapshot does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// The path or, where none could be known, the name from the manifest.
    pub path: TreePath,
    /// Why it is not here: a sentence.
    pub omitted: String,
    /// The URL that it should have come from, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<str>>,
}

/// Something that whoever loads this snapshot must know, such as a repository that upstream does not sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about; a folder, or a node's path.
    pub path: TreePath,
    /// What is to be known: a sentence.
    pub notice: String,
}

/// Every node, omission and notice of a snapshot, sorted by path, each path once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    nodes: Vec<Node>,
    omissions: Vec<Omission>,
    notices: Vec<Notice>,
    positions: Positions,
}

impl Index {
    /// Sorts nodes and omissions into an index.
    ///
    /// # Errors
    ///
    /// [`IndexError::Conflict`] where a path has two different nodes, [`IndexError::Size`] where a blob has two sizes.
    pub fn new(mut nodes: Vec<Node>, mut omissions: Vec<Omission>) -> Result<Self, IndexError> {
        nodes.sort_by(|a, b| a.path.cmp(&b.path));
        nodes.dedup();
        if let Some(pair) = nodes.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(IndexError::Conflict { path: pair[0].path.clone(), first: pair[0].blob, second: pair[1].blob });
        }
        let mut sizes = std::collections::HashMap::with_capacity(nodes.len());
        for node in &nodes {
            if *sizes.entry(node.blob).or_insert(node.size) != node.size {
                return Err(IndexError::Size { path: node.path.clone(), blob: node.blob });
            }
        }
        omissions.sort_by(|a, b| a.path.cmp(&b.path));
        omissions.dedup();
        Ok(Self { nodes, omissions, ..Self::default() })
    }

    /// The same index with notices.
    #[must_use]
    pub fn with_notices(mut self, mut notices: Vec<Notice>) -> Self {
        notices.sort_by(|a, b| (&a.path, &a.notice).cmp(&(&b.path, &b.notice)));
        notices.dedup();
        self.notices = notices;
        self
    }

    /// All nodes in the order of their paths.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What was left out, in the order of the paths.
    pub fn omissions(&self) -> &[Omission] {
        &self.omissions
    }

    /// What whoever loads the snapshot must know, in the order of the paths.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The node at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.positions.find(&self.nodes, path)
    }

    /// The nodes whose paths begin with these characters: one contiguous range of [`Index::nodes`].
    pub fn starting_with(&self, characters: &str) -> &[Node] {
        let start = self.nodes.partition_point(|node| node.path.as_str() < characters);
        let rest = &self.nodes[start..];
        &rest[..rest.partition_point(|node| node.path.as_str().starts_with(characters))]
    }

    /// The nodes below a folder; all of them below the empty path.
    pub fn below(&self, folder: &str) -> &[Node] {
        match folder {
            "" => &self.nodes,
            folder => self.starting_with(&format!("{folder}/")),
        }
    }

    /// Each blob once, with its size, in the order in which the index first names them.
    pub fn blobs(&self) -> Vec<(Digest, u64)> {
        let mut seen = std::collections::HashSet::with_capacity(self.nodes.len());
        self.nodes.iter().filter(|node| seen.insert(node.blob)).map(|node| (node.blob, node.size)).collect()
    }

    /// The paths that carry a blob.
    pub fn names_of(&self, blob: Digest) -> impl Iterator<Item = &TreePath> {
        self.nodes.iter().filter(move |node| node.blob == blob).map(|node| &node.path)
    }

    /// The index as JSON lines, the same bytes for the same index: by path, omissions and notices before the node.
    pub fn to_lines(&self) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.nodes.len() * 256);
        let (mut omissions, mut notices) = (self.omissions.iter().peekable(), self.notices.iter().peekable());
        for node in &self.nodes {
            while let Some(omission) = omissions.next_if(|omission| omission.path <= node.path) {
                push_line(&mut lines, omission);
            }
            while let Some(notice) = notices.next_if(|notice| notice.path <= node.path) {
                push_line(&mut lines, notice);
            }
            push_line(&mut lines, node);
        }
        omissions.for_each(|omission| push_line(&mut lines, omission));
        notices.for_each(|notice| push_line(&mut lines, notice));
        lines
    }

    /// Reads JSON lines.
    ///
    /// # Errors
    ///
    /// [`IndexError::Line`] names the line that can't be read, [`IndexError::Unsorted`] the first that is out of order.
    pub fn from_lines(lines: &[u8]) -> Result<Self, IndexError> {
        let mut nodes: Vec<Node> = Vec::new();
        let (mut omissions, mut notices) = (Vec::new(), Vec::new());
        let mut types = Interner::default();
        for (number, line) in lines.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let record: Record =
                serde_json::from_slice(line).map_err(|source| IndexError::Line { line: number + 1, source })?;
            match record.read(&mut types) {
                Some(Line::Node(node)) if nodes.last().is_some_and(|last| last.path >= node.path) => {
                    return Err(IndexError::Unsorted { path: node.path });
                }
                Some(Line::Node(node)) => nodes.push(node),
                Some(Line::Omission(omission)) => omissions.push(omission),
                Some(Line::Notice(notice)) => notices.push(notice),
                None => return Err(IndexError::Incomplete { line: number + 1 }),
            }
        }
        Ok(Self::new(nodes, omissions)?.with_notices(notices))
    }
}

fn push_line(lines: &mut Vec<u8>, record: &impl Serialize) {
    serde_json::to_writer(&mut *lines, record).expect("plain data with string keys is always JSON");
    lines.push(b'\n');
}

/// A line as it is read. Written out rather than `serde(untagged)`, whose errors name no field.
#[derive(Deserialize)]
struct Record {
    path: TreePath,
    blob: Option<Digest>,
    size: Option<u64>,
    #[serde(rename = "type")]
    media_type: Option<String>,
    modified: Option<Time>,
    origin: Option<Box<str>>,
    purl: Option<Box<str>>,
    omitted: Option<String>,
    notice: Option<String>,
}

enum Line {
    Node(Node),
    Omission(Omission),
    Notice(Notice),
}

impl Record {
    /// What the line is; none where it has the fields of no or of several kinds of lines.
    fn read(self, types: &mut Interner) -> Option<Line> {
        let Self { path, blob, size, media_type, modified, origin, purl, omitted, notice } = self;
        match (blob, size, media_type, omitted, notice) {
            (Some(blob), Some(size), Some(media_type), None, None) => {
                let media_type = types.get(&media_type);
                Some(Line::Node(Node { path, blob, size, media_type, modified, origin, purl }))
            }
            (None, None, None, Some(omitted), None) => Some(Line::Omission(Omission { path, omitted, origin })),
            (None, None, None, None, Some(notice)) => Some(Line::Notice(Notice { path, notice })),
            _ => None,
        }
    }
}

/// Keeps one copy of each media type.
#[derive(Default)]
struct Interner(std::collections::HashSet<Arc<str>>);

impl Interner {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// Why an index can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Two different blobs, or descriptions of one, for one path.
    #[error("two things want the path {path}: {first} and {second}")]
    Conflict {
        /// The path.
        path: TreePath,
        /// The blob of the one.
        first: Digest,
        /// The blob of the other.
        second: Digest,
    },
    /// One blob with two sizes.
    #[error("the blob {blob} has two sizes, one of them at {path}")]
    Size {
        /// The path at which the second size stands.
        path: TreePath,
        /// The blob.
        blob: Digest,
    },
    /// A line that is not JSON, or whose fields have wrong values.
    #[error("line {line} of the index can't be read")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A line that is neither a node, nor an omission, nor a notice.
    #[error(
        "line {line} of the index names neither a blob with size and type, nor a reason for its absence, nor a notice"
    )]
    Incomplete {
        /// The line's number, from 1.
        line: usize,
    },
    /// Paths that are not sorted, or one path twice.
    #[error("the index is not sorted: {path} stands where a smaller or the same path stood before")]
    Unsorted {
        /// The first path out of order.
        path: TreePath,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(path: &str, content: &str) -> Node {
        Node {
            path: path.parse().expect("a path"),
            blob: Digest::of(content.as_bytes()),
            size: content.len() as u64,
            media_type: "application/octet-stream".into(),
            modified: None,
            origin: None,
            purl: None,
        }
    }

    fn paths(nodes: &[Node]) -> Vec<&str> {
        nodes.iter().map(|node| node.path.as_str()).collect()
    }

    #[test]
    fn folders_are_ranges() {
        let names = ["files/a.b", "files/a/x", "files/a/y/z", "files/ab", "oci/a"];
        let index = Index::new(names.iter().rev().map(|name| node(name, name)).collect(), vec![]).expect("an index");
        assert_eq!(paths(index.nodes()), names);
        assert_eq!(paths(index.below("files/a")), ["files/a/x", "files/a/y/z"]);
        assert_eq!(paths(index.below("files/none")), [""; 0]);
        assert_eq!(index.below("").len(), 5);
        assert_eq!(index.get("files/ab").map(|node| node.size), Some(8));
        assert!(index.get("files").is_none());
    }

    #[test]
    fn a_path_has_one_blob() {
        let twice = Index::new(vec![node("a", "1"), node("a", "2")], vec![]);
        assert!(matches!(twice, Err(IndexError::Conflict { .. })));
        let same = Index::new(vec![node("a", "1"), node("a", "1"), node("b", "1")], vec![]).expect("an index");
        assert_eq!((same.nodes().len(), same.blobs().len()), (2, 1));
    }

    #[test]
    fn bad_lines_are_named() {
        let good = Index::new(vec![node("a", "1"), node("b", "2")], vec![]).expect("an index").to_lines();
        let text = String::from_utf8(good).expect("text");
        let swapped: Vec<&str> = text.lines().rev().collect();
        assert!(matches!(Index::from_lines(swapped.join("\n").as_bytes()), Err(IndexError::Unsorted { .. })));
        let broken = text.replace("\"size\":1", "\"size\":-1");
        assert!(matches!(Index::from_lines(broken.as_bytes()), Err(IndexError::Line { line: 1, .. })));
        let upward = text.replace("\"path\":\"b\"", "\"path\":\"../b\"");
        assert!(matches!(Index::from_lines(upward.as_bytes()), Err(IndexError::Line { line: 2, .. })));
        assert!(matches!(Index::from_lines(b"{\"path\":\"a\"}"), Err(IndexError::Incomplete { line: 1 })));
    }

    proptest! {
        #[test]
        fn lines_survive_being_written_and_read(
            names in proptest::collection::btree_set("[a-c]{1,2}(/[a-c]{1,2}){0,2}", 0..12),
            missing in proptest::collection::btree_set("[a-c]{1,3}", 0..4),
        ) {
            let nodes = names.iter().map(|name| node(name, name)).collect();
            let omissions = missing
                .iter()
                .map(|name| Omission { path: name.parse().expect("a path"), omitted: "gone".into(), origin: None })
                .collect();
            let notices = missing.iter().rev().map(|name| Notice { path: name.parse().expect("a path"), notice: "unsigned".into() });
            let index = Index::new(nodes, omissions).expect("an index").with_notices(notices.collect());
            let lines = index.to_lines();
            let read = Index::from_lines(&lines).expect("an index");
            prop_assert_eq!(&read, &index);
            for node in read.nodes() {
                prop_assert_eq!(read.get(node.path.as_str()), Some(node));
                let below = format!("{}/", node.path);
                prop_assert_eq!(read.get(&below), None);
            }
            prop_assert_eq!(read.to_lines(), lines);
        }
    }
}
