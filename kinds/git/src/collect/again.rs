//! Packs that a lock names, made again of what upstream has.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{LockEntry, UpstreamUrl};
use airlift_fetch::Fetcher;
use gix_hash::ObjectId;

use super::remote::Remote;
use super::repository::put_together;
use super::{Wanted, address_of};
use crate::error::GitError;
use crate::format::FormatError;
use crate::format::address::Address;
use crate::format::refs::Refs;
use crate::spec::{Spec, Submodules};

/// One repository of a lock.
#[derive(Default)]
struct Locked<'a> {
    head: Option<&'a LockEntry>,
    refs: Option<&'a LockEntry>,
    made: Vec<&'a LockEntry>,
}

/// Brings the packs into the store that a lock names and that are not there.
pub(crate) async fn restore(spec: &Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<(), GitError> {
    let mut repositories: BTreeMap<&str, Locked<'_>> = BTreeMap::new();
    for entry in entries {
        let Some(path) = entry.path.below("git/repositories") else { continue };
        for (file, folder) in ["HEAD", "info/refs", "objects/", "airlift/graph"]
            .iter()
            .filter_map(|file| path.rfind(&format!("/{file}")).map(|end| (*file, &path[..end])))
        {
            let locked = repositories.entry(folder).or_default();
            match file {
                "HEAD" => locked.head = Some(entry),
                "info/refs" => locked.refs = Some(entry),
                _ if entry.content.is_none() => locked.made.push(entry),
                _ => {}
            }
        }
    }
    for (folder, locked) in repositories {
        let url = url_of(spec, folder)?;
        if let Some((url, wanted)) = url
            && is_missing(fetcher, &locked.made).await
        {
            again(fetcher, (&url, wanted), &locked).await?;
        }
    }
    Ok(())
}

async fn is_missing(fetcher: &Fetcher, made: &[&LockEntry]) -> bool {
    for entry in made {
        if !matches!(fetcher.store().blob(entry.blob, entry.size).await, Ok(Some(_))) {
            return true;
        }
    }
    false
}

/// Where a repository is: as the manifest has it, or, for a submodule, by https.
fn url_of(spec: &Spec, folder: &str) -> Result<Option<(UpstreamUrl, Wanted)>, GitError> {
    for one in &spec.git {
        if address_of(&one.url)?.as_str() == folder {
            return Ok(Some((one.url.clone(), Wanted::of(one))));
        }
    }
    // The scheme of the one that names it: a test's mirror speaks plain HTTP.
    let beside = spec.git.iter().find(|one| folder.starts_with(&format!("{}/", one.url.authority())));
    let scheme = beside.map_or("https", |one| one.url.expose().scheme());
    let Ok(url) = format!("{scheme}://{folder}.git").parse::<UpstreamUrl>() else { return Ok(None) };
    let headers = beside.map(|one| Wanted::of(one).headers).unwrap_or_default();
    let wanted = Wanted {
        url: url.clone(),
        headers,
        patterns: Vec::new(),
        all: false,
        submodules: Submodules::None,
        pins: BTreeMap::new(),
    };
    Ok(Some((url, wanted)))
}

async fn again(fetcher: &Fetcher, (url, wanted): (&UpstreamUrl, Wanted), locked: &Locked<'_>) -> Result<(), GitError> {
    Address::of(url).map_err(GitError::content(url))?;
    let text = |entry: Option<&LockEntry>| {
        let bytes = entry.and_then(|entry| entry.generated().ok().flatten()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let refs = Refs::from_files(&text(locked.head), &text(locked.refs)).map_err(GitError::content(url))?;
    let (mut tips, mut pins): (BTreeSet<ObjectId>, BTreeSet<ObjectId>) = Default::default();
    for one in &refs.refs {
        let set = if one.name.starts_with("refs/heads/airlift/") { &mut pins } else { &mut tips };
        set.insert(one.id);
    }
    let all: Vec<ObjectId> = tips.union(&pins).copied().collect();
    let remote = Remote::open(fetcher, url, wanted.headers.clone()).await?;
    let pack = remote.fetch(&all).await.map_err(|error| match error {
        GitError::Refused { url, said } => {
            let names = refs.refs.iter().filter(|one| said.contains(&one.id.to_string()));
            let names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
            GitError::Lost { url, source: FormatError::new(format!("{said} ({})", names.join(", "))) }
        }
        other => other,
    })?;
    let made = put_together(fetcher, &wanted, (pack, tips, pins)).await?;
    let made = [made.pack, made.index, made.graph];
    match locked.made.iter().all(|entry| made.contains(&(entry.blob, entry.size))) {
        true => Ok(()),
        false => Err(GitError::Different { url: Box::new(url.clone()) }),
    }
}
