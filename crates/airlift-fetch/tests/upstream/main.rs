//! The engine against upstreams that break: nothing is lost, nothing wrong lands, no secret is told.

#![expect(clippy::print_stdout, reason = "the seed of a test that fails has to be known")]

mod credentials;
mod documents;
mod ending;
mod engine;
mod faults;
mod pieces;
mod resume;
mod secrets;
mod ways;
mod world;
