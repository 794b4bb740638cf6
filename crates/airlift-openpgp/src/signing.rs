//! Signatures that Airlift makes itself, over metadata that it had to write anew.

use airlift_core::{Class, Failure, Secret, Time};
use pgp::composed::{
    CleartextSignedMessage, Deserializable, DetachedSignature, KeyType, SignedKeyDetails, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::types::{KeyDetails, KeyVersion, PacketHeaderVersion, Password, SecretParams, SignedUser, Tag, Timestamp};
use rand::rngs::OsRng;

use crate::keyring::{Keyring, fingerprint, time};
use crate::policy;

/// The size in bits of a key that is made here. RSA, since rpm and gpg of EL 7 and EL 8 know no Ed25519.
const BITS: u32 = 3072;

/// A key that signs. It has one primary key and no subkeys, never expires, and has no passphrase: it is for a machine.
///
/// Signatures are deterministic: RSA (PKCS #1 version 1.5) over SHA-256, at a time that the caller gives.
#[derive(Clone)]
pub struct SigningKey {
    key: SignedSecretKey,
    created: Time,
}

/// A key that can't be made, read or used for signing.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// It can't be made.
    #[error("a signing key can't be made")]
    Make {
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not an OpenPGP secret key, or damaged.
    #[error("{name} can't be read as an OpenPGP secret key")]
    Unreadable {
        /// Where it is from.
        name: String,
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It has a passphrase.
    #[error("the secret key in {name} is protected by a passphrase, and nobody can be asked for it")]
    Protected {
        /// Where it is from.
        name: String,
    },
    /// It is not one for signing, is too weak, or its halves do not belong together.
    #[error("the secret key in {name} can't sign: {reason}")]
    Unusable {
        /// Where it is from.
        name: String,
        /// Why.
        reason: String,
    },
    /// It does not sign.
    #[error("the signing key does not sign")]
    Sign {
        /// What the library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Failure for SigningError {
    fn class(&self) -> Class {
        Class::Machine
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable { .. } | Self::Unusable { .. } => Some(
                "restore the key from where it is kept, or move it away: the next collect makes a new one, which clients then \
                 have to be given"
                    .to_owned(),
            ),
            Self::Protected { .. } => {
                Some("take the passphrase off with 'gpg --edit-key', and protect the file by its mode".to_owned())
            }
            _ => None,
        }
    }
}

impl SigningKey {
    /// Makes a key for this user id. It takes about a second.
    ///
    /// `created` is the date that it bears. Signatures are never dated before it, since clients refuse such.
    ///
    /// # Errors
    ///
    /// [`SigningError::Make`].
    pub fn generate(user: &str, created: Time) -> Result<Self, SigningError> {
        let make = |source: pgp::errors::Error| SigningError::Make { source: source.into() };
        let key = generate(user, timestamp(created)).map_err(make)?;
        Ok(Self { key, created })
    }

    /// Reads an armored secret key; `name` says where it is from.
    ///
    /// # Errors
    ///
    /// [`SigningError`] where it is none, is damaged, or can't sign.
    pub fn read(armored: &str, name: &str) -> Result<Self, SigningError> {
        let unreadable = |error: pgp::errors::Error| SigningError::Unreadable {
            name: name.to_owned(),
            source: short(&error).into(),
        };
        let (key, _) = SignedSecretKey::from_string(armored).map_err(unreadable)?;
        if matches!(key.primary_key.secret_params(), SecretParams::Encrypted(_)) {
            return Err(SigningError::Protected { name: name.to_owned() });
        }
        key.verify_bindings().map_err(unreadable)?;
        let created = time(key.primary_key.created_at());
        let signing = Self { key, created };
        let unusable = |reason: String| SigningError::Unusable { name: name.to_owned(), reason };
        policy::strong(&signing.key.primary_key).map_err(|problem| unusable(problem.to_string()))?;
        // A signature tells whether both halves belong together, and whether clients would believe it.
        let trial = signing.sign_detached(b"trial", created).map_err(|error| unusable(error.to_string()))?;
        let verified = signing.public().verify_detached(trial.as_bytes(), b"trial", created);
        verified.map_err(|error| unusable(error.to_string()))?;
        Ok(signing)
    }

    /// The secret half, armored. It is for a file that only its owner can read, and for nothing else.
    pub fn to_secret_armored(&self) -> Secret {
        // Writing to memory fails for no key that was made or read.
        Secret::new(self.key.to_armored_string(None.into()).unwrap_or_default())
    }

    /// The public half, which clients are given.
    pub fn public(&self) -> Keyring {
        Keyring { certificates: vec![self.key.to_public_key()], pinned: Vec::new() }
    }

    /// The fingerprint in upper-case hexadecimal characters.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key.primary_key)
    }

    /// When it was made, as it says itself.
    pub const fn created(&self) -> Time {
        self.created
    }

    /// An armored detached signature over these bytes, as `Release.gpg` and `repomd.xml.asc` are.
    ///
    /// It is dated `signed`, or when the key was made where that is later.
    ///
    /// # Errors
    ///
    /// [`SigningError::Sign`].
    pub fn sign_detached(&self, data: &[u8], signed: Time) -> Result<String, SigningError> {
        let made = || -> Result<String, pgp::errors::Error> {
            let config = self.config(SignatureType::Binary, signed)?;
            let signature: Signature = config.sign(&self.key.primary_key, &Password::empty(), data)?;
            DetachedSignature::new(signature).to_armored_string(None.into())
        };
        made().map_err(|source| SigningError::Sign { source: source.into() })
    }

    /// A text that carries its signature (RFC 9580, section 7), as `InRelease` is.
    ///
    /// White space at the ends of lines is not part of what can be signed, and is left out. Dated as
    /// [`SigningKey::sign_detached`] is.
    ///
    /// # Errors
    ///
    /// [`SigningError::Sign`].
    pub fn sign_cleartext(&self, text: &str, signed: Time) -> Result<String, SigningError> {
        // The line end before the signature is not part of the text.
        let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        let made = || -> Result<String, pgp::errors::Error> {
            let config = self.config(SignatureType::Text, signed)?;
            let message = CleartextSignedMessage::new(&text, config, &self.key.primary_key, &Password::empty())?;
            message.to_armored_string(None.into())
        };
        made().map_err(|source| SigningError::Sign { source: source.into() })
    }

    fn config(&self, of: SignatureType, signed: Time) -> Result<SignatureConfig, pgp::errors::Error> {
        config(&self.key.primary_key, of, timestamp(signed.max(self.created)))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

fn generate(user: &str, created: Timestamp) -> Result<SignedSecretKey, pgp::errors::Error> {
    let (public, secret) = KeyType::Rsa(BITS).generate(OsRng)?;
    let inner = PubKeyInner::new(KeyVersion::V4, PublicKeyAlgorithm::RSA, created, None, public)?;
    let public = PublicKey::from_inner(inner)?;
    let primary = SecretKey::new(public.clone(), secret)?;
    let user = UserId::from_str(PacketHeaderVersion::Old, user)?;
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut config = config(&primary, SignatureType::CertPositive, created)?;
    config.hashed_subpackets.push(Subpacket::regular(SubpacketData::KeyFlags(flags))?);
    let binding = config.sign_certification(&primary, &public, &Password::empty(), Tag::UserId, &user)?;
    let users = vec![SignedUser::new(user, vec![binding])];
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
    Ok(SignedSecretKey::new(primary, details, Vec::new(), Vec::new()))
}

/// What every signature of a key says: when it was made, and by which key, in the old form and in the new one.
fn config(key: &SecretKey, of: SignatureType, made: Timestamp) -> Result<SignatureConfig, pgp::errors::Error> {
    let mut config = SignatureConfig::v4(of, key.algorithm(), HashAlgorithm::Sha256);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(made))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

/// What the library says, without the innards that it prints of some errors.
fn short(error: &pgp::errors::Error) -> String {
    let text = error.to_string();
    text.split(" {").next().unwrap_or_default().to_owned()
}

fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_secs(u32::try_from(time.seconds()).unwrap_or(u32::MAX))
}
