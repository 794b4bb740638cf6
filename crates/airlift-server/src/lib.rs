//! Listeners, access log, metrics and graceful stop.
//!
//! [`Server::bind`] opens the current snapshot of a store and really listens; [`Server::run`] answers until it is told to
//! stop. Kinds with the same address share a listener and are asked in order. While it runs, the store is looked at every
//! now and then, and another current snapshot is switched to between two requests.
//!
//! * [`settings`]: where to listen, and the limits.
//! * [`server`]: binding, running, stopping.
//! * `listen`, `io`: a connection from `accept` to its last byte. Mapped blobs leave by `sendfile(2)`.
//! * `path`, `service`: from the request's line to a kind's answer.
//! * `tls`, `tls_io`: a connection with TLS, and the certificate that it shows.
//! * `users`, `htpasswd`, `guesses`: who may ask.
//! * `followed`: what is read again when its files change.
//! * `site`: the snapshot that is served now.
//! * `admin`, `metrics`, `access_log`, `misses`: for those who watch it.
//! * `page`: what is here, and how to use it, for a person with a browser.

mod access_log;
mod admin;
pub mod error;
mod followed;
mod guesses;
mod holder;
pub mod htpasswd;
mod io;
mod listen;
mod metrics;
mod misses;
mod page;
mod path;
mod question;
mod seats;
pub mod server;
mod service;
pub mod settings;
mod setup;
mod site;
mod tls;
mod tls_io;
mod users;

pub use error::ServeError;
pub use htpasswd::HtpasswdError;
pub use server::Server;
pub use settings::{Settings, Tls};
