//! A folder of loose packages as a flat repository, as apt-ftparchive makes one, signed with this host's own key.

use airlift_core::{Digest, Plan, Time, UpstreamUrl};
use airlift_fetch::{Expected, FetchError, Fetcher};
use airlift_kind::CollectContext;
use futures::{StreamExt, TryStreamExt, stream};

use super::made::Made;
use super::repository::Repository;
use super::tree::{File, Tree, request, stored};
use super::{describe, described, notice};
use crate::error::DebError;
use crate::format::ar;
use crate::format::control::{Control, DebFile};
use crate::stored::StoredPart;

/// How many packages are read at a time.
const AT_ONCE: usize = 8;

/// A package of a folder.
struct Deb {
    /// Its path below the folder.
    path: String,
    url: UpstreamUrl,
    digest: Digest,
    size: u64,
    modified: Time,
    control: Control,
}

/// Whether a file is a package, by its name.
pub(crate) fn is_package(url: &UpstreamUrl) -> bool {
    [".deb", ".ddeb"].iter().any(|ending| url.expose().path().ends_with(ending))
}

/// Plans a folder of packages.
pub(crate) async fn plan(repository: &Repository, context: &CollectContext) -> Result<Plan, DebError> {
    let read = repository.debs.iter().map(|url| read(repository, url, &context.fetcher));
    let mut debs: Vec<Deb> = stream::iter(read.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    let all = debs.len();
    debs.retain(|deb| wanted(repository, deb));
    debs.sort_by(|a, b| a.path.cmp(&b.path));
    let mut tree = Tree::new(repository);
    if debs.len() < all {
        let other = all - debs.len();
        let remark = format!("{other} packages of {} are for other architectures, and are left out", repository.uri);
        notice(&mut tree.plan, repository, remark)?;
    }
    let mut list = String::new();
    for deb in &debs {
        let path = format!("./{}", deb.path);
        list.push_str(&deb.control.stanza(DebFile { path: &path, size: deb.size, digest: deb.digest }));
        add(deb, &mut tree)?;
    }
    let key = context.signer.key().await.map_err(|source| DebError::Signer { id: repository.id.clone(), source })?;
    let made = Made {
        folder: String::new(),
        fields: vec![
            ("Origin", "Airlift".to_owned()),
            ("Label", repository.id.clone()),
            ("Suite", repository.id.clone()),
            ("Codename", repository.id.clone()),
            ("Architectures", architectures(&debs)),
            ("Description", "loose packages in a folder".to_owned()),
        ],
        date: debs.iter().map(|deb| deb.modified).max().unwrap_or_default(),
        lists: vec![("Packages".to_owned(), list.into_bytes())],
    };
    made.plan(&key, &mut tree)?;
    let keys = key.public();
    let mut stored = described(repository, &keys);
    let suites = vec!["./".to_owned()];
    stored.parts.push(StoredPart {
        suites,
        components: Vec::new(),
        architectures: Vec::new(),
        sources: false,
        hosts: repository.hosts.clone(),
    });
    describe(&stored, &keys, &mut tree)?;
    Ok(tree.plan)
}

/// Copies a package into the store, and reads what it says of itself.
async fn read(repository: &Repository, url: &UpstreamUrl, fetcher: &Fetcher) -> Result<Deb, DebError> {
    let failed = |source: FetchError| DebError::Fetch { id: repository.id.clone(), source: Box::new(source) };
    let fetched = fetcher.blob(&request(url.clone()), &Expected::default()).await.map_err(failed)?;
    let beginning = fetcher.stored(fetched.digest, fetched.size, 0..ar::BEGINNING).await.map_err(failed)?;
    let found = ar::control(&beginning, fetched.size);
    let found = found.map_err(|source| DebError::NoPackage { url: Box::new(url.clone()), source })?;
    let archive = fetcher.stored(fetched.digest, fetched.size, found.range).await.map_err(failed)?;
    let control = Control::read(&archive, found.format);
    let control = control.map_err(|source| DebError::Control { url: Box::new(url.clone()), source })?;
    Ok(Deb {
        path: below(&repository.uri, url),
        url: url.clone(),
        digest: fetched.digest,
        size: fetched.size,
        modified: fetched.modified.unwrap_or_default(),
        control,
    })
}

/// A file's path below its folder.
fn below(folder: &UpstreamUrl, file: &UpstreamUrl) -> String {
    let path = |url: &UpstreamUrl| url.decoded_path().unwrap_or_default();
    let (folder, file) = (path(folder), path(file));
    let inner = file.strip_prefix(folder.trim_end_matches('/')).unwrap_or(&file);
    inner.trim_start_matches('/').to_owned()
}

fn wanted(repository: &Repository, deb: &Deb) -> bool {
    let name = &deb.control.architecture;
    let chosen = &repository.architectures;
    chosen.is_empty() || name == "all" || chosen.contains(name)
}

/// The architectures that there are, in the order of their names.
fn architectures(debs: &[Deb]) -> String {
    let mut names: Vec<&str> = debs.iter().map(|deb| &*deb.control.architecture).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" ")
}

fn add(deb: &Deb, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let purl = super::lists::purl((&deb.control.package, &deb.control.version, &deb.control.architecture), "");
    tree.add(File {
        path: &deb.path,
        source: stored(deb.digest, request(deb.url.clone())),
        size: deb.size,
        checksums: vec![deb.digest.into()],
        purl: Some(purl),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_their_folder() {
        let url = |text: &str| text.parse::<UpstreamUrl>().expect("a URL");
        for folder in ["file:///a%20b/debs", "file:///a%20b/debs/"] {
            assert_eq!(below(&url(folder), &url("file:///a%20b/debs/x/a_1%253a2+b.deb")), "x/a_1%3a2+b.deb");
        }
        assert!(is_package(&url("file:///a.deb")) && !is_package(&url("file:///a.udeb")));
    }
}
