//! Which repositories the manifest means.

use std::collections::BTreeSet;
use std::sync::Arc;

use airlift_core::UpstreamUrl;
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::{CollectContext, Hosts};
use airlift_openpgp::Keyring;

use super::host;
use super::tree::request;
use crate::error::DebError;
use crate::format::link::encode;
use crate::format::release::Release;
use crate::spec::{AptSpec, KeySource, Partial, Spec, What};

/// The most bytes of a file of keys.
const LARGEST_KEYS: u64 = 16 << 20;

/// Distributions whose suites go by the codenames that their hosts' `os-release` has.
const DISTRIBUTIONS: [&str; 2] = ["Debian", "Ubuntu"];

/// A repository that is to be mirrored.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// Its name here.
    pub(crate) id: String,
    /// Its address.
    pub(crate) uri: UpstreamUrl,
    /// Where its keys are.
    pub(crate) keys: Vec<KeySource>,
    /// The keys that are accepted; none for all.
    pub(crate) fingerprints: Vec<String>,
    /// Whether it may be unsigned.
    pub(crate) unsigned: bool,
    /// Whether it must not have expired.
    pub(crate) check_valid_until: bool,
    /// Its suites.
    pub(crate) parts: Vec<Part>,
    /// Its packages, where it is a folder of loose ones; none otherwise.
    pub(crate) debs: Vec<UpstreamUrl>,
    /// The architectures of loose packages that are wanted; none for all.
    pub(crate) architectures: Vec<String>,
    /// The entry of the manifest that it is of.
    pub(crate) entry: usize,
    /// The hosts that it is solved for; none for all.
    pub(crate) target: Option<String>,
    /// The hosts whose apt has it on, as the manifest says it.
    pub(crate) hosts: Hosts,
    /// What of it travels; none for all.
    pub(crate) partial: Option<Arc<Partial>>,
}

/// What is wanted of a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The suite as apt is told it.
    pub(crate) suite: String,
    /// The components; none in a flat repository.
    pub(crate) components: Vec<String>,
    /// The architectures; none for all.
    pub(crate) architectures: Vec<String>,
    /// Whether sources are wanted.
    pub(crate) sources: bool,
}

/// Every repository of the manifest, those of this host included.
pub(crate) async fn all(spec: &Spec, context: &CollectContext) -> Result<Vec<Repository>, DebError> {
    let mut all = Vec::new();
    for (entry, apt) in spec.apt.iter().enumerate() {
        let repositories = match &apt.what {
            What::Host { from, id } => host::repositories(apt, (from, id.as_deref()), context).await?,
            What::One { id, uri, suites, components } => vec![one(apt, (id, uri), (suites, components))],
        };
        if let Some(loose) = repositories.iter().find(|one| !one.debs.is_empty()).filter(|_| apt.partial.is_some()) {
            let reason = "a folder of packages travels whole: leave 'packages' out".to_owned();
            return Err(DebError::Host { url: Box::new(loose.uri.clone()), reason });
        }
        let (target, partial) = (&apt.target, &apt.partial);
        all.extend(repositories.into_iter().map(|repository| Repository {
            entry,
            target: target.clone(),
            hosts: apt.hosts.clone(),
            partial: partial.clone(),
            parts: repository.parts.into_iter().map(|part| with_foreign(part, partial.as_deref())).collect(),
            ..repository
        }));
    }
    let mut ids = BTreeSet::new();
    match all.iter().find(|repository: &&Repository| !ids.insert(repository.id.clone())) {
        Some(twice) => Err(DebError::Twice { id: twice.id.clone() }),
        None => Ok(all),
    }
}

/// Hosts with packages of other architectures read the lists of those too.
fn with_foreign(mut part: Part, partial: Option<&Partial>) -> Part {
    let foreign = partial.iter().flat_map(|partial| &partial.foreign).filter(|_| !part.architectures.is_empty());
    let missing: Vec<String> = foreign.filter(|name| !part.architectures.contains(name)).cloned().collect();
    part.architectures.extend(missing);
    part
}

fn one(apt: &AptSpec, at: (&str, &UpstreamUrl), of: (&[String], &[String])) -> Repository {
    let part = |suite: &String| Part {
        suite: suite.clone(),
        components: of.1.to_vec(),
        architectures: apt.architectures.clone(),
        sources: apt.sources,
    };
    Repository {
        id: at.0.to_owned(),
        uri: at.1.clone(),
        keys: apt.signed_by.clone(),
        fingerprints: apt.fingerprints.clone(),
        unsigned: apt.unsigned,
        check_valid_until: apt.check_valid_until,
        parts: of.0.iter().map(part).collect(),
        debs: Vec::new(),
        architectures: Vec::new(),
        entry: 0,
        target: None,
        hosts: Hosts::default(),
        partial: None,
    }
}

impl Repository {
    /// The hosts that a suite is for: where the manifest doesn't say it, a suite of a distribution is for its own release.
    pub(crate) fn hosts_of(&self, release: &Release) -> Hosts {
        let mut hosts = self.hosts.clone();
        if hosts.os.is_empty() && release.origin.as_deref().is_some_and(|origin| DISTRIBUTIONS.contains(&origin)) {
            // 'bookworm-security' and 'bookworm-updates' are of bookworm, and hosts of sid go by another name.
            let codename = release.codename.as_deref().and_then(|name| name.split(['-', '/']).next());
            let codename = codename.filter(|name| !matches!(*name, "" | "sid" | "experimental" | "rc"));
            hosts.os.extend(codename.map(str::to_ascii_lowercase));
        }
        hosts
    }

    /// The URL of a file of it.
    pub(crate) fn url(&self, path: &str) -> UpstreamUrl {
        let mut url = self.uri.expose().clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", encode(path)));
        UpstreamUrl::try_from(url).unwrap_or_else(|_| self.uri.clone())
    }

    /// The keys that vouch for it; none where it need not be signed.
    pub(crate) async fn keys(&self, fetcher: &Fetcher) -> Result<Keyring, DebError> {
        if self.keys.is_empty() && !self.unsigned {
            return Err(DebError::NoKey { id: self.id.clone() });
        }
        let unusable = |source| DebError::Key { id: self.id.clone(), source };
        let mut keyring = Keyring::default();
        for key in &self.keys {
            let read = match key {
                KeySource::Inline(text) => Keyring::read(text.as_bytes(), "the key in 'signed-by'"),
                KeySource::Url(url) => {
                    let expected = Expected::limit(LARGEST_KEYS);
                    let document = fetcher.document(&request(url.clone()), &expected).await;
                    let document =
                        document.map_err(|source| DebError::Fetch { id: self.id.clone(), source: Box::new(source) })?;
                    Keyring::read(&document.bytes, &url.to_string())
                }
            };
            keyring.extend(read.map_err(unusable)?);
        }
        keyring.pin(&self.fingerprints).map_err(unusable)
    }
}
