//! The answer is checked against the rules before anyone relies on it: behind the gap a wrong one costs a day.

use std::collections::{HashMap, HashSet};

use crate::problem::{Choice, Kind, Node, Problem};

/// Checks that the candidates of a solution meet `base`, need nothing that is not there, and get along.
///
/// # Errors
/// The first rule that is broken, in words.
pub(crate) fn verify(problem: &Problem<'_>, nodes: &[Node], base: &[Choice]) -> Result<(), String> {
    let chosen: HashSet<Node> = nodes.iter().copied().collect();
    let has = |node: Node| chosen.contains(&node);
    if let Some(&choice) = base.iter().find(|&&choice| !problem.holds(choice, &has)) {
        return Err(format!("nothing is chosen for {}", problem.say(&problem.text(choice))));
    }
    let mut owners = HashMap::new();
    for &node in nodes {
        debug_assert!(matches!(problem.kind(node), Kind::Candidate(_)), "a solution has candidates only");
        let rules = problem.rules(node);
        if let Some(&choice) = rules.requires.iter().find(|&&choice| !problem.holds(choice, &has)) {
            return Err(format!("{} lacks {}", problem.label(node), problem.say(&problem.text(choice))));
        }
        for &exclusion in &rules.excludes {
            if let Some(other) = problem.members(exclusion).iter().find(|&other| has(other)) {
                return Err(format!("{} stands beside {}", problem.label(node), problem.label(other)));
            }
        }
        let place = problem.place(node);
        if !problem.is_parallel(place)
            && let Some(other) = owners.insert(place, node)
        {
            return Err(format!("{} stands beside {}", problem.label(node), problem.label(other)));
        }
    }
    Ok(())
}
