//! Where the bytes of an archive are read from: a local file, or an object.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::error::StoreError;
use crate::work::briefly;

/// An opened archive file. What replaces the file under its name later is not seen.
#[derive(Clone, Debug)]
pub(crate) enum Bytesource {
    File { file: Arc<File>, path: Arc<Path> },
    Object { objects: Arc<dyn ObjectStore>, location: object_store::path::Path, version: Option<String> },
}

impl Bytesource {
    /// Opens a file; its size comes with it.
    pub(crate) async fn file(path: PathBuf) -> Result<(Self, u64), StoreError> {
        briefly(move || {
            let file = File::open(&path).map_err(StoreError::io("open", &path))?;
            let meta = file.metadata().map_err(StoreError::io("open", &path))?;
            if !meta.is_file() {
                let reason = "it is no file that can be read at any place; load it to use it".to_owned();
                return Err(StoreError::NotAnArchive { place: path.display().to_string(), reason });
            }
            Ok((Self::File { file: Arc::new(file), path: path.into() }, meta.len()))
        })
        .await
    }

    /// Looks at an object; its size comes with it.
    pub(crate) async fn object(
        objects: Arc<dyn ObjectStore>,
        location: object_store::path::Path,
    ) -> Result<(Self, u64), StoreError> {
        let meta = objects.head(&location).await.map_err(|source| StoreError::Objects {
            action: "open",
            key: location.to_string(),
            place: objects.to_string(),
            source: Box::new(source),
        })?;
        Ok((Self::Object { objects, location, version: meta.e_tag }, meta.size))
    }

    /// What it is, for a person.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => format!("the archive {}", path.display()),
            Self::Object { objects, location, .. } => format!("the archive {location} in {objects}"),
        }
    }

    /// The bytes of a range, all of them.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self {
            _ if range.is_empty() => Ok(Bytes::new()),
            Self::File { file, path } => {
                let (file, path) = (Arc::clone(file), Arc::clone(path));
                briefly(move || read_file(&file, &path, range)).await
            }
            Self::Object { objects, location, .. } => {
                let failed = |source| StoreError::Objects {
                    action: "read",
                    key: location.to_string(),
                    place: objects.to_string(),
                    source: Box::new(source),
                };
                let result = objects.get_opts(location, self.options(range.clone())).await.map_err(failed)?;
                let bytes = result.bytes().await.map_err(failed)?;
                match bytes.len() as u64 == range.end - range.start {
                    true => Ok(bytes),
                    false => Err(StoreError::Damaged { place: self.name(), reason: ends_within(&range) }),
                }
            }
        }
    }

    /// The same on this thread, which must not be one of the runtime's.
    pub(crate) fn read_blocking(&self, range: Range<u64>, handle: &Handle) -> Result<Bytes, StoreError> {
        match self {
            Self::File { file, path } if !range.is_empty() => read_file(file, path, range),
            _ => handle.block_on(self.read(range)),
        }
    }

    /// What to ask the object store for: a range of the very object that was opened.
    pub(crate) fn options(&self, range: Range<u64>) -> GetOptions {
        let version = match self {
            Self::File { .. } => None,
            Self::Object { version, .. } => version.clone(),
        };
        GetOptions { range: Some(range.into()), if_match: version, ..GetOptions::default() }
    }
}

fn read_file(file: &File, path: &Path, range: Range<u64>) -> Result<Bytes, StoreError> {
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut buffer = BytesMut::zeroed(length);
    file.read_exact_at(&mut buffer, range.start).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let place = format!("the archive {}", path.display());
            StoreError::Damaged { place, reason: ends_within(&range) }
        }
        _ => StoreError::io("read", path)(error),
    })?;
    Ok(buffer.freeze())
}

fn ends_within(range: &Range<u64>) -> String {
    format!("it ends before byte {}, though it was longer when it was opened", range.end)
}
