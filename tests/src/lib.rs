//! End to end: real registries upstream, real clients downstream, Airlift in between.
//!
//! This crate is the harness; the tests are in `tests/*.rs`. Every program that a test needs is installed by
//! `scripts/install-test-tools`. Everything runs on loopback, below temporary folders, and ends with the test process.
//!
//! A function here fails by panicking with a sentence that says what went wrong, since that is how a test fails.

pub mod airlift;
pub mod booted;
pub mod browser;
pub mod changing;
pub mod clients;
pub mod debs;
pub mod digest;
pub mod dnf;
pub mod faulty;
pub mod files;
pub mod galaxy_server;
pub mod git_server;
pub mod http;
pub mod images;
pub mod internet;
pub mod isolated;
pub mod listing;
pub mod manifests;
pub mod mirror;
pub mod playbook;
pub mod process;
pub mod random;
pub mod registry;
pub mod relay;
pub mod rootfs;
pub mod rpms;
pub mod temporary;
pub mod token;
pub mod tools;
pub mod world;
