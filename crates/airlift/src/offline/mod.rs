//! The variables by which DeepOps and Kubespray fetch from the mirror, as far as a snapshot answers for them, and what no
//! variable moves.
//!
//! What there is, is data: `profiles/overrides.toml`, `profiles/gaps.toml` and the inventory. [`answers`] says which of it holds
//! for a snapshot, [`mod@print`] writes it down for Ansible or for a shell.

mod addresses;
mod answers;
pub(crate) mod print;
#[cfg(test)]
mod tests;

pub(crate) use addresses::Addresses;
pub(crate) use answers::Answers;
