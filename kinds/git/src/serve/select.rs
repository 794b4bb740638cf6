//! Which objects a client lacks: walks over the graph, without opening an object.

use std::collections::HashSet;

use gix_object::Kind;

use super::question::Deepen;
use crate::format::graph::Graph;

/// A set of places.
#[derive(Clone, Debug)]
pub(super) struct Set(Vec<u64>);

impl Set {
    fn new(size: u32) -> Self {
        Self(vec![0; size as usize / 64 + 1])
    }

    pub(super) fn has(&self, place: u32) -> bool {
        self.0[place as usize / 64] & (1 << (place % 64)) != 0
    }

    /// Whether it was not in it before.
    fn add(&mut self, place: u32) -> bool {
        let (word, bit) = (&mut self.0[place as usize / 64], 1 << (place % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// The places, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = u32> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(number, word)| {
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| number as u32 * 64 + bit)
        })
    }
}

/// What is asked, as places in the graph.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) wants: Vec<u32>,
    pub(super) haves: Vec<u32>,
    pub(super) shallow: Vec<u32>,
    pub(super) deepen: Option<&'a Deepen>,
    /// What the names in `deepen-not` lead to.
    pub(super) not: Vec<u32>,
}

/// Where the history ends that a client will have.
#[derive(Debug)]
pub(super) struct Ends {
    /// Commits whose parents it will not have, and that it does not know of.
    pub(super) shallow: Vec<u32>,
    /// Commits whose parents it had not, and will have.
    pub(super) unshallow: Vec<u32>,
    /// All commits whose parents it will not have.
    cut: HashSet<u32>,
}

/// The commits that these lead to, without going on behind `cut`.
fn behind(graph: &Graph, from: impl IntoIterator<Item = u32>, cut: impl Fn(u32) -> bool) -> Set {
    let mut set = Set::new(graph.len());
    for place in from {
        let place = graph.peeled(place);
        if graph.kind(place) == Kind::Commit {
            set.add(place);
        }
    }
    // Children stand before their parents.
    for commit in 0..graph.commits() {
        if set.has(commit) && !cut(commit) {
            graph.parents(commit).iter().for_each(|parent| {
                set.add(*parent);
            });
        }
    }
    set
}

/// Whether everything that is wanted has something behind it that the client has, so that no more needs to be told.
pub(super) fn is_enough(graph: &Graph, wants: &[u32], haves: &[u32]) -> bool {
    let had: HashSet<u32> = haves.iter().map(|place| graph.peeled(*place)).collect();
    let mut leads = Set::new(graph.len());
    // Parents stand behind their children.
    for commit in (0..graph.commits()).rev() {
        if had.contains(&commit) || graph.parents(commit).iter().any(|parent| leads.has(*parent)) {
            leads.add(commit);
        }
    }
    !haves.is_empty() && wants.iter().map(|want| graph.peeled(*want)).all(|want| leads.has(want) || had.contains(&want))
}

/// Where the history will end; none where nothing is said about it.
pub(super) fn ends(graph: &Graph, asked: &Places<'_>) -> Option<Ends> {
    let deepen = asked.deepen.filter(|deepen| deepen.is_asked())?;
    let known: HashSet<u32> = asked.shallow.iter().copied().collect();
    let cut: HashSet<u32> = match deepen.depth {
        Some(depth) => at_depth(graph, asked, (depth, deepen.relative)),
        None => {
            let not = behind(graph, asked.not.iter().copied(), |_| false);
            let left_out =
                |commit: u32| not.has(commit) || deepen.since.is_some_and(|since| graph.time(commit) < since);
            let inside = behind(graph, asked.wants.iter().copied(), left_out);
            let at_edge = |commit: &u32| graph.parents(*commit).iter().any(|parent| left_out(*parent));
            inside.places().filter(at_edge).collect()
        }
    };
    let will_have = behind(graph, asked.wants.iter().copied(), |commit| cut.contains(&commit));
    let mut shallow: Vec<u32> = cut.iter().copied().filter(|end| will_have.has(*end) && !known.contains(end)).collect();
    let opens = |end: &u32| will_have.has(*end) && !cut.contains(end);
    let mut unshallow: Vec<u32> = known.iter().copied().filter(opens).collect();
    shallow.sort_unstable();
    unshallow.sort_unstable();
    Some(Ends { shallow, unshallow, cut })
}

/// The commits at a depth, which have parents.
fn at_depth(graph: &Graph, asked: &Places<'_>, (depth, relative): (u32, bool)) -> HashSet<u32> {
    let wants = asked.wants.iter().map(|want| graph.peeled(*want)).filter(|want| graph.kind(*want) == Kind::Commit);
    let (mut layer, mut left): (Vec<u32>, u32) = match relative && !asked.shallow.is_empty() {
        true => (asked.shallow.clone(), depth),
        false => (wants.collect(), depth - 1),
    };
    let mut seen = Set::new(graph.len());
    layer.retain(|commit| seen.add(*commit));
    while left > 0 && !layer.is_empty() {
        let parents: Vec<u32> = layer.iter().flat_map(|commit| graph.parents(*commit)).copied().collect();
        layer = parents.into_iter().filter(|parent| seen.add(*parent)).collect();
        left -= 1;
    }
    layer.into_iter().filter(|commit| !graph.parents(*commit).is_empty()).collect()
}

/// The objects that the client lacks. `tags` are those that come along where they lead to what is sent.
pub(super) fn lacking(graph: &Graph, asked: &Places<'_>, ends: Option<&Ends>, tags: &[u32]) -> Set {
    let shallow: HashSet<u32> = asked.shallow.iter().copied().collect();
    let ended = |commit: u32| match ends {
        Some(ends) => ends.cut.contains(&commit),
        None => shallow.contains(&commit),
    };
    let had = behind(graph, asked.haves.iter().copied(), |commit| shallow.contains(&commit));
    let wanted = behind(graph, asked.wants.iter().copied(), ended);
    let mut has = Set::new(graph.len());
    let mut stack: Vec<u32> = Vec::new();
    for commit in had.places() {
        has.add(commit);
        stack.extend(graph.links(commit).first().filter(|tree| has.add(**tree)));
    }
    asked.haves.iter().for_each(|have| chain(graph, *have, &mut has));
    descend(graph, &mut stack, |place| has.add(place));
    let mut lacking = Set::new(graph.len());
    for commit in wanted.places().filter(|commit| !had.has(*commit)) {
        lacking.add(commit);
        stack.extend(graph.links(commit).first().filter(|tree| !has.has(**tree) && lacking.add(**tree)));
    }
    for want in asked.wants.iter().copied() {
        let mut tag = want;
        while graph.kind(tag) == Kind::Tag && !has.has(tag) && lacking.add(tag) {
            tag = graph.links(tag).first().copied().unwrap_or(tag);
        }
        // A tree or a blob by itself.
        let target = graph.peeled(want);
        if graph.kind(target) != Kind::Commit && !has.has(target) && lacking.add(target) {
            stack.push(target);
        }
    }
    descend(graph, &mut stack, |place| !has.has(place) && lacking.add(place));
    for tag in tags.iter().copied().filter(|tag| graph.kind(*tag) == Kind::Tag && !has.has(*tag)) {
        if lacking.has(graph.peeled(tag)) {
            chain(graph, tag, &mut lacking);
        }
    }
    lacking
}

/// A tag and the tags that it leads to.
fn chain(graph: &Graph, mut place: u32, set: &mut Set) {
    while graph.kind(place) == Kind::Tag && set.add(place) {
        match graph.links(place).first() {
            Some(target) => place = *target,
            None => return,
        }
    }
}

/// Everything in trees that `take` takes.
fn descend(graph: &Graph, stack: &mut Vec<u32>, mut take: impl FnMut(u32) -> bool) {
    while let Some(place) = stack.pop() {
        if graph.kind(place) == Kind::Tree {
            stack.extend(graph.links(place).iter().copied().filter(|child| take(*child)));
        }
    }
}
