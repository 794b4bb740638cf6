//! Whether a key may sign, and could when it did.

use airlift_core::Time;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, PublicParams, Tag};

use crate::error::Problem;
use crate::keyring::time;

/// The fewest bits of an RSA key that is believed.
const FEWEST_BITS: usize = 2048;

/// The point in time so long after another; none where the duration is zero, which says "never" (RFC 9580, 5.2.3.13).
pub(crate) fn after(start: Time, duration: Duration) -> Option<Time> {
    let seconds = std::time::Duration::from(duration).as_secs();
    let end = i64::try_from(start.seconds().saturating_add(seconds)).unwrap_or(i64::MAX);
    (seconds > 0).then(|| Time::from_seconds(end))
}

/// Whether the key's mathematics is strong enough.
pub(crate) fn strong(key: &impl KeyDetails) -> Result<(), Problem> {
    let PublicParams::RSA(rsa) = key.public_params() else { return Ok(()) };
    // A modulus begins with its length in bits (RFC 9580, section 3.2).
    let bits = rsa.to_bytes().ok().and_then(|bytes| Some(usize::from(u16::from_be_bytes(*bytes.first_chunk()?))));
    match bits.unwrap_or_default() {
        bits if bits < FEWEST_BITS => Err(Problem::ShortKey(bits)),
        _ => Ok(()),
    }
}

/// Whether the primary key could sign at that time; what is to be remarked.
pub(crate) fn primary(of: &SignedPublicKey, signed: Time, now: Time) -> Result<Vec<String>, Problem> {
    let (own, mut remarks) = alive(of, signed, now)?;
    if !may_sign(own) {
        return Err(Problem::NotForSigning);
    }
    remark_hash(own, &mut remarks);
    Ok(remarks)
}

/// Whether a subkey could sign at that time; what is to be remarked.
pub(crate) fn subkey(
    of: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    signed: Time,
    now: Time,
) -> Result<Vec<String>, Problem> {
    let (_, mut remarks) = alive(of, signed, now)?;
    let of_type = |wanted| move |signature: &&Signature| signature.typ() == Some(wanted);
    let holds = |signature: &&Signature| {
        believable(signature) && signature.verify_subkey_binding(&of.primary_key, &subkey.key).is_ok()
    };
    let revocations = subkey.signatures.iter().filter(of_type(SignatureType::SubkeyRevocation)).filter(holds);
    revoked(revocations, signed)?;
    let bindings = subkey.signatures.iter().filter(of_type(SignatureType::SubkeyBinding)).filter(holds);
    let binding = bindings.max_by_key(|signature| signature.created()).ok_or(Problem::NotForSigning)?;
    // The subkey has to agree, or anybody could claim somebody else's key as a subkey of his (RFC 9580, 5.2.1.11).
    let agreed = binding
        .embedded_signature()
        .is_some_and(|back| believable(back) && back.verify_primary_key_binding(&subkey.key, &of.primary_key).is_ok());
    if !agreed || !may_sign(binding) {
        return Err(Problem::NotForSigning);
    }
    lifetime(time(subkey.key.created_at()), binding, (signed, now), &mut remarks)?;
    remark_hash(binding, &mut remarks);
    Ok(remarks)
}

/// Whether the certificate as a whole was in force: its newest self-signature, and what is to be remarked.
fn alive(of: &SignedPublicKey, signed: Time, now: Time) -> Result<(&Signature, Vec<String>), Problem> {
    let key = &of.primary_key;
    let holds = |signature: &&Signature| believable(signature) && signature.verify_key(key).is_ok();
    revoked(of.details.revocation_signatures.iter().filter(holds), signed)?;
    let direct = of.details.direct_signatures.iter().filter(holds);
    let users = of.details.users.iter().flat_map(|user| {
        let certifies = |signature: &&Signature| {
            signature.typ() != Some(SignatureType::CertRevocation)
                && believable(signature)
                && signature.verify_certification(key, Tag::UserId, &user.id).is_ok()
        };
        user.signatures.iter().filter(certifies)
    });
    let own = direct.chain(users).max_by_key(|signature| signature.created()).ok_or(Problem::NotForSigning)?;
    let mut remarks = Vec::new();
    lifetime(time(key.created_at()), own, (signed, now), &mut remarks)?;
    Ok((own, remarks))
}

/// Whether a signature of a key about itself may be considered. SHA-1 is, and remarked: the certificate comes from
/// where the manifest says, and old but sound keys have nothing newer.
fn believable(signature: &Signature) -> bool {
    !matches!(signature.hash_alg(), None | Some(HashAlgorithm::Md5 | HashAlgorithm::Ripemd160))
}

/// RFC 9580, section 5.2.3.31: a key that is retired or superseded was good until then; any other revocation means that
/// nothing it ever signed can be believed.
fn revoked<'a>(revocations: impl Iterator<Item = &'a Signature>, signed: Time) -> Result<(), Problem> {
    for revocation in revocations {
        let code = revocation.revocation_reason_code();
        let soft = matches!(code, Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired));
        let since = revocation.created().map(time);
        if soft && since.is_some_and(|since| signed < since) {
            continue;
        }
        let reason = match code {
            Some(RevocationCode::KeySuperseded) => "superseded",
            Some(RevocationCode::KeyRetired) => "retired",
            Some(RevocationCode::KeyCompromised) => "compromised",
            _ => "no reason given",
        };
        return Err(Problem::Revoked(reason.to_owned()));
    }
    Ok(())
}

fn lifetime(made: Time, own: &Signature, at: (Time, Time), remarks: &mut Vec<String>) -> Result<(), Problem> {
    let (signed, now) = at;
    if signed < made {
        return Err(Problem::NotForSigning);
    }
    match own.key_expiration_time().and_then(|duration| after(made, duration)) {
        Some(expired) if expired <= signed => Err(Problem::KeyExpired(expired)),
        Some(expired) if expired <= now => {
            remarks
                .push(format!("the key has expired at {expired}, after it signed; apt and rpm on clients refuse it"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether the flags let the key sign; keys from before there were flags may.
fn may_sign(own: &Signature) -> bool {
    let mut subpackets = own.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let flagged = subpackets.any(|subpacket| matches!(subpacket.data, SubpacketData::KeyFlags(_)));
    !flagged || own.key_flags().sign()
}

fn remark_hash(own: &Signature, remarks: &mut Vec<String>) {
    if own.hash_alg() == Some(HashAlgorithm::Sha1) {
        remarks.push("the key vouches for itself with SHA-1, which apt of Debian 13 and newer refuses".to_owned());
    }
}
