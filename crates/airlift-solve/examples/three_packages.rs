//! Three packages: an application, and two versions of a library that it needs.

use airlift_solve::{Candidate, Capability, Catalogue, Dependencies, Formula, Options, Root, Slot, closure};

/// A kind's packages by their numbers: name and version.
const PACKAGES: [(&str, u32); 3] = [("app", 1), ("lib", 1), ("lib", 2)];

/// What packages ask for, by its number.
const CAPABILITIES: [&str; 2] = ["app", "lib >= 1"];

struct Packages;

impl Catalogue for Packages {
    fn label(&self, candidate: Candidate) -> String {
        let (name, version) = PACKAGES[candidate.0 as usize];
        format!("{name}-{version}")
    }

    fn slot(&self, candidate: Candidate) -> Slot {
        // The application has a slot, and both versions of the library share one.
        Slot(candidate.0.min(1))
    }

    fn dependencies(&self, candidate: Candidate) -> Dependencies {
        let requires = if candidate == Candidate(0) { vec![Formula::has(Capability(1))] } else { Vec::new() };
        Dependencies { requires, ..Dependencies::default() }
    }

    fn providers(&self, capability: Capability) -> Vec<Candidate> {
        match capability.0 {
            0 => vec![Candidate(0)],
            // The highest version first.
            _ => vec![Candidate(2), Candidate(1)],
        }
    }

    fn describe(&self, capability: Capability) -> String {
        CAPABILITIES[capability.0 as usize].to_owned()
    }
}

fn main() -> Result<(), airlift_solve::Error> {
    let request = Root { label: "app".to_owned(), needs: Formula::has(Capability(0)), required: true };
    let closure = closure(&Packages, &[request], &Options::default())?;
    assert_eq!(closure.chosen, [Candidate(0), Candidate(2)]);
    assert_eq!(closure.unsolved, []);
    Ok(())
}
