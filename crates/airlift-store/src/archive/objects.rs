//! An archive as an object store: the keys of a store, over the bytes of one file or object.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::archive::header::Format;
use crate::archive::reader::Archive;
use crate::archive::source::Bytesource;
use crate::copy::CHUNK;
use crate::error::StoreError;
use crate::keys::Key;
use crate::published::Pointer;

/// The objects of an archive. Nothing can be written.
#[derive(Debug)]
pub(crate) struct ArchiveObjects(Arc<Archive>);

/// What an object of an archive is made of.
enum Content {
    /// Bytes of the archive.
    Range(Range<u64>),
    /// What only a store writes down, and an archive implies.
    Implied(Bytes),
}

impl ArchiveObjects {
    pub(crate) const fn new(archive: Arc<Archive>) -> Self {
        Self(archive)
    }

    /// Finds an object, and makes sure that a blob's header stands before it.
    async fn find(&self, location: &Path) -> Result<(Content, ObjectMeta)> {
        let archive = &self.0;
        let missing = || Error::NotFound {
            path: location.to_string(),
            source: format!("{} has no such object", archive.name()).into(),
        };
        let key = Key::parse(location).ok_or_else(missing)?;
        let content = match &key {
            Key::Damaged(_) => return Err(missing()),
            Key::Marker => Content::Implied(marker()),
            Key::Pointer => Content::Implied(Pointer::to_one(archive.id()).to_bytes()),
            Key::Front(id, name) => {
                let front = archive.front(name).filter(|_| *id == archive.id()).ok_or_else(missing)?;
                Content::Range(front.data()..front.data() + front.size)
            }
            Key::Blob(digest) => {
                let position = archive.find(*digest).ok_or_else(missing)?;
                archive.check_member(position).await.map_err(generic)?;
                let place = archive.place(position);
                Content::Range(place.data()..place.data() + place.size)
            }
        };
        let size = match &content {
            Content::Range(range) => range.end - range.start,
            Content::Implied(bytes) => bytes.len() as u64,
        };
        let meta = self.meta(&key, size);
        Ok((content, meta))
    }

    fn meta(&self, key: &Key, size: u64) -> ObjectMeta {
        ObjectMeta {
            location: key.location(),
            last_modified: self.0.header().created.system().into(),
            size,
            // Everything in an archive is immutable, so that one validator serves for all of it.
            e_tag: Some(format!("\"{}\"", self.0.id().digest().hex())),
            version: None,
        }
    }

    /// Every object, sorted by its location.
    fn all(&self) -> Vec<ObjectMeta> {
        let archive = &self.0;
        let layout = archive.layout();
        let fronts = layout.front.iter().map(|front| (Key::Front(archive.id(), front.name.clone()), front.size));
        let blobs = layout.blobs.iter().map(|place| (Key::Blob(place.digest), place.size));
        let implied = [
            (Key::Marker, marker().len() as u64),
            (Key::Pointer, Pointer::to_one(archive.id()).to_bytes().len() as u64),
        ];
        let mut all: Vec<_> =
            implied.into_iter().chain(fronts).chain(blobs).map(|(key, size)| self.meta(&key, size)).collect();
        all.sort_by(|a, b| a.location.cmp(&b.location));
        all
    }

    fn below(&self, prefix: Option<&Path>) -> Vec<ObjectMeta> {
        let mut all = self.all();
        if let Some(prefix) = prefix {
            all.retain(|meta| meta.location != *prefix && meta.location.prefix_matches(prefix));
        }
        all
    }

    fn read_only<T>(&self) -> Result<T> {
        let source = StoreError::ReadOnly { place: self.0.name().to_owned() };
        Err(Error::NotSupported { source: Box::new(source) })
    }
}

fn marker() -> Bytes {
    (serde_json::json!({ "format": Format::current() }).to_string() + "\n").into()
}

fn generic(source: StoreError) -> Error {
    Error::Generic { store: "Archive", source: Box::new(source) }
}

/// Bytes of the archive, a chunk at a time.
fn read(archive: Arc<Archive>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    match archive.source().clone() {
        Bytesource::Object { objects, location, .. } if !range.is_empty() => {
            let options = archive.source().options(range);
            let opened = async move { Ok::<_, Error>(objects.get_opts(&location, options).await?.into_stream()) };
            stream::once(opened).try_flatten().boxed()
        }
        source => {
            let next = move |(source, range): (Bytesource, Range<u64>)| async move {
                if range.is_empty() {
                    return Ok(None);
                }
                let end = range.end.min(range.start + CHUNK as u64);
                let bytes = source.read(range.start..end).await.map_err(generic)?;
                Ok(Some((bytes, (source, end..range.end))))
            };
            stream::try_unfold((source, range), next).boxed()
        }
    }
}

/// The part of an object that is asked for.
fn asked(range: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    match range {
        Some(range) => {
            range.as_range(size).map_err(|source| Error::Generic { store: "Archive", source: source.into() })
        }
        None => Ok(0..size),
    }
}

impl fmt::Display for ArchiveObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

#[async_trait]
impl ObjectStore for ArchiveObjects {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (content, meta) = self.find(location).await?;
        options.check_preconditions(&meta)?;
        let range = asked(options.range.as_ref(), meta.size)?;
        let chunks = match content {
            _ if options.head => stream::empty().boxed(),
            Content::Range(inside) => read(Arc::clone(&self.0), inside.start + range.start..inside.start + range.end),
            Content::Implied(bytes) => {
                let slice = |at| usize::try_from(at).unwrap_or(usize::MAX);
                stream::iter([Ok(bytes.slice(slice(range.start)..slice(range.end)))]).boxed()
            }
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(chunks),
            meta,
            range,
            attributes: Attributes::default(),
            extensions: Default::default(),
        })
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter(self.below(prefix).into_iter().map(Ok)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = prefix.cloned().unwrap_or_default();
        let mut common_prefixes = std::collections::BTreeSet::new();
        let mut objects = Vec::new();
        for meta in self.below(prefix) {
            let folder = meta.location.prefix_match(&root).and_then(|mut parts| {
                let first = parts.next()?;
                parts.next().map(|_| root.clone().join(first))
            });
            match folder {
                Some(folder) => drop(common_prefixes.insert(folder)),
                None => objects.push(meta),
            }
        }
        Ok(ListResult {
            common_prefixes: common_prefixes.into_iter().collect(),
            objects,
            extensions: Default::default(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        self.read_only()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.read_only()
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::iter([self.read_only()]).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        self.read_only()
    }
}
