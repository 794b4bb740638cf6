//! One repository: its names, its objects, and the files that they become.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::{Digest, Plan, PlanEntry, Source, Time, TreePath};
use airlift_fetch::{Fetcher, Scratch};
use bytes::Bytes;
use gix_hash::ObjectId;
use serde::{Deserialize, Serialize};

use super::assemble::{self, Assembled, Link};
use super::remote::Remote;
use super::trouble::off_the_runtime;
use super::unpack::Objects;
use super::{Wanted, omission};
use crate::error::GitError;
use crate::format::address::Address;
use crate::format::refs::{Ref, Refs};
use crate::format::{FormatError, id_of_hex};
use crate::spec::{Pattern, Submodules};

/// The version of what is made; another one is made anew.
const VERSION: u32 = 1;

/// What a repository's objects became. It is remembered, so that what has not changed is not fetched again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    /// The checksum that the pack is named by.
    pub(super) name: String,
    pub(super) pack: (Digest, u64),
    pub(super) index: (Digest, u64),
    pub(super) graph: (Digest, u64),
    newest: Option<i64>,
    /// Those of the pinned commits that no name leads to.
    loose: Vec<String>,
    pub(super) links: Vec<Link>,
}

/// Collects a repository into the store, and says in the plan where it is.
pub(super) async fn collect(
    fetcher: &Fetcher,
    address: &Address,
    wanted: &Wanted,
    plan: &mut Plan,
) -> Result<Made, GitError> {
    let remote = Remote::open(fetcher, &wanted.url, wanted.headers.clone()).await?;
    let others = wanted.patterns.iter().any(|pattern| pattern.to_string().starts_with("refs/"));
    let told = remote.refs(others).await?;
    let mut refs = select(&told, wanted, (address, plan));
    let mut pins: BTreeSet<ObjectId> = wanted.pins.keys().copied().collect();
    if refs.refs.is_empty() && pins.is_empty() {
        let source = FormatError::new("it has no branches and no tags that are wanted");
        return Err(GitError::Content { url: Box::new(wanted.url.clone()), source });
    }
    let made = loop {
        let tips: BTreeSet<ObjectId> = refs.refs.iter().map(|one| one.id).collect();
        match make(fetcher, &remote, (wanted, tips, pins.clone())).await {
            Err(GitError::Refused { url, said }) => {
                // A server names the first object that it has not got.
                let lost = pins.iter().find(|pin| said.contains(&pin.to_string())).copied();
                let Some(lost) = lost else { return Err(GitError::Refused { url, said }) };
                let why = wanted.pins.get(&lost).map_or("", String::as_str);
                let reason = format!("{url} has no commit {lost}, which is needed by {why}");
                plan.omissions.push(omission(address, Some(&lost.to_string()), reason));
                pins.remove(&lost);
                if refs.refs.is_empty() && pins.is_empty() {
                    return Err(GitError::Refused { url, said });
                }
            }
            other => break other?,
        }
    };
    name_loose(&mut refs, &made);
    plan.entries.extend(entries(address, &refs, &made));
    Ok(made)
}

/// The names that are wanted. Names that upstream has not got are left out aloud.
fn select(told: &Refs, wanted: &Wanted, (address, plan): (&Address, &mut Plan)) -> Refs {
    for pattern in &wanted.patterns {
        if !told.refs.iter().any(|one| pattern.names(&one.name)) {
            let reason = format!("{} has no branch or tag {pattern}", wanted.url);
            plan.omissions.push(omission(address, Some(&pattern.to_string()), reason));
        }
    }
    let is_wanted = |one: &&Ref| {
        let usual = one.name.starts_with("refs/heads/") || one.name.starts_with("refs/tags/");
        (wanted.all && usual) || wanted.patterns.iter().any(|pattern: &Pattern| pattern.names(&one.name))
    };
    let refs: Vec<Ref> = told.refs.iter().filter(is_wanted).cloned().collect();
    with_head(told, refs)
}

/// The branch that a clone begins with: upstream's, where it is here, else the first one, else the newest name.
fn with_head(told: &Refs, refs: Vec<Ref>) -> Refs {
    let mut here = Refs { head: None, head_id: None, refs };
    let head = told.head.clone().filter(|head| here.get(head).is_some());
    let first = || here.refs.iter().find(|one| one.name.starts_with("refs/heads/")).map(|one| one.name.clone());
    let head = head.or_else(first);
    here.head_id = match &head {
        Some(head) => here.get(head).map(|one| one.id),
        None => here.refs.last().map(|one| one.peeled.unwrap_or(one.id)),
    };
    here.head = head;
    here
}

/// Commits that no name leads to are given one, so that a plain clone brings them.
fn name_loose(refs: &mut Refs, made: &Made) {
    for hex in &made.loose {
        let Some(id) = id_of_hex(hex.as_bytes()) else { continue };
        refs.refs.push(Ref { name: format!("refs/heads/airlift/{hex}"), id, peeled: None });
        if refs.head_id.is_none() {
            refs.head_id = Some(id);
        }
    }
    refs.refs.sort_by(|a, b| a.name.cmp(&b.name));
    refs.refs.dedup_by(|a, b| a.name == b.name);
}

/// Fetches and puts together, or finds that nothing has changed.
async fn make(
    fetcher: &Fetcher,
    remote: &Remote<'_>,
    (wanted, tips, pins): (&Wanted, BTreeSet<ObjectId>, BTreeSet<ObjectId>),
) -> Result<Made, GitError> {
    let lines = |ids: &BTreeSet<ObjectId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let with_links = wanted.submodules != Submodules::None;
    let key = format!("git {VERSION} {} {with_links} {} / {}", wanted.url, lines(&tips), lines(&pins));
    if let Some(made) = fetcher.store().memo::<Made>(&key)
        && all_there(fetcher, &made).await
    {
        return Ok(made);
    }
    let all: Vec<ObjectId> = tips.union(&pins).copied().collect();
    let pack = remote.fetch(&all).await?;
    let made = put_together(fetcher, wanted, (pack, tips, pins)).await?;
    fetcher.store().set_memo(&key, made.pack.0, &made);
    Ok(made)
}

async fn all_there(fetcher: &Fetcher, made: &Made) -> bool {
    for (digest, size) in [made.pack, made.index, made.graph] {
        if !matches!(fetcher.store().blob(digest, size).await, Ok(Some(_))) {
            return false;
        }
    }
    true
}

/// Makes files of what upstream sent.
pub(super) async fn put_together(
    fetcher: &Fetcher,
    wanted: &Wanted,
    (mut raw, tips, pins): (Scratch, BTreeSet<ObjectId>, BTreeSet<ObjectId>),
) -> Result<Made, GitError> {
    let what = "its pack";
    let failed = GitError::fetch(&wanted.url, what);
    let file = fetcher.scratch(&format!("objects of {}", wanted.url)).map_err(&failed)?;
    let mut pack = fetcher.scratch(&format!("new pack of {}", wanted.url)).map_err(&failed)?;
    let with_links = wanted.submodules != Submodules::None;
    let work = off_the_runtime(move || {
        let mut objects = Objects::of(&mut raw, file)?;
        let assembled = assemble::assemble(&mut objects, (&tips, &pins), &mut pack)?;
        let all: BTreeSet<ObjectId> = tips.union(&pins).copied().collect();
        let links = if with_links { assemble::links(&mut objects, &all)? } else { Vec::new() };
        Ok((assembled, links, pack))
    });
    let (assembled, links, pack) = work.await.map_err(|trouble| trouble.of(&wanted.url, what))?;
    let Assembled { name, index, graph, newest, loose } = assembled;
    let pack = pack.keep().await.map_err(&failed)?;
    let index = keep(fetcher, "index", index).await.map_err(&failed)?;
    let graph = keep(fetcher, "graph", graph).await.map_err(&failed)?;
    let loose = loose.iter().map(ToString::to_string).collect();
    Ok(Made { name: name.to_string(), pack, index, graph, newest, loose, links })
}

async fn keep(fetcher: &Fetcher, key: &str, bytes: Vec<u8>) -> Result<(Digest, u64), airlift_fetch::FetchError> {
    let mut scratch = fetcher.scratch(key)?;
    scratch.append(&bytes)?;
    scratch.keep().await
}

/// The files of a repository (gitrepository-layout), and what leads from one object to another.
fn entries(address: &Address, refs: &Refs, made: &Made) -> Vec<PlanEntry> {
    let date = made.newest.map(Time::from_seconds);
    let text = |text: String| Source::Generated(Bytes::from(text));
    let blob = |(digest, size)| (Source::Made { digest }, Some(size));
    let pack = format!("objects/pack/pack-{}", made.name);
    let mut files: BTreeMap<String, ((Source, Option<u64>), &'static str)> = BTreeMap::new();
    let mut put = |path: &str, source, media_type| files.insert(path.to_owned(), (source, media_type));
    put("HEAD", (text(refs.head_file()), None), "text/plain; charset=utf-8");
    put("info/refs", (text(refs.info_file()), None), "text/plain; charset=utf-8");
    put("objects/info/packs", (text(format!("P pack-{}.pack\n\n", made.name)), None), "text/plain; charset=utf-8");
    put(&format!("{pack}.pack"), blob(made.pack), "application/x-git-packed-objects");
    put(&format!("{pack}.idx"), blob(made.index), "application/x-git-packed-objects-toc");
    put("airlift/graph", blob(made.graph), "application/octet-stream");
    let entry = |(file, ((source, size), media_type)): (String, ((Source, Option<u64>), &'static str))| {
        let path = TreePath::new(format!("git/repositories/{}/{file}", address.as_str())).ok()?;
        Some(PlanEntry { media_type: Some(media_type.into()), size, modified: date, ..PlanEntry::new(path, source) })
    };
    files.into_iter().filter_map(entry).collect()
}
