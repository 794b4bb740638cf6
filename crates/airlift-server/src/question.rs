//! The body of a request, which is read only where a kind asks for it.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;

/// How long a client may take to send a question.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request's body, before or after it was read.
pub(crate) enum Question<B> {
    Unread(Option<B>),
    Read(Bytes),
}

impl<B: http_body::Body> Question<B> {
    pub(crate) const fn new(body: B) -> Self {
        Self::Unread(Some(body))
    }

    /// The whole body, which may have up to `limit` bytes. It is kept: another snapshot may be asked the same.
    ///
    /// # Errors
    ///
    /// The status and the reason with which the request is refused.
    pub(crate) async fn read(&mut self, limit: u64) -> Result<Bytes, (StatusCode, String)> {
        let body = match self {
            Self::Read(bytes) => return Ok(bytes.clone()),
            Self::Unread(body) => body.take(),
        };
        let broken = || (StatusCode::BAD_REQUEST, "The request's body did not arrive whole.".to_owned());
        let body = body.ok_or_else(broken)?;
        let late = || (StatusCode::REQUEST_TIMEOUT, "The request's body did not arrive in time.".to_owned());
        let read = tokio::time::timeout(PATIENCE, receive(body, limit)).await.map_err(|_| late())?;
        let bytes = read.map_err(|why| match why {
            Why::Long => (StatusCode::PAYLOAD_TOO_LARGE, format!("The request's body is longer than {limit} bytes.")),
            Why::Broken => broken(),
        })?;
        *self = Self::Read(bytes.clone());
        Ok(bytes)
    }
}

enum Why {
    Long,
    Broken,
}

async fn receive(body: impl http_body::Body, limit: u64) -> Result<Bytes, Why> {
    let mut body = pin!(body);
    let mut received = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(|_| Why::Broken)?.into_data() else { continue };
        if received.len() as u64 + bytes::Buf::remaining(&data) as u64 > limit {
            return Err(Why::Long);
        }
        let length = bytes::Buf::remaining(&data);
        received.extend_from_slice(&bytes::Buf::copy_to_bytes(&mut data, length));
    }
    Ok(received.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    #[tokio::test]
    async fn a_body_is_read_once_and_kept() {
        let mut question = Question::new(Full::new(Bytes::from_static(b"0032want")));
        for _ in 0..2 {
            assert_eq!(question.read(8).await.expect("it fits"), "0032want");
        }
    }

    #[tokio::test]
    async fn a_long_body_is_refused() {
        let mut question = Question::new(Full::new(Bytes::from_static(b"0032want!")));
        let (status, reason) = question.read(8).await.expect_err("too long");
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(reason.contains("8 bytes"), "{reason}");
    }
}
