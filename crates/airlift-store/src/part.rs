//! A download that survives being killed.

use std::fs::File;
use std::path::Path;

use airlift_core::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// An unfinished blob: its data so far, and notes about them.
#[derive(Debug)]
pub struct Part;

#[expect(clippy::todo, reason = "signatures first")]
#[expect(unused_variables, missing_docs, clippy::missing_errors_doc, reason = "signatures first")]
impl Part {
    pub fn path(&self) -> &Path {
        todo!()
    }
    pub fn file(&self) -> &File {
        todo!()
    }
    pub fn len(&self) -> u64 {
        todo!()
    }
    pub fn notes<T: DeserializeOwned>(&self) -> Option<T> {
        todo!()
    }
    pub fn set_notes<T: Serialize>(&self, notes: &T) -> Result<(), StoreError> {
        todo!()
    }
    pub fn truncate(&self, len: u64) -> Result<(), StoreError> {
        todo!()
    }
    pub async fn commit(self, digest: Digest, size: u64) -> Result<(), StoreError> {
        todo!()
    }
    pub fn discard(self) -> Result<(), StoreError> {
        todo!()
    }
}
