//! A repository's pack as it travels: the same bytes for the same names, whatever upstream sent.
//!
//! Upstreams make another pack each time, since they work in parallel. Here each object is written by itself, in an order
//! that follows from the objects alone: commits, children before their parents, then tags, then trees and blobs as they
//! are met. So any part of a history is a few ranges of the pack, and whoever serves it computes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use airlift_fetch::Scratch;
use flate2::Crc;
use gix_hash::ObjectId;
use gix_object::{CommitRefIter, Kind, TagRefIter, TreeRefIter};

use super::trouble::Trouble;
use super::unpack::Objects;
use crate::format::graph::{Object, Writer};
use crate::format::index::{self, Place};
use crate::format::{FormatError, HASH, entry};

/// What was put together.
pub(super) struct Assembled {
    /// The name of the pack: the checksum at its end.
    pub(super) name: ObjectId,
    /// The index of the pack.
    pub(super) index: Vec<u8>,
    /// What leads from one object to another.
    pub(super) graph: Vec<u8>,
    /// The newest date of a commit, in seconds since 1970.
    pub(super) newest: Option<i64>,
    /// Those of the pinned commits that no name leads to.
    pub(super) loose: Vec<ObjectId>,
}

struct Commit {
    tree: ObjectId,
    parents: Vec<ObjectId>,
    time: i64,
}

/// Objects in the order of the pack.
#[derive(Default)]
struct Order {
    ids: Vec<ObjectId>,
    places: HashMap<ObjectId, u32>,
    /// The links of trees.
    trees: HashMap<u32, Vec<u32>>,
}

impl Order {
    /// The place of an object, a new one at the end where it has none.
    fn place(&mut self, id: ObjectId) -> (u32, bool) {
        let next = self.ids.len() as u32;
        let place = *self.places.entry(id).or_insert(next);
        if place == next {
            self.ids.push(id);
        }
        (place, place == next)
    }
}

/// Puts together what `tips` and `pins` need. It is an error where anything of it is not there.
pub(super) fn assemble(
    objects: &mut Objects,
    (tips, pins): (&BTreeSet<ObjectId>, &BTreeSet<ObjectId>),
    pack: &mut Scratch,
) -> Result<Assembled, Trouble> {
    let (tags, mut targets) = peel(objects, tips)?;
    let (mut commits, mut found) = (HashMap::new(), Vec::new());
    for id in &targets {
        walk(objects, *id, (&mut commits, &mut found))?;
    }
    let loose: Vec<ObjectId> = pins.iter().filter(|id| !commits.contains_key(*id)).copied().collect();
    for id in &loose {
        walk(objects, *id, (&mut commits, &mut found))?;
        targets.insert(*id);
    }
    let mut order = Order::default();
    found.iter().rev().for_each(|id| {
        order.place(*id);
    });
    tags.keys().copied().collect::<BTreeSet<_>>().into_iter().for_each(|id| {
        order.place(id);
    });
    let roots = found.iter().rev().map(|id| commits[id].tree).collect::<Vec<_>>();
    let others = targets.iter().filter(|id| !commits.contains_key(*id)).copied();
    for id in roots.into_iter().chain(others) {
        trees(objects, id, &mut order)?;
    }
    write(objects, (&order, &commits, &tags), pack).map(|assembled| Assembled { loose, ..assembled })
}

/// Follows tags that are objects of their own: each with its target, and what they lead to in the end.
fn peel(
    objects: &mut Objects,
    tips: &BTreeSet<ObjectId>,
) -> Result<(HashMap<ObjectId, ObjectId>, BTreeSet<ObjectId>), Trouble> {
    let (mut tags, mut targets) = (HashMap::new(), BTreeSet::new());
    for tip in tips {
        let mut id = *tip;
        while !tags.contains_key(&id) {
            if kind(objects, &id)? != Kind::Tag {
                targets.insert(id);
                break;
            }
            let (_, bytes) = objects.get(&id)?.ok_or_else(|| missing(&id))?;
            let target = TagRefIter::from_bytes(&bytes, HASH).target_id();
            let target = target.map_err(|error| FormatError::new(format!("the tag {id} can't be read: {error}")))?;
            tags.insert(id, target);
            id = target;
        }
    }
    Ok((tags, targets))
}

fn kind(objects: &Objects, id: &ObjectId) -> Result<Kind, FormatError> {
    objects.entry(id).map(|entry| entry.kind).ok_or_else(|| missing(id))
}

fn missing(id: &ObjectId) -> FormatError {
    FormatError::new(format!("upstream did not send the object {id}, which others need"))
}

/// Finds all commits behind one, parents before their children.
fn walk(
    objects: &mut Objects,
    tip: ObjectId,
    (commits, found): (&mut HashMap<ObjectId, Commit>, &mut Vec<ObjectId>),
) -> Result<(), Trouble> {
    if kind(objects, &tip)? != Kind::Commit || commits.contains_key(&tip) {
        return Ok(());
    }
    let mut stack = vec![(tip, 0)];
    commits.insert(tip, commit(objects, &tip)?);
    while let Some((id, next)) = stack.last_mut() {
        let parent = commits[id].parents.get(*next).copied();
        *next += 1;
        match parent {
            None => {
                found.push(*id);
                stack.pop();
            }
            Some(parent) if commits.contains_key(&parent) => {}
            Some(parent) => {
                commits.insert(parent, commit(objects, &parent)?);
                stack.push((parent, 0));
            }
        }
    }
    Ok(())
}

fn commit(objects: &mut Objects, id: &ObjectId) -> Result<Commit, Trouble> {
    let Some((Kind::Commit, bytes)) = objects.get(id)? else { return Err(missing(id).into()) };
    let mut fields = CommitRefIter::from_bytes(&bytes, HASH);
    let tree = fields.tree_id();
    let tree = tree.map_err(|error| FormatError::new(format!("the commit {id} can't be read: {error}")))?;
    let parents = CommitRefIter::from_bytes(&bytes, HASH).parent_ids().collect();
    // Some histories have dates that are none; they count as the beginning of time.
    let committer = CommitRefIter::from_bytes(&bytes, HASH).committer();
    let time = committer.ok().map(|committer| committer.seconds()).unwrap_or_default();
    Ok(Commit { tree, parents, time })
}

/// Gives a place to a tree and everything in it.
fn trees(objects: &mut Objects, root: ObjectId, order: &mut Order) -> Result<(), Trouble> {
    kind(objects, &root)?;
    let (place, new) = order.place(root);
    let mut todo = if new { vec![(root, place)] } else { Vec::new() };
    while let Some((id, place)) = todo.pop() {
        let entry = objects.entry(&id).ok_or_else(|| missing(&id))?;
        if entry.kind != Kind::Tree {
            continue;
        }
        let (_, bytes) = objects.get(&id)?.ok_or_else(|| missing(&id))?;
        let mut links = Vec::new();
        let mut below = Vec::new();
        for child in TreeRefIter::from_bytes(&bytes, HASH) {
            let child = child.map_err(|error| FormatError::new(format!("the tree {id} can't be read: {error}")))?;
            let wanted = match child.mode.kind() {
                gix_object::tree::EntryKind::Commit => continue,
                gix_object::tree::EntryKind::Tree => Kind::Tree,
                _ => Kind::Blob,
            };
            let id = child.oid.to_owned();
            if kind(objects, &id)? != wanted {
                return Err(FormatError::new(format!("the object {id} is no {wanted}, and a tree says so")).into());
            }
            let (place, new) = order.place(id);
            links.push(place);
            if new && wanted == Kind::Tree {
                below.push((id, place));
            }
        }
        todo.extend(below.into_iter().rev());
        order.trees.insert(place, links);
    }
    Ok(())
}

/// Writes the pack, its index and its graph.
fn write(
    objects: &mut Objects,
    (order, commits, tags): (&Order, &HashMap<ObjectId, Commit>, &HashMap<ObjectId, ObjectId>),
    pack: &mut Scratch,
) -> Result<Assembled, Trouble> {
    let count = order.ids.len() as u32;
    let mut sum = gix_hash::hasher(HASH);
    let header = entry::header(count);
    sum.update(&header);
    pack.append(&header)?;
    let mut graph = Writer::new(count);
    let mut places = Vec::with_capacity(order.ids.len());
    for (place, id) in order.ids.iter().enumerate() {
        let entry = objects.entry(id).ok_or_else(|| missing(id))?;
        let bytes = objects.raw(entry)?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        places.push(Place { id: *id, offset: pack.len(), crc: crc.sum() });
        sum.update(&bytes);
        pack.append(&bytes)?;
        let at = |id: &ObjectId| order.places.get(id).copied().ok_or_else(|| missing(id));
        let (time, links) = match (commits.get(id), tags.get(id)) {
            (Some(commit), _) => {
                let links = [commit.tree].iter().chain(&commit.parents).map(at).collect::<Result<_, _>>()?;
                (commit.time, links)
            }
            (None, Some(target)) => (0, vec![at(target)?]),
            (None, None) => (0, order.trees.get(&(place as u32)).cloned().unwrap_or_default()),
        };
        graph.push(&Object { kind: entry.kind, id: *id, length: entry.length, time, links });
    }
    let name = finish(sum)?;
    pack.append(name.as_bytes())?;
    places.sort_unstable_by_key(|place| place.id);
    let mut index = index::write(&places, name);
    let mut sum = gix_hash::hasher(HASH);
    sum.update(&index);
    index.extend_from_slice(finish(sum)?.as_bytes());
    let newest = commits.values().map(|commit| commit.time).max();
    Ok(Assembled { name, index, graph: graph.bytes(), newest, loose: Vec::new() })
}

fn finish(sum: gix_hash::Hasher) -> Result<ObjectId, FormatError> {
    sum.try_finalize().map_err(|error| FormatError::new(format!("the pack's checksum was made to collide: {error}")))
}

/// A submodule that a commit has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Link {
    /// Its repository, as it is written.
    pub(super) url: String,
    /// Where it is in the tree.
    pub(super) path: String,
    /// The commit that is checked out there.
    pub(super) commit: String,
}

/// The submodules of the trees of these commits, each once.
pub(super) fn links(objects: &mut Objects, tips: &BTreeSet<ObjectId>) -> Result<Vec<Link>, Trouble> {
    let (_, targets) = peel(objects, tips)?;
    let (mut links, mut roots) = (BTreeSet::new(), HashSet::new());
    for id in targets {
        if kind(objects, &id)? != Kind::Commit {
            continue;
        }
        let root = commit(objects, &id)?.tree;
        if roots.insert(root) {
            of_tree(objects, root, &mut links)?;
        }
    }
    Ok(links.into_iter().collect())
}

fn of_tree(objects: &mut Objects, root: ObjectId, links: &mut BTreeSet<Link>) -> Result<(), Trouble> {
    use crate::format::modules;
    use gix_object::tree::EntryKind;

    let Some((mode, file)) = find(objects, root, ".gitmodules")? else { return Ok(()) };
    if !matches!(mode, EntryKind::Blob | EntryKind::BlobExecutable) {
        // A link could lead anywhere; git itself refuses it, too.
        return Err(FormatError::new("its .gitmodules is no regular file").into());
    }
    if objects.entry(&file).is_some_and(|entry| entry.length > modules::LONGEST) {
        return Err(FormatError::new("its .gitmodules is too large").into());
    }
    let (_, bytes) = objects.get(&file)?.ok_or_else(|| missing(&file))?;
    let text = String::from_utf8(bytes).map_err(|_| FormatError::new("its .gitmodules is not UTF-8"))?;
    for module in modules::read(&text)? {
        if let Some((EntryKind::Commit, commit)) = find(objects, root, &module.path)? {
            links.insert(Link { url: module.url, path: module.path, commit: commit.to_string() });
        }
    }
    Ok(())
}

/// What is at a path of a tree.
fn find(
    objects: &mut Objects,
    root: ObjectId,
    path: &str,
) -> Result<Option<(gix_object::tree::EntryKind, ObjectId)>, Trouble> {
    let mut found = Some((gix_object::tree::EntryKind::Tree, root));
    for name in path.split('/') {
        let Some((gix_object::tree::EntryKind::Tree, tree)) = found else { return Ok(None) };
        let (_, bytes) = objects.get(&tree)?.ok_or_else(|| missing(&tree))?;
        let mut entries = TreeRefIter::from_bytes(&bytes, HASH).filter_map(Result::ok);
        let entry = entries.find(|entry| entry.filename == name.as_bytes());
        found = entry.map(|entry| (entry.mode.kind(), entry.oid.to_owned()));
    }
    Ok(found)
}
