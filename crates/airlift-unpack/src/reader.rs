//! The bounded reader.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::UnpackError;
use crate::format::Format;
use crate::limits::Limits;

/// How much of the input is read at a time.
const BUFFER: usize = 64 << 10;

/// A reader of what some compressed bytes stand for.
///
/// Its errors are [`io::Error`]s with an [`UnpackError`] inside. After an error it stays ended.
pub struct Unpacked<'a> {
    decoder: Box<dyn Read + Send + 'a>,
    format: Format,
    limits: Limits,
    taken: Arc<AtomicU64>,
    given: u64,
}

impl<'a> Unpacked<'a> {
    /// A reader of bytes in this format.
    ///
    /// # Errors
    ///
    /// [`UnpackError::Memory`] where a decoder can't be made within the limits.
    pub fn new(input: impl Read + Send + 'a, format: Format, limits: &Limits) -> Result<Self, UnpackError> {
        let taken = Arc::new(AtomicU64::new(0));
        let counted = BufReader::with_capacity(BUFFER, Counted { input, taken: Arc::clone(&taken) });
        Ok(Self { decoder: decoder(counted, format, limits)?, format, limits: *limits, taken, given: 0 })
    }

    /// How many bytes came out so far.
    pub const fn given(&self) -> u64 {
        self.given
    }

    fn check(&self) -> Result<(), UnpackError> {
        if self.given > self.limits.output {
            return Err(UnpackError::TooLarge { limit: self.limits.output });
        }
        let dense =
            self.given > Limits::SLACK && self.given / self.limits.ratio.max(1) > self.taken.load(Ordering::Relaxed);
        if dense && self.format != Format::Plain {
            return Err(UnpackError::TooDense { ratio: self.limits.ratio });
        }
        Ok(())
    }

    fn refused(&self, error: io::Error) -> UnpackError {
        match error.downcast::<InputError>() {
            Ok(InputError(source)) => UnpackError::Input { source },
            Err(error) if is_memory(&error) => UnpackError::Memory { limit: self.limits.memory },
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => UnpackError::Truncated,
            Err(source) => UnpackError::Damaged { format: self.format, source },
        }
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than allowed is enough to know; a larger buffer is not filled first.
        let room = self.limits.output.saturating_sub(self.given).saturating_add(1);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
        match self.decoder.read(&mut buffer[..room]) {
            Ok(count) => {
                self.given += count as u64;
                self.check().map(|()| count).inspect_err(|_| self.decoder = Box::new(io::empty())).map_err(Into::into)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.refused(error).into()),
        }
    }
}

/// The decoder of a format. All of them read every member, stream or frame, and refuse what is none.
fn decoder<'a>(
    input: impl BufRead + Send + 'a,
    format: Format,
    limits: &Limits,
) -> Result<Box<dyn Read + Send + 'a>, UnpackError> {
    let unusable = |source| UnpackError::Damaged { format, source };
    Ok(match format {
        Format::Plain => Box::new(input),
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Format::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(limits.memory, liblzma::stream::CONCATENATED);
            let stream = stream.map_err(|error| unusable(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Format::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(unusable)?;
            decoder.window_log_max(limits.memory.max(1 << 10).ilog2()).map_err(unusable)?;
            Box::new(decoder)
        }
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
    })
}

/// Whether a decoder ended since it may not take the memory that it needs; each says so in its own way.
fn is_memory(error: &io::Error) -> bool {
    let lzma = error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
    matches!(lzma, Some(liblzma::stream::Error::MemLimit)) || error.to_string().contains("requires too much memory")
}

/// The input, with a count of what was taken from it, and its errors marked as its own.
struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(count) => {
                self.taken.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(io::Error::new(error.kind(), InputError(error))),
        }
    }
}

/// An error of the input, as opposed to one of the decoder.
#[derive(Debug, thiserror::Error)]
#[error("the input can't be read")]
struct InputError(#[source] io::Error);
