//! Putting a host back as it was.

use crate::error::SetupError;
use crate::journal::{Deed, Entry};
use crate::put::Options;
use crate::root::Root;
use crate::session::Session;
use crate::told::Told;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reverted {
    /// How many files were put back, taken away, or found changed by hand.
    pub changes: usize,
    /// How many of them stay, since they were changed by hand.
    pub by_hand: usize,
}

/// Puts a host back as it was, or what concerns the chosen clients. What was changed by hand since is not touched.
///
/// # Errors
///
/// [`SetupError`]. It goes on where it was when it is run again.
pub fn revert(root: &Root, options: &Options, tell: &mut dyn FnMut(Told)) -> Result<Reverted, SetupError> {
    let mut session = Session::open(root, options.dry_run, tell)?;
    let known = |name: &String| session.journal.entries.iter().any(|entry| entry.client == *name);
    if let Some(name) = options.only.iter().find(|name| !known(name)) {
        let mut known: Vec<&str> = session.journal.entries.iter().map(|entry| entry.client.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        known.retain(|name| *name != "-");
        return Err(SetupError::NotSetUp { name: name.clone(), known: known.join(", ") });
    }
    let chosen = |entry: &Entry| match entry.deed {
        Deed::Mirror => options.only.is_empty(),
        // The place where things are kept is the last to go.
        _ => entry.client != "-" && options.chooses(&entry.client),
    };
    if !session.journal.entries.is_empty() {
        session.take_back(&chosen)?;
    }
    Ok(Reverted { changes: session.changes, by_hand: session.by_hand })
}
