//! The suite of every kind, and what is special about collections and roles.

mod collections;
mod hostile;
mod roles;
mod serving;
mod upstream;
