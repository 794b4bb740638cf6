//! Keys, as files and URLs bring them.

use airlift_core::Time;
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::ser::Serialize;
use pgp::types::KeyDetails;

use crate::error::KeyError;

const BEGIN: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// The keys whose signatures are accepted.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    pub(crate) certificates: Vec<SignedPublicKey>,
    /// Only these, where there are any: fingerprints of primary keys or of subkeys, upper-case.
    pub(crate) pinned: Vec<String>,
}

/// What a person wants to know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The primary key's fingerprint in upper-case hexadecimal characters.
    pub fingerprint: String,
    /// The fingerprints of its subkeys.
    pub subkeys: Vec<String>,
    /// The first user id, or nothing.
    pub user: String,
    /// When it was made.
    pub created: Time,
}

impl Keyring {
    /// Reads keys: armored, one block or several with text around them, or binary. `name` says where they are from.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where there is no public key, or one can't be read.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, KeyError> {
        let starts: Vec<usize> = positions(bytes, BEGIN);
        let mut certificates = Vec::new();
        if starts.is_empty() {
            read_block(bytes, name, &mut certificates)?;
        }
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(bytes.len());
            read_block(&bytes[*start..end], name, &mut certificates)?;
        }
        match certificates.is_empty() {
            true => Err(KeyError::Empty { name: name.to_owned() }),
            false => Ok(Self { certificates, pinned: Vec::new() }),
        }
    }

    /// Adds the keys of another keyring.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.pinned.extend(other.pinned);
    }

    /// Takes out the keys that another keyring has, each as often as it is there.
    pub fn remove(&mut self, other: &Self) {
        for key in &other.certificates {
            let same = |mine: &SignedPublicKey| fingerprint(&mine.primary_key) == fingerprint(&key.primary_key);
            if let Some(place) = self.certificates.iter().position(same) {
                self.certificates.remove(place);
            }
        }
    }

    /// Accepts only the keys with these fingerprints (of primary keys, then with all their subkeys; or of subkeys), in
    /// hexadecimal characters, blanks and case not counting.
    ///
    /// # Errors
    ///
    /// [`KeyError::Pinned`] where the keyring does not have one of them.
    pub fn pin(mut self, fingerprints: &[String]) -> Result<Self, KeyError> {
        let known: Vec<String> =
            self.keys().into_iter().flat_map(|key| std::iter::once(key.fingerprint).chain(key.subkeys)).collect();
        for wanted in fingerprints {
            let wanted: String = wanted.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
            if !known.contains(&wanted) {
                return Err(KeyError::Pinned { wanted, found: known.join(", ") });
            }
            self.pinned.push(wanted);
        }
        Ok(self)
    }

    /// What is in it.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.certificates.iter().map(info).collect()
    }

    /// Whether there is no key in it.
    pub const fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// All keys in one armored block, as `/etc/apt/keyrings/x.asc` and rpm want them: apt reads the first block only.
    pub fn to_armored(&self) -> String {
        let mut armored = Vec::new();
        let keys = &self.certificates[..];
        // Writing to memory fails for no key that was read.
        let _ = pgp::armor::write(&keys, pgp::armor::BlockType::PublicKey, &mut armored, None, true);
        String::from_utf8(armored).unwrap_or_default()
    }

    /// All keys in binary form, one after the other, as `/etc/apt/keyrings/x.gpg` wants them.
    pub fn to_binary(&self) -> Vec<u8> {
        self.certificates.iter().filter_map(|key| key.to_bytes().ok()).flatten().collect()
    }

    /// The fingerprints of the accepted keys, for messages.
    pub(crate) fn accepted(&self) -> String {
        match (self.pinned.is_empty(), self.certificates.is_empty()) {
            (false, _) => self.pinned.join(", "),
            (true, true) => "none".to_owned(),
            (true, false) => self.keys().into_iter().map(|key| key.fingerprint).collect::<Vec<_>>().join(", "),
        }
    }

    /// Whether a component is accepted by its own or its primary key's fingerprint.
    pub(crate) fn accepts(&self, component: &str, primary: &str) -> bool {
        self.pinned.is_empty() || self.pinned.iter().any(|pinned| pinned == component || pinned == primary)
    }
}

fn positions(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(position, _)| position).collect()
}

fn read_block(bytes: &[u8], name: &str, into: &mut Vec<SignedPublicKey>) -> Result<(), KeyError> {
    let unreadable = |source: pgp::errors::Error| KeyError::Unreadable { name: name.to_owned(), source: source.into() };
    let (keys, _) = SignedPublicKey::from_reader_many_buf(std::io::Cursor::new(bytes)).map_err(unreadable)?;
    for key in keys {
        into.push(key.map_err(unreadable)?);
    }
    Ok(())
}

pub(crate) fn fingerprint(key: &impl KeyDetails) -> String {
    key.fingerprint().to_string().to_uppercase()
}

pub(crate) fn time(timestamp: pgp::types::Timestamp) -> Time {
    Time::from(std::time::SystemTime::from(timestamp))
}

fn info(key: &SignedPublicKey) -> KeyInfo {
    KeyInfo {
        fingerprint: fingerprint(&key.primary_key),
        subkeys: key.public_subkeys.iter().map(|subkey| fingerprint(&subkey.key)).collect(),
        user: key
            .details
            .users
            .first()
            .map(|user| String::from_utf8_lossy(user.id.id()).into_owned())
            .unwrap_or_default(),
        created: time(key.primary_key.created_at()),
    }
}
