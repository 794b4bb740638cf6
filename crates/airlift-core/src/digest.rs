//! How bytes are named: by their SHA-256.
//!
//! [`Digest`] is the only name of a blob. Upstreams promise other checksums too; those are [`Checksum`]s, which are
//! checked while the bytes arrive and name nothing. The text form is that of the OCI image specification, section
//! "Digests": `sha256:` and 64 lower-case hexadecimal characters.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The SHA-256 of some bytes, and so their name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest with this value.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 64 lower-case hexadecimal characters, without `sha256:`.
    pub fn hex(&self) -> String {
        // By hand: every response has one in its entity tag, and `hex::encode` goes through an iterator of characters.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }

    /// Reads 64 lower-case hexadecimal characters.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let invalid = || DigestError { text: text.chars().take(150).collect() };
        let mut bytes = [0; 32];
        if !is_lower_hex(text) || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(invalid());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.strip_prefix("sha256:") {
            Some(hex) => Self::from_hex(hex),
            None => Err(DigestError { text: text.chars().take(150).collect() }),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A text that is no digest or checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a digest: expected an algorithm, a colon, and lower-case hexadecimal characters, such as sha256:9f86…"
)]
pub struct DigestError {
    /// What was given, cut at 150 characters.
    pub text: String,
}

/// A SHA-256 that is computed while bytes pass by.
#[derive(Clone)]
pub struct Hasher(digest::Context);

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes seen.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest(bytes)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

/// The algorithms of checksums that upstreams promise and Airlift accepts as a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal characters.
    Sha256,
    /// SHA-384, 96 hexadecimal characters.
    Sha384,
    /// SHA-512, 128 hexadecimal characters.
    Sha512,
}

impl Algorithm {
    /// The name, as it is written before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn implementation(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// What an upstream promised about bytes: an algorithm and a value, `sha512:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    /// As many as the algorithm gives; the rest is zero.
    bytes: [u8; LONGEST],
}

/// The bytes of the longest checksum.
const LONGEST: usize = 64;

impl Checksum {
    /// A checksum of as many bytes as the algorithm gives.
    fn new(algorithm: Algorithm, given: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        bytes[..given.len()].copy_from_slice(given);
        Self { algorithm, bytes }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The value in lower-case hexadecimal characters.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.implementation().output_len()]
    }

    /// The digest that bytes with this checksum have, where it is a SHA-256.
    pub fn digest(&self) -> Option<Digest> {
        match self.algorithm {
            Algorithm::Sha256 => self.bytes().try_into().ok().map(Digest),
            Algorithm::Sha384 | Algorithm::Sha512 => None,
        }
    }

    /// A hasher of this checksum's algorithm.
    pub fn hasher(&self) -> ChecksumHasher {
        ChecksumHasher { algorithm: self.algorithm, context: digest::Context::new(self.algorithm.implementation()) }
    }

    /// Whether these bytes have this checksum.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish() == *self
    }
}

impl From<Digest> for Checksum {
    fn from(digest: Digest) -> Self {
        Self::new(Algorithm::Sha256, &digest.0)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let invalid = || DigestError { text: text.chars().take(150).collect() };
        let (name, hex) = text.split_once(':').ok_or_else(invalid)?;
        let algorithm = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(invalid)?;
        let mut checksum = Self::new(algorithm, &[]);
        let bytes = &mut checksum.bytes[..algorithm.implementation().output_len()];
        if !is_lower_hex(hex) || hex::decode_to_slice(hex, bytes).is_err() {
            return Err(invalid());
        }
        Ok(checksum)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A [`Checksum`] that is computed while bytes pass by.
#[derive(Clone)]
pub struct ChecksumHasher {
    algorithm: Algorithm,
    context: digest::Context,
}

impl ChecksumHasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The checksum of all bytes seen.
    pub fn finish(self) -> Checksum {
        Checksum::new(self.algorithm, self.context.finish().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_being_printed_and_read() {
        let digest = Digest::of(b"test");
        let text = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let upper = "sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";
        for text in
            ["", "sha256:", "sha256:00", "md5:d41d8cd98f00b204e9800998ecf8427e", upper, "sha256:../../etc/passwd"]
        {
            assert!(text.parse::<Digest>().is_err(), "{text}");
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_checksum_survives_being_printed_and_read() {
        for (name, length) in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
            let text = format!("{name}:{}", "0f".repeat(length / 2));
            let checksum: Checksum = text.parse().expect("a checksum");
            assert_eq!(checksum.to_string(), text);
            assert_eq!(checksum.digest().is_some(), name == "sha256");
            for wrong in [length - 2, length + 2, length - 1] {
                let text = format!("{name}:{}", "0".repeat(wrong));
                assert!(text.parse::<Checksum>().is_err(), "{text}");
            }
        }
    }

    #[test]
    fn a_checksum_of_another_algorithm_is_checked() {
        let mut hasher = format!("sha512:{}", "0".repeat(128)).parse::<Checksum>().expect("a checksum").hasher();
        hasher.update(b"te");
        hasher.update(b"st");
        let checksum = hasher.finish();
        assert!(checksum.to_string().starts_with("sha512:ee26b0dd4af7e749"));
        assert!(checksum.matches(b"test"));
        assert!(!checksum.matches(b"tesT"));
    }
}
