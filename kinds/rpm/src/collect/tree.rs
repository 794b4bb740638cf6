//! Installation trees: kernels and images beside a repository, for installations over the network.

use airlift_core::{PlanEntry, Source};

use super::{Entries, Mirror, dated, media_type};
use crate::error::RpmError;
use crate::format::treeinfo;

impl Mirror<'_> {
    /// Adds the files of an installation tree, where the repository is one.
    pub(super) async fn tree(&self, entries: &mut Entries<'_>) -> Result<(), RpmError> {
        for name in treeinfo::NAMES {
            let Some(document) = self.optional(name).await? else { continue };
            let url = self.url(name)?;
            let files = treeinfo::read(&String::from_utf8_lossy(&document.bytes));
            for (href, checksum) in files.map_err(|source| self.refused(url.clone(), source))? {
                let source = href.at(self.base).map_err(|source| self.refused(url.clone(), source))?;
                let path = self.path(href.path().as_str())?;
                let entry = PlanEntry::new(path, Source::Fetch(dated(source)));
                let media_type = Some(media_type(href.path().as_str()).into());
                entries.add(PlanEntry { media_type, checksums: checksum.into_iter().collect(), ..entry })?;
            }
            entries.stored(name, &document)?;
        }
        Ok(())
    }
}
