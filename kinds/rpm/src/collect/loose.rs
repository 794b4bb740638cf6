//! A folder of packages without metadata, which becomes a repository: as createrepo_c would make it, and signed with this
//! host's own key.

use std::collections::BTreeMap;
use std::io::Write;

use airlift_core::{Plan, PlanEntry, Source, Time, TreePath, UpstreamUrl};
use airlift_fetch::{Expected, FetchError, Fetched, Fetcher};
use airlift_kind::CollectContext;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::made::{self, Packer};
use super::primary::purl;
use super::{PACKAGE, dated, media_type};
use crate::error::RpmError;
use crate::format::FormatError;
use crate::format::header::{self, Start};
use crate::format::loose::{Elements, File, elements};
use crate::format::repomd::{Data, Repomd};
use crate::inspect::{PackageError, Stored};

/// How many packages are read at a time.
const AT_ONCE: usize = 8;

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
    pub(crate) async fn plan(&self, context: &CollectContext) -> Result<Plan, RpmError> {
        // Boxed, since the compiler can't see that closures over references fit every lifetime here.
        let read: Vec<BoxFuture<'_, _>> =
            self.packages.iter().map(|url| self.package(url, &context.fetcher).boxed()).collect();
        let mut packages: Vec<Package> = stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
        packages.sort_by(|a, b| a.href.cmp(&b.href));
        // What lies there twice is one package.
        let mut seen = std::collections::HashSet::new();
        packages.retain(|package| seen.insert(package.fetched.digest));
        let mut entries = BTreeMap::new();
        let mut add = |entry: PlanEntry| entries.insert(entry.path.clone(), entry);
        for package in &packages {
            add(self.entry(package)?);
        }
        let newest = packages.iter().filter_map(|package| package.fetched.modified).max().unwrap_or_default();
        for (name, bytes) in self.metadata(packages, newest, context).await? {
            let entry = PlanEntry::new(self.path(&name)?, Source::Generated(bytes));
            add(PlanEntry { media_type: Some(media_type(&name).into()), modified: Some(newest), ..entry });
        }
        let mut keys = context.signer.key().await.map_err(|source| self.signer(source))?.public();
        keys.extend(self.keys.clone());
        let keys = made::keys(&self.id, keys.to_armored()).map_err(|error| self.refused(&error))?;
        add(PlanEntry { modified: Some(newest), ..keys });
        Ok(Plan { entries: entries.into_values().collect(), ..Plan::default() })
    }

    /// Takes a package into the store, and writes what the metadata has of it.
    async fn package(&self, url: &UpstreamUrl, fetcher: &Fetcher) -> Result<Package, RpmError> {
        let name = self.name(url);
        let (fetched, start) = self.taken(url, &name, fetcher).await?;
        let unreadable =
            |source| RpmError::Package { id: self.id.clone(), name: name.clone(), source: Box::new(source) };
        let (href, facts) = (name.clone(), fetched.clone());
        let written = tokio::task::spawn_blocking(move || {
            let Start::Headers(headers) = header::read(&start)? else {
                return Err(FormatError::refused("it ends before its headers do"));
            };
            let (pkgid, modified) = (facts.digest.hex(), facts.modified.map_or(0, |time| time.seconds()));
            elements(&headers, &File { pkgid: &pkgid, href: &href, modified, size: facts.size })
        });
        let written = written.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let elements = written.map_err(|source| unreadable(PackageError::Format(source)))?;
        Ok(Package { href: name.clone(), url: url.clone(), fetched, elements })
    }

    /// Takes a package into the store; what it is, and its first bytes with all headers in them.
    async fn taken(&self, url: &UpstreamUrl, name: &str, fetcher: &Fetcher) -> Result<(Fetched, Bytes), RpmError> {
        let missed = |source: FetchError| RpmError::Fetch {
            id: self.id.clone(),
            what: name.to_owned(),
            source: Box::new(source),
        };
        let request = dated(url.clone());
        if fetcher.head(&request).await.map_err(missed)?.size.is_some_and(|size| size <= IN_MEMORY) {
            let document = fetcher.document(&request, &Expected::limit(IN_MEMORY)).await.map_err(missed)?;
            let airlift_fetch::Document { digest, bytes, media_type, modified, cached, .. } = document;
            return Ok((Fetched { digest, size: bytes.len() as u64, media_type, modified, cached }, bytes));
        }
        let fetched = fetcher.blob(&request, &Expected::default()).await.map_err(missed)?;
        let stored = Stored { fetcher: fetcher.clone(), blob: fetched.digest, size: fetched.size };
        let start = stored.headers().await;
        let unreadable =
            |source| RpmError::Package { id: self.id.clone(), name: name.to_owned(), source: Box::new(source) };
        Ok((fetched, start.map_err(unreadable)?))
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
