//! Compressed bytes from strangers, unpacked within bounds.
//!
//! A repository's metadata is compressed, and a few kilobytes can stand for terabytes. [`Unpacked`] is a reader that
//! ends with an error when more comes out than [`Limits`] allows: in all, in relation to what went in, and in the memory
//! that a decoder may take for its window. What follows the compressed data and is none is an error, and so is an end
//! that comes too early.
//!
//! * [`Format`]: gzip, xz, zstd, bzip2 or none, by a file's name or by its first bytes.
//! * [`Limits`]: how much may come out.
//! * [`Unpacked`]: the reader; [`unpack`] reads it to its end.
//! * [`member`]: one file out of a tar; [`members`]: each of them.

mod format;
mod limits;
mod member;
mod reader;

use std::io::{self, Read};

pub use format::Format;
pub use limits::Limits;
pub use member::{MemberLimits, member, members};
pub use reader::Unpacked;

/// Why something could not be unpacked.
///
/// From an [`Unpacked`] reader it comes inside of an [`io::Error`]; [`UnpackError::from_io`] takes it out again.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// More came out than is accepted.
    #[error("it unpacks to more than the {limit} bytes that are accepted")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Far more comes out than goes in, as in a decompression bomb.
    #[error("it unpacks to more than {ratio} times its size, as a decompression bomb does")]
    TooDense {
        /// The accepted ratio.
        ratio: u64,
    },
    /// The decoder would need more memory than is accepted.
    #[error("unpacking it would take more than the {limit} bytes of memory that are accepted")]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes end before the data does.
    #[error("it ends too early")]
    Truncated,
    /// The bytes are not what their format says, or others follow them.
    #[error("it is no intact {format} data")]
    Damaged {
        /// The format.
        format: Format,
        /// What the decoder says.
        source: io::Error,
    },
    /// The unpacked bytes are no tar.
    #[error("it is no intact tar")]
    Tar {
        /// What is wrong with it.
        source: io::Error,
    },
    /// A tar without end.
    #[error("it has more than {limit} members")]
    Members {
        /// The most members that are accepted.
        limit: usize,
    },
    /// The compressed bytes could not be read.
    #[error("the compressed bytes can't be read")]
    Input {
        /// What the system says.
        source: io::Error,
    },
}

impl UnpackError {
    /// The error that an [`Unpacked`] reader ended with; any other I/O error counts as one of the input.
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(source) => Self::Input { source },
        }
    }
}

impl From<UnpackError> for io::Error {
    fn from(error: UnpackError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Unpacks bytes into memory.
///
/// # Errors
///
/// [`UnpackError`] where a limit is passed or the bytes are not intact.
pub fn unpack(bytes: &[u8], format: Format, limits: &Limits) -> Result<Vec<u8>, UnpackError> {
    let mut unpacked = Vec::new();
    Unpacked::new(bytes, format, limits)?.read_to_end(&mut unpacked).map_err(UnpackError::from_io)?;
    Ok(unpacked)
}
