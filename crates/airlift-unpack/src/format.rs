//! Which compression it is.

use std::fmt;

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// None: the bytes are taken as they are.
    Plain,
    /// gzip (RFC 1952), of one or more members.
    Gzip,
    /// xz, of one or more streams.
    Xz,
    /// Zstandard (RFC 8878), of one or more frames.
    Zstd,
    /// bzip2, of one or more streams.
    Bzip2,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Gzip, Self::Xz, Self::Zstd, Self::Bzip2];

    /// The format that a file's name ends with; [`Format::Plain`] for any other ending.
    pub fn of_name(name: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Self::Gzip,
            "xz" | "txz" => Self::Xz,
            "zst" | "zstd" => Self::Zstd,
            "bz2" => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    /// The format whose magic number these first bytes are; [`Format::Plain`] for any other beginning.
    pub fn of_magic(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    /// The usual ending of a file's name, without the dot; empty for [`Format::Plain`].
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => "gz",
            Self::Xz => "xz",
            Self::Zstd => "zst",
            Self::Bzip2 => "bz2",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "uncompressed",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        })
    }
}
