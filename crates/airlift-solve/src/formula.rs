//! Rich dependencies: capabilities under "and", "or", "not" and "if".

use crate::Capability;

/// A condition over capabilities, such as a requirement of a package. Most are a single capability.
///
/// It is kept flat and in postfix order, so that one of any depth is built, read and dropped without recursion.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Formula(Repr);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Has(Capability),
    Postfix(Vec<Op>),
}

/// One step of a formula in postfix order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Has(Capability),
    /// All of the last so many.
    All(u32),
    /// Any of the last so many, the first preferred.
    Any(u32),
    Not,
}

impl Formula {
    /// A candidate that provides the capability is chosen or installed.
    pub fn has(capability: Capability) -> Self {
        Self(Repr::Has(capability))
    }

    /// All of these hold. Of none: true.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Op::All)
    }

    /// Any of these holds, the first preferred. Of none: false.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Op::Any)
    }

    /// This does not hold.
    #[must_use]
    pub fn negated(self) -> Self {
        let mut steps = self.into_steps();
        steps.push(Op::Not);
        Self(Repr::Postfix(steps))
    }

    /// `(this and other)`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// `(this or other)`, this one preferred.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// `(this if condition)`: holds also where the condition does not.
    #[must_use]
    pub fn only_if(self, condition: Self) -> Self {
        condition.negated().or(self)
    }

    /// `(this if condition else otherwise)`: this where the condition holds, the other where it does not.
    #[must_use]
    pub fn if_else(self, condition: Self, otherwise: Self) -> Self {
        // A condition that does not hold is not made to hold: the other comes first.
        self.only_if(condition.clone()).and(otherwise.or(condition))
    }

    /// `(this unless condition)`: this holds and the condition does not, as rpm has it.
    #[must_use]
    pub fn unless(self, condition: Self) -> Self {
        self.and(condition.negated())
    }

    /// `(this unless condition else otherwise)`: this where the condition does not hold, the other where it does.
    #[must_use]
    pub fn unless_else(self, condition: Self, otherwise: Self) -> Self {
        self.clone().unless(condition.clone()).or(otherwise.and(condition))
    }

    /// The capability, if that is all.
    pub(crate) fn capability(&self) -> Option<Capability> {
        match &self.0 {
            Repr::Has(capability) => Some(*capability),
            Repr::Postfix(_) => None,
        }
    }

    /// The steps in postfix order.
    pub(crate) fn steps(&self) -> Vec<Op> {
        self.clone().into_steps()
    }

    fn into_steps(self) -> Vec<Op> {
        match self.0 {
            Repr::Has(capability) => vec![Op::Has(capability)],
            Repr::Postfix(steps) => steps,
        }
    }

    fn join(parts: impl IntoIterator<Item = Self>, op: fn(u32) -> Op) -> Self {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return Self(Repr::Postfix(vec![op(0)]));
        };
        let Some(second) = parts.next() else {
            return first;
        };
        // The steps of the first part are kept and added to, so that a long chain to the left costs its length once.
        let mut steps = first.into_steps();
        steps.extend(second.into_steps());
        let mut count = 2;
        for part in parts {
            steps.extend(part.into_steps());
            count += 1;
        }
        steps.push(op(count));
        Self(Repr::Postfix(steps))
    }
}

impl From<Capability> for Formula {
    fn from(capability: Capability) -> Self {
        Self::has(capability)
    }
}
