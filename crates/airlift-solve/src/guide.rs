//! A proposal: what a package manager would choose, before anything had to be taken back.
//!
//! dnf and apt first take what leaves no choice between names, the highest version of each, and only then choose between
//! names, where what is installed, chosen or recommended already comes first. A guide walks the packages in that order,
//! without backtracking, and notes what it would choose for every choice. The solver asks the same choices, in another
//! order, and tries what the guide noted first: so the answer is the package manager's wherever no search was needed, and
//! a valid one everywhere.

mod replace;

use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::problem::{Choice, Exclusion, Kind, Node, Place, Problem};
use crate::watch::Watch;

/// How many nodes a guide looks at before it leaves the rest to the solver.
const STEPS: u64 = 20_000_000;

/// How many nodes a guide looks at between two looks at the clock.
const BETWEEN: u64 = 1_000;

/// What to try first.
#[derive(Default)]
pub(crate) struct Proposal {
    /// By choice.
    pub(crate) picks: HashMap<Choice, Node>,
    /// By place: all that was chosen.
    pub(crate) chosen: HashMap<Place, Vec<Node>>,
    /// Whether every choice was met.
    pub(crate) is_complete: bool,
}

/// What came of one wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It holds already, whatever else is chosen.
    Holds,
    /// The guide found a way.
    Granted,
    /// The guide found none, and a search may.
    Unclear,
    /// Everything that would do is ruled out.
    Hopeless,
}

/// The walk and its state.
pub(crate) struct Guide<'p> {
    problem: &'p Problem<'p>,
    watch: &'p Watch<'p>,
    chosen: HashSet<Node>,
    /// The chosen candidates, in the order of choice.
    order: Vec<Node>,
    owner: HashMap<Place, Node>,
    active: HashSet<Exclusion>,
    /// How many active exclusions have the node.
    banned: HashMap<Node, u32>,
    /// What is installed and may be replaced, and the choice of what takes its place.
    replaceable: HashMap<Node, Choice>,
    /// What may take the place of something.
    upgrades: HashSet<Node>,
    /// What is replaceable and does not stay beside a node.
    rivals: HashMap<Node, Vec<Node>>,
    /// Whether something installed was replaced since it was last looked at who needs it.
    replaced: bool,
    /// What may be chosen at all, where not everything may.
    within: Option<HashSet<Node>>,
    recommended: HashSet<Node>,
    picks: HashMap<Choice, Node>,
    /// Choices to look at now, and choices between names, which wait.
    now: VecDeque<Choice>,
    later: VecDeque<Choice>,
    /// Choices that hold only because something is absent so far.
    provisional: Vec<Choice>,
    /// Choices that nothing can meet here.
    given_up: HashSet<Choice>,
    log: Vec<Change>,
    steps: Cell<u64>,
    looked: Cell<u64>,
    over: Cell<bool>,
}

/// One change of the state, to be taken back.
enum Change {
    Chosen(Node),
    Owned(Place),
    Activated(Exclusion),
    Picked(Choice, Option<Node>),
    Provisional,
}

impl<'p> Guide<'p> {
    /// A guide that begins with what of a solution is installed, and chooses nothing that is not in the solution.
    pub(crate) fn within(problem: &'p Problem<'p>, watch: &'p Watch<'p>, solution: &[Node]) -> Self {
        let mut guide = Self::empty(problem, watch);
        for &node in solution.iter().filter(|&&node| problem.is_installed(node)) {
            guide.choose(node);
        }
        guide.within = Some(solution.iter().copied().collect());
        guide
    }

    /// A guide that begins with a solution, and leaves it as it is.
    pub(crate) fn from_solution(problem: &'p Problem<'p>, watch: &'p Watch<'p>, solution: &[Node]) -> Self {
        let mut guide = Self::empty(problem, watch);
        for &node in solution {
            guide.choose(node);
        }
        guide.walk(&[]);
        guide.log.clear();
        guide
    }

    fn empty(problem: &'p Problem<'p>, watch: &'p Watch<'p>) -> Self {
        Self {
            problem,
            watch,
            chosen: HashSet::new(),
            order: Vec::new(),
            owner: HashMap::new(),
            active: HashSet::new(),
            banned: HashMap::new(),
            replaceable: HashMap::new(),
            upgrades: HashSet::new(),
            rivals: HashMap::new(),
            replaced: false,
            within: None,
            recommended: HashSet::new(),
            picks: HashMap::new(),
            now: VecDeque::new(),
            later: VecDeque::new(),
            provisional: Vec::new(),
            given_up: HashSet::new(),
            log: Vec::new(),
            steps: Cell::new(0),
            looked: Cell::new(0),
            over: Cell::new(false),
        }
    }

    /// Walks from these choices. What cannot be met is left to the solver.
    pub(crate) fn walk(&mut self, choices: &[Choice]) {
        self.now.extend(choices);
        while let Err(choice) = self.settle() {
            self.given_up.insert(choice);
        }
    }

    /// Tries a wish, and takes it back where it cannot be had. Only of a guide that leaves a solution as it is: nothing has
    /// made room there that would have to be put back.
    pub(crate) fn wish(&mut self, choice: Choice) -> Outlook {
        if self.problem.options(choice).iter().any(|node| self.chosen.contains(node)) {
            return Outlook::Holds;
        }
        let mark = self.log.len();
        self.later.clear();
        if !self.meet(choice, true) {
            return Outlook::Hopeless;
        }
        if self.settle().is_ok() && !self.is_spent() {
            return Outlook::Granted;
        }
        self.now.clear();
        self.later.clear();
        self.undo(mark);
        Outlook::Unclear
    }

    /// The chosen candidates, in the order of choice.
    pub(crate) fn order(&self) -> &[Node] {
        &self.order
    }

    pub(crate) fn has(&self, node: Node) -> bool {
        self.chosen.contains(&node)
    }

    /// The chosen candidates, if every choice was met.
    pub(crate) fn into_solution(self) -> Option<Vec<Node>> {
        self.is_complete().then_some(self.order)
    }

    /// Whether every choice was met.
    fn is_complete(&self) -> bool {
        self.given_up.is_empty() && !self.is_spent()
    }

    pub(crate) fn into_proposal(self) -> Proposal {
        let is_complete = self.is_complete();
        let mut chosen: HashMap<Place, Vec<Node>> = HashMap::new();
        for node in self.chosen {
            chosen.entry(self.problem.place(node)).or_default().push(node);
        }
        chosen.values_mut().for_each(|nodes| nodes.sort_unstable());
        Proposal { picks: self.picks, chosen, is_complete }
    }

    /// Meets all open choices. Stops at the first that cannot be met, and names it.
    fn settle(&mut self) -> Result<(), Choice> {
        while !self.is_spent() {
            if let Some(choice) = self.now.pop_front() {
                self.met(choice, false)?;
            } else if let Some(choice) = self.later.pop_front() {
                self.met(choice, true)?;
            } else {
                let is_broken =
                    |choice: &&Choice| !self.given_up.contains(choice) && self.satisfier(**choice).is_none();
                let broken: Vec<Choice> = self.provisional.iter().filter(is_broken).copied().collect();
                self.now.extend(broken);
                if std::mem::take(&mut self.replaced) {
                    self.repair();
                }
                if self.now.is_empty() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Whether the rest is left to the solver. It will find out by itself that there is no more time.
    fn is_spent(&self) -> bool {
        let steps = self.steps.get();
        if steps >= self.looked.get() {
            self.looked.set(steps + BETWEEN);
            self.over.set(steps > STEPS || self.watch.over().is_some());
        }
        self.over.get()
    }

    fn met(&mut self, choice: Choice, decide: bool) -> Result<(), Choice> {
        if self.meet(choice, decide) { Ok(()) } else { Err(choice) }
    }

    /// Meets one choice: it holds already, or a node of it is chosen now, or it waits. `false` if none can be chosen.
    fn meet(&mut self, choice: Choice, decide: bool) -> bool {
        if let Some(node) = self.satisfier(choice) {
            if matches!(self.problem.kind(node), Kind::Absent(_)) {
                self.provisional.push(choice);
                self.log.push(Change::Provisional);
            }
            self.pick(choice, node);
            return true;
        }
        let options = self.problem.options(choice);
        let Some(first) = options.iter().copied().find(|&node| self.is_open(node)) else { return false };
        let place = self.problem.place(first);
        let alone = options.iter().all(|&node| self.problem.place(node) == place || !self.is_free(node));
        if !alone && !decide {
            self.later.push_back(choice);
            return true;
        }
        // Between names, what upgrades something comes first, and then what is recommended already.
        let better = |is_better: &dyn Fn(Node) -> bool| {
            options.iter().copied().filter(|_| !alone).find(|&node| is_better(node) && self.is_open(node))
        };
        let upgrade = better(&|node| self.upgrades.contains(&node));
        let best = upgrade.or_else(|| better(&|node| self.recommended.contains(&node))).unwrap_or(first);
        self.pick(choice, best);
        self.choose(best);
        true
    }

    /// What makes a choice hold: a chosen node, else an absence.
    fn satisfier(&self, choice: Choice) -> Option<Node> {
        let options = self.problem.options(choice);
        self.steps.set(self.steps.get() + 1 + options.len() as u64);
        options.iter().copied().find(|node| self.chosen.contains(node)).or_else(|| {
            options.iter().copied().find(|&node| match self.problem.kind(node) {
                Kind::Absent(exclusion) => !self.problem.members(exclusion).iter().any(|node| self.has(node)),
                _ => false,
            })
        })
    }

    /// Whether a node can be chosen beside what is chosen.
    fn is_open(&self, node: Node) -> bool {
        let problem = self.problem;
        match problem.kind(node) {
            // It would have satisfied the choice.
            Kind::Absent(_) => return false,
            Kind::Branch => return self.allows(node),
            Kind::Candidate(_) => {}
        }
        self.is_free(node) && !problem.rules(node).excludes.iter().any(|&exclusion| self.hits(exclusion))
    }

    /// Whether a node is, or can be had of, what may be chosen.
    fn allows(&self, node: Node) -> bool {
        let within = |within: &HashSet<Node>| self.problem.is_true(node, &|node| within.contains(&node));
        self.within.as_ref().is_none_or(within)
    }

    /// Whether what is chosen leaves room for a node, whatever the node itself excludes.
    fn is_free(&self, node: Node) -> bool {
        let makes_room =
            |owner: &Node| self.replaceable.get(owner).is_some_and(|&keep| self.problem.options(keep).contains(&node));
        !self.banned.contains_key(&node)
            && self.allows(node)
            && self.owner.get(&self.problem.place(node)).is_none_or(makes_room)
    }

    /// Whether an exclusion has a member that is chosen and cannot be replaced.
    fn hits(&self, exclusion: Exclusion) -> bool {
        let members = self.problem.members(exclusion);
        members.iter().any(|node| self.chosen.contains(&node) && !self.replaceable.contains_key(&node))
    }

    fn pick(&mut self, choice: Choice, node: Node) {
        let before = self.picks.insert(choice, node);
        self.log.push(Change::Picked(choice, before));
    }

    fn choose(&mut self, node: Node) {
        let problem = self.problem;
        if !self.chosen.insert(node) {
            return;
        }
        self.log.push(Change::Chosen(node));
        let is_candidate = matches!(problem.kind(node), Kind::Candidate(_));
        if is_candidate {
            self.order.push(node);
        }
        let place = problem.place(node);
        if !problem.is_parallel(place) {
            let before = self.owner.insert(place, node);
            self.log.push(Change::Owned(place));
            if let Some(before) = before {
                self.replace(before);
            }
        }
        for rival in self.rivals.get(&node).cloned().unwrap_or_default() {
            self.replace(rival);
        }
        let rules = problem.rules(node);
        self.now.extend(&rules.requires);
        if !self.replaceable.contains_key(&node) {
            for &exclusion in &rules.excludes {
                self.activate(exclusion);
            }
        }
        self.make_room(&rules.excludes);
        if is_candidate && !problem.is_installed(node) {
            for formula in &rules.recommends {
                if let Some(capability) = formula.capability() {
                    let options: Rc<[Node]> = problem.options(problem.providers(capability));
                    self.recommended.extend(options.iter());
                }
            }
        }
    }

    fn activate(&mut self, exclusion: Exclusion) {
        if self.active.insert(exclusion) {
            self.log.push(Change::Activated(exclusion));
            for node in self.problem.members(exclusion).iter() {
                *self.banned.entry(node).or_default() += 1;
            }
        }
    }

    fn undo(&mut self, mark: usize) {
        for change in self.log.drain(mark..).rev() {
            match change {
                Change::Chosen(node) => {
                    self.chosen.remove(&node);
                    if self.order.last() == Some(&node) {
                        self.order.pop();
                    }
                }
                Change::Owned(place) => {
                    self.owner.remove(&place);
                }
                Change::Activated(exclusion) => {
                    self.active.remove(&exclusion);
                    for node in self.problem.members(exclusion).iter() {
                        if let Some(count) = self.banned.get_mut(&node) {
                            *count -= 1;
                            if *count == 0 {
                                self.banned.remove(&node);
                            }
                        }
                    }
                }
                Change::Picked(choice, before) => {
                    match before {
                        Some(before) => self.picks.insert(choice, before),
                        None => self.picks.remove(&choice),
                    };
                }
                Change::Provisional => {
                    self.provisional.pop();
                }
            }
        }
    }
}
