//! Which OpenPGP signatures Airlift believes, and those that it makes (RFC 9580, RFC 4880).
//!
//! The library below reads packets and does the mathematics; whether a signature *counts* is decided here, and the same
//! for every kind:
//!
//! * It is made by a key of the [`Keyring`], by its primary key or by a subkey that is bound to it for signing, in both
//!   directions.
//! * It does not use MD5, SHA-1 or RIPEMD-160, and no RSA key below 2048 bits.
//! * At the time of signing the key existed, had not expired, and was not revoked; a key that was revoked because it was
//!   stolen, or for no stated reason, never counts. The signature itself has not expired, and is not from the future.
//!
//! What is good but will be refused by stricter clients is told in [`Verified::remarks`].
//!
//! [`SigningKey`] signs what Airlift had to write anew: the metadata of repositories of which only a part travels.

mod error;
mod keyring;
mod policy;
mod signing;
mod verify;

pub use error::{KeyError, Problem, Rejected, VerifyError};
pub use keyring::{KeyInfo, Keyring};
pub use signing::{SigningError, SigningKey};
pub use verify::{Data, Inline, Verified, unverified_text};
