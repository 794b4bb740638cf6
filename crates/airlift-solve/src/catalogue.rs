//! What a kind tells of its packages: candidates, slots, capabilities and what each candidate needs.

use crate::Formula;

/// One package that can be chosen: a name, a version and an architecture from one repository. The number is the kind's own
/// (the position in its list of packages); smaller and larger mean nothing here, but the answer is sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate(pub u32);

/// Something that packages ask for and packages provide: `libc.so.6(GLIBC_2.34)(64bit)`, `python3 (>= 3.11~)`, `/bin/sh`,
/// `(a with b)`, `default-mta | mail-transport-agent`. The number is the kind's own: requirements that are written alike
/// have the same number, so that who provides one is asked once, however many packages ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(pub u32);

/// A place that one candidate at a time can have on a host: a name and an architecture. The number is the kind's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// What one candidate asks of the others. A candidate never conflicts with itself, and may provide what it requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// What has to hold wherever the candidate is chosen.
    pub requires: Vec<Formula>,
    /// What shall hold where it can: tried in this order once everything required is chosen, and dropped without a word
    /// where it cannot be had. Followed only if [`Options::recommends`](crate::Options::recommends) says so.
    pub recommends: Vec<Formula>,
    /// What must not hold beside it: conflicts, breaks, obsoletes. It holds for this candidate only; the solver makes it
    /// mutual.
    pub conflicts: Vec<Conflict>,
}

/// What must not hold beside a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What must not hold, the candidate itself not counted.
    pub with: Formula,
    /// How the ecosystem says it, between two names: `conflicts with`, `obsoletes`, `breaks`.
    pub word: &'static str,
}

/// All packages of all repositories of one manifest, for one architecture and its companions, asked lazily: what no
/// request reaches is never asked for. Every question is asked at most once per candidate, capability or slot and call of
/// [`closure`](crate::closure), so the answers need no cache.
///
/// Answers have to be the same whenever the same question is asked. A kind that interns while it answers (capabilities of
/// rich dependencies, say) keeps its tables in a `RefCell`.
pub trait Catalogue {
    /// The candidate as people know it: `bash-5.1.8-9.el9.x86_64`, `nginx (1.26.3-3) amd64`.
    fn label(&self, candidate: Candidate) -> String;

    /// The candidate's slot.
    fn slot(&self, candidate: Candidate) -> Slot;

    /// Whether candidates of this slot can be installed beside one another, as kernels of rpm distributions can.
    fn is_parallel(&self, slot: Slot) -> bool {
        let _ = slot;
        false
    }

    /// What the candidate needs. Of an installed candidate: what is known of it; nothing is a good answer.
    fn dependencies(&self, candidate: Candidate) -> Dependencies;

    /// The candidates that provide a capability, best first; that order is the order of preference (the highest version of
    /// a name first; of several names, what the ecosystem prefers). Installed candidates are preferred by the solver,
    /// wherever they stand in the list. Candidates given twice count once.
    fn providers(&self, capability: Capability) -> Vec<Candidate>;

    /// The capability as packages write it, for explanations.
    fn describe(&self, capability: Capability) -> String;

    /// Why nothing provides the capability, if the kind knows more than that nothing does: `only driver-570 is there`,
    /// `it is hidden by the module nodejs:18`. Half a sentence that stands after "nothing provides it: "; asked only for
    /// explanations.
    fn absence(&self, capability: Capability) -> Option<String> {
        let _ = capability;
        None
    }

    /// The candidates that every target has already. They satisfy what asks for them and do not travel; another one is
    /// chosen in their place only where something asks for it.
    fn installed(&self) -> Vec<Candidate> {
        Vec::new()
    }

    /// What may take the place of an installed candidate, best first: the other candidates of its slot, and what obsoletes
    /// it. Asked for installed candidates only.
    fn replacements(&self, installed: Candidate) -> Vec<Candidate> {
        let _ = installed;
        Vec::new()
    }

    /// The candidates that want to be chosen where something else was (`Supplements:` of rpm), and when each does.
    /// Followed only if [`Options::recommends`](crate::Options::recommends) says so.
    fn supplements(&self) -> Vec<(Candidate, Formula)> {
        Vec::new()
    }
}
