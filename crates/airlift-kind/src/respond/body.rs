//! What a response carries: bytes in memory, slices of a mapped file, or a stream of chunks.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use airlift_store::StoreError;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http_body::{Frame, SizeHint};

/// The largest frame in bytes: whoever counts the frames of a large body knows how far the client has come.
const FRAME: usize = 1 << 20;

/// A response's body. Its length is known before its first byte.
pub struct Body {
    content: Content,
    left: u64,
}

enum Content {
    One(Bytes),
    Pieces(VecDeque<Bytes>),
    Stream(BoxStream<'static, Result<Bytes, Arc<StoreError>>>),
}

impl Body {
    /// Nothing.
    pub const fn empty() -> Self {
        Self { content: Content::One(Bytes::new()), left: 0 }
    }

    /// How many bytes are still to come.
    pub const fn len(&self) -> u64 {
        self.left
    }

    /// Whether no bytes are to come.
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(super) fn pieces(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces: VecDeque<Bytes> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { content: Content::Pieces(pieces), left }
    }

    /// A stream that yields `len` bytes, or an error before the last of them.
    pub(super) fn stream(
        len: u64,
        stream: impl Stream<Item = Result<Bytes, Arc<StoreError>>> + Send + 'static,
    ) -> Self {
        Self { content: Content::Stream(stream.boxed()), left: len }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let left = bytes.len() as u64;
        Self { content: Content::One(bytes), left }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Arc<StoreError>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Arc<StoreError>>>> {
        let this = self.get_mut();
        let next = match &mut this.content {
            Content::One(bytes) => next_frame(bytes),
            Content::Pieces(pieces) => {
                let frame = pieces.front_mut().and_then(next_frame);
                pieces.pop_front_if(|piece| piece.is_empty());
                frame
            }
            Content::Stream(stream) => match std::task::ready!(stream.poll_next_unpin(context)) {
                Some(Ok(bytes)) => Some(bytes),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => None,
            },
        };
        Poll::Ready(next.map(|bytes| {
            this.left = this.left.saturating_sub(bytes.len() as u64);
            Ok(Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn next_frame(bytes: &mut Bytes) -> Option<Bytes> {
    match bytes.len() {
        0 => None,
        len => Some(bytes.split_to(len.min(FRAME))),
    }
}
