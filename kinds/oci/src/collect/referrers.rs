//! Signatures, attestations and SBOMs: whatever refers to a manifest travels with it.
//!
//! There are three ways by which they are found, and none is left out, since registries differ: the referrers API, the
//! tag that stands in for it (both distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema"), and
//! cosign's tags with the endings `.sig`, `.att` and `.sbom`. The mirror then answers all of them through the API.

use std::collections::BTreeMap;

use airlift_core::{Checksum, PlanEntry, Source};

use super::registry::Upstream;
use super::walk::{Visit, Wanted};
use super::{Stop, path};
use crate::error::OciError;
use crate::format::manifest::{Descriptor, Manifest, OCI_INDEX, referrers_index};
use crate::format::name::Repository;

/// What cosign puts behind a digest to make a tag.
const COSIGN_ENDINGS: [&str; 3] = [".sig", ".att", ".sbom"];

/// What refers to what, by the digest of the subject.
#[derive(Default)]
pub(super) struct Referrers(BTreeMap<Checksum, Vec<Descriptor>>);

impl Referrers {
    pub(super) fn add(&mut self, subject: &Checksum, referrer: Descriptor) {
        self.0.entry(subject.clone()).or_default().push(referrer);
    }

    pub(super) fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|(subject, referrers)| self.0.entry(subject).or_default().extend(referrers));
    }

    /// A node for each subject: the listing that the mirror answers.
    pub(super) fn entries(&self, repository: &Repository) -> Result<Vec<PlanEntry>, OciError> {
        let entries = self.0.iter().map(|(subject, referrers)| {
            let source = Source::Generated(referrers_index(referrers).into());
            let entry = PlanEntry::new(path(repository, &format!("referrers/{subject}"))?, source);
            Ok(PlanEntry { media_type: Some(OCI_INDEX.into()), ..entry })
        });
        entries.collect()
    }
}

/// A manifest as a referrers listing has it.
pub(super) fn describe(manifest: &Manifest, media_type: &str, digest: &Checksum, size: usize) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.clone(),
        size: size as u64,
        platform: None,
        artifact_type: manifest.referrer_type(),
        annotations: manifest.annotations.clone(),
        urls: Vec::new(),
    }
}

/// Puts whatever refers to a manifest into the next wave. With an unknown number of signatures missing, the image is not
/// whole.
///
/// The listing that the mirror answers is made of the referrers' own `subject` fields, when they are visited; here they
/// are only found.
pub(super) async fn discover(upstream: &Upstream<'_>, subject: &Checksum, visit: &mut Visit) -> Result<(), Stop> {
    let listed = upstream.referrers(&subject.to_string()).await?;
    let described = |descriptor| Wanted::Described { descriptor, platforms: Vec::new() };
    visit.next.extend(listed.into_iter().flatten().map(described));
    let stem = subject.to_string().replace(':', "-");
    let cosign = COSIGN_ENDINGS.iter().map(|ending| format!("{stem}{ending}"));
    for tag in std::iter::once(stem.clone()).chain(cosign) {
        if upstream.has_tag(&tag).await? {
            visit.next.push(Wanted::tag(&tag, &[]));
        }
    }
    Ok(())
}
