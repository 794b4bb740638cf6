//! A formula becomes choices: "not" is pushed down to the capabilities, an "and" is several choices, an "or" is one choice
//! with a helper node for every branch that is not a capability.
//!
//! resolvo has conditional requirements of its own. They are not used: its condition is a version set of one name, and the
//! clause made of it asks for another version of that name where the condition does not hold any more; of a name that
//! allows several versions it makes none. The helper that stands for "none of these is chosen" says exactly what is meant:
//! `(a if b)` is the choice between "b is absent" and `a`.

use std::rc::Rc;

use crate::Formula;
use crate::formula::Op;
use crate::problem::{Choice, Node, Problem, Text};

/// How deep a formula may be. What packages have is three or four deep.
const DEEPEST: usize = 100;

/// How many steps a formula may have.
const LONGEST: usize = 10_000;

/// Whose formula it is.
pub(crate) enum Owner {
    /// A requirement: everything counts.
    Nobody,
    /// What must not be, turned round: the node itself does not count.
    Conflict { node: Node, word: &'static str },
}

/// One "or" of nodes.
enum Part {
    /// A choice that is there already: the providers of a capability.
    Known(Choice),
    Nodes(Vec<Node>),
}

/// A formula read from its steps: positions of the parts of each step, and whether it stands under an odd number of "not"s.
struct Tree {
    steps: Vec<Op>,
    parts: Vec<Vec<usize>>,
    negative: Vec<bool>,
}

impl Problem<'_> {
    /// The choices that together are the formula. One that is too deep or too long cannot be had.
    pub(crate) fn translate(&self, formula: &Formula, owner: &Owner) -> Vec<Choice> {
        let Some(tree) = Tree::read(formula) else {
            return vec![self.choice(Vec::new(), Text::Words("a condition that is too long or too deep"))];
        };
        let whole = Rc::new(formula.clone());
        let mut done: Vec<Vec<Part>> = Vec::with_capacity(tree.steps.len());
        for (position, &step) in tree.steps.iter().enumerate() {
            let parts: Vec<Vec<Part>> =
                tree.parts[position].iter().map(|&part| std::mem::take(&mut done[part])).collect();
            done.push(match (step, tree.negative[position]) {
                (Op::Has(capability), false) => match owner {
                    Owner::Nobody => vec![Part::Known(self.providers(capability))],
                    Owner::Conflict { node, word } => {
                        let others = self.members(self.exclusion(capability, word, Some(*node)));
                        vec![Part::Nodes(others.iter().collect())]
                    }
                },
                (Op::Has(capability), true) => {
                    let (word, node) = match owner {
                        Owner::Nobody => ("rules out", None),
                        Owner::Conflict { node, word } => (*word, Some(*node)),
                    };
                    vec![Part::Nodes(vec![self.absent(self.exclusion(capability, word, node))])]
                }
                (Op::Not, _) => parts.into_iter().flatten().collect(),
                (Op::All(_), false) | (Op::Any(_), true) => parts.into_iter().flatten().collect(),
                (Op::All(_), true) | (Op::Any(_), false) => self.either(parts, &whole),
            });
        }
        let root = done.pop().unwrap_or_default();
        root.into_iter().map(|part| self.close(part, &whole)).collect()
    }

    /// One "or" over parts, of which each is an "and" of "or"s.
    fn either(&self, parts: Vec<Vec<Part>>, whole: &Rc<Formula>) -> Vec<Part> {
        let mut nodes = Vec::new();
        for mut part in parts {
            match part.len() {
                // A part that always holds.
                0 => return Vec::new(),
                1 => match part.remove(0) {
                    Part::Known(choice) => nodes.extend(self.options(choice).iter()),
                    Part::Nodes(more) => nodes.extend(more),
                },
                _ => {
                    let choices = part.into_iter().map(|part| self.close(part, whole)).collect();
                    nodes.push(self.branch(choices));
                }
            }
        }
        vec![Part::Nodes(nodes)]
    }

    fn close(&self, part: Part, whole: &Rc<Formula>) -> Choice {
        match part {
            Part::Known(choice) => choice,
            Part::Nodes(nodes) => self.choice(nodes, Text::Formula(Rc::clone(whole))),
        }
    }
}

impl Tree {
    /// Reads a formula; `None` of one that is too deep or too long.
    fn read(formula: &Formula) -> Option<Self> {
        let steps = formula.steps();
        if steps.len() > LONGEST {
            return None;
        }
        let mut parts = Vec::with_capacity(steps.len());
        let mut depth = Vec::with_capacity(steps.len());
        let mut open: Vec<usize> = Vec::new();
        for (position, step) in steps.iter().enumerate() {
            let count = match step {
                Op::Has(_) => 0,
                Op::Not => 1,
                Op::All(count) | Op::Any(count) => *count as usize,
            };
            let taken = open.split_off(open.len().checked_sub(count)?);
            depth.push(taken.iter().map(|&part: &usize| depth[part] + 1).max().unwrap_or(0));
            parts.push(taken);
            open.push(position);
        }
        if depth.last().is_none_or(|&deepest| deepest > DEEPEST) {
            return None;
        }
        // Parts stand before their wholes: read backwards, every step is told by its whole first.
        let mut negative = vec![false; steps.len()];
        for position in (0..steps.len()).rev() {
            let turned = negative[position] != matches!(steps[position], Op::Not);
            for &part in &parts[position] {
                negative[part] = turned;
            }
        }
        Some(Self { steps, parts, negative })
    }
}
