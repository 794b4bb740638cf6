//! In-process upstreams, the conformance suite of kinds, and a hermetic command runner.

pub mod conformance;
pub mod registry;
pub mod signing;
pub mod upstream;
