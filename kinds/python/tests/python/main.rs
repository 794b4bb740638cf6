//! The kind against indexes that the tests make: what is chosen, what is served, what is refused.

mod ahead;
mod choosing;
mod elsewhere;
mod git;
mod hostile;
mod serving;
mod sources;
mod upstream;
