//! The entries of a repository, each path once.

use std::collections::HashMap;
use std::sync::Arc;

use airlift_core::{Checksum, Digest, Plan, PlanEntry, Request, Source, Time, TreePath, UpstreamUrl};

use super::repository::Repository;
use crate::error::DebError;

/// What is planned for a repository so far.
pub(crate) struct Tree<'a> {
    repository: &'a Repository,
    /// The plan.
    pub(crate) plan: Plan,
    promised: HashMap<TreePath, Box<[Checksum]>>,
    types: HashMap<&'static str, Arc<str>>,
}

/// A file of a repository.
pub(crate) struct File<'a> {
    /// Its path below the repository.
    pub(crate) path: &'a str,
    /// Where its bytes come from.
    pub(crate) source: Source,
    /// Its size.
    pub(crate) size: u64,
    /// Its checksums.
    pub(crate) checksums: Vec<Checksum>,
    /// Its package URL.
    pub(crate) purl: Option<Box<str>>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(repository: &'a Repository) -> Self {
        Self { repository, plan: Plan::default(), promised: HashMap::new(), types: HashMap::new() }
    }

    /// The repository.
    pub(crate) const fn repository(&self) -> &'a Repository {
        self.repository
    }

    /// Adds a file, or nothing where the same is there already; two different ones at one path are refused.
    pub(crate) fn add(&mut self, file: File<'_>) -> Result<(), DebError> {
        let path = self.path(&format!("{}/{}", self.repository.id, file.path))?;
        if let Some(promised) = self.promised.get(&path) {
            let differs =
                |one: &Checksum| promised.iter().any(|other| other.algorithm() == one.algorithm() && other != one);
            return match file.checksums.iter().any(differs) {
                true => Err(DebError::Conflict { id: self.repository.id.clone(), path: file.path.to_owned() }),
                false => Ok(()),
            };
        }
        self.promised.insert(path.clone(), file.checksums.clone().into());
        let media_type = Some(self.media_type(media_type(file.path)));
        self.plan.entries.push(PlanEntry {
            media_type,
            size: Some(file.size),
            checksums: file.checksums,
            purl: file.purl,
            ..PlanEntry::new(path, file.source)
        });
        Ok(())
    }

    /// Adds a file that was made here.
    pub(crate) fn generated(&mut self, path: &str, bytes: Vec<u8>, media_type: &'static str) -> Result<(), DebError> {
        let path = self.path(path)?;
        let media_type = Some(self.media_type(media_type));
        let entry = PlanEntry::new(path, Source::Generated(bytes.into()));
        self.plan.entries.push(PlanEntry { media_type, ..entry });
        Ok(())
    }

    /// Adds a file that was made here of what has a date.
    pub(crate) fn dated(&mut self, path: &str, bytes: Vec<u8>, of: (&'static str, Time)) -> Result<(), DebError> {
        let (media_type, modified) = of;
        self.generated(path, bytes, media_type)?;
        if let Some(entry) = self.plan.entries.last_mut() {
            entry.modified = Some(modified);
        }
        Ok(())
    }

    /// A path in the archive.
    pub(crate) fn path(&self, path: &str) -> Result<TreePath, DebError> {
        let id = || self.repository.id.clone();
        TreePath::new(format!("deb/{path}")).map_err(|source| DebError::Path { id: id(), source })
    }

    fn media_type(&mut self, name: &'static str) -> Arc<str> {
        Arc::clone(self.types.entry(name).or_insert_with(|| name.into()))
    }
}

/// The source of something that planning has fetched already.
pub(crate) const fn stored(digest: Digest, request: Request) -> Source {
    Source::Stored { digest, request }
}

/// The request for a URL of a repository.
pub(crate) const fn request(url: UpstreamUrl) -> Request {
    let mut request = Request::new(url);
    request.dated = true;
    request
}

fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "deb" | "udeb" | "ddeb" => "application/vnd.debian.binary-package",
        "gz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "gpg" => "application/pgp-signature",
        "yml" | "dsc" | "" if !path.contains("/by-hash/") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
