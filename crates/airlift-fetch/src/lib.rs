//! The one engine that downloads: resume, retries, credentials, verification.
//!
//! A kind says *what* it wants, as a [`airlift_core::Plan`]; everything about *how* is here, once for all kinds:
//!
//! * [`Fetcher`]: asks one upstream for one thing, into the store. Whatever arrives is hashed, and gets a name only when
//!   size and checksums are right.
//! * [`engine`]: fetches a whole plan, each blob once, and names together all that could not be had.
//! * [`Settings`]: limits, patience, proxies, certificate authorities and credentials, which the program hands over.
//! * [`FetchError`]: what could not be fetched, from where, what upstream said about it, and what helps.
//!
//! Inside, from the wire upwards: `client` (reqwest) ─► `exchange` (one answer: `limits`, `auth`, `redirect`) ─► `retry`
//! ─► `document` and `download` ─► `engine`.

mod answer;
mod auth;
mod client;
mod document;
mod download;
mod ending;
pub mod engine;
mod error;
mod exchange;
mod fetcher;
mod file;
mod limits;
mod memo;
mod question;
mod ratelimit;
mod reader;
mod redirect;
mod retry;
mod scratch;
mod settings;
mod verify;

pub use error::{FetchError, Transport, TransportKind};
pub use fetcher::{Document, Expected, Fetched, Fetcher, Head};
pub use reader::Reader;
pub use scratch::Scratch;
pub use settings::{Proxies, Settings};
