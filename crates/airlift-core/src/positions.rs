//! Where a path stands in a sorted list of nodes.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use crate::index::Node;

/// Finds a path by its hash: one or two looks at memory, where halving a list of a million nodes takes forty.
///
/// It is made when it is first needed: most commands look nothing up. It says nothing that the nodes do not, so that it
/// counts for no comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(OnceLock<Table>);

#[derive(Clone, Debug)]
struct Table {
    /// A position plus one, or zero where there is none; at most half of the slots are taken.
    slots: Box<[u32]>,
    hasher: RandomState,
}

impl PartialEq for Positions {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Positions {}

impl Positions {
    /// The node at a path. The nodes must be the same each time.
    pub(crate) fn find<'a>(&self, nodes: &'a [Node], path: &str) -> Option<&'a Node> {
        let table = self.0.get_or_init(|| Table::new(nodes));
        table.probe(path).map_while(|slot| nodes.get(table.slots[slot].checked_sub(1)? as usize)).find(|node| {
            // Another path may have the same hash.
            node.path.as_str() == path
        })
    }
}

impl Table {
    fn new(nodes: &[Node]) -> Self {
        let slots = vec![0; (2 * nodes.len()).next_power_of_two()].into_boxed_slice();
        let mut table = Self { slots, hasher: RandomState::new() };
        for (position, node) in (1..).zip(nodes) {
            let free = table.probe(node.path.as_str()).find(|slot| table.slots[*slot] == 0);
            if let Some(slot) = free {
                table.slots[slot] = position;
            }
        }
        table
    }

    /// The slots where a path may be, the likeliest first.
    fn probe(&self, path: &str) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let first = self.hasher.hash_one(path) as usize;
        (0..=mask).map(move |step| first.wrapping_add(step) & mask)
    }
}
