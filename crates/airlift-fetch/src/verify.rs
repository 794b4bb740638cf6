//! Sums of what arrived, and whether they are those that were promised.

use airlift_core::digest::ChecksumHasher;
use airlift_core::{Algorithm, Checksum, Digest, Hasher, UpstreamUrl};
use http::HeaderMap;

use crate::answer;
use crate::error::FetchError;
use crate::fetcher::Expected;

/// All sums that are needed of some bytes: the SHA-256, which is their name, and what else was promised.
#[derive(Clone)]
pub(crate) struct Sums {
    size: u64,
    sha256: Hasher,
    others: Vec<ChecksumHasher>,
}

impl Sums {
    pub(crate) fn new(checksums: &[Checksum]) -> Self {
        let others = checksums.iter().filter(|checksum| checksum.algorithm() != Algorithm::Sha256);
        Self { size: 0, sha256: Hasher::new(), others: others.map(Checksum::hasher).collect() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.others.iter_mut().for_each(|other| other.update(bytes));
    }

    /// How many bytes were seen.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// The blob's name, when size and checksums are as promised.
    pub(crate) fn check(self, url: &UpstreamUrl, expected: &Expected) -> Result<Digest, FetchError> {
        let size = self.size;
        check_size(url, expected, size, false)?;
        let digest = self.sha256.finish();
        let others: Vec<Checksum> = self.others.into_iter().map(ChecksumHasher::finish).collect();
        let mut others = others.iter();
        for promised in &expected.checksums {
            let received = match promised.algorithm() {
                Algorithm::Sha256 => Checksum::from(digest),
                // The hashers were made of the same list, in the same order.
                Algorithm::Sha384 | Algorithm::Sha512 => match others.next() {
                    Some(received) => received.clone(),
                    None => continue,
                },
            };
            if received != *promised {
                return Err(FetchError::Checksum {
                    url: Box::new(url.clone()),
                    expected: promised.to_string(),
                    received: received.to_string(),
                    size,
                });
            }
        }
        Ok(digest)
    }
}

/// Refuses a size that is not the promised one, or above the limit.
pub(crate) fn check_size(url: &UpstreamUrl, expected: &Expected, size: u64, announced: bool) -> Result<(), FetchError> {
    if let Some(promised) = expected.size.filter(|promised| *promised != size) {
        return Err(FetchError::Size { url: Box::new(url.clone()), expected: promised, received: size, announced });
    }
    check_limit(url, expected, size)
}

/// Refuses what is above the limit or the promised size already, while it still arrives.
pub(crate) fn check_limit(url: &UpstreamUrl, expected: &Expected, size: u64) -> Result<(), FetchError> {
    match (expected.limit, expected.size) {
        (Some(limit), _) if size > limit => Err(FetchError::TooLarge { url: Box::new(url.clone()), limit }),
        (_, Some(promised)) if size > promised => {
            Err(FetchError::Size { url: Box::new(url.clone()), expected: promised, received: size, announced: false })
        }
        _ => Ok(()),
    }
}

/// Refuses what is encoded on the way (RFC 9110, section 8.4) although nobody asked for that: what is stored would be
/// served as if it were what it encodes. A promised checksum tells instead whether the bytes are right as they are sent:
/// many servers declare compressed archives to be encoded.
pub(crate) fn check_encoding(url: &UpstreamUrl, expected: &Expected, headers: &HeaderMap) -> Result<(), FetchError> {
    match answer::encoding(headers) {
        Some(encoding) if expected.checksums.is_empty() => {
            Err(FetchError::Encoded { url: Box::new(url.clone()), encoding })
        }
        _ => Ok(()),
    }
}

/// Whether the bytes themselves are wrong, so that asking once more may bring others.
pub(crate) const fn is_wrong_content(error: &FetchError) -> bool {
    matches!(error, FetchError::Checksum { .. } | FetchError::Size { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA512: &str = "sha512:ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e6f57f50028a8ff";

    fn check(expected: &Expected) -> Result<Digest, FetchError> {
        let mut sums = Sums::new(&expected.checksums);
        sums.update(b"te");
        sums.update(b"st");
        sums.check(&"https://example.org/x".parse().expect("a URL"), expected)
    }

    #[test]
    fn every_promise_is_checked() {
        let right: Vec<Checksum> = vec![SHA512.parse().expect("a checksum"), Digest::of(b"test").into()];
        let expected = Expected { checksums: right.clone(), size: Some(4), limit: Some(4) };
        assert_eq!(check(&expected).expect("all right"), Digest::of(b"test"));
        for wrong in 0..2 {
            let mut expected = expected.clone();
            let text = expected.checksums[wrong].to_string();
            let (start, end) = text.split_at(text.len() - 1);
            let other = if end == "0" { "1" } else { "0" };
            expected.checksums[wrong] = format!("{start}{other}").parse().expect("a checksum");
            assert!(matches!(check(&expected), Err(FetchError::Checksum { .. })), "{wrong}");
        }
        assert!(matches!(check(&Expected { size: Some(5), ..expected.clone() }), Err(FetchError::Size { .. })));
        assert!(matches!(
            check(&Expected { size: None, limit: Some(3), ..expected }),
            Err(FetchError::TooLarge { .. })
        ));
    }
}
