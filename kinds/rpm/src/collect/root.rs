//! The root of a repository, and who vouches for it.

use std::time::SystemTime;

use airlift_core::{Notice, Request, Time, UpstreamUrl};
use airlift_fetch::{Document, Expected, Fetcher};
use airlift_openpgp::Keyring;

use super::Mirror;
use crate::error::RpmError;
use crate::format::repomd::{self, Data, Repomd};

/// The most bytes of a root, a signature or a key.
pub(super) const MOST_BYTES: u64 = 8 << 20;

/// The keys of a repository.
pub(crate) struct Keys {
    ring: Keyring,
}

impl Keys {
    pub(super) async fn of(id: &str, urls: &[UpstreamUrl], fetcher: &Fetcher) -> Result<Self, RpmError> {
        let id = || id.to_owned();
        let mut ring = Keyring::default();
        for url in urls {
            let document = fetcher.document(&Request::new(url.clone()), &Expected::limit(MOST_BYTES)).await;
            let document = document.map_err(|source| RpmError::Fetch {
                id: id(),
                what: "its key".to_owned(),
                source: source.into(),
            })?;
            let keys = Keyring::read(&document.bytes, &url.to_string());
            ring.extend(keys.map_err(|source| RpmError::Key { id: id(), source })?);
        }
        Ok(Self { ring })
    }

    /// The keys themselves.
    pub(super) fn into_ring(self) -> Keyring {
        self.ring
    }

    /// All of them in one armored text; none where there are none.
    pub(super) fn armored(&self) -> Option<String> {
        (!self.ring.is_empty()).then(|| self.ring.to_armored())
    }
}

/// A root that may be followed.
pub(super) struct Trusted {
    /// What it says.
    pub(super) repomd: Repomd,
    /// The root, and what travels with it, by their paths.
    pub(super) documents: Vec<(&'static str, Document)>,
    /// What whoever loads it must know.
    pub(super) notices: Vec<Notice>,
}

impl Mirror<'_> {
    /// Checks who vouches for a root, and reads it.
    pub(super) async fn trust(&self, repomd: &Document) -> Result<Trusted, RpmError> {
        let url = self.url("repodata/repomd.xml")?;
        let id = || self.repository.id.clone();
        if !self.promised.is_empty() && !self.promised.iter().any(|promise| promise.matches(&repomd.bytes)) {
            return Err(RpmError::Promise { id: id(), url: url.into() });
        }
        let mut documents = vec![("repodata/repomd.xml", repomd.clone())];
        let signature = self.optional("repodata/repomd.xml.asc").await?;
        let key = self.optional("repodata/repomd.xml.key").await?;
        let mut notices = Vec::new();
        match (self.vouched(repomd, signature.as_ref()), signature) {
            (Ok(remarks), signature) => {
                notices.extend(remarks);
                documents.extend(signature.map(|document| ("repodata/repomd.xml.asc", document)));
            }
            (Err(error), _) if !self.repository.unsigned.metadata() => return Err(error),
            // A signature that its clients would refuse does not travel: they would refuse the repository.
            (Err(error), _) => notices.push(airlift_core::failure::line(&error)),
        }
        documents.extend(key.map(|document| ("repodata/repomd.xml.key", document)));
        let root = repomd::read(&repomd.bytes).map_err(|source| self.refused(url, source))?;
        let path = self.path("repodata/repomd.xml")?;
        let notices = notices.into_iter().map(|notice| Notice { path: path.clone(), notice }).collect();
        Ok(Trusted { repomd: root, documents, notices })
    }

    /// What has to be known of a repository that travels whole: lists of delta packages do, and these packages do not.
    pub(super) fn without_deltas(&self, data: &[Data]) -> Result<Option<Notice>, RpmError> {
        if !data.iter().any(|data| matches!(data.kind.as_str(), "prestodelta" | "deltainfo")) {
            return Ok(None);
        }
        let notice = format!(
            "yum repository {}: its delta packages do not travel; clients that look for one take the whole package instead",
            self.repository.id
        );
        Ok(Some(Notice { path: self.path("repodata/repomd.xml")?, notice }))
    }

    /// Whether one of the keys has signed the root; what is remarkable about it.
    fn vouched(&self, repomd: &Document, signature: Option<&Document>) -> Result<Vec<String>, RpmError> {
        let id = || self.repository.id.clone();
        let Some(signature) = signature else {
            return Err(RpmError::Unsigned { id: id(), url: self.url("repodata/repomd.xml.asc")?.into() });
        };
        if self.keys.ring.is_empty() {
            let remark = format!("yum repository {}: no key was given, so its signature was not checked", id());
            return Ok(vec![remark]);
        }
        let verified = self.keys.ring.verify_detached(&signature.bytes, &repomd.bytes, Time::from(SystemTime::now()));
        let url = self.url("repodata/repomd.xml")?;
        Ok(verified.map_err(|source| RpmError::Signature { id: id(), url: url.into(), source })?.remarks)
    }

    /// Something that need not be there.
    pub(super) async fn optional(&self, name: &str) -> Result<Option<Document>, RpmError> {
        match self.document(name).await {
            Ok(document) => Ok(Some(document)),
            // Object stores answer 403 for what they do not have.
            Err(RpmError::Fetch { source, .. }) if source.is_not_found() || source.status() == Some(403) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
