//! The plan: packed collections and roles, and what is said of them.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::plan::Also;
use airlift_core::{Digest, Notice, Omission, Plan, PlanEntry, Request, Source, Time, TreePath, UpstreamUrl};
use serde_json::{Value, json};

use super::library::Known;
use crate::error::GalaxyError;
use crate::format::answer::Detail;
use crate::format::name::CollectionName;
use crate::format::shelf::{self, PACKED, WANTED};
use crate::format::version;
use crate::format::wanted::{Wanted, WantedCollection, WantedRole};

/// The media type of what is made here.
const JSON: &str = "application/json";

/// What was found for all entries of the manifest together.
#[derive(Default)]
pub(super) struct Shelf {
    collections: BTreeMap<CollectionName, BTreeMap<String, Known>>,
    roles: BTreeMap<String, (Digest, u64, Request)>,
    wanted_collections: BTreeSet<WantedCollection>,
    wanted_roles: BTreeSet<WantedRole>,
    plan: Plan,
}

impl Shelf {
    /// Adds a version of a collection.
    pub(super) fn collection(&mut self, name: &CollectionName, known: &Known) -> Result<(), GalaxyError> {
        let version = known.detail.version.clone();
        let versions = self.collections.entry(name.clone()).or_default();
        if let Some(other) = versions.get(&version) {
            let (first, second) = (other.detail.artifact.sha256, known.detail.artifact.sha256);
            if first != second {
                return Err(GalaxyError::Twice { what: format!("the collection {name} {version}"), first, second });
            }
            return Ok(());
        }
        versions.insert(version, known.clone());
        Ok(())
    }

    /// Adds a packed role.
    pub(super) fn role(
        &mut self,
        path: &str,
        digest: Digest,
        (size, request): (u64, Request),
        wanted: WantedRole,
    ) -> Result<(), GalaxyError> {
        self.wanted_roles.insert(wanted);
        match self.roles.insert(path.to_owned(), (digest, size, request)) {
            Some((first, ..)) if first != digest => {
                Err(GalaxyError::Twice { what: path.to_owned(), first, second: digest })
            }
            _ => Ok(()),
        }
    }

    /// Notes a role for the list of what was wanted.
    pub(super) fn want_role(&mut self, wanted: WantedRole) {
        self.wanted_roles.insert(wanted);
    }

    /// Notes a collection for the list of what was wanted.
    pub(super) fn want_collection(&mut self, wanted: WantedCollection) {
        self.wanted_collections.insert(wanted);
    }

    /// Asks another kind for something.
    pub(super) fn ask(&mut self, also: Also) {
        self.plan.also.push(also);
    }

    /// Something that whoever loads the archive must know.
    pub(super) fn notice(&mut self, below: &str, notice: String) -> Result<(), GalaxyError> {
        self.plan.notices.push(Notice { path: path(below)?, notice });
        Ok(())
    }

    /// Something that is wanted and can't be had.
    pub(super) fn omit(&mut self, below: &str, omitted: String, origin: &UpstreamUrl) -> Result<(), GalaxyError> {
        let origin = Some(origin.to_string().into());
        self.plan.omissions.push(Omission { path: path(below)?, omitted, origin });
        Ok(())
    }

    /// The plan.
    pub(super) fn plan(mut self) -> Result<Plan, GalaxyError> {
        for (name, versions) in std::mem::take(&mut self.collections) {
            self.publish(&name, versions)?;
        }
        for (below, (digest, size, request)) in std::mem::take(&mut self.roles) {
            let entry = PlanEntry::new(path(&below)?, Source::Stored { digest, request });
            self.plan.entries.push(PlanEntry { media_type: Some(PACKED.into()), size: Some(size), ..entry });
        }
        let wanted = Wanted {
            collections: self.wanted_collections.into_iter().collect(),
            roles: self.wanted_roles.into_iter().collect(),
        };
        if wanted != Wanted::default() {
            self.plan.entries.push(generated(WANTED, wanted.print(), None)?);
        }
        Ok(self.plan)
    }

    /// One collection: its packed versions, what is said of each, their list, and what is said of it.
    fn publish(&mut self, name: &CollectionName, versions: BTreeMap<String, Known>) -> Result<(), GalaxyError> {
        let mut versions: Vec<Known> = versions.into_values().collect();
        // Newest first, as servers list them.
        let parsed = |known: &Known| version::parse(&known.detail.version);
        versions.sort_by(|a, b| match (parsed(a), parsed(b)) {
            (Some(a), Some(b)) => version::order(&b, &a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        let mut details = Vec::new();
        for known in versions {
            details.push(self.publish_version(name, known)?);
        }
        let Some(newest) = details.first() else { return Ok(()) };
        let listed: Vec<Value> = details.iter().map(listed).collect();
        let list = json!({
            "meta": { "count": listed.len() },
            "links": { "first": null, "previous": null, "next": null, "last": null },
            "data": listed,
        });
        let href = href(name);
        let about = json!({
            "href": href, "namespace": name.namespace, "name": name.name, "deprecated": false,
            "versions_url": format!("{href}versions/"),
            "highest_version": { "href": newest.href, "version": newest.version },
            "created_at": details.iter().filter_map(|detail| detail.created_at.as_deref()).min(),
            "updated_at": details.iter().filter_map(|detail| detail.updated_at.as_deref()).max(),
        });
        let modified = details.iter().filter_map(|detail| when(&detail.updated_at)).max();
        self.wanted_collections.insert(WantedCollection {
            name: Some(name.to_string()),
            version: Some(newest.version.clone()),
            git: None,
        });
        let folder = shelf::collection(name);
        self.plan.entries.push(generated(&format!("{folder}/versions.json"), list.to_string(), modified)?);
        self.plan.entries.push(generated(&format!("{folder}/collection.json"), about.to_string(), modified)?);
        Ok(())
    }

    /// One version of a collection, packed, and what is said of it here.
    fn publish_version(&mut self, name: &CollectionName, known: Known) -> Result<Detail, GalaxyError> {
        let Known { mut detail, request, stored } = known;
        let modified = when(&detail.updated_at);
        let file = shelf::packed(name, &detail.version);
        let digest = detail.artifact.sha256;
        let source = if stored { Source::Stored { digest, request } } else { Source::Fetch(request) };
        self.plan.entries.push(PlanEntry {
            media_type: Some(PACKED.into()),
            size: detail.artifact.size,
            checksums: vec![digest.into()],
            modified,
            ..PlanEntry::new(path(&file)?, source)
        });
        detail.download_url = format!("/galaxy/{file}");
        detail.href = format!("{}versions/{}/", href(name), detail.version);
        detail.artifact.filename = file.rsplit('/').next().unwrap_or_default().to_owned();
        let below = format!("{}/{}.json", shelf::collection(name), detail.version);
        self.plan.entries.push(generated(&below, detail.print(), modified)?);
        Ok(detail)
    }
}

/// Where a collection is in the API.
fn href(name: &CollectionName) -> String {
    format!("/galaxy/api/v3/collections/{}/{}/", name.namespace, name.name)
}

/// A version in the list of a collection's versions.
fn listed(detail: &Detail) -> Value {
    json!({
        "version": detail.version, "href": detail.href, "created_at": detail.created_at,
        "updated_at": detail.updated_at, "requires_ansible": detail.requires_ansible, "marks": [],
    })
}

fn when(text: &Option<String>) -> Option<Time> {
    text.as_ref()?.parse().ok()
}

fn generated(below: &str, text: String, modified: Option<Time>) -> Result<PlanEntry, GalaxyError> {
    let entry = PlanEntry::new(path(below)?, Source::Generated(text.into()));
    Ok(PlanEntry { media_type: Some(JSON.into()), modified, ..entry })
}

fn path(below: &str) -> Result<TreePath, GalaxyError> {
    shelf::path(below).map_err(|source| GalaxyError::Name { what: below.chars().take(200).collect(), source })
}
