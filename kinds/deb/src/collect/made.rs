//! A suite whose metadata was made here: its lists, a `Release` over them, and this host's signature over that.
//!
//! Everything is made of what was collected alone, dates too, so that the same packages give the same bytes.

use std::fmt::Write as _;
use std::io::Write as _;

use airlift_core::{Digest, Time};
use airlift_openpgp::SigningKey;

use super::tree::Tree;
use crate::error::DebError;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// What a suite is made of.
pub(crate) struct Made {
    /// Its folder below the repository with a slash at its end; empty where it is the repository itself.
    pub(crate) folder: String,
    /// The fields of its `Release` in their order, without `Date` and checksums: `("Suite", "noble")`.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Its date, and that of the signature: the newest change of anything in it.
    pub(crate) date: Time,
    /// Its lists by their paths below the suite without an ending for a compression: `main/binary-amd64/Packages`.
    pub(crate) lists: Vec<(String, Vec<u8>)>,
}

/// A line of a list of checksums.
struct Sum {
    path: String,
    digest: Digest,
    size: usize,
}

impl Made {
    /// Plans its files: the lists as gz and as xz, under their names and under their checksums, `InRelease`, `Release` and
    /// `Release.gpg`.
    ///
    /// The lists are named unpacked too, though they are not there so: apt asks for none that is not.
    pub(crate) fn plan(mut self, key: &SigningKey, tree: &mut Tree<'_>) -> Result<(), DebError> {
        self.lists.sort();
        let base = format!("{}/{}", tree.repository().id, self.folder);
        let mut sums = Vec::new();
        let changed = self.changed(&key.fingerprint());
        for (path, bytes) in &self.lists {
            sums.push(Sum { path: path.clone(), digest: Digest::of(bytes), size: bytes.len() });
            let beside = path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
            for (ending, packed, media_type) in
                [("gz", gz(bytes), "application/gzip"), ("xz", xz(bytes), "application/x-xz")]
            {
                let digest = Digest::of(&packed);
                sums.push(Sum { path: format!("{path}.{ending}"), digest, size: packed.len() });
                let by_hash = format!("{base}{beside}by-hash/SHA256/{}", digest.hex());
                tree.dated(&by_hash, packed.clone(), (media_type, changed))?;
                tree.dated(&format!("{base}{path}.{ending}"), packed, (media_type, changed))?;
            }
        }
        let release = self.release(&sums);
        let sign = |source| DebError::Sign { id: tree.repository().id.clone(), source };
        let inline = key.sign_cleartext(&release, self.date).map_err(sign)?;
        let detached = key.sign_detached(release.as_bytes(), self.date).map_err(sign)?;
        let text = "text/plain; charset=utf-8";
        tree.dated(&format!("{base}InRelease"), inline.into_bytes(), (text, changed))?;
        tree.dated(&format!("{base}Release"), release.into_bytes(), (text, changed))?;
        tree.dated(&format!("{base}Release.gpg"), detached.into_bytes(), ("application/pgp-signature", changed))
    }

    /// What its files say of when they were changed: a moment of the day before its date that depends on what they hold.
    ///
    /// apt asks whether anything is newer than this date alone, and is told so where it is not the very same. The same
    /// upstream gives other files when something else is asked for.
    fn changed(&self, key: &str) -> Time {
        let mut all = format!("{key} {:?}\n", self.fields);
        for (path, bytes) in &self.lists {
            all.push_str(&format!("{path} {}\n", Digest::of(bytes).hex()));
        }
        let earlier = u64::from_str_radix(&Digest::of(all.as_bytes()).hex()[..8], 16).unwrap_or_default() % DAY;
        let seconds = self.date.seconds().saturating_sub(earlier);
        Time::from_seconds(i64::try_from(seconds).unwrap_or_default())
    }

    fn release(&self, sums: &[Sum]) -> String {
        let mut text = String::new();
        for (name, value) in &self.fields {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        let _ = writeln!(text, "Date: {}\nAcquire-By-Hash: yes\nSHA256:", date(self.date));
        for Sum { path, digest, size } in sums {
            let _ = writeln!(text, " {} {size:>16} {path}", digest.hex());
        }
        text
    }
}

/// A date as Debian writes it.
fn date(time: Time) -> String {
    let stamp = i64::try_from(time.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    stamp.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// As gzip packs without a name and a date: the same bytes for the same text.
fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("memory takes every byte")
}

/// As xz packs by itself: the same bytes for the same text.
fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 6);
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("memory takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_says_what_there_is() {
        let made = Made {
            folder: String::new(),
            fields: vec![("Origin", "Airlift".to_owned()), ("Suite", "./".to_owned())],
            date: Time::from_seconds(1_700_000_000),
            lists: Vec::new(),
        };
        let digest = Digest::of(b"");
        let text = made.release(&[Sum { path: "Packages".to_owned(), digest, size: 0 }]);
        let expected = format!(
            "Origin: Airlift\nSuite: ./\nDate: Tue, 14 Nov 2023 22:13:20 UTC\nAcquire-By-Hash: yes\nSHA256:\n {} {:>16} Packages\n",
            digest.hex(),
            0
        );
        assert_eq!(text, expected);
        let read = crate::format::release::Release::parse(&text).expect("a release");
        assert!(read.by_hash && read.files.len() == 1);
    }

    #[test]
    fn xz_packs_the_same_bytes_again() {
        assert_eq!(xz(b"a list"), xz(b"a list"));
        let unpacked =
            airlift_unpack::unpack(&xz(b"a list"), airlift_unpack::Format::Xz, &airlift_unpack::Limits::output(100));
        assert_eq!(unpacked.expect("a list"), b"a list");
    }
}
