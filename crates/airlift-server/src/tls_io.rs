//! A connection with TLS, over which blobs leave in large pieces.
//!
//! What stands for bytes of a file is read from the file, and not from its map: a file that someone cut off ends the
//! connection, where a touch of the lost pages would end the process.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::io::SendfileIo;

/// So many bytes are read from a file, encrypted and handed to the kernel together.
const PIECE: usize = 128 << 10;

thread_local! {
    /// The piece that is about to be encrypted. It lives no longer than one call, so that one for each thread is enough.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE].into());
}

/// A connection with TLS.
pub(crate) struct TlsIo {
    stream: TlsStream<SendfileIo>,
}

impl TlsIo {
    pub(crate) fn new(mut stream: TlsStream<SendfileIo>) -> Self {
        // A piece is taken whole, since what was encrypted before is sent first: there is never more than one.
        stream.get_mut().1.set_buffer_limit(None);
        Self { stream }
    }
}

impl AsyncWrite for TlsIo {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = &mut self.get_mut().stream;
        ready!(Pin::new(&mut *stream).poll_flush(context))?;
        SCRATCH.with_borrow_mut(|scratch| {
            let length = gather(buffers, scratch)?;
            Pin::new(stream).poll_write(context, &scratch[..length])
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl AsyncRead for TlsIo {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

/// Copies as much as there is room for, and says how much it was. A failure shows when it is the first thing.
fn gather(buffers: &[IoSlice<'_>], piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    for buffer in buffers {
        let wanted = buffer.len().min(piece.len() - filled);
        let room = &mut piece[filled..filled + wanted];
        let got = match airlift_map::locate(&buffer[..wanted]) {
            None => {
                room.copy_from_slice(&buffer[..wanted]);
                wanted
            }
            Some(place) => match place.file.read_at(room, place.offset) {
                Ok(0) if filled == 0 => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
                }
                Err(error) if filled == 0 => return Err(error),
                read => read.unwrap_or(0),
            },
        };
        filled += got;
        if got < buffer.len() {
            break;
        }
    }
    Ok(filled)
}
