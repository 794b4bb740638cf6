//! What a person sees of one kind in one snapshot: groups of items, made once and kept small.
//!
//! A shelf holds positions, and asks the kind again for names where they are shown: an archive may have a million.

use std::cmp::Ordering;
use std::collections::HashMap;

use airlift_core::{Digest, Node};
use airlift_kind::{DynKind, Item, View};

/// Groups of more items are left in the order of their paths: to sort by name, all names are there at once.
const MOST_SORTED: usize = 50_000;

/// One kind's groups.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// In the order of their names.
    pub(crate) groups: Vec<Group>,
    /// How many items there are.
    pub(crate) items: usize,
    /// The bytes of all of the kind's blobs, each counted once.
    pub(crate) bytes: u64,
}

/// What belongs together: an image's repository with its tags, a Python project with its files.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: Box<str>,
    /// The bytes of all of its blobs, each counted once.
    pub(crate) bytes: u64,
    /// Where its items are among the kind's nodes.
    items: Box<[u32]>,
}

impl Shelf {
    /// Looks at every node of a kind. This may take a second.
    pub(crate) fn new(kind: &dyn DynKind, view: &View) -> Self {
        let nodes = view.below("");
        let mut numbers = HashMap::<Box<str>, usize>::new();
        let mut items: Vec<Vec<u32>> = Vec::new();
        let mut blobs: Vec<(usize, Digest, u64)> = Vec::with_capacity(nodes.len());
        for (position, node) in (0_u32..).zip(nodes) {
            let shown = kind.shown(view, node);
            let number = match numbers.get(&*shown.group) {
                Some(&number) => number,
                None => {
                    numbers.insert(shown.group.into(), items.len());
                    items.push(Vec::new());
                    items.len() - 1
                }
            };
            blobs.push((number, node.blob, node.size));
            if shown.item.is_some() {
                items[number].push(position);
            }
        }
        let bytes = bytes_by_group(&mut blobs, items.len());
        let count = items.iter().map(Vec::len).sum();
        let mut groups: Vec<Group> = numbers
            .into_iter()
            .map(|(name, number)| {
                let mut items = std::mem::take(&mut items[number]);
                sort(&mut items, |position| item(kind, view, position));
                Group { name, bytes: bytes[number], items: items.into() }
            })
            .collect();
        groups.sort_by(|a, b| naturally(&a.name, &b.name));
        Self { groups, items: count, bytes: bytes_of_each_once(blobs) }
    }

    /// The group of a name.
    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| &*group.name == name)
    }

    /// The groups that have items: some have nothing but what belongs to others.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.items.is_empty())
    }
}

impl Group {
    /// How many items it has.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Its items, with the nodes that they are.
    pub(crate) fn items<'a>(
        &'a self,
        kind: &'a dyn DynKind,
        view: &'a View,
    ) -> impl Iterator<Item = (&'a Node, Item<'a>)> {
        self.items.iter().filter_map(|&position| {
            let node = view.below("").get(position as usize)?;
            Some((node, kind.shown(view, node).item?))
        })
    }
}

fn item<'a>(kind: &dyn DynKind, view: &'a View, position: u32) -> Option<Item<'a>> {
    kind.shown(view, view.below("").get(position as usize)?).item
}

fn sort<'a>(items: &mut [u32], item: impl Fn(u32) -> Option<Item<'a>>) {
    if items.len() > MOST_SORTED {
        return;
    }
    let mut named: Vec<(Option<Item<'a>>, u32)> = items.iter().map(|&position| (item(position), position)).collect();
    named.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => naturally(&a.name, &b.name).then_with(|| naturally(&a.version, &b.version)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    items.iter_mut().zip(named).for_each(|(place, (_, position))| *place = position);
}

fn bytes_by_group(blobs: &mut Vec<(usize, Digest, u64)>, groups: usize) -> Vec<u64> {
    blobs.sort_unstable();
    blobs.dedup();
    let mut bytes = vec![0; groups];
    blobs.iter().for_each(|(group, _, size)| bytes[*group] += size);
    bytes
}

fn bytes_of_each_once(mut blobs: Vec<(usize, Digest, u64)>) -> u64 {
    blobs.sort_unstable_by_key(|(_, blob, _)| *blob);
    blobs.dedup_by_key(|(_, blob, _)| *blob);
    blobs.iter().map(|(_, _, size)| size).sum()
}

/// The order in which a person looks for names: numbers in them by their value, so that 1.9 is before 1.10.
pub(crate) fn naturally(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (first, second) = (part(&mut left), part(&mut right));
        let order = match (number(first), number(second)) {
            (Some(one), Some(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            _ => first.cmp(second),
        };
        if order != Ordering::Equal || first.is_empty() {
            return order.then_with(|| a.cmp(b));
        }
    }
}

/// The digits at the beginning, or all that is before the next digit.
fn part<'a>(text: &mut &'a str) -> &'a str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (part, rest) = text.split_at(end);
    *text = rest;
    part
}

/// A number without its leading zeros.
fn number(part: &str) -> Option<&str> {
    part.starts_with(|c: char| c.is_ascii_digit()).then(|| part.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_their_value() {
        let mut names = ["v1.10", "v1.9", "latest", "v1.09", "1", "v1.10-rc1", "10", "2"];
        names.sort_by(|a, b| naturally(a, b));
        assert_eq!(names, ["1", "2", "10", "latest", "v1.09", "v1.9", "v1.10", "v1.10-rc1"]);
    }

    proptest! {
        #[test]
        fn it_is_an_order(names in proptest::collection::vec("[a-b0-1.]{0,5}", 3)) {
            let order = |a: usize, b: usize| naturally(&names[a], &names[b]);
            prop_assert_eq!(order(0, 1), order(1, 0).reverse());
            prop_assert_eq!(order(0, 1) == Ordering::Equal, names[0] == names[1]);
            if order(0, 1) != Ordering::Greater && order(1, 2) != Ordering::Greater {
                prop_assert_ne!(order(0, 2), Ordering::Greater);
            }
        }
    }
}
