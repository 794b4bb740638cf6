//! What a server shows: a certificate with its chain, and the key that belongs to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlift_core::Time;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::certificate::{self, Certificate};
use crate::error::TlsError;

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and behind it those of the authorities between it and the root: PEM.
    pub certificate: PathBuf,
    /// The private key: PEM, not locked with a password.
    pub key: PathBuf,
}

/// A certificate and its key, which belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What a server shows, and proves.
    pub certified: Arc<CertifiedKey>,
    /// What the certificate says.
    pub certificate: Certificate,
}

impl Pair {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    ///
    /// Where one of them can't be read or is something else, where they do not belong together, and where the
    /// certificate has expired.
    pub fn read(files: &Files, now: Time) -> Result<Self, TlsError> {
        let chain = certificate::chain(&files.certificate)?;
        let certificate = Certificate::of(&chain[0], &files.certificate)?;
        let key = key(&files.key)?;
        let path = || files.certificate.clone();
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::KeyMismatch { certificate: path(), key: files.key.clone(), authority: certificate.authority }
            }
            Error::InvalidCertificate(error) => TlsError::BrokenCertificate { path: path(), detail: error.to_string() },
            error => TlsError::BrokenKey { path: files.key.clone(), detail: error.to_string() },
        })?;
        if certificate.until < now {
            return Err(TlsError::Expired { path: path(), until: certificate.until, now });
        }
        Ok(Self { certified: Arc::new(certified), certificate })
    }
}

/// The cryptography of everything that speaks TLS here.
pub fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// The private key of a PEM file.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = certificate::read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            TlsError::NoKey { path: path.to_owned(), instead: certificate::what_it_is(&pem) }
        }
        error => TlsError::BrokenKey { path: path.to_owned(), detail: error.to_string() },
    })
}
