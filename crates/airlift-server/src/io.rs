//! A connection whose mapped buffers leave by `sendfile(2)`.
//!
//! hyper hands a response's head and body over as a list of buffers. A buffer that stands for bytes of a file is not
//! read: the kernel sends those bytes from its page cache. The head goes before it with `MSG_MORE`, so that both share a
//! packet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airlift_map::Place;
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A connection. A client that takes no byte for too long is given up.
pub(crate) struct SendfileIo {
    stream: TcpStream,
    patience: Duration,
    /// Runs from the first time that the client took nothing.
    stall: Option<Pin<Box<Sleep>>>,
    /// Whether the client has taken something since the clock was set.
    moved: bool,
}

impl SendfileIo {
    pub(crate) const fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, stall: None, moved: false }
    }

    /// The connection itself.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Waits, but not for ever.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let patience = self.patience;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        while stall.as_mut().poll(context).is_ready() {
            if !std::mem::take(&mut self.moved) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stall.as_mut().reset(Instant::now() + patience);
        }
        Poll::Pending
    }
}

impl AsyncWrite for SendfileIo {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let batch = Batch::first_of(buffers);
        loop {
            match this.stream.poll_write_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return this.poll_patience(context),
            }
            match this.stream.try_io(Interest::WRITABLE, || batch.send(&this.stream)) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                sent => {
                    this.moved = true;
                    return Poll::Ready(sent);
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl AsyncRead for SendfileIo {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.get_mut().stream).poll_read(context, buffer))?;
        Poll::Ready(Ok(()))
    }
}

/// As many buffers as leave together: ordinary ones, and the mapped one behind them.
struct Batch<'a> {
    leading: &'a [IoSlice<'a>],
    mapped: Option<(Place, &'a [u8])>,
}

impl<'a> Batch<'a> {
    /// Even a byte of a map goes by sendfile: copying it would fault in the pages around it, and they would stay.
    fn first_of(buffers: &'a [IoSlice<'a>]) -> Self {
        for (position, buffer) in buffers.iter().enumerate() {
            if let Some(place) = airlift_map::locate(buffer) {
                return Self { leading: &buffers[..position], mapped: Some((place, buffer)) };
            }
        }
        Self { leading: buffers, mapped: None }
    }

    fn send(&self, socket: &TcpStream) -> io::Result<usize> {
        let length: usize = self.leading.iter().map(|buffer| buffer.len()).sum();
        let Some((place, bytes)) = &self.mapped else { return send(socket, self.leading, SendFlags::empty()) };
        let sent = if length == 0 { 0 } else { send(socket, self.leading, SendFlags::MORE)? };
        if sent < length {
            return Ok(sent);
        }
        let mut offset = place.offset;
        match sendfile(socket, &place.file, Some(&mut offset), bytes.len()) {
            Ok(0) if sent == 0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")),
            Ok(count) => Ok(sent + count),
            // What is wrong shows again when this is the first buffer.
            Err(_) if sent > 0 => Ok(sent),
            // A file system that can't do it.
            Err(Errno::INVAL | Errno::NOSYS) => send(socket, &[IoSlice::new(bytes)], SendFlags::empty()),
            Err(error) => Err(error.into()),
        }
    }
}

fn send(socket: &TcpStream, buffers: &[IoSlice<'_>], flags: SendFlags) -> io::Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    Ok(sendmsg(socket, buffers, &mut control, flags | SendFlags::NOSIGNAL)?)
}
