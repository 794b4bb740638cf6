//! What the problem has interned so far: plain tables, which grow.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::problem::{Choice, Exclusion, Kind, Node, Place, Rules, Text};
use crate::{Candidate, Capability, Formula, Slot};

#[derive(Clone, Copy)]
pub(crate) struct NodeData {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) struct ChoiceData {
    pub(crate) nodes: Rc<[Node]>,
    pub(crate) text: Text,
}

#[derive(Clone)]
pub(crate) struct ExclusionData {
    pub(crate) members: Members,
    pub(crate) text: Text,
    pub(crate) word: &'static str,
}

/// The nodes of an exclusion: the providers of something, its owner not counted. The list is shared, since of a hundred
/// thousand providers each may exclude all the others.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) nodes: Rc<[Node]>,
    pub(crate) except: Option<Node>,
}

impl Members {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Node> + '_ {
        self.nodes.iter().copied().filter(|&node| Some(node) != self.except)
    }
}

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) nodes: Vec<NodeData>,
    pub(crate) rules: HashMap<Node, Rc<Rules>>,
    pub(crate) by_candidate: HashMap<Candidate, Node>,
    /// Whether several nodes of a place can be chosen.
    pub(crate) places: Vec<bool>,
    pub(crate) by_slot: HashMap<Slot, Place>,
    pub(crate) choices: Vec<ChoiceData>,
    /// The nodes of long choices.
    pub(crate) options: HashMap<Choice, HashSet<Node>>,
    pub(crate) by_capability: HashMap<Capability, Choice>,
    pub(crate) by_formula: HashMap<Formula, Rc<[Choice]>>,
    /// Formulas of several choices, as one.
    pub(crate) as_one: HashMap<Formula, Choice>,
    pub(crate) by_node: HashMap<Node, Choice>,
    /// Choices that are too long to be listed in one go, as they are listed.
    pub(crate) listed: HashMap<Choice, Rc<[Node]>>,
    pub(crate) exclusions: Vec<ExclusionData>,
    /// By the capability, the word, and the owner where it is in the list itself.
    pub(crate) by_conflict: HashMap<(Capability, &'static str, Option<Node>), Exclusion>,
    pub(crate) absences: HashMap<Exclusion, Node>,
}

impl Tables {
    pub(crate) fn add_place(&mut self, parallel: bool) -> Place {
        self.places.push(parallel);
        Place(index(self.places.len() - 1))
    }

    pub(crate) fn add_node(&mut self, kind: Kind, place: Place) -> Node {
        self.nodes.push(NodeData { kind, place });
        Node(index(self.nodes.len() - 1))
    }
}

/// A position in a table as its number. The tables grow with what a catalogue with numbers of 32 bits has; memory ends first.
pub(crate) fn index(position: usize) -> u32 {
    u32::try_from(position).expect("fewer than 2^32 entries fit into memory")
}
