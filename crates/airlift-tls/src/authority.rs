//! The private authority: a key that signs, and the certificate by which clients know it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use airlift_core::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};

use crate::error::TlsError;
use crate::name::Name;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an authority lives: longer than the clusters that are built from its mirror.
const LIFE: Duration = Duration::from_secs(3653 * 24 * 60 * 60);
/// What is issued is dated so much before now, so that machines whose clocks go wrong by less accept it at once.
const BACKDATED: Duration = DAY;
/// The longest common name (RFC 5280, appendix A.1, ub-common-name).
const LONGEST_COMMON_NAME: usize = 64;

/// An authority that can sign.
pub(crate) struct Authority {
    /// Its certificate as PEM.
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    until: Time,
}

impl Authority {
    /// A new one, as PEM: its certificate, and its key.
    ///
    /// It may issue nothing but certificates of servers (no further authorities). It is not bound to some domain (RFC 5280,
    /// section 4.2.1.10): a name that the mirror gets later would need a new authority, and that one a visit to every client.
    pub(crate) fn make(host: &str, now: SystemTime) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial());
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + LIFE).into();
        // Two authorities that are called the same confuse the trust stores that look for names.
        let date: String = Time::from(now).to_string().chars().take(10).collect();
        params.distinguished_name = common_name(&format!("Airlift CA of {host} ({date})"));
        Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
    }

    /// One that was made before.
    pub(crate) fn new(pem: String, key: KeyPair, until: Time) -> Result<Self, rcgen::Error> {
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&pem, key)?, pem, until })
    }

    /// A certificate for a mirror's key, as PEM, with the authority's own behind it: whoever looks at what the mirror shows
    /// sees which authority is to be trusted.
    ///
    /// It lives as long as its authority unless a number of days is asked for.
    pub(crate) fn issue(
        &self,
        names: &[Name],
        key: &KeyPair,
        (now, days): (SystemTime, Option<u16>),
    ) -> Result<String, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial());
        params.not_before = (now - BACKDATED).into();
        let asked = days.map_or(self.until.system(), |days| now + DAY * u32::from(days));
        params.not_after = asked.min(self.until.system()).into();
        params.distinguished_name =
            names.first().map_or_else(DistinguishedName::new, |name| common_name(&name.to_string()));
        let alternative = |name: &Name| match name {
            Name::Dns(name) => Ok(SanType::DnsName(name.as_str().try_into()?)),
            Name::Address(address) => Ok(SanType::IpAddress(*address)),
        };
        params.subject_alt_names = names.iter().map(alternative).collect::<Result<_, rcgen::Error>>()?;
        Ok(params.signed_by(key, &self.issuer)?.pem() + &self.pem)
    }
}

/// The key of a PEM file.
pub(crate) fn key(pem: &[u8], path: &Path) -> Result<KeyPair, TlsError> {
    let broken = |detail: String| TlsError::BrokenKey { path: path.to_owned(), detail };
    let pem = std::str::from_utf8(pem).map_err(|error| broken(error.to_string()))?;
    KeyPair::from_pem(pem).map_err(|error| broken(error.to_string()))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name.chars().take(LONGEST_COMMON_NAME).collect::<String>());
    distinguished
}

/// A number that no other certificate has, the renewed one of the same key neither: some clients refuse to see one twice.
fn serial() -> SerialNumber {
    let mut bytes = [0; 16];
    // Where the system has no random numbers there was no key either.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    // Positive, and of full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}
