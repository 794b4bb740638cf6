//! What an archive says of a repository beside its files: `rpm/<id>.json`, where it is for some hosts alone, or where its
//! packages are seen whatever streams of modules are enabled.

use std::collections::BTreeSet;

use airlift_core::path::PathError;
use airlift_core::{PlanEntry, Source, TreePath};
use airlift_kind::{Hosts, View};
use serde::{Deserialize, Serialize};

use crate::format::link::KEYS;

/// The version of this format.
const FORMAT: u32 = 1;

/// The most bytes of a description.
const LONGEST: u64 = 1 << 20;

/// A description as it is kept. Fields of later versions are passed over.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    id: String,
    #[serde(default)]
    hosts: Hosts,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    module_hotfixes: bool,
}

/// A repository as its clients have to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Its id.
    pub(crate) id: String,
    /// Whether a key of it travels.
    pub(crate) keyed: bool,
    /// Whether its metadata has a signature.
    pub(crate) signed: bool,
    /// The hosts that it is for.
    pub(crate) hosts: Hosts,
    /// Whether its packages are seen whatever streams of modules are enabled.
    pub(crate) module_hotfixes: bool,
}

/// Why a repository can't be described to a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The archive can't be read.
    #[error("the description of the repository {id} can't be read: {source}")]
    Store { id: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// It is none.
    #[error("the description of the repository {id} is none: {source}")]
    Description { id: String, source: serde_json::Error },
}

/// The description of a repository; none is needed where it is for all hosts, and as most are.
pub(crate) fn described(id: &str, hosts: &Hosts, module_hotfixes: bool) -> Result<Option<PlanEntry>, PathError> {
    if hosts.is_all() && !module_hotfixes {
        return Ok(None);
    }
    let path = TreePath::new(format!("rpm/{id}.json"))?;
    let stored = Stored { format: FORMAT, id: id.to_owned(), hosts: hosts.clone(), module_hotfixes };
    let json = serde_json::to_vec(&stored).expect("plain data with string keys is always JSON");
    let entry = PlanEntry::new(path, Source::Generated(json.into()));
    Ok(Some(PlanEntry { media_type: Some("application/json".into()), ..entry }))
}

/// The repositories of a snapshot.
pub(crate) fn ids(view: &View) -> BTreeSet<&str> {
    let ids = view.below("").iter().filter_map(|node| view.path_of(node).split_once('/').map(|(id, _)| id));
    ids.filter(|id| *id != KEYS).collect()
}

/// These repositories, as clients have to know them.
pub(crate) async fn read(view: &View, ids: impl IntoIterator<Item = &str>) -> Result<Vec<Served>, ReadError> {
    let mut served = Vec::new();
    for id in ids {
        let (hosts, module_hotfixes) = description(view, id).await?;
        served.push(Served {
            id: id.to_owned(),
            keyed: view.get(&format!("{KEYS}/{id}.pub")).is_some(),
            signed: view.get(&format!("{id}/repodata/repomd.xml.asc")).is_some(),
            hosts,
            module_hotfixes,
        });
    }
    Ok(served)
}

async fn description(view: &View, id: &str) -> Result<(Hosts, bool), ReadError> {
    let Some(node) = view.get(&format!("{id}.json")) else { return Ok(Default::default()) };
    let bytes = view.read(node, LONGEST).await;
    let bytes = bytes.map_err(|source| ReadError::Store { id: id.to_owned(), source: Box::new(source) })?;
    let stored: Stored =
        serde_json::from_slice(&bytes).map_err(|source| ReadError::Description { id: id.to_owned(), source })?;
    Ok((stored.hosts, stored.module_hotfixes))
}
