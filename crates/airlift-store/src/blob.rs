//! One opened blob: its bytes, and where they lie.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use airlift_core::Digest;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::error::StoreError;

/// Where the bytes of a blob lie in a local file: the hot path of serving.
#[derive(Clone, Debug)]
pub struct LocalBytes {
    /// The opened file. It is shared: read with offsets, never with the file's own position.
    pub file: Arc<File>,
    /// Where the blob begins in it, in bytes.
    pub offset: u64,
    /// The blob's size in bytes.
    pub len: u64,
    /// The file's path.
    pub path: Arc<Path>,
}

/// One opened blob; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blob {
    digest: Digest,
    size: u64,
}

#[expect(clippy::todo, reason = "signatures first")]
#[expect(unused_variables, missing_docs, clippy::missing_errors_doc, reason = "signatures first")]
impl Blob {
    pub fn digest(&self) -> Digest {
        self.digest
    }
    pub fn size(&self) -> u64 {
        self.size
    }
    pub fn local(&self) -> Option<&LocalBytes> {
        todo!()
    }
    pub async fn bytes(&self, limit: u64) -> Result<Bytes, StoreError> {
        todo!()
    }
    pub async fn range(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        todo!()
    }
    pub fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, StoreError>> {
        todo!()
    }
    pub async fn verify(&self) -> Result<(), StoreError> {
        todo!()
    }
}
