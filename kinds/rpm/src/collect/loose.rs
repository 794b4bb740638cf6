//! A folder of packages without metadata, which becomes a repository: as createrepo_c would make it, and signed with this
//! host's own key.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use airlift_core::{Plan, PlanEntry, Source, Time, TreePath, UpstreamUrl};
use airlift_fetch::{Document, Expected, FetchError, Fetched, Fetcher};
use airlift_kind::CollectContext;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;

use super::made::{self, Packer};
use super::primary::purl;
use super::{PACKAGE, dated, media_type};
use crate::error::RpmError;
use crate::format::FormatError;
use crate::format::header::{self, Start};
use crate::format::loose::{Elements, File, elements};
use crate::format::repomd::{Data, Repomd};
use crate::inspect::{PackageError, headers};

/// How many threads read packages.
const AT_ONCE: usize = 8;

/// How many packages one of them takes at most at a time: a small one is read in less time than a thread needs to begin.
const TAKEN: usize = 64;

/// Packages up to so many bytes are read once, into memory; larger ones are copied, and their headers read again.
const IN_MEMORY: u64 = 8 << 20;

/// A folder of packages.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The repository's id.
    pub(crate) id: String,
    /// The folder's URL, with a slash at its end.
    pub(crate) base: UpstreamUrl,
    /// The packages anywhere below it.
    pub(crate) packages: Vec<UpstreamUrl>,
    /// The keys that sign the packages.
    pub(crate) keys: airlift_openpgp::Keyring,
}

/// Whether a file is a package by its name.
pub(crate) fn is_package(url: &UpstreamUrl) -> bool {
    url.expose().path().ends_with(".rpm")
}

impl Folder {
    /// Reads all packages and writes their metadata.
    pub(crate) async fn plan(self, context: &CollectContext) -> Result<Plan, RpmError> {
        let this = Arc::new(self);
        let mut packages = this.read(&context.fetcher).await?;
        packages.sort_by(|a, b| a.href.cmp(&b.href));
        // What lies there twice is one package.
        let mut seen = std::collections::HashSet::new();
        packages.retain(|package| seen.insert(package.fetched.digest));
        let mut entries = BTreeMap::new();
        let mut add = |entry: PlanEntry| entries.insert(entry.path.clone(), entry);
        for package in &packages {
            add(this.entry(package)?);
        }
        let newest = packages.iter().filter_map(|package| package.fetched.modified).max().unwrap_or_default();
        for (name, bytes) in this.metadata(packages, newest, context).await? {
            let entry = PlanEntry::new(this.path(&name)?, Source::Generated(bytes));
            add(PlanEntry { media_type: Some(media_type(&name).into()), modified: Some(newest), ..entry });
        }
        let mut keys = context.signer.key().await.map_err(|source| this.signer(source))?.public();
        keys.extend(this.keys.clone());
        let keys = made::keys(&this.id, keys.to_armored()).map_err(|error| this.refused(&error))?;
        add(PlanEntry { modified: Some(newest), ..keys });
        Ok(Plan { entries: entries.into_values().collect(), ..Plan::default() })
    }

    /// Takes all packages into the store, and writes what the metadata has of them, on some threads.
    async fn read(self: &Arc<Self>, fetcher: &Fetcher) -> Result<Vec<Package>, RpmError> {
        let at_once = self.packages.len().div_ceil(AT_ONCE).clamp(1, TAKEN);
        let starts = (0..self.packages.len()).step_by(at_once);
        let read = stream::iter(starts).map(|start| {
            let (this, fetcher, runtime) = (Arc::clone(self), fetcher.clone(), Handle::current());
            let read = tokio::task::spawn_blocking(move || {
                let taken = this.packages[start..].iter().take(at_once);
                taken.map(|url| this.package(url, &fetcher, &runtime)).collect::<Result<Vec<_>, _>>()
            });
            read.map(|read| read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
        });
        let read: Vec<Vec<Package>> = read.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Takes a package into the store, and writes what the metadata has of it.
    fn package(&self, url: &UpstreamUrl, fetcher: &Fetcher, runtime: &Handle) -> Result<Package, RpmError> {
        let name = self.name(url);
        let missed = |source| RpmError::Fetch { id: self.id.clone(), what: name.clone(), source: Box::new(source) };
        let (fetched, whole) = taken(url, fetcher, runtime).map_err(missed)?;
        let written = || -> Result<Elements, PackageError> {
            let start = match whole {
                Some(whole) => whole,
                None => headers(&fetcher.reader(fetched.digest, fetched.size, runtime)?, fetched.size)?,
            };
            let Start::Headers(headers) = header::read(&start)? else {
                return Err(FormatError::refused("it ends before its headers do").into());
            };
            let (pkgid, modified) = (fetched.digest.hex(), fetched.modified.map_or(0, |time| time.seconds()));
            Ok(elements(&headers, &File { pkgid: &pkgid, href: &name, modified, size: fetched.size })?)
        };
        let unreadable =
            |source| RpmError::Package { id: self.id.clone(), name: name.clone(), source: Box::new(source) };
        let elements = written().map_err(unreadable)?;
        Ok(Package { elements, href: name, url: url.clone(), fetched })
    }

    /// Where a package lies below the folder.
    fn name(&self, url: &UpstreamUrl) -> String {
        let decoded = |url: &UpstreamUrl| url.decoded_path().unwrap_or_else(|| url.expose().path().to_owned());
        let (base, path) = (decoded(&self.base), decoded(url));
        path.strip_prefix(&base).unwrap_or(&path).trim_start_matches('/').to_owned()
    }

    fn entry(&self, package: &Package) -> Result<PlanEntry, RpmError> {
        let Package { href, url, fetched, elements } = package;
        let source = Source::Stored { digest: fetched.digest, request: dated(url.clone()) };
        Ok(PlanEntry {
            media_type: Some(PACKAGE.into()),
            size: Some(fetched.size),
            checksums: vec![fetched.digest.into()],
            modified: fetched.modified,
            purl: Some(purl(elements.nevra.each_ref().map(String::as_str))),
            ..PlanEntry::new(self.path(href)?, source)
        })
    }

    /// The documents by their names, the root and its signature among them.
    async fn metadata(
        &self,
        packages: Vec<Package>,
        newest: Time,
        context: &CollectContext,
    ) -> Result<Vec<(String, Bytes)>, RpmError> {
        let written = tokio::task::spawn_blocking(move || documents(&packages, newest));
        let written = written.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let (data, mut documents) = written.map_err(|source| self.unwritten(source))?;
        let repomd = Repomd { revision: newest.seconds().to_string(), data, ..Repomd::default() }.print();
        let root = made::signed(&self.id, repomd, newest, context).await?;
        documents.extend(root.map(|(name, bytes)| (name.to_owned(), bytes)));
        Ok(documents)
    }

    fn path(&self, name: &str) -> Result<TreePath, RpmError> {
        TreePath::new(format!("rpm/{}/{name}", self.id)).map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &airlift_core::path::PathError) -> RpmError {
        self.unwritten(FormatError::refused(error.to_string()))
    }

    fn unwritten(&self, source: FormatError) -> RpmError {
        RpmError::Metadata { id: self.id.clone(), url: Box::new(self.base.clone()), source }
    }

    fn signer(&self, source: airlift_kind::SignerError) -> RpmError {
        RpmError::Signer { id: self.id.clone(), source }
    }
}

/// Takes a package into the store; what it is, and all of it where it is small.
fn taken(url: &UpstreamUrl, fetcher: &Fetcher, runtime: &Handle) -> Result<(Fetched, Option<Bytes>), FetchError> {
    let request = dated(url.clone());
    match fetcher.document_blocking(&request, &Expected::limit(IN_MEMORY), runtime) {
        Ok(Document { digest, bytes, media_type, modified, cached, .. }) => {
            Ok((Fetched { digest, size: bytes.len() as u64, media_type, modified, cached }, Some(bytes)))
        }
        Err(FetchError::TooLarge { .. }) => Ok((runtime.block_on(fetcher.blob(&request, &Expected::default()))?, None)),
        Err(error) => Err(error),
    }
}

/// A package that is in the store.
struct Package {
    href: String,
    url: UpstreamUrl,
    fetched: Fetched,
    elements: Elements,
}

/// What a root says of documents, and their bytes by their names.
type Documents = (Vec<Data>, Vec<(String, Bytes)>);

/// Writes the three lists; what the root says of them, and their bytes by their names.
fn documents(packages: &[Package], newest: Time) -> Result<Documents, FormatError> {
    type Part = fn(&Elements) -> &str;
    const LISTS: [(&str, &str, &str, Part); 3] = [
        ("primary", "metadata", "common", |elements| &elements.primary),
        ("filelists", "filelists", "filelists", |elements| &elements.filelists),
        ("other", "otherdata", "other", |elements| &elements.other),
    ];
    let write = |(kind, root, schema, part): (&str, &str, &str, Part)| {
        let also = if kind == "primary" { " xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"" } else { "" };
        let mut packer = Packer::new();
        let head = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"http://linux.duke.edu/metadata/{schema}\"{also} \
             packages=\"{}\">\n",
            packages.len()
        );
        let (elements, foot) = (packages.iter().map(|package| part(&package.elements)), format!("</{root}>\n"));
        let mut texts = std::iter::once(&*head).chain(elements).chain([&*foot]);
        // Writing to memory doesn't fail.
        let written = texts.try_for_each(|text| packer.write_all(text.as_bytes()));
        written.map_err(|error| FormatError::refused(error.to_string()))?;
        let (data, packed) = packer.finish(kind, "xml", Some(newest.seconds()))?;
        let name = data.href.to_string();
        Ok((data, (name, packed)))
    };
    // Packing takes longest, and the lists have nothing to do with each other.
    std::thread::scope(|scope| {
        let all = LISTS.map(|list| scope.spawn(move || write(list)));
        let all = all.into_iter().map(|list| list.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let all: Vec<_> = all.collect::<Result<_, FormatError>>()?;
        Ok(all.into_iter().unzip())
    })
}
