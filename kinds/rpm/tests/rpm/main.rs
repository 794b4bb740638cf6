//! One program with all tests, since each links most of the machine.

mod folders;
mod headers;
mod hostile;
mod listed;
mod package;
mod parts;
mod racing;
mod repositories;
mod seen;
mod signatures;
mod upstream;
