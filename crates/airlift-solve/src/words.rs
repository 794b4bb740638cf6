//! Names, requirements and lists of them, as people read them.

use crate::Formula;
use crate::formula::Op;
use crate::problem::{Kind, Node, Problem, Text};

/// How many candidates a list names.
const NAMES: usize = 4;

/// How many characters a name or a requirement has in a sentence.
const CHARACTERS: usize = 160;

/// How many steps of a formula are spelled out.
const SPELLED: usize = 60;

impl Problem<'_> {
    /// A candidate as people know it.
    pub(crate) fn label(&self, node: Node) -> String {
        match self.kind(node) {
            Kind::Candidate(candidate) => cut(self.catalogue.label(candidate)),
            Kind::Absent(_) | Kind::Branch => "a condition".to_owned(),
        }
    }

    /// What a choice or an exclusion is about.
    pub(crate) fn say(&self, text: &Text) -> String {
        match text {
            Text::Capability(capability) => cut(self.catalogue.describe(*capability)),
            Text::Formula(formula) => cut(self.spell(formula)),
            Text::Label(node) | Text::Keep(node) => self.label(*node),
            Text::Words(words) => (*words).to_owned(),
        }
    }

    /// A formula in the words of rpm: `(a and b)`, `(a or b)`, `(a if b)`.
    fn spell(&self, formula: &Formula) -> String {
        let steps = formula.steps();
        if steps.len() > SPELLED {
            return format!("a condition of {} parts", steps.len());
        }
        // Every part with whether it is a "not": the sentence around it says that in its own way.
        let mut open: Vec<(bool, String)> = Vec::new();
        for step in steps {
            let part = match step {
                Op::Has(capability) => (false, cut(self.catalogue.describe(capability))),
                Op::Not => {
                    let (negative, text) = open.pop().unwrap_or_default();
                    (!negative, text)
                }
                Op::All(count) => (false, join(open.split_off(open.len().saturating_sub(count as usize)), true)),
                Op::Any(count) => (false, join(open.split_off(open.len().saturating_sub(count as usize)), false)),
            };
            open.push(part);
        }
        open.pop().map(plain).unwrap_or_default()
    }
}

fn plain((negative, text): (bool, String)) -> String {
    if negative { format!("not {text}") } else { text }
}

fn join(parts: Vec<(bool, String)>, all: bool) -> String {
    match (&*parts, all) {
        ([(true, condition), (false, wanted)], false) => format!("({wanted} if {condition})"),
        ([(false, wanted), (true, condition)], true) => format!("({wanted} unless {condition})"),
        ([], true) => "nothing".to_owned(),
        ([], false) => "what there is not".to_owned(),
        (_, true) => format!("({})", parts.into_iter().map(plain).collect::<Vec<_>>().join(" and ")),
        (_, false) => format!("({})", parts.into_iter().map(plain).collect::<Vec<_>>().join(" or ")),
    }
}

/// A text of bounded length, on one line.
pub(crate) fn cut(text: String) -> String {
    let is_short = text.len() <= CHARACTERS;
    if is_short && !text.contains(char::is_control) {
        return text;
    }
    let mut short: String = text.chars().filter(|character| !character.is_control()).take(CHARACTERS).collect();
    if !is_short {
        short.push('…');
    }
    short
}

/// `a, b and c`; of many, the first few and how many more.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= NAMES => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..NAMES - 1].join(", "), names.len() - (NAMES - 1)),
    }
}
