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
        let _ = parts;
        todo!()
    }

    /// Any of these holds, the first preferred. Of none: false.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let _ = parts;
        todo!()
    }

    /// This does not hold.
    pub fn negated(self) -> Self {
        todo!()
    }

    /// `(this and other)`.
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// `(this or other)`, this one preferred.
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// `(this if condition)`: holds where the condition does not.
    pub fn only_if(self, condition: Self) -> Self {
        let _ = condition;
        todo!()
    }

    /// `(this if condition else otherwise)`.
    pub fn if_else(self, condition: Self, otherwise: Self) -> Self {
        let _ = (condition, otherwise);
        todo!()
    }

    /// `(this unless condition)`: this holds and the condition does not, as rpm has it.
    pub fn unless(self, condition: Self) -> Self {
        let _ = condition;
        todo!()
    }

    /// `(this unless condition else otherwise)`.
    pub fn unless_else(self, condition: Self, otherwise: Self) -> Self {
        let _ = (condition, otherwise);
        todo!()
    }
}

impl From<Capability> for Formula {
    fn from(capability: Capability) -> Self {
        Self::has(capability)
    }
}
