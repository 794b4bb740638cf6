//! What a certificate says (RFC 5280).

use std::net::IpAddr;
use std::path::Path;

use airlift_core::Time;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::TlsError;
use crate::name::Name;

/// The most bytes of a file with certificates or a key.
const LARGEST: u64 = 1 << 20;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is: `CN=mirror`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<Name>,
    /// Since when it is valid.
    pub since: Time,
    /// Until when it is valid.
    pub until: Time,
    /// Whether it may issue others.
    pub authority: bool,
    /// The SHA-256 of all of it, as OpenSSL prints it: `4F:0B:…`.
    pub fingerprint: String,
}

impl Certificate {
    /// The first certificate of a PEM file.
    ///
    /// # Errors
    ///
    /// Where the file can't be read, or begins with none.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        Self::of(&chain(path)?[0], path)
    }

    /// What a certificate says; the path is for the error.
    pub(crate) fn of(der: &CertificateDer<'_>, path: &Path) -> Result<Self, TlsError> {
        let broken = |detail: String| TlsError::BrokenCertificate { path: path.to_owned(), detail };
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| broken(error.to_string()))?;
        let alternatives = parsed.subject_alternative_name().map_err(|error| broken(error.to_string()))?;
        let names = alternatives.map_or(&[][..], |names| &names.value.general_names).iter().filter_map(name);
        Ok(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names.collect(),
            since: Time::from_seconds(parsed.validity().not_before.timestamp()),
            until: Time::from_seconds(parsed.validity().not_after.timestamp()),
            authority: parsed.is_ca(),
            fingerprint: fingerprint(der),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<Name> {
    match name {
        GeneralName::DNSName(name) => Some(Name::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let v4 = || <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from);
            v4().or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from)).map(Name::Address)
        }
        _ => None,
    }
}

fn fingerprint(der: &[u8]) -> String {
    let bytes = digest(&SHA256, der);
    bytes.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// All certificates of a PEM file, one at least.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let broken = |error: rustls::pki_types::pem::Error| TlsError::BrokenCertificate {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    let certificates = certificates.map_err(broken)?;
    match certificates.is_empty() {
        true => Err(TlsError::NoCertificate { path: path.to_owned(), instead: what_it_is(&pem) }),
        false => Ok(certificates),
    }
}

/// A whole file, which is not larger than such a file is.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let file = fs_err::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST), &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// What a file without what was looked for has instead, as the end of a sentence.
pub(crate) fn what_it_is(bytes: &[u8]) -> &'static str {
    let has = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    match bytes {
        [] => "it is empty",
        _ if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") => {
            "it holds a private key that is locked with a password"
        }
        _ if has("PRIVATE KEY-----") => "it holds a private key",
        _ if has("-----BEGIN CERTIFICATE REQUEST-----") => "it holds a request for a certificate",
        _ if has("-----BEGIN CERTIFICATE-----") => "it holds a certificate",
        [0x30, ..] => "it looks like DER, and PEM is needed",
        _ => "it is not PEM",
    }
}
