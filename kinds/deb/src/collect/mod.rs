//! Which files, and at which paths: whole repositories, their metadata byte for byte.
//!
//! `repository` says which repositories the manifest means (`host` reads those of this machine), `release` reads and
//! verifies the root of a suite, `indices` chooses what a suite's parts need, `lists` reads the packages, `pdiffs` the
//! patches between lists, `loose` makes a repository of a folder of packages, `made` the metadata of what is not taken
//! whole, `partial` chooses packages with all that they need, and `tree` collects the entries, each path once.

mod host;
mod indices;
mod lists;
mod loose;
mod made;
mod partial;
mod pdiffs;
mod release;
mod repository;
mod tree;

use airlift_core::{Event, Notice, Plan, Root, TreePath};
use airlift_fetch::{Fetcher, engine};
use airlift_kind::CollectContext;
use airlift_openpgp::Keyring;

use crate::error::DebError;
use crate::spec::Spec;
use crate::stored::{FORMAT, Stored, StoredPart};
use repository::Repository;
use tree::Tree;

/// How often a repository that is changed while its lists are read is read.
const MOST_ATTEMPTS: u32 = 4;

/// Says whether to read a repository again that was changed meanwhile: the checksums of a root of today do not fit the
/// lists of tomorrow. That the packages fit too is checked by the engine, which asks the roots again at the end.
struct Attempts<'a> {
    fetcher: &'a Fetcher,
    made: u32,
}

impl<'a> Attempts<'a> {
    const fn new(fetcher: &'a Fetcher) -> Self {
        Self { fetcher, made: 1 }
    }

    /// Says that it is read again, where one of the roots that were read has moved; the error where that is not why.
    async fn again(&mut self, error: DebError, roots: &[Root]) -> Result<(), DebError> {
        let moved = match error.may_be_a_race() && self.made < MOST_ATTEMPTS {
            true => engine::moved(self.fetcher, roots).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let Some(moved) = moved.first() else { return Err(error) };
        self.made += 1;
        let message = format!("{moved} was changed while it was read, so it is read again");
        self.fetcher.observer().observe(&Event::Notice { message });
        Ok(())
    }
}

pub(crate) async fn collect(spec: &Spec, context: &CollectContext) -> Result<Plan, DebError> {
    let fetcher = &context.fetcher;
    let mut plan = Plan::default();
    let repositories = repository::all(spec, context).await?;
    if repositories.iter().any(|repository| repository.partial.is_some()) {
        plan.extend(partial::plan(&repositories, context).await?);
    }
    for repository in repositories.into_iter().filter(|repository| repository.partial.is_none()) {
        plan.extend(match repository.debs.is_empty() {
            true => planned(&repository, fetcher).await?,
            false => loose::plan(&repository, context).await?,
        });
    }
    Ok(plan)
}

/// Plans a repository, again where it was changed meanwhile.
async fn planned(repository: &Repository, fetcher: &Fetcher) -> Result<Plan, DebError> {
    let keys = repository.keys(fetcher).await?;
    let mut attempts = Attempts::new(fetcher);
    loop {
        let mut roots = Vec::new();
        match once(repository, &keys, fetcher, &mut roots).await {
            Ok(plan) => return Ok(Plan { roots, ..plan }),
            Err(error) => attempts.again(error, &roots).await?,
        }
    }
}

async fn once(
    repository: &Repository,
    keys: &Keyring,
    fetcher: &Fetcher,
    roots: &mut Vec<Root>,
) -> Result<Plan, DebError> {
    let mut tree = Tree::new(repository);
    let mut stored = described(repository, keys);
    for part in &repository.parts {
        let suite = release::read(repository, keys, (&part.suite, fetcher), roots).await?;
        stored.signed &= suite.signed;
        stored.expires |= suite.release.valid_until.is_some();
        for remark in &suite.remarks {
            notice(&mut tree.plan, repository, remark.clone())?;
        }
        let chosen = indices::chosen(&suite, part)?;
        let present = indices::present(chosen.files, &suite, fetcher).await?;
        suite.plan(&mut tree)?;
        indices::plan(&present, &suite, &mut tree)?;
        lists::read(&present, &suite, fetcher, &mut tree).await?;
        for remark in pdiffs::plan(&present, &suite, fetcher, &mut tree).await? {
            notice(&mut tree.plan, repository, remark)?;
        }
        add_part(
            &mut stored,
            StoredPart {
                suites: vec![part.suite.clone()],
                components: part.components.clone(),
                architectures: chosen.architectures,
                sources: part.sources,
                hosts: repository.hosts_of(&suite.release),
            },
        );
    }
    stored.signed &= !keys.is_empty();
    describe(&stored, keys, &mut tree)?;
    Ok(tree.plan)
}

fn described(repository: &Repository, keys: &Keyring) -> Stored {
    Stored {
        format: FORMAT,
        id: repository.id.clone(),
        origin: repository.uri.to_string(),
        signed: true,
        expires: false,
        fingerprints: keys.keys().into_iter().map(|key| key.fingerprint).collect(),
        parts: Vec::new(),
    }
}

/// Suites that have all else in common share a stanza in client files.
fn add_part(stored: &mut Stored, part: StoredPart) {
    let same = |other: &&mut StoredPart| StoredPart { suites: part.suites.clone(), ..(**other).clone() } == part;
    match stored.parts.iter_mut().find(same) {
        Some(other) if other.suites.contains(&part.suites[0]) => {}
        Some(other) => other.suites.extend(part.suites),
        None => stored.parts.push(part),
    }
}

/// Notes something about a repository, once.
fn notice(plan: &mut Plan, repository: &Repository, notice: String) -> Result<(), DebError> {
    let path = TreePath::new(format!("deb/{}", repository.id));
    let path = path.map_err(|source| DebError::Path { id: repository.id.clone(), source })?;
    let notice = Notice { path, notice };
    if !plan.notices.contains(&notice) {
        plan.notices.push(notice);
    }
    Ok(())
}

/// What the files that point a client here are made of.
fn describe(stored: &Stored, keys: &Keyring, tree: &mut Tree<'_>) -> Result<(), DebError> {
    let json = serde_json::to_vec(stored).expect("plain data with string keys is always JSON");
    tree.generated(&crate::stored::path(&stored.id), json, "application/json")?;
    if stored.signed {
        let armored = keys.to_armored();
        for ending in ["asc", "pub"] {
            let path = format!("gpgkeys/{}.{ending}", stored.id);
            tree.generated(&path, armored.clone().into_bytes(), "application/pgp-keys")?;
        }
    }
    Ok(())
}
