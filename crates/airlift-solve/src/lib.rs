//! Dependency solving for partial mirrors, knowing neither rpm nor deb: a kind describes its packages as a [`Catalogue`],
//! and [`closure`] says what has to travel so that every request can be installed behind the gap.
//!
//! # How a kind uses it
//!
//! 1. Every package of every repository gets a number: its [`Candidate`]. Name and architecture together get one: its
//!    [`Slot`] (two candidates of a slot exclude each other, unless [`Catalogue::is_parallel`]).
//! 2. Every requirement that is written in a package gets a number by its text: its [`Capability`]. The solver asks
//!    [`Catalogue::providers`] for it when it is first reached, and only once. Whatever has one list of candidates as its
//!    answer is one capability: `foo >= 2`, a file, `a | b | c` of Debian, `(a with b)`, `(a without b)` of rpm.
//! 3. The order of that list is the order of preference: highest version first; of several names, the ecosystem's order.
//! 4. What is more than one list is a [`Formula`]: `(a if b)`, `(a or b)`, `(a and b)`, `(a unless b else c)`.
//! 5. Every request of the manifest becomes a [`Root`]: a name, one match of a glob, one package of a group.
//!
//! Obsoletes are conflicts for the solver; that who obsoletes a name is also chosen for it is for the kind to say in
//! [`Catalogue::providers`]. What is filtered out (other modules' packages, other architectures) is in no answer at all.
#![doc = "```"]
#![doc = include_str!("../examples/three_packages.rs")]
#![doc = "```"]

mod catalogue;
mod closure;
mod error;
mod explain;
mod family;
mod formula;
mod guide;
mod problem;
mod provider;
mod solve;
mod tables;
mod translate;
mod verify;
mod watch;
mod words;

pub use catalogue::{Candidate, Capability, Catalogue, Conflict, Dependencies, Slot};
pub use closure::{Closure, Options, Root, Solution, Transactions, closure};
pub use error::Error;
pub use explain::Explanation;
pub use family::bound;
pub use formula::Formula;
