//! Who has to have signed the packages that were collected.

use std::collections::BTreeSet;

use airlift_core::LockEntry;
use airlift_fetch::Fetcher;
use airlift_openpgp::Keyring;

use super::{PACKAGE, host};
use crate::error::RpmError;
use crate::format::link::KEYS;
use crate::spec::{Spec, Unsigned};

/// A repository, and who may have signed its packages.
pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) ring: Keyring,
    /// What of it is taken although none of these has.
    pub(crate) unsigned: Unsigned,
}

/// The repositories of which there are packages. Their keys are those that travel with them: what clients accept is what is
/// accepted here, and a lock is enough to know it.
pub(crate) async fn signed(spec: &Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Vec<Signed>, RpmError> {
    let packages = entries.iter().filter(|entry| entry.media_type == PACKAGE);
    let ids: BTreeSet<&str> = packages.filter_map(|entry| entry.path.below("rpm")?.split('/').next()).collect();
    let mut all = Vec::new();
    for id in ids {
        let unsigned = match told_unsigned(spec, id) {
            Some(unsigned) => unsigned,
            None => {
                let resolved = host::resolve(spec, fetcher).await?;
                let found = resolved.iter().find(|repository| repository.id == id);
                found.map_or(Unsigned::Nothing, |repository| repository.unsigned)
            }
        };
        all.push(Signed { id: id.to_owned(), ring: ring(id, entries, fetcher).await?, unsigned });
    }
    Ok(all)
}

/// What the manifest takes of a repository unsigned; none where entries differ of which only the host's own files tell
/// which one the repository is of.
fn told_unsigned(spec: &Spec, id: &str) -> Option<Unsigned> {
    let all = &spec.yum.repositories;
    if let Some(named) = all.iter().find(|entry| entry.id.as_deref() == Some(id)) {
        return Some(named.unsigned);
    }
    let mut unnamed = all.iter().filter(|entry| entry.id.is_none()).map(|entry| entry.unsigned);
    let first = unnamed.next()?;
    unnamed.all(|other| other == first).then_some(first)
}

/// The keys of a repository, as its clients get them, without that of this host where it signed the metadata.
async fn ring(id: &str, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Keyring, RpmError> {
    let at = |path: String| entries.iter().find(|entry| entry.path.as_str() == path).copied();
    let Some(keys) = at(format!("rpm/{KEYS}/{id}.pub")) else { return Ok(Keyring::default()) };
    let mut ring = read(id, keys, fetcher).await?;
    // Upstream's own has a URL.
    if let Some(own) = at(format!("rpm/{id}/repodata/repomd.xml.key")).filter(|entry| entry.url.is_none()) {
        ring.remove(&read(id, own, fetcher).await?);
    }
    Ok(ring)
}

async fn read(id: &str, entry: &LockEntry, fetcher: &Fetcher) -> Result<Keyring, RpmError> {
    let bytes = fetcher.stored(entry.blob, entry.size, 0..entry.size).await.map_err(|source| RpmError::Fetch {
        id: id.to_owned(),
        what: "its key".to_owned(),
        source: source.into(),
    })?;
    Keyring::read(&bytes, entry.path.as_str()).map_err(|source| RpmError::Key { id: id.to_owned(), source })
}
