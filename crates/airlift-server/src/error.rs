//! Why a server can't start.

use std::io;
use std::net::SocketAddr;

use airlift_core::{Class, Failure};
use airlift_store::StoreError;

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The store can't be read, or has no snapshot.
    #[error("there is nothing to serve")]
    Store {
        /// What is wrong with it.
        source: StoreError,
    },
    /// An address can't be listened on.
    #[error("can't listen on {address} for {what}{}", holder.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The kinds that should be served there, or `admin`.
        what: String,
        /// Who listens there already, where that can be found out: a sentence.
        holder: Option<String>,
        /// What the system says.
        source: io::Error,
    },
    /// No kind is left to be served.
    #[error("no kind is to be served")]
    NoKinds,
}

impl Failure for ServeError {
    fn class(&self) -> Class {
        match self {
            Self::Store { source } => source.class(),
            Self::Bind { .. } => Class::Machine,
            Self::NoKinds => Class::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store { source } => source.hint(),
            Self::NoKinds => Some("leave out a `--disable`".to_owned()),
            Self::Bind { address, what, source, .. } => {
                let other = match what.as_str() {
                    "admin" => "choose another port with `--admin-port PORT`".to_owned(),
                    what => {
                        let kind = what.split(", ").next().unwrap_or(what);
                        format!("choose another port with `--port {kind}=PORT`, or any free one with `--port {kind}=0`")
                    }
                };
                match source.kind() {
                    io::ErrorKind::AddrInUse => Some(format!("stop what listens there, or {other}")),
                    io::ErrorKind::PermissionDenied if address.port() < 1024 => {
                        Some(format!("ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); {other}"))
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        Some(format!("no network interface of this machine has the address {}", address.ip()))
                    }
                    _ => Some(other),
                }
            }
        }
    }
}
