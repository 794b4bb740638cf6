//! Points a client at a mirror, and back.
//!
//! What has to be done is data, a [`List`], which the mirror offers as `/setup.json`. There are two ways to do it, and both
//! leave the same bytes: [`put_in`], and the [`script`] that the mirror offers as `/setup.sh`, for hosts that have a
//! shell and nothing else. Either can take back what the other did, since what was replaced is kept, and written into a
//! journal, in one form.
//!
//! * [`list`]: what has to be done.
//! * [`credentials`]: the name and the password that it may ask for.
//! * [`edit`]: changes of a file that is there already, which keep the rest of it.
//! * [`journal`]: what was done, so that it can be taken back.
//! * [`host`]: which host it is.
//! * [`root`]: the client's files.
//! * [`put`], [`mod@revert`]: there and back.
//! * [`mod@status`]: where the clients themselves say that they go.
//! * [`script`]: the same as a shell script.

pub mod credentials;
pub mod edit;
mod error;
pub mod host;
pub mod journal;
pub mod list;
pub mod put;
pub mod revert;
pub mod root;
pub mod script;
mod session;
pub mod status;
pub mod told;

pub use credentials::Credentials;
pub use error::SetupError;
pub use host::Host;
pub use list::List;
pub use put::{Options, put_in};
pub use revert::revert;
pub use root::Root;
pub use status::status;
pub use told::{Done, Told};
