//! The answers beside those of a solver that tries everything.

#[expect(dead_code, reason = "the other tests build packages by hand")]
mod common;

use airlift_solve::{Closure, Options, Transactions};
use proptest::prelude::*;

use crate::common::{Package, World, package};

/// A set of packages, one bit each.
type Set = u32;

fn has(set: Set, position: usize) -> bool {
    set & (1 << position) != 0
}

/// Whether a requirement holds in a set. The words of [`World::formula`], read by other means.
fn holds(world: &World, text: &str, set: Set) -> bool {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return world.packages.iter().enumerate().any(|(position, package)| has(set, position) && package.is(text));
    };
    let mut depth = 0;
    let mut parts: Vec<String> = vec![String::new()];
    let mut words = Vec::new();
    for word in inner.split(' ') {
        if depth == 0 && word.chars().all(char::is_lowercase) && ["and", "or", "if", "else", "unless"].contains(&word) {
            words.push(word);
            parts.push(String::new());
            continue;
        }
        depth += word.matches('(').count();
        depth -= word.matches(')').count();
        let part = parts.last_mut().expect("one");
        part.push_str(if part.is_empty() { "" } else { " " });
        part.push_str(word);
    }
    let is = |position: usize| holds(world, &parts[position], set);
    match *words {
        [] => is(0),
        ["and"] => is(0) && is(1),
        ["or"] => is(0) || is(1),
        ["if"] => is(0) || !is(1),
        ["if", "else"] => (is(0) && is(1)) || (is(2) && !is(1)),
        ["unless"] => is(0) && !is(1),
        ["unless", "else"] => (is(0) && !is(1)) || (is(2) && is(1)),
        _ => panic!("{text:?}"),
    }
}

/// Whether all packages of a set get along and have what they need. What installed packages break among themselves is
/// tolerated.
fn is_whole(world: &World, set: Set) -> bool {
    let installed = installed(world);
    world.packages.iter().enumerate().filter(|&(position, _)| has(set, position)).all(|(position, package)| {
        let others = set & !(1 << position);
        let alone = world.parallel.contains(&package.name)
            || world
                .packages
                .iter()
                .enumerate()
                .all(|(other, rival)| other == position || !has(set, other) || rival.name != package.name);
        let tolerated = |text: &&String| package.installed && !holds(world, text, installed);
        let met = package.requires.iter().all(|text| tolerated(&text) || holds(world, text, set));
        let clashes = |text: &String| {
            // Of an installed package, only who is not installed counts.
            let counted = if package.installed && !text.starts_with('(') { others & !installed } else { others };
            let known = package.installed && text.starts_with('(') && holds(world, text, installed & !(1 << position));
            !known && holds(world, text, counted)
        };
        alone && met && !package.conflicts.iter().chain(&package.obsoletes).any(clashes)
    })
}

fn installed(world: &World) -> Set {
    let all = world.packages.iter().enumerate().filter(|(_, package)| package.installed);
    all.fold(0, |set, (position, _)| set | 1 << position)
}

/// Whether everything installed stays, or is replaced.
fn keeps(world: &World, set: Set) -> bool {
    world.packages.iter().enumerate().filter(|(_, package)| package.installed).all(|(_, package)| {
        world.packages.iter().enumerate().any(|(other, rival)| {
            has(set, other) && (rival.name == package.name || rival.obsoletes.iter().any(|text| package.is(text)))
        })
    })
}

fn solvable(world: &World, roots: &[&str], keep: bool) -> bool {
    (0..1 << world.packages.len()).any(|set: Set| {
        roots.iter().all(|root| holds(world, root, set)) && (!keep || keeps(world, set)) && is_whole(world, set)
    })
}

/// Whether what travels works together with something of what is installed.
fn works(world: &World, roots: &[&str], chosen: Set, keep: bool) -> bool {
    let installed = installed(world);
    let mut part = installed;
    loop {
        let set = chosen | part;
        if roots.iter().all(|root| holds(world, root, set)) && (!keep || keeps(world, set)) && is_whole(world, set) {
            return true;
        }
        if part == 0 {
            return false;
        }
        part = (part - 1) & installed;
    }
}

fn set_of(chosen: &[airlift_solve::Candidate]) -> Set {
    chosen.iter().fold(0, |set, candidate| set | 1 << candidate.0)
}

fn check(world: &World, roots: &[&str], closure: &Closure) -> Result<(), TestCaseError> {
    let united = closure.solutions.iter().fold(0, |set, solution| set | set_of(&solution.chosen));
    prop_assert_eq!(united, set_of(&closure.chosen));
    prop_assert!(closure.chosen.is_sorted_by(|one, next| one < next));
    for solution in &closure.solutions {
        let asked: Vec<&str> = solution.roots.iter().map(|&root| roots[root]).collect();
        let erasing = closure.erasing.iter().any(|(root, _)| solution.roots.contains(root));
        prop_assert!(works(world, &asked, set_of(&solution.chosen), !erasing), "{solution:?}");
        prop_assert!(!erasing || !solvable(world, &asked, true), "nothing had to go for {asked:?}");
    }
    for (root, why) in &closure.unsolved {
        prop_assert!(!solvable(world, &[roots[*root]], false), "{} can be had", roots[*root]);
        prop_assert!(!why.lines().is_empty() && why.lines().len() <= 12, "{why:?}");
        prop_assert!(why.lines().iter().all(|line| !line.is_empty() && line.chars().count() < 1_000));
    }
    let solved: usize = closure.solutions.iter().map(|solution| solution.roots.len()).sum();
    prop_assert_eq!(solved + closure.unsolved.len(), roots.len());
    Ok(())
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        2 => Just("virtual".to_owned()),
        1 => Just("nowhere".to_owned()),
        3 => (prop::sample::select(&NAMES[..]), prop::sample::select(&["=", "<", ">="][..]), 1..3_u32)
            .prop_map(|(name, relation, version)| format!("{name} {relation} {version}")),
    ]
}

fn formula() -> impl Strategy<Value = String> {
    let plain = atom();
    let rich = atom().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(&["and", "or", "if", "unless"][..]), inner.clone())
                .prop_map(|(one, word, other)| format!("({one} {word} {other})")),
            (inner.clone(), prop::sample::select(&["if", "unless"][..]), inner.clone(), inner)
                .prop_map(|(one, word, other, third)| format!("({one} {word} {other} else {third})")),
        ]
    });
    prop_oneof![3 => plain, 1 => rich]
}

fn any_package(installed: bool) -> impl Strategy<Value = Package> {
    let some = |most| prop::collection::vec(formula(), 0..most);
    (
        prop::sample::select(&NAMES[..]),
        1..3_u32,
        prop::bool::weighted(0.3),
        some(3),
        some(2),
        some(2),
        prop::collection::vec(formula(), 0..2),
        prop::bool::weighted(if installed { 0.4 } else { 0.0 }),
    )
        .prop_map(|(name, version, provides, requires, recommends, supplements, conflicts, installed)| Package {
            provides: provides.then(|| "virtual".to_owned()).into_iter().collect(),
            requires,
            recommends,
            supplements,
            conflicts,
            installed,
            ..package(name, version)
        })
}

fn any_world(installed: bool) -> impl Strategy<Value = World> {
    (prop::collection::vec(any_package(installed), 1..9), prop::bool::ANY).prop_map(|(mut packages, parallel)| {
        // One package of each name and version.
        let mut seen = std::collections::HashSet::new();
        packages.retain(|package| seen.insert((package.name.clone(), package.version)));
        // One version of each name is installed.
        let mut home = std::collections::HashSet::new();
        for package in &mut packages {
            package.installed &= home.insert(package.name.clone());
        }
        let mut world = World::new(packages);
        world.parallel = if parallel { vec!["d".to_owned()] } else { Vec::new() };
        world
    })
}

fn any_roots() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![4 => atom(), 1 => formula()], 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_root_by_itself(world in any_world(false), roots in any_roots(), recommends: bool) {
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let options = Options { transactions: Transactions::EachByItself, recommends, ..Options::default() };
        let closure = world.closure(&roots, &options);
        check(&world, &roots, &closure)?;
        // In whatever order they are asked, the same travels.
        let turned: Vec<&str> = roots.iter().rev().copied().collect();
        prop_assert_eq!(world.closure(&turned, &options).chosen, closure.chosen);
    }

    #[test]
    fn all_roots_together(world in any_world(false), roots in any_roots(), recommends: bool) {
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let options = Options { transactions: Transactions::Together, recommends, ..Options::default() };
        let closure = world.closure(&roots, &options);
        prop_assert_eq!(closure.solutions.len() == 1, solvable(&world, &roots, true));
        if !closure.solutions.is_empty() {
            check(&world, &roots, &closure)?;
        }
        prop_assert_eq!(world.closure(&roots, &options), closure);
    }

    #[test]
    fn together_first(world in any_world(true), roots in any_roots(), recommends: bool) {
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let options = Options { recommends, ..Options::default() };
        let closure = world.closure(&roots, &options);
        check(&world, &roots, &closure)?;
        prop_assert_eq!(world.closure(&roots, &options), closure);
    }
}
