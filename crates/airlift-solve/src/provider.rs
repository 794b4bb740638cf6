//! The problem as resolvo asks for it.
//!
//! A node is a solvable, a place is a name. A version set is a run of nodes of one place within a choice; a choice of
//! several runs is a union. What a node excludes is a version set of no name, which everything but the excluded nodes
//! matches. Everything is answered at once: the solver runs without an executor.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::rc::Rc;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider,
    HintDependenciesAvailable, Interner, KnownDependencies, NameId, Requirement, SolvableId, SolverCache, StringId,
    VersionSetId, VersionSetUnionId,
};

use crate::guide::Proposal;
use crate::problem::{Choice, Exclusion, Kind, Node, Place, Problem};
use crate::watch::Watch;

/// What answers resolvo in one solve.
pub(crate) struct Provider<'p> {
    problem: &'p Problem<'p>,
    proposal: &'p Proposal,
    watch: &'p Watch<'p>,
    sets: RefCell<Sets>,
}

/// The version sets of one solve.
#[derive(Default)]
struct Sets {
    all: Vec<Set>,
    by_choice: HashMap<Choice, Requirement>,
    by_exclusion: HashMap<Exclusion, VersionSetId>,
    /// The sets of each union, best first, and its choice.
    unions: Vec<(Choice, Rc<[VersionSetId]>)>,
}

#[derive(Clone)]
enum Set {
    /// Nodes of a choice that stand next to one another and share a place; none, of a choice of none.
    Run {
        choice: Choice,
        place: Option<Place>,
        nodes: Rc<[SolvableId]>,
    },
    Excluded {
        exclusion: Exclusion,
    },
}

/// The name of no place: that of version sets which exclude, or are empty.
const NOWHERE: u32 = 0;

fn name(place: Place) -> NameId {
    NameId::from_raw(place.0 + 1)
}

fn solvable(node: Node) -> SolvableId {
    SolvableId::from_raw(node.0)
}

pub(crate) fn node(solvable: SolvableId) -> Node {
    Node(solvable.into_raw())
}

impl<'p> Provider<'p> {
    pub(crate) fn new(problem: &'p Problem<'p>, proposal: &'p Proposal, watch: &'p Watch<'p>) -> Self {
        Self { problem, proposal, watch, sets: RefCell::default() }
    }

    /// A choice as a requirement.
    pub(crate) fn requirement(&self, choice: Choice) -> ConditionalRequirement {
        let mut sets = self.sets.borrow_mut();
        let requirement = match sets.by_choice.get(&choice) {
            Some(&requirement) => requirement,
            None => {
                let requirement = self.add_choice(&mut sets, choice);
                sets.by_choice.insert(choice, requirement);
                requirement
            }
        };
        ConditionalRequirement { condition: None, requirement }
    }

    fn add_choice(&self, sets: &mut Sets, choice: Choice) -> Requirement {
        let mut nodes = self.problem.listed(choice).to_vec();
        if let Some(&pick) = self.proposal.picks.get(&choice) {
            match nodes.iter().position(|&node| node == pick) {
                Some(position) => nodes[..=position].rotate_right(1),
                // It stands further down than a list goes.
                None => nodes.insert(0, pick),
            }
        }
        let runs = nodes.chunk_by(|&one, &next| self.problem.place(one) == self.problem.place(next));
        let mut ids = Vec::new();
        for run in runs {
            let place = self.problem.place(run[0]);
            let nodes = run.iter().copied().map(solvable).collect();
            ids.push(sets.add(Set::Run { choice, place: Some(place), nodes }));
        }
        match *ids {
            [] => Requirement::Single(sets.add(Set::Run { choice, place: None, nodes: [].into() })),
            [id] => Requirement::Single(id),
            _ => {
                sets.unions.push((choice, ids.into()));
                Requirement::Union(VersionSetUnionId(u32::try_from(sets.unions.len() - 1).unwrap_or(u32::MAX)))
            }
        }
    }

    fn constraint(&self, exclusion: Exclusion) -> VersionSetId {
        let mut sets = self.sets.borrow_mut();
        if let Some(&id) = sets.by_exclusion.get(&exclusion) {
            return id;
        }
        let id = sets.add(Set::Excluded { exclusion });
        sets.by_exclusion.insert(exclusion, id);
        id
    }

    /// The choice that a requirement was made of.
    pub(crate) fn choice(&self, requirement: Requirement) -> Option<Choice> {
        match requirement {
            Requirement::Single(id) => match self.set(id) {
                Set::Run { choice, .. } => Some(choice),
                Set::Excluded { .. } => None,
            },
            Requirement::Union(id) => Some(self.sets.borrow().unions[id.0 as usize].0),
        }
    }

    /// The exclusion that a version set was made of.
    pub(crate) fn exclusion(&self, id: VersionSetId) -> Option<Exclusion> {
        match self.set(id) {
            Set::Run { .. } => None,
            Set::Excluded { exclusion } => Some(exclusion),
        }
    }

    fn set(&self, id: VersionSetId) -> Set {
        self.sets.borrow().all[id.0 as usize].clone()
    }
}

impl Sets {
    fn add(&mut self, set: Set) -> VersionSetId {
        self.all.push(set);
        VersionSetId(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }
}

impl Interner for Provider<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        match self.problem.kind(node(solvable)) {
            Kind::Candidate(candidate) => self.problem.catalogue.label(candidate),
            Kind::Absent(_) | Kind::Branch => format!("helper {}", solvable.into_raw()),
        }
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        format!("place {}", name.into_raw())
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        format!("set {}", set.0)
    }

    fn display_string(&self, string: StringId) -> impl Display + '_ {
        format!("string {}", string.0)
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        match self.set(set) {
            Set::Run { place: Some(place), .. } => name(place),
            Set::Run { place: None, .. } | Set::Excluded { .. } => NameId::from_raw(NOWHERE),
        }
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        name(self.problem.place(node(solvable)))
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        let ids = Rc::clone(&self.sets.borrow().unions[union.0 as usize].1);
        (0..ids.len()).map(move |position| ids[position])
    }

    fn resolve_condition(&self, _condition: ConditionId) -> Condition {
        unreachable!("no requirement has a condition")
    }
}

impl DependencyProvider for Provider<'_> {
    async fn filter_candidates(&self, _: &[SolvableId], set: VersionSetId, inverse: bool) -> Vec<SolvableId> {
        match (self.set(set), inverse) {
            (Set::Run { nodes, .. }, false) => nodes.to_vec(),
            (Set::Excluded { exclusion }, true) => self.problem.members(exclusion).iter().map(solvable).collect(),
            // Neither is asked: a run is required, an exclusion excludes.
            (Set::Run { .. }, true) | (Set::Excluded { .. }, false) => Vec::new(),
        }
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let place = Place(name.into_raw().checked_sub(1)?);
        // What was proposed is encoded with all its rules at once; what was not, when it is chosen.
        let proposed = self.proposal.chosen.get(&place).into_iter().flatten().copied().map(solvable).collect();
        Some(Candidates {
            allow_multiple: self.problem.is_parallel(place),
            hint_dependencies_available: HintDependenciesAvailable::Some(proposed),
            // The list itself is not needed: every version set has its own.
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, _: &mut [SolvableId]) {
        // They are in order.
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        self.watch.grow();
        let rules = self.problem.rules(node(solvable));
        Dependencies::Known(KnownDependencies {
            requirements: rules.requires.iter().map(|&choice| self.requirement(choice)).collect(),
            constrains: rules.excludes.iter().map(|&exclusion| self.constraint(exclusion)).collect(),
        })
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        self.watch.step().map(|stop| Box::new(stop) as Box<dyn Any>)
    }
}
