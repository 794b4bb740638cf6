//! The plan of a repository whose metadata was read, as a whole or of the part that was chosen.

use std::collections::{BTreeMap, HashMap};

use airlift_core::{Plan, PlanEntry, Source, Time};
use airlift_kind::CollectContext;
use bytes::Bytes;

use super::super::host;
use super::super::{Entries, Mirror, made, media_type, primary, root};
use super::{Chosen, Snapshot, Written};
use crate::error::RpmError;
use crate::format::FormatError;

/// A repository that was read.
pub(super) struct Repository<'a> {
    pub(super) repository: &'a host::Repository,
    pub(super) keys: &'a root::Keys,
    pub(super) snapshot: &'a Snapshot,
    pub(super) chosen: &'a Chosen,
    /// Its position in the manifest.
    pub(super) place: usize,
}

impl Repository<'_> {
    pub(super) async fn plan(&self, context: &CollectContext) -> Result<Plan, RpmError> {
        let fetcher = &context.fetcher;
        let (repository, keys, base) = (self.repository, self.keys, &self.snapshot.base);
        let mirror = Mirror { repository, keys, base, promised: &[], fetcher };
        let mut entries = Entries { mirror: &mirror, found: BTreeMap::new() };
        let written = self.chosen.written[self.place].as_ref();
        match (written, &self.snapshot.loose) {
            (None, Some(plan)) => return Ok(plan.clone()),
            (None, None) => {
                self.whole(&mut entries)?;
                mirror.tree(&mut entries).await?;
            }
            (Some(written), _) => self.part(&mut entries, written, context).await?,
        }
        let mut entries: Vec<PlanEntry> = entries.found.into_values().collect();
        entries.extend(match written {
            Some(_) => self.all_keys(context).await?,
            None => mirror.keys_entry(),
        });
        let root = self.snapshot.documents.first().map(|(_, repomd)| mirror.root(repomd)).transpose()?;
        let mut notices = self.snapshot.notices.clone();
        if written.is_none() {
            notices.extend(mirror.without_deltas(&self.snapshot.repomd.data)?);
        }
        Ok(Plan { entries, notices, roots: root.into_iter().collect(), ..Plan::default() })
    }

    fn whole(&self, entries: &mut Entries<'_>) -> Result<(), RpmError> {
        for (name, document) in &self.snapshot.documents {
            entries.stored(name, document)?;
        }
        self.snapshot.repomd.data.iter().try_for_each(|data| entries.metadata(data))?;
        let packages = self.chosen.universe.packages.iter().filter(|package| package.repository == self.place);
        packages.map(|package| self.package(&package.info)).try_for_each(|entry| entries.add(entry?))
    }

    async fn part(
        &self,
        entries: &mut Entries<'_>,
        written: &Written,
        context: &CollectContext,
    ) -> Result<(), RpmError> {
        let (mirror, made) = (entries.mirror, self.made());
        let generated = |name: &str, bytes: Bytes| -> Result<PlanEntry, RpmError> {
            let entry = PlanEntry::new(mirror.path(name)?, Source::Generated(bytes));
            Ok(PlanEntry { media_type: Some(media_type(name).into()), modified: Some(made), ..entry })
        };
        let root = made::signed(&self.repository.id, written.repomd.clone(), made, context).await?;
        let files = written.files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone()));
        root.into_iter().chain(files).try_for_each(|(name, bytes)| entries.add(generated(name, bytes)?))?;
        written.kept.iter().try_for_each(|data| entries.metadata(data))?;
        let part = self.chosen.choice.parts.get(&self.place);
        let packages =
            part.iter().flat_map(|part| &part.packages).map(|package| self.chosen.universe.package(*package));
        match &self.snapshot.loose {
            None => packages.map(|package| self.package(&package.info)).try_for_each(|entry| entries.add(entry?)),
            Some(plan) => {
                let known: HashMap<&str, &PlanEntry> =
                    plan.entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
                let mut paths =
                    packages.map(|package| format!("rpm/{}/{}", self.repository.id, package.info.href.path()));
                paths.try_for_each(|path| match known.get(path.as_str()) {
                    Some(entry) => entries.add((*entry).clone()),
                    None => Ok(()),
                })
            }
        }
    }

    /// When upstream made it.
    fn made(&self) -> Time {
        Time::from_seconds(i64::try_from(self.snapshot.repomd.made()).unwrap_or(0))
    }

    fn package(&self, info: &crate::format::primary::Package) -> Result<PlanEntry, RpmError> {
        let entry = primary::entry(info, &self.snapshot.base, &format!("rpm/{}", self.repository.id));
        entry.map_err(|source| self.refused(source))
    }

    /// The keys as clients get them: upstream's, by which packages are signed, and that of this host, by which the
    /// metadata is. Each in a block of its own, since rpm of EL 7 reads no more of one.
    async fn all_keys(&self, context: &CollectContext) -> Result<Option<PlanEntry>, RpmError> {
        let id = &self.repository.id;
        let key = context.signer.key().await.map_err(|source| RpmError::Signer { id: id.clone(), source })?;
        let armored = self.keys.armored().unwrap_or_default() + &key.public().to_armored();
        let keys = made::keys(id, armored);
        let keys = keys.map_err(|error| self.refused(FormatError::refused(error.to_string())))?;
        Ok(Some(PlanEntry { modified: Some(self.made()), ..keys }))
    }

    fn refused(&self, source: FormatError) -> RpmError {
        let url = Box::new(self.snapshot.base.clone());
        RpmError::Metadata { id: self.repository.id.clone(), url, source }
    }
}
