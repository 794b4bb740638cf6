//! Catalogues that nobody means well with: what they cost is bounded, and nothing overflows.

use std::cell::Cell;
use std::time::{Duration, Instant};

use airlift_solve::{
    Candidate, Capability, Catalogue, Closure, Conflict, Dependencies, Error, Formula, Options, Root, Slot, closure,
};

/// A catalogue that is computed: candidate n has slot n and provides capability n, unless the functions say otherwise.
struct Computed<'c> {
    dependencies: &'c dyn Fn(u32) -> Dependencies,
    providers: &'c dyn Fn(u32) -> Vec<u32>,
    slot: &'c dyn Fn(u32) -> u32,
}

impl Default for Computed<'_> {
    fn default() -> Self {
        Self { dependencies: &|_| Dependencies::default(), providers: &|number| vec![number], slot: &|number| number }
    }
}

impl Catalogue for Computed<'_> {
    fn label(&self, candidate: Candidate) -> String {
        format!("package-{}", candidate.0)
    }

    fn slot(&self, candidate: Candidate) -> Slot {
        Slot((self.slot)(candidate.0))
    }

    fn dependencies(&self, candidate: Candidate) -> Dependencies {
        (self.dependencies)(candidate.0)
    }

    fn providers(&self, capability: Capability) -> Vec<Candidate> {
        (self.providers)(capability.0).into_iter().map(Candidate).collect()
    }

    fn describe(&self, capability: Capability) -> String {
        format!("thing-{}", capability.0)
    }
}

fn has(number: u32) -> Formula {
    Formula::has(Capability(number))
}

fn needs(requires: Vec<Formula>) -> Dependencies {
    Dependencies { requires, ..Dependencies::default() }
}

fn ask(catalogue: &Computed<'_>, needs: Formula) -> Closure {
    let root = Root { label: "root".to_owned(), needs, required: true };
    closure(catalogue, &[root], &Options::default()).expect("an answer")
}

#[test]
fn a_chain_of_a_hundred_thousand() {
    const LENGTH: u32 = 100_000;
    // The last needs the first again.
    let catalogue = Computed { dependencies: &|number| needs(vec![has((number + 1) % LENGTH)]), ..Computed::default() };
    assert_eq!(ask(&catalogue, has(0)).chosen.len(), LENGTH as usize);
}

#[test]
fn thirty_thousand_requests_are_one_installation() {
    let roots = (0..30_000).map(|number| Root { label: number.to_string(), needs: has(number), required: true });
    let roots: Vec<Root> = roots.collect();
    let closure = closure(&Computed::default(), &roots, &Options::default()).expect("an answer");
    assert_eq!(closure.apart, None);
    assert_eq!((closure.solutions.len(), closure.chosen.len()), (1, 30_000));
}

#[test]
fn a_long_chain_that_breaks_at_its_end() {
    const LENGTH: u32 = 20_000;
    let catalogue = Computed {
        dependencies: &|number| needs(vec![has(number + 1)]),
        providers: &|number| if number == LENGTH { Vec::new() } else { vec![number] },
        ..Computed::default()
    };
    let closure = ask(&catalogue, has(0));
    let [(0, why)] = &*closure.unsolved else { panic!("{:?}", closure.unsolved) };
    assert!(why.lines().len() <= 12);
    assert_eq!(why.lines()[0], "root asks for thing-0, which only package-0 provides");
    assert_eq!(
        why.lines().last().map(String::as_str),
        Some("package-19999 needs thing-20000, and nothing provides it")
    );
}

#[test]
fn a_hundred_thousand_providers() {
    const MANY: u32 = 100_000;
    // Everybody provides the thing, needs it, and cannot stand anybody else who does.
    let catalogue = Computed {
        dependencies: &|_| Dependencies {
            requires: vec![has(0)],
            recommends: vec![has(0)],
            conflicts: vec![Conflict { with: has(0), word: "conflicts with" }],
        },
        providers: &|_| (0..MANY).collect(),
        ..Computed::default()
    };
    assert_eq!(ask(&catalogue, has(0)).chosen, [Candidate(0)]);
}

#[test]
fn a_hundred_thousand_providers_that_all_fail() {
    const MANY: u32 = 100_000;
    let catalogue = Computed {
        dependencies: &|number| needs(vec![has(number + 1)]),
        providers: &|number| if number == 0 { (0..MANY).collect() } else { Vec::new() },
        ..Computed::default()
    };
    let closure = ask(&catalogue, has(0));
    let [(0, why)] = &*closure.unsolved else { panic!("{:?}", closure.unsolved) };
    assert!(why.lines().len() <= 12, "{why}");
}

#[test]
fn deep_and_wide_formulas() {
    let mut deep = has(0);
    for number in 1..50_000 {
        deep = if number % 2 == 0 { deep.or(has(number)) } else { deep.and(has(number)) }.negated();
    }
    let wide = Formula::any((0..3_000).map(|number| has(number).and(has(number + 1))));
    let deepest = (1..45).fold(has(0), |formula, number| formula.and(has(1)).or(has(number)));
    let catalogue = Computed {
        dependencies: &|number| match number {
            0 => needs(vec![deep.clone()]),
            _ => needs(vec![wide.clone(), deepest.clone()]),
        },
        // Nobody is package 0.
        providers: &|number| if number == 0 { vec![1] } else { vec![number] },
        ..Computed::default()
    };
    assert!(ask(&catalogue, has(7)).chosen.contains(&Candidate(7)));
    let refusing = Computed { providers: &|number| vec![number], ..catalogue };
    let closure = ask(&refusing, has(0));
    let [(0, why)] = &*closure.unsolved else { panic!("{:?}", closure.unsolved) };
    assert!(why.to_string().contains("too long or too deep"), "{why}");
}

/// So many pigeons, each in one of one hole less: true of no placement, and long to prove.
fn pigeons(count: u32) -> Closure {
    // Capability n: pigeon n is somewhere. Candidate n * 1000 + m: pigeon n in hole m.
    let catalogue = Computed {
        dependencies: &|number| {
            let conflicts = (0..count).filter(|other| *other != number / 1000);
            let conflicts = conflicts.map(|other| has(1_000_000 + other * 1000 + number % 1000));
            let conflicts = conflicts.map(|with| Conflict { with, word: "conflicts with" }).collect();
            Dependencies { conflicts, ..Dependencies::default() }
        },
        providers: &|number| match number.checked_sub(1_000_000) {
            Some(one) => vec![one],
            None => (0..count - 1).map(|hole| number * 1000 + hole).collect(),
        },
        ..Computed::default()
    };
    ask(&catalogue, Formula::all((0..count).map(has)))
}

#[test]
fn a_question_that_is_too_hard_is_given_up() {
    let small = pigeons(6);
    assert!(small.unsolved[0].1.lines().len() <= 12);
    assert!(small.unsolved[0].1.to_string().contains("conflicts with"), "{}", small.unsolved[0].1);
    let large = pigeons(12);
    assert!(large.unsolved[0].1.to_string().contains("given up"), "{}", large.unsolved[0].1);
}

#[test]
fn an_endless_catalogue_ends_with_the_time() {
    // Every package needs two new ones.
    let catalogue = Computed {
        dependencies: &|number| {
            let number = number.wrapping_mul(2) % 1_000_000_007;
            needs(vec![has(number.wrapping_add(1)), has(number.wrapping_add(2))])
        },
        ..Computed::default()
    };
    let root = Root { label: "endless".to_owned(), needs: has(1), required: true };
    let begun = Instant::now();
    let options = Options { time: Duration::from_millis(300), ..Options::default() };
    let failed = closure(&catalogue, std::slice::from_ref(&root), &options).expect_err("there is no end");
    assert_eq!(failed, Error::OutOfTime { limit: options.time, root: "endless".to_owned() });
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());

    let asked = Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 100
    };
    let options = Options { cancelled: &cancelled, ..Options::default() };
    assert_eq!(closure(&catalogue, &[root], &options), Err(Error::Cancelled));
}

#[test]
fn many_versions_share_a_slot() {
    const MANY: u32 = 20_000;
    // The best works with nothing, the worst with everything.
    let catalogue = Computed {
        dependencies: &|number| {
            if number + 1 < MANY { needs(vec![has(MANY)]) } else { Dependencies::default() }
        },
        providers: &|number| match number {
            0 => (0..MANY).collect(),
            _ => Vec::new(),
        },
        slot: &|_| 0,
    };
    assert_eq!(ask(&catalogue, has(0)).chosen, [Candidate(MANY - 1)]);
}
