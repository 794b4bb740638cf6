//! The mirror as a service of systemd.
//!
//! * [`mod@unit`]: the unit's text, from the one template `airlift.service`, and what a unit says.
//! * [`words`]: command lines as systemd reads them.
//! * [`place`]: files and links below a root, written only where they differ.
//! * [`account`]: the account that it runs as.
//! * [`systemd`]: what systemd is asked and told.
//! * [`health`]: what the mirror says of itself.

pub(crate) mod account;
pub(crate) mod error;
pub(crate) mod health;
pub(crate) mod place;
pub(crate) mod systemd;
pub(crate) mod unit;
pub(crate) mod words;

pub(crate) use error::ServiceError;
