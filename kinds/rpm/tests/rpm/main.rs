//! One program with all tests, since each links most of the machine.

mod hostile;
mod racing;
mod repositories;
mod upstream;
