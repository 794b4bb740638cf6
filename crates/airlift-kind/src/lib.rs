//! What a kind of content is, and the one HTTP responder that serves them all.
//!
//! A kind is a planner and a lookup. [`Kind::collect`] turns its part of the manifest into a plan; [`Kind::serve`] turns
//! a [`View`] of a snapshot into a [`Lookup`], which says what a path means. The machine does the rest: the engine of
//! `airlift-fetch` fetches and locks, [`respond`] answers `HEAD`, ranges and validators.
//!
//! * [`kind`]: the trait, and its object-safe twin for the list of kinds.
//! * [`catalogue`]: how a person sees what a kind has.
//! * [`context`]: what a kind is given to plan with.
//! * [`machine`]: what a kind may ask about the machine that it plans on.
//! * [`client`]: the files that point clients here.
//! * [`hosts`]: for which hosts something is.
//! * [`view`]: what a kind sees of a snapshot.
//! * [`reply`]: what a path means.
//! * [`respond`]: the responder.
//! * [`texts`]: lists of texts in a manifest.

pub mod catalogue;
pub mod client;
pub mod context;
pub mod hosts;
pub mod kind;
pub mod machine;
pub mod reply;
pub mod respond;
pub mod texts;
pub mod view;

pub use catalogue::{Fact, Item, Nouns, Shown, Usage};
pub use client::{Address, Client, ClientError, ClientFile, Mirror};
pub use context::{CollectContext, Signer, SignerError};
pub use hosts::{Hosts, HostsFields};
pub use kind::{DynKind, Erased, Kind, Section};
pub use machine::{Machine, NoMachine};
pub use reply::{Answer, Asked, Asks, Content, Found, Lookup, Piece, Reply, Scheme};
pub use texts::Texts;
pub use view::View;
