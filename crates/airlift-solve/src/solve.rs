//! One installation: what is required first, and then what is wished for, as far as it can be had.

use std::collections::HashSet;

use crate::explain::Explanation;
use crate::guide::{Guide, Outlook, Proposal};
use crate::problem::{Choice, Kind, Node, Problem};
use crate::provider::{Provider, node};
use crate::watch::{Stop, Watch};

/// How often what a solution recommends is looked at again. Every time but the last brings something new.
const ROUNDS: usize = 64;

/// What is asked of one installation.
pub(crate) struct Job {
    pub(crate) required: Vec<Asked>,
    /// What the installation does not fail for, the first preferred.
    pub(crate) wished: Vec<Asked>,
}

/// One root.
pub(crate) struct Asked {
    /// Its position among all roots.
    pub(crate) root: usize,
    pub(crate) label: String,
    pub(crate) choices: Vec<Choice>,
    /// The choices as one.
    pub(crate) choice: Choice,
}

/// What came of it.
pub(crate) enum Verdict {
    Solved(Installation),
    Unsolvable(Explanation),
}

/// One installation that works.
pub(crate) struct Installation {
    /// The candidates that are there, what is installed and stays among them.
    pub(crate) nodes: Vec<Node>,
    /// Why something that is installed has to go or to break.
    pub(crate) erasing: Option<Explanation>,
    /// The wished roots that cannot be had, and why.
    pub(crate) refused: Vec<(usize, Explanation)>,
}

/// Why a search found nothing.
enum Failure {
    Unsolvable(Explanation),
    Stopped(Stop),
}

/// Solves over one problem.
pub(crate) struct Search<'p> {
    problem: &'p Problem<'p>,
    watch: &'p Watch<'p>,
    keeps: Vec<Choice>,
    /// What wants to be chosen when, where that is not so with what is installed alone.
    supplements: Vec<(Node, Choice)>,
}

impl<'p> Search<'p> {
    pub(crate) fn new(problem: &'p Problem<'p>, watch: &'p Watch<'p>) -> Self {
        let keeps = problem.installed().iter().map(|&node| problem.keep(node)).collect();
        let mut supplements = Vec::new();
        if problem.recommends {
            for (candidate, formula) in problem.catalogue.supplements() {
                let choice = problem.as_choice(&formula);
                if !problem.holds(choice, &|node| problem.is_installed(node)) {
                    supplements.push((problem.node(candidate), choice));
                }
            }
        }
        Self { problem, watch, keeps, supplements }
    }

    /// Solves one job.
    pub(crate) fn run(&self, job: &Job) -> Result<Verdict, Stop> {
        let asked: Vec<Choice> = job.required.iter().flat_map(|asked| asked.choices.iter().copied()).collect();
        let mut guide = Guide::new(self.problem, self.watch, &self.keeps);
        guide.walk(&asked);
        let proposal = guide.into_proposal();

        let mut base: Vec<Choice> = asked.iter().chain(&self.keeps).copied().collect();
        let mut erasing = None;
        let mut found = self.search(&base, &proposal, job);
        if let Err(Failure::Unsolvable(reason)) = found {
            if self.keeps.is_empty() {
                return Ok(Verdict::Unsolvable(reason));
            }
            // Not beside everything that is installed. Perhaps where some of it goes.
            erasing = Some(reason);
            base = asked;
            found = self.search(&base, &proposal, job);
        }
        let nodes = match found {
            Ok(nodes) if proposal.is_complete => nodes,
            Ok(nodes) => self.reached(nodes, &base),
            Err(Failure::Unsolvable(reason)) => return Ok(Verdict::Unsolvable(reason)),
            Err(Failure::Stopped(stop)) => return Err(stop),
        };
        let mut wishing = Wishing { search: self, job, base, nodes, tried: HashSet::new(), refused: Vec::new() };
        if erasing.is_some() {
            wishing.keep()?;
        }
        wishing.grant()?;
        let Wishing { nodes, refused, .. } = wishing;
        let refused = refused.into_iter().filter_map(|(choice, reason)| {
            let asked = job.wished.iter().find(|asked| asked.choice == choice)?;
            Some((asked.root, reason))
        });
        Ok(Verdict::Solved(Installation { nodes, erasing, refused: refused.collect() }))
    }

    /// What of a solution is needed. Where the guide came to a dead end, the search may have followed what it noted there.
    fn reached(&self, nodes: Vec<Node>, base: &[Choice]) -> Vec<Node> {
        let mut guide = Guide::within(self.problem, self.watch, &nodes);
        guide.walk(base);
        guide.into_solution().unwrap_or(nodes)
    }

    /// The candidates of a solution of all these choices.
    fn search(&self, choices: &[Choice], proposal: &Proposal, job: &Job) -> Result<Vec<Node>, Failure> {
        self.watch.begin(choices.len());
        let provider = Provider::new(self.problem, proposal, self.watch);
        let mut seen = HashSet::new();
        let requirements = choices.iter().filter(|&choice| seen.insert(choice));
        let requirements = requirements.map(|&choice| provider.requirement(choice)).collect();
        let mut solver = resolvo::Solver::new(provider);
        match solver.solve(resolvo::Problem::new().requirements(requirements)) {
            Ok(solvables) => {
                let is_candidate = |node: &Node| matches!(self.problem.kind(*node), Kind::Candidate(_));
                Ok(solvables.into_iter().map(node).filter(is_candidate).collect())
            }
            Err(resolvo::UnsolvableOrCancelled::Unsolvable(conflict)) => {
                let graph = conflict.graph(&solver);
                Err(Failure::Unsolvable(Explanation::of_conflict(self.problem, solver.provider(), &graph, job)))
            }
            Err(resolvo::UnsolvableOrCancelled::Cancelled(stop)) => match stop.downcast_ref::<Stop>() {
                Some(Stop::TooHard) => Err(Failure::Unsolvable(Explanation::too_hard(job))),
                Some(&stop) => Err(Failure::Stopped(stop)),
                None => Err(Failure::Stopped(Stop::Cancelled)),
            },
        }
    }
}

/// The second half of a job: one wish after another, with all that was decided before them left as it is.
struct Wishing<'s, 'p> {
    search: &'s Search<'p>,
    job: &'s Job,
    /// What has to hold: what is required, and every wish that was granted.
    base: Vec<Choice>,
    nodes: Vec<Node>,
    tried: HashSet<Choice>,
    refused: Vec<(Choice, Explanation)>,
}

impl Wishing<'_, '_> {
    /// No more of what is installed goes than has to.
    fn keep(&mut self) -> Result<(), Stop> {
        let search = self.search;
        let mut guide = Guide::from_solution(search.problem, search.watch, &self.nodes);
        let (mut granted, mut unclear) = (Vec::new(), Vec::new());
        for &keep in &search.keeps {
            match guide.wish(keep) {
                Outlook::Holds | Outlook::Granted => granted.push(keep),
                Outlook::Unclear => unclear.push(keep),
                Outlook::Hopeless => {}
            }
        }
        let proposal = guide.into_proposal();
        self.admit(&granted, &proposal)?;
        self.admit(&unclear, &proposal)
    }

    fn grant(&mut self) -> Result<(), Stop> {
        for _ in 0..ROUNDS {
            let mut guide = Guide::from_solution(self.search.problem, self.search.watch, &self.nodes);
            let plan = Plan::make(&mut guide, self);
            if plan.granted.is_empty() && plan.unclear.is_empty() {
                return Ok(());
            }
            let proposal = guide.into_proposal();
            self.admit(&plan.granted, &proposal)?;
            for &wish in &plan.unclear {
                self.admit(&[wish], &proposal)?;
            }
        }
        Ok(())
    }

    /// Grants these wishes, or those of them that can be had together, the first preferred.
    fn admit(&mut self, wishes: &[Choice], proposal: &Proposal) -> Result<(), Stop> {
        if wishes.is_empty() {
            return Ok(());
        }
        let fixed = self.nodes.iter().map(|&node| self.search.problem.only(node));
        let all: Vec<Choice> = self.base.iter().copied().chain(fixed).chain(wishes.iter().copied()).collect();
        match self.search.search(&all, proposal, self.job) {
            Ok(nodes) => {
                self.base.extend(wishes);
                self.nodes = nodes;
            }
            Err(Failure::Stopped(stop)) => return Err(stop),
            Err(Failure::Unsolvable(reason)) => match *wishes {
                [wish] => self.refused.push((wish, reason)),
                _ => {
                    let (first, second) = wishes.split_at(wishes.len() / 2);
                    self.admit(first, proposal)?;
                    self.admit(second, proposal)?;
                }
            },
        }
        Ok(())
    }
}

/// The wishes that follow from a solution, and what the guide thinks of each.
#[derive(Default)]
struct Plan {
    granted: Vec<Choice>,
    unclear: Vec<Choice>,
}

impl Plan {
    fn make(guide: &mut Guide<'_>, wishing: &mut Wishing<'_, '_>) -> Self {
        let mut plan = Self::default();
        let search = wishing.search;
        for asked in &wishing.job.wished {
            // A root that cannot be had is to be explained: it is never passed over.
            if wishing.tried.insert(asked.choice) {
                match guide.wish(asked.choice) {
                    Outlook::Holds | Outlook::Granted => plan.granted.push(asked.choice),
                    Outlook::Unclear | Outlook::Hopeless => plan.unclear.push(asked.choice),
                }
            }
        }
        if !search.problem.recommends {
            return plan;
        }
        let mut position = 0;
        loop {
            while let Some(&node) = guide.order().get(position) {
                position += 1;
                if !search.problem.is_installed(node) {
                    for formula in &search.problem.rules(node).recommends {
                        plan.consider(guide, wishing, search.problem.as_choice(formula));
                    }
                }
            }
            for &(node, when) in &search.supplements {
                if !guide.has(node) && search.problem.holds(when, &|node| guide.has(node)) {
                    plan.consider(guide, wishing, search.problem.only(node));
                }
            }
            if position == guide.order().len() {
                return plan;
            }
        }
    }

    fn consider(&mut self, guide: &mut Guide<'_>, wishing: &mut Wishing<'_, '_>, wish: Choice) {
        if wishing.tried.insert(wish) {
            match guide.wish(wish) {
                Outlook::Granted => self.granted.push(wish),
                Outlook::Unclear => self.unclear.push(wish),
                Outlook::Holds | Outlook::Hopeless => {}
            }
        }
    }
}
