//! TLS: the certificate that is shown, and what is spoken.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use airlift_core::Time;
use airlift_tls::{Certificate, Pair, TlsError, name, pair};
use bytes::Bytes;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::error::ServeError;
use crate::followed::Followed;
use crate::settings;

/// What connections speak within TLS. A second version would leave the responder as it is, and bring nothing for blobs.
const PROTOCOL: &[u8] = b"http/1.1";

/// What a server shows of itself.
pub(crate) struct Shown {
    pair: Pair,
    /// The certificate of the authority that clients shall trust, as PEM.
    pub(crate) authority: Option<Bytes>,
}

impl Shown {
    fn read(settings: &settings::Tls) -> Result<Self, TlsError> {
        let pair = Pair::read(&settings.files, Time::from(SystemTime::now()))?;
        let pem = |path: &PathBuf| fs_err::read(path).map_err(|source| TlsError::Read { path: path.clone(), source });
        let authority = settings.authority.as_ref().map(pem).transpose()?.map(Bytes::from);
        Ok(Self { pair, authority })
    }

    /// What the certificate says.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.pair.certificate
    }

    /// As the end of a sentence.
    pub(crate) fn describe(&self) -> String {
        let Certificate { names, until, fingerprint, .. } = self.certificate();
        format!("showing the certificate of {}, valid until {until}, SHA-256 {fingerprint}", name::list(names))
    }
}

/// Reads the certificate for the first time.
pub(crate) fn open(settings: settings::Tls) -> Result<Followed<Shown>, ServeError> {
    let files = [&settings.files.certificate, &settings.files.key].into_iter().chain(&settings.authority);
    let opened = Followed::open(files.cloned().collect(), move || Shown::read(&settings));
    opened.map_err(|source| ServeError::Tls { source })
}

/// Accepts connections, each with the certificate that is current then.
pub(crate) fn acceptor(shown: Arc<Followed<Shown>>) -> Result<TlsAcceptor, ServeError> {
    let failed = |error: rustls::Error| ServeError::Protocol { detail: error.to_string() };
    let builder = ServerConfig::builder_with_provider(Arc::new(pair::provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(Resolver(shown)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Clients that come back save a handshake, and nothing has to be remembered of them.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(failed)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whoever comes is shown the same, whatever name they ask for.
struct Resolver(Arc<Followed<Shown>>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current().pair.certified))
    }
}
