//! Who has to have signed the packages that were collected.

use std::collections::BTreeSet;

use airlift_core::LockEntry;
use airlift_fetch::Fetcher;
use airlift_openpgp::Keyring;

use super::root::Keys;
use super::{PACKAGE, host};
use crate::error::RpmError;
use crate::format::link::KEYS;
use crate::spec::{RepoSpec, Spec, Unsigned};

/// A repository, and who may have signed its packages.
pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) ring: Keyring,
    /// What of it is taken although none of these has.
    pub(crate) unsigned: Unsigned,
}

/// The repositories of which there are packages. Their keys are those that the manifest names, not those of a lock, which
/// anybody may have changed. Where the manifest leaves them to a host's own files, the lock's have to do: these may be
/// elsewhere by now.
pub(crate) async fn signed(spec: &Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Vec<Signed>, RpmError> {
    let packages = entries.iter().filter(|entry| entry.media_type == PACKAGE);
    let ids: BTreeSet<&str> = packages.filter_map(|entry| entry.path.below("rpm")?.split('/').next()).collect();
    let resolved = match ids.iter().any(|id| told_unsigned(spec, id).is_none()) {
        true => host::resolve(spec, fetcher).await?,
        false => Vec::new(),
    };
    let mut all = Vec::new();
    for id in ids {
        let unsigned = told_unsigned(spec, id).unwrap_or_else(|| {
            let found = resolved.iter().find(|repository| repository.id == id);
            found.map_or(Unsigned::Nothing, |repository| repository.unsigned)
        });
        let ring = match entries_of(spec, id)[..] {
            [entry] if !entry.gpgkeys.is_empty() => {
                Keys::of(id, &host::own_gpgkeys(entry, id, fetcher)?, fetcher).await?.into_ring()
            }
            _ => of_lock((id, unsigned), entries, fetcher).await?,
        };
        all.push(Signed { id: id.to_owned(), ring, unsigned });
    }
    Ok(all)
}

/// The entries of the manifest that a repository may be of: the one that names it, or else all of which only the host's own
/// files tell what they name.
fn entries_of<'s>(spec: &'s Spec, id: &str) -> Vec<&'s RepoSpec> {
    let all = &spec.yum.repositories;
    match all.iter().find(|entry| entry.id.as_deref() == Some(id)) {
        Some(named) => vec![named],
        None => all.iter().filter(|entry| entry.id.is_none()).collect(),
    }
}

/// What the manifest takes of a repository unsigned; none where the entries that it may be of differ.
fn told_unsigned(spec: &Spec, id: &str) -> Option<Unsigned> {
    let mut told = entries_of(spec, id).into_iter().map(|entry| entry.unsigned);
    let first = told.next()?;
    told.all(|other| other == first).then_some(first)
}

/// The keys of a repository, as its clients get them, without that of this host where it signed the metadata. Without any,
/// only what is taken unsigned travels.
async fn of_lock(
    (id, unsigned): (&str, Unsigned),
    entries: &[&LockEntry],
    fetcher: &Fetcher,
) -> Result<Keyring, RpmError> {
    let at = |path: String| entries.iter().find(|entry| entry.path.as_str() == path).copied();
    let path = format!("rpm/{KEYS}/{id}.pub");
    let Some(keys) = at(path.clone()) else {
        return if unsigned.packages() {
            Ok(Keyring::default())
        } else {
            Err(RpmError::NoKeys { id: id.to_owned(), path })
        };
    };
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
