//! The closure: every root solved, the answers united.

use std::time::Duration;

use crate::problem::Problem;
use crate::solve::{Asked, Installation, Job, Search, Verdict};
use crate::verify::verify;
use crate::watch::{Stop, Watch};
use crate::{Candidate, Catalogue, Error, Explanation, Formula};

/// One request of the manifest: `docker-ce`, one package of a group, one match of a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The request as the person wrote it, for explanations: `docker-ce`, `@development: gcc`.
    pub label: String,
    /// What has to hold.
    pub needs: Formula,
    /// Whether the request fails where this cannot be had. One that is not required (a default package of a group, say) is
    /// tried after the others, and is named in [`Closure::unsolved`] as all are.
    pub required: bool,
}

/// Which roots are solved as one installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transactions {
    /// All at once, as `dnf install a b c` would. Where that cannot be, every root by itself: what a mirror offers need not
    /// be installable on one host.
    #[default]
    TogetherFirst,
    /// All at once; where that cannot be, nothing is chosen.
    Together,
    /// Every root by itself.
    EachByItself,
}

/// How to solve.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether recommendations and supplements are followed (`install_weak_deps`, `APT::Install-Recommends`).
    pub recommends: bool,
    /// Which roots are solved as one installation.
    pub transactions: Transactions,
    /// How long it may take altogether. The answer does not depend on it: past it there is none.
    pub time: Duration,
    /// Asked often: whether to stop.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            recommends: true,
            transactions: Transactions::TogetherFirst,
            time: Duration::from_secs(600),
            cancelled: &|| false,
        }
    }
}

/// What has to travel for the roots to be installable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    /// What travels: the union of all solutions without what is installed, sorted, each once.
    pub chosen: Vec<Candidate>,
    /// The installations that the union was made of. One, if all roots were solved together.
    pub solutions: Vec<Solution>,
    /// The roots that cannot be had, by their position, and why.
    pub unsolved: Vec<(usize, Explanation)>,
    /// The roots that can be had only where something that is installed goes or breaks, by their position, and why. They
    /// are solved: their packages are in [`Closure::chosen`].
    pub erasing: Vec<(usize, Explanation)>,
    /// Why the roots cannot be installed together, where that was tried and every root was solved by itself instead.
    pub apart: Option<Explanation>,
}

/// One installation that works by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The positions of the roots that it is for.
    pub roots: Vec<usize>,
    /// What it installs, sorted; what is installed already and stays is not among it.
    pub chosen: Vec<Candidate>,
}

/// The closure of `roots` over `catalogue`. The same questions give the same closure.
///
/// A root that cannot be had is not an error: it is in [`Closure::unsolved`] with the reason.
///
/// # Errors
/// [`Error`] when it was cancelled, took too long, or the catalogue is beyond every bound.
pub fn closure(catalogue: &dyn Catalogue, roots: &[Root], options: &Options<'_>) -> Result<Closure, Error> {
    let problem = Problem::new(catalogue, options.recommends);
    let watch = Watch::new(options.time, options.cancelled);
    let united = Union { roots, search: Search::new(&problem, &watch), problem: &problem, watch: &watch };
    united.solve(options.transactions)
}

/// The solves of one closure.
struct Union<'u> {
    roots: &'u [Root],
    search: Search<'u>,
    problem: &'u Problem<'u>,
    watch: &'u Watch<'u>,
}

impl Union<'_> {
    fn solve(&self, transactions: Transactions) -> Result<Closure, Error> {
        let all: Vec<usize> = (0..self.roots.len()).collect();
        let mut closure = Closure::default();
        if all.is_empty() {
            return Ok(closure);
        }
        if transactions != Transactions::EachByItself {
            match self.attempt(&all)? {
                Verdict::Solved(installation) => {
                    self.add(&mut closure, &all, installation);
                    return Ok(self.finish(closure));
                }
                Verdict::Unsolvable(reason) if transactions == Transactions::Together => {
                    closure.unsolved = all.into_iter().map(|root| (root, reason.clone())).collect();
                    return Ok(closure);
                }
                Verdict::Unsolvable(reason) => closure.apart = Some(reason),
            }
        }
        let mut alone = Vec::new();
        for root in all {
            match self.attempt(&[root])? {
                Verdict::Solved(installation) => alone.push((root, installation)),
                Verdict::Unsolvable(reason) => closure.unsolved.push((root, reason)),
            }
        }
        // Where some cannot be had at all, the others may still go together.
        if transactions == Transactions::TogetherFirst && !closure.unsolved.is_empty() && alone.len() > 1 {
            let rest: Vec<usize> = alone.iter().map(|&(root, _)| root).collect();
            if let Verdict::Solved(installation) = self.attempt(&rest)? {
                closure.apart = None;
                self.add(&mut closure, &rest, installation);
                return Ok(self.finish(closure));
            }
        }
        // What can't be had by itself is all that there is to say then.
        if alone.len() <= 1 && !closure.unsolved.is_empty() {
            closure.apart = None;
        }
        for (root, installation) in alone {
            self.add(&mut closure, &[root], installation);
        }
        Ok(self.finish(closure))
    }

    /// Solves these roots as one installation, and checks the answer.
    fn attempt(&self, roots: &[usize]) -> Result<Verdict, Error> {
        let mut job = Job { required: Vec::new(), wished: Vec::new() };
        for &position in roots {
            let root = &self.roots[position];
            let asked = Asked {
                root: position,
                label: root.label.clone(),
                choices: self.problem.choices(&root.needs).to_vec(),
                choice: self.problem.as_choice(&root.needs),
            };
            // By itself, a root that is not required is solved like any other: what it lacks is told in full.
            if root.required || roots.len() == 1 { job.required.push(asked) } else { job.wished.push(asked) }
        }
        let label = || match roots {
            [root] => self.roots[*root].label.clone(),
            _ => format!("{} requests together", roots.len()),
        };
        let verdict = self.search.run(&job).map_err(|stop| match stop {
            Stop::OutOfTime => Error::OutOfTime { limit: self.watch.time, root: label() },
            Stop::Cancelled | Stop::TooHard => Error::Cancelled,
        })?;
        if let Verdict::Solved(installation) = &verdict {
            let base: Vec<_> = job.required.iter().map(|asked| asked.choice).collect();
            verify(self.problem, &installation.nodes, &base).map_err(|what| Error::Wrong { root: label(), what })?;
        }
        Ok(verdict)
    }

    fn add(&self, closure: &mut Closure, roots: &[usize], installation: Installation) {
        let Installation { nodes, erasing, refused } = installation;
        let refuses = |root: &usize| refused.iter().any(|(position, _)| position == root);
        let roots: Vec<usize> = roots.iter().copied().filter(|root| !refuses(root)).collect();
        let travelling = nodes.into_iter().filter(|&node| !self.problem.is_installed(node));
        let mut chosen: Vec<Candidate> = travelling.filter_map(|node| self.problem.candidate(node)).collect();
        chosen.sort_unstable();
        closure.chosen.extend(&chosen);
        closure.erasing.extend(erasing.into_iter().flat_map(|why| roots.iter().map(move |&root| (root, why.clone()))));
        closure.unsolved.extend(refused);
        closure.solutions.push(Solution { roots, chosen });
    }

    fn finish(&self, mut closure: Closure) -> Closure {
        closure.chosen.sort_unstable();
        closure.chosen.dedup();
        closure.unsolved.sort_by_key(|&(root, _)| root);
        closure
    }
}
