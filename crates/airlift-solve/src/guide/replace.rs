//! What is installed and gives way: to a newer version of itself, or to what replaces it.

use crate::guide::Guide;
use crate::problem::{Choice, Exclusion, Node, Problem};
use crate::watch::Watch;

impl<'p> Guide<'p> {
    /// A guide that begins with what is installed, of which each stays or is replaced as the choice beside it says.
    pub(crate) fn new(problem: &'p Problem<'p>, watch: &'p Watch<'p>, keeps: &[Choice]) -> Self {
        let mut guide = Self::empty(problem, watch);
        for (&node, &keep) in problem.installed().iter().zip(keeps) {
            let options = problem.options(keep);
            if options.len() > 1 {
                guide.replaceable.insert(node, keep);
                guide.upgrades.extend(options.iter().filter(|&&other| other != node));
            }
            guide.choose(node);
        }
        // What installed packages need is there, or was tolerated.
        guide.now.clear();
        guide.find_rivals();
        guide
    }

    /// What is replaceable goes where it is excluded.
    pub(super) fn make_room(&mut self, excludes: &[Exclusion]) {
        if !self.replaceable.is_empty() {
            for &exclusion in excludes {
                for node in self.problem.members(exclusion).iter() {
                    if self.replaceable.contains_key(&node) {
                        self.replace(node);
                    }
                }
            }
        }
    }

    /// Something installed goes, and something takes its place.
    pub(super) fn replace(&mut self, node: Node) {
        if self.chosen.remove(&node) {
            self.replaced = true;
            self.now.extend(self.replaceable.get(&node));
            *self.banned.entry(node).or_default() += 1;
        }
    }

    /// What is replaceable rules nothing out: it goes where what it excludes is chosen.
    fn find_rivals(&mut self) {
        let problem = self.problem;
        for &owner in problem.installed().iter().filter(|node| self.replaceable.contains_key(node)) {
            for &exclusion in &problem.rules(owner).excludes {
                for node in problem.members(exclusion).iter() {
                    self.rivals.entry(node).or_default().push(owner);
                }
            }
        }
    }

    /// What is installed and lacks something now is replaced, or else gets what it lacks.
    pub(super) fn repair(&mut self) {
        let problem = self.problem;
        let standing = problem.installed().iter().filter(|node| self.chosen.contains(node));
        let lacking = standing.filter_map(|&node| {
            let rules = problem.rules(node);
            let lacks = |choice: &Choice| !self.given_up.contains(choice) && self.satisfier(*choice).is_none();
            let lacking: Vec<Choice> = rules.requires.iter().copied().filter(lacks).collect();
            (!lacking.is_empty()).then_some((node, lacking))
        });
        for (node, lacks) in lacking.collect::<Vec<_>>() {
            let keep = self.replaceable.get(&node).map(|&keep| problem.options(keep));
            match keep.is_some_and(|options| options.iter().any(|&other| other != node && self.is_open(other))) {
                true => self.replace(node),
                false => self.now.extend(lacks),
            }
        }
    }
}
