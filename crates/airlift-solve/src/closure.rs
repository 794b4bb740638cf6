//! The closure: every root solved, the answers united.

use std::time::Duration;

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
    let _ = (catalogue, roots, options);
    todo!()
}
