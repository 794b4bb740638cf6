//! The catalogue as the solvers see it: nodes, choices between nodes, and exclusions of nodes. Built lazily, and shared by
//! all solves of one closure.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use crate::tables::{ChoiceData, ExclusionData, Members, Tables, index};
use crate::translate::Owner;
use crate::{Candidate, Capability, Catalogue, Conflict, Formula};

/// How many nodes a list has that is searched as it is.
const SHORT: usize = 16;

/// How many nodes a list has at most. Some of what a search does takes the square of it.
const LONG: usize = 256;

/// Something that is true or false in a solution: a candidate, or a helper that stands for a part of a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node(pub(crate) u32);

/// "One of these nodes", best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Choice(pub(crate) u32);

/// "None of these nodes".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Exclusion(pub(crate) u32);

/// Where one node at a time can be: a slot, or a helper's own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) u32);

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A candidate of the catalogue.
    Candidate(Candidate),
    /// The promise that none of these is chosen.
    Absent(Exclusion),
    /// Several choices at once, as one branch of an "or".
    Branch,
}

/// What follows from a node.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) requires: Vec<Choice>,
    pub(crate) excludes: Vec<Exclusion>,
    /// What a candidate recommends, not translated yet.
    pub(crate) recommends: Vec<Formula>,
}

/// What a choice or an exclusion is called in explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Capability(Capability),
    Formula(Rc<Formula>),
    /// The candidate itself.
    Label(Node),
    /// That an installed candidate stays, or is replaced.
    Keep(Node),
    /// A sentence of this crate.
    Words(&'static str),
}

/// The catalogue as the solvers see it.
pub(crate) struct Problem<'c> {
    pub(crate) catalogue: &'c dyn Catalogue,
    /// Whether recommendations and supplements are followed.
    pub(crate) recommends: bool,
    tables: RefCell<Tables>,
    installed: Vec<Node>,
    is_installed: HashSet<Node>,
}

impl<'c> Problem<'c> {
    pub(crate) fn new(catalogue: &'c dyn Catalogue, recommends: bool) -> Self {
        let mut problem = Self {
            catalogue,
            recommends,
            tables: RefCell::default(),
            installed: Vec::new(),
            is_installed: HashSet::new(),
        };
        let mut taken = HashSet::new();
        for candidate in catalogue.installed() {
            let node = problem.node(candidate);
            let place = problem.place(node);
            // A target that is said to have two versions of one package has the first.
            if (problem.is_parallel(place) || taken.insert(place)) && problem.is_installed.insert(node) {
                problem.installed.push(node);
            }
        }
        problem
    }

    /// What is installed on every target.
    pub(crate) fn installed(&self) -> &[Node] {
        &self.installed
    }

    pub(crate) fn is_installed(&self, node: Node) -> bool {
        self.is_installed.contains(&node)
    }

    pub(crate) fn kind(&self, node: Node) -> Kind {
        self.tables.borrow().nodes[node.0 as usize].kind
    }

    /// The candidate that a node stands for.
    pub(crate) fn candidate(&self, node: Node) -> Option<Candidate> {
        match self.kind(node) {
            Kind::Candidate(candidate) => Some(candidate),
            Kind::Absent(_) | Kind::Branch => None,
        }
    }

    pub(crate) fn place(&self, node: Node) -> Place {
        self.tables.borrow().nodes[node.0 as usize].place
    }

    pub(crate) fn is_parallel(&self, place: Place) -> bool {
        self.tables.borrow().places[place.0 as usize]
    }

    /// The nodes of a choice, best first, each once.
    pub(crate) fn options(&self, choice: Choice) -> Rc<[Node]> {
        Rc::clone(&self.tables.borrow().choices[choice.0 as usize].nodes)
    }

    /// The nodes of a choice as a search is given them: of a long list the first ones, and a helper for the others. What
    /// cannot be had at sight is left out of long lists.
    pub(crate) fn listed(&self, choice: Choice) -> Rc<[Node]> {
        let options = self.options(choice);
        if options.len() <= SHORT {
            return options;
        }
        if let Some(listed) = self.tables.borrow().listed.get(&choice) {
            return Rc::clone(listed);
        }
        let mut nodes: Vec<Node> = options.iter().copied().filter(|&node| !self.is_hopeless(node)).collect();
        if nodes.is_empty() {
            // Enough of them to say why.
            nodes.extend(&options[..SHORT]);
        }
        if nodes.len() > LONG {
            let rest = self.choice(nodes.split_off(LONG), self.text(choice));
            nodes.push(self.branch(vec![rest]));
        }
        let listed: Rc<[Node]> = nodes.into();
        self.tables.borrow_mut().listed.insert(choice, Rc::clone(&listed));
        listed
    }

    /// Whether a node needs something that nothing provides.
    fn is_hopeless(&self, node: Node) -> bool {
        self.rules(node).requires.iter().any(|&choice| self.options(choice).is_empty())
    }

    pub(crate) fn text(&self, choice: Choice) -> Text {
        self.tables.borrow().choices[choice.0 as usize].text.clone()
    }

    /// The nodes of an exclusion.
    pub(crate) fn members(&self, exclusion: Exclusion) -> Members {
        self.tables.borrow().exclusions[exclusion.0 as usize].members.clone()
    }

    /// How an exclusion is said: its word, and what it is about.
    pub(crate) fn wording(&self, exclusion: Exclusion) -> (&'static str, Text) {
        let tables = self.tables.borrow();
        let data = &tables.exclusions[exclusion.0 as usize];
        (data.word, data.text.clone())
    }

    /// The node of a candidate.
    pub(crate) fn node(&self, candidate: Candidate) -> Node {
        if let Some(&node) = self.tables.borrow().by_candidate.get(&candidate) {
            return node;
        }
        let slot = self.catalogue.slot(candidate);
        let place = self.tables.borrow().by_slot.get(&slot).copied();
        let place = place.unwrap_or_else(|| {
            let parallel = self.catalogue.is_parallel(slot);
            let mut tables = self.tables.borrow_mut();
            let place = tables.add_place(parallel);
            tables.by_slot.insert(slot, place);
            place
        });
        let mut tables = self.tables.borrow_mut();
        let node = tables.add_node(Kind::Candidate(candidate), place);
        tables.by_candidate.insert(candidate, node);
        node
    }

    /// A helper that stands for several choices at once.
    pub(crate) fn branch(&self, requires: Vec<Choice>) -> Node {
        let mut tables = self.tables.borrow_mut();
        let place = tables.add_place(false);
        let node = tables.add_node(Kind::Branch, place);
        tables.rules.insert(node, Rc::new(Rules { requires, ..Rules::default() }));
        node
    }

    /// The helper that stands for the promise that no member of the exclusion is chosen.
    pub(crate) fn absent(&self, exclusion: Exclusion) -> Node {
        let mut tables = self.tables.borrow_mut();
        if let Some(&node) = tables.absences.get(&exclusion) {
            return node;
        }
        let place = tables.add_place(false);
        let node = tables.add_node(Kind::Absent(exclusion), place);
        tables.rules.insert(node, Rc::new(Rules { excludes: vec![exclusion], ..Rules::default() }));
        tables.absences.insert(exclusion, node);
        node
    }

    /// The choice between the providers of a capability.
    pub(crate) fn providers(&self, capability: Capability) -> Choice {
        if let Some(&choice) = self.tables.borrow().by_capability.get(&capability) {
            return choice;
        }
        let nodes = self.catalogue.providers(capability).into_iter().map(|candidate| self.node(candidate)).collect();
        let choice = self.choice(nodes, Text::Capability(capability));
        self.tables.borrow_mut().by_capability.insert(capability, choice);
        choice
    }

    /// A choice between nodes, of which repeated ones count once.
    pub(crate) fn choice(&self, mut nodes: Vec<Node>, text: Text) -> Choice {
        let mut seen = HashSet::new();
        nodes.retain(|&node| seen.insert(node));
        let mut tables = self.tables.borrow_mut();
        tables.choices.push(ChoiceData { nodes: nodes.into(), text });
        Choice(index(tables.choices.len() - 1))
    }

    /// The choice that has this node alone.
    pub(crate) fn only(&self, node: Node) -> Choice {
        if let Some(&choice) = self.tables.borrow().by_node.get(&node) {
            return choice;
        }
        let choice = self.choice(vec![node], Text::Label(node));
        self.tables.borrow_mut().by_node.insert(node, choice);
        choice
    }

    /// That an installed node stays, or that something takes its place.
    pub(crate) fn keep(&self, node: Node) -> Choice {
        let mut nodes = vec![node];
        if let Kind::Candidate(candidate) = self.kind(node) {
            nodes.extend(self.catalogue.replacements(candidate).into_iter().map(|candidate| self.node(candidate)));
        }
        self.choice(nodes, Text::Keep(node))
    }

    /// The exclusion of the providers of a capability, without the owner.
    pub(crate) fn exclusion(&self, capability: Capability, word: &'static str, owner: Option<Node>) -> Exclusion {
        let choice = self.providers(capability);
        let except = owner.filter(|&owner| self.has_option(choice, owner));
        let key = (capability, word, except);
        if let Some(&exclusion) = self.tables.borrow().by_conflict.get(&key) {
            return exclusion;
        }
        let members = Members { nodes: self.options(choice), except };
        let exclusion = self.add_exclusion(ExclusionData { members, text: Text::Capability(capability), word });
        self.tables.borrow_mut().by_conflict.insert(key, exclusion);
        exclusion
    }

    /// Whether a node is one of a choice.
    fn has_option(&self, choice: Choice, node: Node) -> bool {
        let options = self.options(choice);
        if options.len() <= SHORT {
            return options.contains(&node);
        }
        let mut tables = self.tables.borrow_mut();
        tables.options.entry(choice).or_insert_with(|| options.iter().copied().collect()).contains(&node)
    }

    fn add_exclusion(&self, data: ExclusionData) -> Exclusion {
        let mut tables = self.tables.borrow_mut();
        tables.exclusions.push(data);
        Exclusion(index(tables.exclusions.len() - 1))
    }

    /// The choices that together are a formula, where it is nobody's conflict.
    pub(crate) fn choices(&self, formula: &Formula) -> Rc<[Choice]> {
        if let Some(capability) = formula.capability() {
            return [self.providers(capability)].into();
        }
        if let Some(choices) = self.tables.borrow().by_formula.get(formula) {
            return Rc::clone(choices);
        }
        let choices: Rc<[Choice]> = self.translate(formula, &Owner::Nobody).into();
        self.tables.borrow_mut().by_formula.insert(formula.clone(), Rc::clone(&choices));
        choices
    }

    /// A formula as one choice.
    pub(crate) fn as_choice(&self, formula: &Formula) -> Choice {
        let choices = self.choices(formula);
        if let [choice] = *choices {
            return choice;
        }
        if let Some(&choice) = self.tables.borrow().as_one.get(formula) {
            return choice;
        }
        let branch = self.branch(choices.to_vec());
        let choice = self.choice(vec![branch], Text::Formula(Rc::new(formula.clone())));
        self.tables.borrow_mut().as_one.insert(formula.clone(), choice);
        choice
    }

    /// What follows from a node.
    pub(crate) fn rules(&self, node: Node) -> Rc<Rules> {
        if let Some(rules) = self.tables.borrow().rules.get(&node) {
            return Rc::clone(rules);
        }
        let Kind::Candidate(candidate) = self.kind(node) else { unreachable!("helpers are made with their rules") };
        let asked = self.catalogue.dependencies(candidate);
        let mut rules = Rules::default();
        for formula in &asked.requires {
            let choices = self.choices(formula);
            if self.binds(node, &choices) {
                rules.requires.extend(choices.iter());
            }
        }
        for conflict in &asked.conflicts {
            self.add_conflict(node, conflict, &mut rules);
        }
        if self.recommends {
            rules.recommends = asked.recommends;
        }
        let rules = Rc::new(rules);
        self.tables.borrow_mut().rules.insert(node, Rc::clone(&rules));
        rules
    }

    fn add_conflict(&self, node: Node, conflict: &Conflict, rules: &mut Rules) {
        let Some(capability) = conflict.with.capability() else {
            let owner = Owner::Conflict { node, word: conflict.word };
            let choices = self.translate(&conflict.with.clone().negated(), &owner);
            if self.binds(node, &choices) {
                rules.requires.extend(choices);
            }
            return;
        };
        let mut exclusion = self.exclusion(capability, conflict.word, Some(node));
        let mut members = self.members(exclusion);
        if self.is_installed(node) && members.iter().any(|member| self.is_installed(member)) {
            // They stand beside one another on the targets.
            let nodes = members.iter().filter(|&member| !self.is_installed(member)).collect();
            members = Members { nodes, except: None };
            let (word, text) = self.wording(exclusion);
            exclusion = self.add_exclusion(ExclusionData { members: members.clone(), text, word });
        }
        if members.iter().next().is_some() {
            rules.excludes.push(exclusion);
        }
    }

    /// Whether a requirement of a candidate counts. What is broken on the targets already does not: they run all the same.
    fn binds(&self, node: Node, choices: &[Choice]) -> bool {
        !self.is_installed(node) || choices.iter().all(|&choice| self.holds(choice, &|node| self.is_installed(node)))
    }

    /// Whether a choice holds where `chosen` says which candidates are there.
    pub(crate) fn holds(&self, choice: Choice, chosen: &dyn Fn(Node) -> bool) -> bool {
        self.options(choice).iter().any(|&node| self.is_true(node, chosen))
    }

    /// Whether a node is true where `chosen` says which candidates are there. Branches are as deep as formulas may be.
    pub(crate) fn is_true(&self, node: Node, chosen: &dyn Fn(Node) -> bool) -> bool {
        match self.kind(node) {
            Kind::Candidate(_) => chosen(node),
            Kind::Absent(exclusion) => !self.members(exclusion).iter().any(chosen),
            Kind::Branch => self.rules(node).requires.iter().all(|&choice| self.holds(choice, chosen)),
        }
    }
}
