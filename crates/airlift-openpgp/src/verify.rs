//! Detached and inline signatures.

use std::io::Read;

use airlift_core::Time;
use pgp::composed::{CleartextSignedMessage, Deserializable, DetachedSignature, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, VerifyingKey};

use crate::error::{Problem, Rejected, VerifyError};
use crate::keyring::{Keyring, fingerprint, time};
use crate::policy;

/// How much later than now a signature may be dated: clocks differ.
const CLOCKS_DIFFER: u64 = 24 * 60 * 60;

/// More signatures than this on one document are not read.
const MOST_SIGNATURES: usize = 64;

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The fingerprint of the primary key, in upper-case hexadecimal characters.
    pub primary: String,
    /// The fingerprint of the key that signed: the primary key's or a subkey's.
    pub key: String,
    /// When it was made.
    pub signed: Time,
    /// What stricter clients would refuse: sentences.
    pub remarks: Vec<String>,
}

/// A signed text (RFC 9580, section 7: the cleartext signature framework).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inline {
    /// The signed text alone, with `\n` line ends; what stood around it is not in it.
    pub text: String,
    /// The signature.
    pub verified: Verified,
}

/// Opens signed data from its start.
pub type Data<'a> = &'a dyn Fn() -> Box<dyn Read + 'a>;

impl Keyring {
    /// Verifies a detached signature, armored or binary, over these bytes.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] where no signature counts.
    pub fn verify_detached(&self, signature: &[u8], data: &[u8], now: Time) -> Result<Verified, VerifyError> {
        self.verify_stream(signature, &|| Box::new(data), now)
    }

    /// The same over what is too large for memory: `data` opens it from its start, once for every key that may have
    /// signed it. What can't be read to its end counts as other bytes than the signed ones.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] where no signature counts.
    pub fn verify_stream(&self, signature: &[u8], data: Data<'_>, now: Time) -> Result<Verified, VerifyError> {
        let unreadable = |source: pgp::errors::Error| VerifyError::Unreadable { source: source.into() };
        let cursor = std::io::Cursor::new(signature);
        let (signatures, _) = DetachedSignature::from_reader_many_buf(cursor).map_err(unreadable)?;
        let signatures = signatures.take(MOST_SIGNATURES).map(|signature| signature.map(|found| found.signature));
        let signatures: Vec<Signature> = signatures.collect::<Result<_, _>>().map_err(unreadable)?;
        self.any(&signatures, data, now)
    }

    /// Verifies a text that carries its signature, as `InRelease` does, and returns the text that is signed.
    ///
    /// Text before or after the signed part is refused.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] where no signature counts.
    pub fn verify_inline(&self, message: &[u8], now: Time) -> Result<Inline, VerifyError> {
        let (message, _) = CleartextSignedMessage::from_armor(message)
            .map_err(|source| VerifyError::Unreadable { source: source.into() })?;
        let text = message.signed_text();
        let signatures = message.signatures();
        let verified =
            self.any(&signatures[..signatures.len().min(MOST_SIGNATURES)], &|| Box::new(text.as_bytes()), now)?;
        Ok(Inline { text: text.replace("\r\n", "\n"), verified })
    }

    /// The first signature that counts.
    fn any(&self, signatures: &[Signature], data: Data<'_>, now: Time) -> Result<Verified, VerifyError> {
        let mut rejected = Vec::new();
        for signature in signatures {
            match self.one(signature, data, now) {
                Ok(verified) => return Ok(verified),
                Err(problem) => rejected.push(Rejected { key: issuer(signature), problem }),
            }
        }
        match rejected.is_empty() {
            true => Err(VerifyError::None),
            false => Err(VerifyError::Bad { rejected, accepted: self.accepted() }),
        }
    }

    fn one(&self, signature: &Signature, data: Data<'_>, now: Time) -> Result<Verified, Problem> {
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err(Problem::NotOverData);
        }
        if let Some(weak) = weak_hash(signature.hash_alg()) {
            return Err(Problem::WeakHash(weak));
        }
        let mut problem = Problem::UnknownKey;
        for certificate in &self.certificates {
            match self.by(certificate, signature, data, now) {
                Err(Problem::UnknownKey) => {}
                Err(other) => problem = other,
                Ok(verified) => return Ok(verified),
            }
        }
        Err(problem)
    }

    /// Whether one certificate's keys made the signature.
    fn by(&self, of: &SignedPublicKey, signature: &Signature, data: Data<'_>, now: Time) -> Result<Verified, Problem> {
        let primary = fingerprint(&of.primary_key);
        let signed = signature.created().map(time);
        if self.accepts(&primary, &primary) && names(signature, &of.primary_key) {
            check(&of.primary_key, signature, data)?;
            let signed = dated(signature, signed, now)?;
            let remarks = policy::primary(of, signed, now)?;
            return Ok(Verified { key: primary.clone(), primary, signed, remarks });
        }
        let mine = |subkey: &&pgp::composed::SignedPublicSubKey| names(signature, &subkey.key);
        let subkey = of.public_subkeys.iter().find(mine).ok_or(Problem::UnknownKey)?;
        let key = fingerprint(&subkey.key);
        if !self.accepts(&key, &primary) {
            return Err(Problem::UnknownKey);
        }
        check(&subkey.key, signature, data)?;
        let signed = dated(signature, signed, now)?;
        let remarks = policy::subkey(of, subkey, signed, now)?;
        Ok(Verified { primary, key, signed, remarks })
    }
}

/// The text of a message that carries its signature, which nobody has verified: for what is said to be unsigned.
///
/// # Errors
///
/// [`VerifyError::Unreadable`] where it is no such message.
pub fn unverified_text(message: &[u8]) -> Result<String, VerifyError> {
    let (message, _) = CleartextSignedMessage::from_armor(message)
        .map_err(|source| VerifyError::Unreadable { source: source.into() })?;
    Ok(message.signed_text().replace("\r\n", "\n"))
}

/// Whether the signature says to be from this key. A signature that names no key can't be attributed, and does not count.
fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let by_fingerprint = signature.issuer_fingerprint();
    match by_fingerprint.is_empty() {
        false => by_fingerprint.contains(&&key.fingerprint()),
        true => signature.issuer_key_id().contains(&&key.legacy_key_id()),
    }
}

fn check(key: &impl VerifyingKey, signature: &Signature, data: Data<'_>) -> Result<(), Problem> {
    policy::strong(key)?;
    signature.verify(key, data()).map_err(|_| Problem::Wrong)
}

fn dated(signature: &Signature, signed: Option<Time>, now: Time) -> Result<Time, Problem> {
    let signed = signed.ok_or(Problem::Undated)?;
    if signed.seconds() > now.seconds() + CLOCKS_DIFFER {
        return Err(Problem::Future(signed));
    }
    let expires = signature.signature_expiration_time().and_then(|after| policy::after(signed, after));
    match expires {
        Some(expires) if expires < now => Err(Problem::Expired(expires)),
        _ => Ok(signed),
    }
}

/// The hash's name where it can be forged, or where nothing is known of it.
pub(crate) const fn weak_hash(algorithm: Option<HashAlgorithm>) -> Option<&'static str> {
    match algorithm {
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512 | HashAlgorithm::Sha224) => None,
        Some(HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_512) => None,
        Some(HashAlgorithm::Md5) => Some("MD5"),
        Some(HashAlgorithm::Sha1) => Some("SHA-1"),
        Some(HashAlgorithm::Ripemd160) => Some("RIPEMD-160"),
        _ => Some("an unknown hash"),
    }
}

/// Who a signature says to be from.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| fingerprint.to_string());
    let id = || signature.issuer_key_id().first().map(|id| id.to_string());
    fingerprint.or_else(id).map_or_else(|| "unknown".to_owned(), |name| name.to_uppercase())
}
