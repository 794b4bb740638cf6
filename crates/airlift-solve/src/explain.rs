//! Why something cannot be had, in words.
//!
//! resolvo reports the rules that contradict one another as a graph: who needs what, who provides it, who excludes whom.
//! Read from the request on, every rule is a sentence.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};

use crate::problem::{Choice, Exclusion, Kind, Node, Problem, Text};
use crate::provider::{Provider, node};
use crate::solve::{Asked, Job};
use crate::words::{cut, list};

/// How many sentences an explanation has from its beginning, where the request is.
const FIRST: usize = 4;

/// How many sentences it has from its end, where the cause is.
const LAST: usize = 7;

/// Why something cannot be had: sentences of bounded number and length, from the request down to the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    lines: Vec<String>,
}

impl Explanation {
    /// The sentences, the request first: `cuda-12 needs driver >= 580, and nothing provides it: only driver-570 is there`.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// A question that took too many steps.
    pub(crate) fn too_hard(job: &Job) -> Self {
        let names: Vec<String> = job.required.iter().map(|asked| cut(asked.label.clone())).collect();
        let names = list(&names);
        Self { lines: vec![format!("no way was found to install {names}, and the search was given up as too long")] }
    }

    /// What the report of a search says.
    pub(crate) fn of_conflict(
        problem: &Problem<'_>,
        provider: &Provider<'_>,
        graph: &ConflictGraph,
        job: &Job,
    ) -> Self {
        Reader { problem, provider, job }.read(graph)
    }
}

impl fmt::Display for Explanation {
    /// The sentences on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("; "))
    }
}

/// One rule of a report.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Rule {
    /// The node, or the request, needs a choice.
    Needs(Option<Node>, Choice),
    Excludes(Node, Exclusion, Node),
    /// Two nodes of one place.
    OneOf(Node, Node),
}

struct Reader<'r, 'c> {
    problem: &'r Problem<'c>,
    provider: &'r Provider<'r>,
    job: &'r Job,
}

impl Reader<'_, '_> {
    fn read(&self, graph: &ConflictGraph) -> Explanation {
        let rules = self.rules(graph);
        let mut first: Vec<String> = Vec::new();
        let mut position = 0;
        while first.len() < FIRST && position < rules.len() {
            first.extend(self.sentence(rules[position]).filter(|line| !first.contains(line)));
            position += 1;
        }
        let mut last: Vec<String> = Vec::new();
        let mut end = rules.len();
        while last.len() < LAST && end > position {
            end -= 1;
            last.extend(self.sentence(rules[end]).filter(|line| !first.contains(line) && !last.contains(line)));
        }
        let between = rules[position..end].iter().any(|&rule| self.sentence(rule).is_some());
        let gap = between.then(|| format!("(and {} more rules between these)", end - position));
        Explanation { lines: first.into_iter().chain(gap).chain(last.into_iter().rev()).collect() }
    }

    /// The rules of the report, those next to the request first.
    fn rules(&self, graph: &ConflictGraph) -> Vec<Rule> {
        let inner = &graph.graph;
        let mut rules = Vec::new();
        let mut seen_rules = HashSet::new();
        let mut seen = HashSet::from([graph.root_node]);
        let mut open = VecDeque::from([graph.root_node]);
        while let Some(position) = open.pop_front() {
            // The newest edge comes first: turned round, they come in the order in which the search found them.
            let mut walker = inner.neighbors(position).detach();
            let mut edges = Vec::new();
            while let Some((edge, target)) = walker.next(inner) {
                edges.push((edge, target));
            }
            for (edge, target) in edges.into_iter().rev() {
                if seen.insert(target) {
                    open.push_back(target);
                }
                if let Some(rule) = self.rule(inner[position], inner[edge], inner[target])
                    && seen_rules.insert(rule)
                {
                    rules.push(rule);
                }
            }
        }
        rules
    }

    fn rule(&self, from: ConflictNode, edge: ConflictEdge, to: ConflictNode) -> Option<Rule> {
        let source = match from {
            ConflictNode::Solvable(solvable) => Some(node(solvable)),
            _ => None,
        };
        let target = match to {
            ConflictNode::Solvable(solvable) => Some(node(solvable)),
            _ => None,
        };
        match edge {
            ConflictEdge::Requires(requirement) => Some(Rule::Needs(source, self.provider.choice(requirement)?)),
            ConflictEdge::Conflict(ConflictCause::Constrains(set)) => {
                Some(Rule::Excludes(source?, self.provider.exclusion(set)?, target?))
            }
            ConflictEdge::Conflict(ConflictCause::ForbidMultipleInstances) => Some(Rule::OneOf(source?, target?)),
            ConflictEdge::Conflict(ConflictCause::Locked(_) | ConflictCause::Excluded) => None,
        }
    }

    fn sentence(&self, rule: Rule) -> Option<String> {
        match rule {
            Rule::Needs(None, choice) => self.asked(choice),
            Rule::Needs(Some(node), choice) => self.needs(node, choice),
            Rule::Excludes(one, exclusion, other) => self.excludes(one, exclusion, other),
            Rule::OneOf(one, other) => {
                let (one, other) = (self.problem.label(one), self.problem.label(other));
                Some(format!("only one of {one} and {other} can be installed"))
            }
        }
    }

    /// What was asked for, or has to stay.
    fn asked(&self, choice: Choice) -> Option<String> {
        let text = self.problem.text(choice);
        if let Text::Keep(node) = text {
            let others: Vec<String> = self
                .candidates(choice)
                .into_iter()
                .filter(|&other| other != node)
                .map(|other| self.problem.label(other))
                .collect();
            let installed = self.problem.label(node);
            return Some(match &*others {
                [] => format!("{installed} is installed and has to stay"),
                [one] => format!("{installed} is installed, and only {one} may take its place"),
                _ => format!("{installed} is installed, and only {} may take its place", list(&others)),
            });
        }
        let is_it = |asked: &&Asked| asked.choice == choice || asked.choices.contains(&choice);
        let asked = self.job.required.iter().chain(&self.job.wished).find(is_it);
        let what = self.problem.say(&text);
        let subject = match asked {
            Some(asked) if asked.label != what => format!("{} asks for {what}", cut(asked.label.clone())),
            Some(_) => format!("{what} is asked for"),
            // A part of the installation that was decided before.
            None => return Some(format!("{what} is chosen already")),
        };
        Some(format!("{subject}{}", self.answer(choice, &what)))
    }

    fn needs(&self, node: Node, choice: Choice) -> Option<String> {
        let what = self.problem.say(&self.problem.text(choice));
        let subject = match self.problem.kind(node) {
            Kind::Candidate(_) => self.problem.label(node),
            // A part of a formula that was said where it stands.
            Kind::Branch | Kind::Absent(_) => return None,
        };
        Some(format!("{subject} needs {what}{}", self.answer(choice, &what)))
    }

    /// Who provides a choice.
    fn answer(&self, choice: Choice, what: &str) -> String {
        let labels: Vec<String> = self.candidates(choice).into_iter().map(|node| self.problem.label(node)).collect();
        match (&*labels, self.problem.options(choice).is_empty()) {
            ([], true) => match self.absence(choice) {
                Some(why) => format!(", and nothing provides it: {}", cut(why)),
                None => ", and nothing provides it".to_owned(),
            },
            // A condition over other packages says by itself what it is about.
            ([], false) => String::new(),
            ([one], _) if one == what => String::new(),
            ([one], _) => format!(", which only {one} provides"),
            (several, _) => format!(", which only {} provide", list(several)),
        }
    }

    fn candidates(&self, choice: Choice) -> Vec<Node> {
        let is_candidate = |node: &Node| matches!(self.problem.kind(*node), Kind::Candidate(_));
        self.problem.options(choice).iter().copied().filter(is_candidate).collect()
    }

    fn absence(&self, choice: Choice) -> Option<String> {
        match self.problem.text(choice) {
            Text::Capability(capability) => self.problem.catalogue.absence(capability),
            _ => None,
        }
    }

    fn excludes(&self, one: Node, exclusion: Exclusion, other: Node) -> Option<String> {
        let Kind::Candidate(_) = self.problem.kind(one) else { return None };
        let (word, text) = self.problem.wording(exclusion);
        let (one, other) = (self.problem.label(one), self.problem.label(other));
        let what = self.problem.say(&text);
        Some(if what == other {
            format!("{one} {word} {other}")
        } else {
            format!("{one} {word} {what}, which {other} is")
        })
    }
}
