//! Why a server can't start.

use std::io;
use std::net::SocketAddr;

use airlift_core::{Class, Failure};
use airlift_store::StoreError;
use airlift_tls::TlsError;

use crate::htpasswd::HtpasswdError;

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
    /// The certificate can't be shown.
    #[error("there is no TLS with this certificate")]
    Tls {
        /// What is wrong with it.
        source: TlsError,
    },
    /// TLS itself can't be set up.
    #[error("TLS can't be set up: {detail}")]
    Protocol {
        /// What the library says.
        detail: String,
    },
    /// The file of users can't be used.
    #[error("the users can't be read")]
    Users {
        /// What is wrong with it.
        source: HtpasswdError,
    },
    /// Passwords would go over the network in plain text.
    #[error("passwords would be sent in plain text: whoever listens on the network could read them, and use them")]
    PlainPasswords,
    /// No kind is left to be served.
    #[error("no kind is to be served")]
    NoKinds,
}

impl Failure for ServeError {
    fn class(&self) -> Class {
        match self {
            Self::Store { source } => source.class(),
            Self::Tls { source } => source.class(),
            Self::Users { source } => source.class(),
            Self::Bind { .. } | Self::Protocol { .. } => Class::Machine,
            Self::NoKinds | Self::PlainPasswords => Class::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store { source } => source.hint(),
            Self::Tls { source } => source.hint(),
            Self::Users { source } => source.hint(),
            Self::Protocol { .. } => None,
            Self::PlainPasswords => Some(
                "serve with TLS ('airlift tls init' once, then '--tls'); or type '--allow-plain-passwords' where something else \
                 encrypts them, such as a TLS proxy on this host"
                    .to_owned(),
            ),
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
