//! From tags and digests to everything below them: children, configurations, layers, signatures.
//!
//! The walk goes in waves: the manifests of one wave are fetched side by side, and name those of the next.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use airlift_core::{Checksum, Omission, Plan, PlanEntry, Request, Source, Time, TreePath, UpstreamUrl, failure};
use airlift_fetch::{Document, Expected, FetchError};
use futures::{StreamExt, TryStreamExt, stream};

use super::referrers::{self, Referrers};
use super::registry::{Upstream, manifest_expected};
use super::{AT_ONCE, Stop, path};
use crate::error::OciError;
use crate::format::manifest::{Descriptor, ImageConfig, Manifest};
use crate::format::name::Repository;
use crate::format::platform::Wanted as WantedPlatform;

/// One manifest to visit.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// What the manifest of Airlift names: a tag, a digest, or both.
    Named { tag: Option<String>, digest: Option<Checksum>, platforms: Vec<WantedPlatform> },
    /// What another manifest names.
    Described { descriptor: Descriptor, platforms: Vec<WantedPlatform> },
}

impl Wanted {
    pub(super) fn tag(tag: &str, platforms: &[WantedPlatform]) -> Self {
        Self::Named { tag: Some(tag.to_owned()), digest: None, platforms: platforms.to_vec() }
    }

    fn platforms(&self) -> &[WantedPlatform] {
        match self {
            Self::Named { platforms, .. } | Self::Described { platforms, .. } => platforms,
        }
    }

    /// The tag or the digest, for messages and for the path of an omission.
    fn reference(&self) -> String {
        match self {
            Self::Named { tag: Some(tag), .. } => tag.clone(),
            Self::Named { digest, .. } => digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            Self::Described { descriptor, .. } => descriptor.digest.to_string(),
        }
    }

    /// What makes two visits the same.
    fn key(&self) -> (String, Vec<WantedPlatform>) {
        let tag = match self {
            Self::Named { tag: Some(tag), digest: Some(digest), .. } => format!("{tag}@{digest}"),
            other => other.reference(),
        };
        (tag, self.platforms().to_vec())
    }
}

/// What one visit found.
#[derive(Default)]
pub(super) struct Visit {
    pub(super) entries: Vec<PlanEntry>,
    pub(super) omissions: Vec<Omission>,
    pub(super) next: Vec<Wanted>,
    /// Subjects, and what refers to them.
    pub(super) referrers: Referrers,
}

pub(super) async fn walk(upstream: &Upstream<'_>, wanted: Vec<Wanted>) -> Result<Plan, OciError> {
    let mut entries = BTreeMap::<TreePath, PlanEntry>::new();
    let mut omissions = Vec::new();
    let mut referrers = Referrers::default();
    let mut seen = BTreeSet::new();
    let mut wave = wanted;
    while !wave.is_empty() {
        wave.retain(|wanted| seen.insert(wanted.key()));
        let visits = stream::iter(wave.drain(..)).map(|wanted| visit(upstream, wanted)).buffered(AT_ONCE);
        let visits: Vec<Visit> = visits.try_collect().await?;
        for visit in visits {
            for entry in visit.entries {
                put(&mut entries, entry)?;
            }
            omissions.extend(visit.omissions);
            referrers.extend(visit.referrers);
            wave.extend(visit.next);
        }
    }
    for entry in referrers.entries(&upstream.repository)? {
        entries.insert(entry.path.clone(), entry);
    }
    Ok(Plan { entries: entries.into_values().collect(), omissions, ..Plan::default() })
}

/// Adds an entry. A tag that the manifest names twice must mean the same both times.
fn put(entries: &mut BTreeMap<TreePath, PlanEntry>, entry: PlanEntry) -> Result<(), OciError> {
    match entries.entry(entry.path.clone()) {
        Entry::Vacant(vacant) => {
            vacant.insert(entry);
            Ok(())
        }
        Entry::Occupied(known) => match (known.get().digest(), entry.digest()) {
            (Some(first), Some(second)) if first != second => {
                Err(OciError::Twice { image: entry.path.to_string(), first, second })
            }
            _ => Ok(()),
        },
    }
}

async fn visit(upstream: &Upstream<'_>, wanted: Wanted) -> Result<Visit, OciError> {
    let mut visit = Visit::default();
    let visitor = Visitor { upstream, wanted: &wanted };
    let fetched = match visitor.run(&mut visit).await {
        Ok(fetched) => fetched,
        Err(Stop::NotWanted) => return Ok(visit),
        Err(Stop::Fatal(error)) => return Err(error),
        Err(Stop::LeftOut(reason)) => {
            let reference = wanted.reference();
            let request = upstream.manifest_request(&reference)?;
            visit.omissions.push(omission(upstream, &format!("manifests/{reference}"), reason, &request)?);
            return Ok(visit);
        }
    };
    match referrers::discover(upstream, &fetched.digest, &mut visit).await {
        Ok(()) | Err(Stop::NotWanted) => {}
        Err(Stop::Fatal(error)) => return Err(error),
        Err(Stop::LeftOut(reason)) => {
            let below = format!("referrers/{}", fetched.digest);
            let reason = format!("what refers to it (signatures, SBOMs) can't be listed: {reason}");
            visit.omissions.push(omission(upstream, &below, reason, &upstream.request(&below)?)?);
        }
    }
    Ok(visit)
}

fn omission(upstream: &Upstream<'_>, below: &str, reason: String, request: &Request) -> Result<Omission, OciError> {
    let path = path(&upstream.repository, below)?;
    Ok(Omission { path, omitted: reason, origin: Some(request.url.to_string().into()) })
}

/// A manifest that was fetched.
struct Fetched {
    digest: Checksum,
    document: Document,
    manifest: Manifest,
    media_type: Arc<str>,
    /// By its digest.
    request: Request,
}

struct Visitor<'a, 'u> {
    upstream: &'a Upstream<'u>,
    wanted: &'a Wanted,
}

impl Visitor<'_, '_> {
    async fn run(&self, visit: &mut Visit) -> Result<Fetched, Stop> {
        let fetched = self.manifest().await?;
        let built = self.config_date(&fetched).await?;
        self.children(&fetched, visit)?;
        self.add_manifest(&fetched, built, visit)?;
        self.add_blobs(&fetched, visit).await?;
        if let Some(subject) = &fetched.manifest.subject {
            let size = fetched.document.bytes.len();
            let referrer = referrers::describe(&fetched.manifest, &fetched.media_type, &fetched.digest, size);
            visit.referrers.add(&subject.digest, referrer);
        }
        Ok(fetched)
    }

    async fn manifest(&self) -> Result<Fetched, Stop> {
        let (digest, size, said) = match self.wanted {
            Wanted::Described { descriptor, .. } => {
                (descriptor.digest.clone(), Some(descriptor.size), Some(descriptor.media_type.clone()))
            }
            Wanted::Named { digest: Some(digest), .. } => (digest.clone(), None, None),
            Wanted::Named { tag, .. } => self.resolve(tag.as_deref().unwrap_or("latest")).await?,
        };
        let request = self.upstream.manifest_request(&digest.to_string())?;
        let document = self.document(&request, &manifest_expected(Some(digest.clone()), size)).await?;
        let manifest: Manifest = serde_json::from_slice(&document.bytes)
            .map_err(|error| Stop::LeftOut(format!("its manifest {digest} can't be read: {error}")))?;
        if manifest.schema_version == 1 {
            let reason = "it has Docker's first manifest schema, which no current client pulls; push it again with a current tool";
            return Err(Stop::LeftOut(reason.to_owned()));
        }
        let said = said.filter(|said| !said.is_empty()).or_else(|| document.media_type.clone());
        let media_type = manifest.served_type(said.as_deref()).into();
        Ok(Fetched { digest, document, manifest, media_type, request })
    }

    /// A tag's digest, size and media type, by `HEAD` where the registry tells it: that is free where pulls are counted.
    async fn resolve(&self, tag: &str) -> Result<(Checksum, Option<u64>, Option<String>), Stop> {
        let request = self.upstream.manifest_request(tag)?;
        if let Ok(head) = self.upstream.fetcher.head(&request).await
            && let Some(digest) = head.digest
        {
            return Ok((digest, head.size, head.media_type));
        }
        let document = self.document(&request, &manifest_expected(None, None)).await?;
        let digest = document.named.unwrap_or(document.digest.into());
        Ok((digest, Some(document.bytes.len() as u64), document.media_type))
    }

    async fn document(&self, request: &Request, expected: &Expected) -> Result<Document, Stop> {
        let document = self.upstream.fetcher.document(request, expected).await;
        document.map_err(|error| {
            Stop::explained(error, |error| match error.is_not_found() {
                true => format!("{} has no {}", self.upstream.repository, self.wanted.reference()),
                false => failure::line(error),
            })
        })
    }

    /// When an image was built. An image that names its platform only here must be for a wanted one.
    async fn config_date(&self, fetched: &Fetched) -> Result<Option<Time>, Stop> {
        let Some(config) = fetched.manifest.image_config() else { return Ok(None) };
        let request = self.upstream.request(&format!("blobs/{}", config.digest))?;
        let expected = manifest_expected(Some(config.digest.clone()), Some(config.size));
        let document = self.upstream.fetcher.document(&request, &expected).await.map_err(|error| {
            let explain = |error: &FetchError| format!("its configuration can't be had: {}", failure::line(error));
            Stop::explained(error, explain)
        })?;
        let Ok(config) = serde_json::from_slice::<ImageConfig>(&document.bytes) else { return Ok(None) };
        let platforms = self.wanted.platforms();
        if !platforms.is_empty() && !platforms.iter().any(|wanted| wanted.matches(&config.platform)) {
            match self.wanted {
                Wanted::Named { .. } => {
                    let reason = format!("it is for {} only, and {} is wanted", config.platform, list(platforms));
                    return Err(Stop::LeftOut(reason));
                }
                Wanted::Described { descriptor, .. } if descriptor.platform.is_none() => return Err(Stop::NotWanted),
                Wanted::Described { .. } => {}
            }
        }
        Ok(config.created.and_then(|text| text.parse().ok()).filter(|time: &Time| time.seconds() > 0))
    }

    /// Puts the wanted children of an index into the next wave.
    fn children(&self, fetched: &Fetched, visit: &mut Visit) -> Result<(), Stop> {
        let Some(children) = &fetched.manifest.manifests else { return Ok(()) };
        let platforms = self.wanted.platforms();
        let wanted = |child: &Descriptor| match &child.platform {
            Some(platform) => platforms.is_empty() || platforms.iter().any(|wanted| wanted.matches(platform)),
            // An index in an index, an image that names its platform in its configuration only, or an artifact.
            None => true,
        };
        let kept: BTreeSet<String> =
            children.iter().filter(|child| wanted(child)).map(|child| child.digest.to_string()).collect();
        let attested = |child: &&Descriptor| child.attests().is_some_and(|subject| kept.contains(subject));
        if let Some(missing) = platforms.iter().find(|wanted| {
            children.iter().all(|child| child.platform.as_ref().is_some_and(|platform| !wanted.matches(platform)))
        }) {
            let has: BTreeSet<String> =
                children.iter().filter_map(|child| child.platform.as_ref()).map(ToString::to_string).collect();
            let has: Vec<String> = has.into_iter().filter(|platform| platform != "unknown/unknown").collect();
            return Err(Stop::LeftOut(format!("it is not there for {missing}, only for {}", has.join(", "))));
        }
        let next = children.iter().filter(|child| wanted(child) || attested(child));
        visit
            .next
            .extend(next.map(|child| Wanted::Described { descriptor: child.clone(), platforms: platforms.to_vec() }));
        Ok(())
    }

    /// The nodes of the manifest itself: by its digest and, where it was named by a tag, by that.
    fn add_manifest(&self, fetched: &Fetched, built: Option<Time>, visit: &mut Visit) -> Result<(), OciError> {
        let repository = &self.upstream.repository;
        let digest = fetched.document.digest;
        let stored = |request: &Request| Source::Stored { digest, request: request.clone() };
        let by_digest = PlanEntry {
            media_type: Some(Arc::clone(&fetched.media_type)),
            size: Some(fetched.document.bytes.len() as u64),
            checksums: vec![fetched.digest.clone()],
            modified: built,
            purl: Some(purl(repository, &fetched.digest, None)),
            ..PlanEntry::new(path(repository, &format!("manifests/{}", fetched.digest))?, stored(&fetched.request))
        };
        if let Wanted::Named { tag: Some(tag), digest, .. } = self.wanted {
            // With a digest beside it, the tag is only a name: what upstream has under it does not matter.
            let request = match digest {
                Some(_) => fetched.request.clone(),
                None => self.upstream.manifest_request(tag)?,
            };
            let pinned: Option<UpstreamUrl> = digest.is_none().then(|| fetched.request.url.clone());
            visit.entries.push(PlanEntry {
                path: path(repository, &format!("manifests/{tag}"))?,
                source: stored(&request),
                purl: Some(purl(repository, &fetched.digest, Some(tag))),
                pinned,
                ..by_digest.clone()
            });
        }
        if fetched.digest.digest().is_none() {
            // Clients may ask for any manifest by its SHA-256, whatever upstream calls it by.
            let by_sha256 = path(repository, &format!("manifests/{digest}"))?;
            visit.entries.push(PlanEntry { path: by_sha256, ..by_digest.clone() });
        }
        visit.entries.push(by_digest);
        Ok(())
    }

    async fn add_blobs(&self, fetched: &Fetched, visit: &mut Visit) -> Result<(), Stop> {
        for blob in fetched.manifest.all_blobs() {
            let mut request = self.upstream.request(&format!("blobs/{}", blob.digest))?;
            // A layer that may not be distributed is where its publisher keeps it, unless the registry has it after all.
            let elsewhere = blob.urls.iter().filter_map(|url| url.parse::<UpstreamUrl>().ok());
            let mut elsewhere = elsewhere.filter(|url| url.expose().scheme() != "file");
            if let Some(url) = elsewhere.next()
                && !self.upstream.has(&request).await?
            {
                request = Request::new(url);
            }
            visit.entries.push(PlanEntry {
                media_type: Some("application/octet-stream".into()),
                size: Some(blob.size),
                checksums: vec![blob.digest.clone()],
                ..PlanEntry::new(
                    path(&self.upstream.repository, &format!("blobs/{}", blob.digest))?,
                    Source::Fetch(request),
                )
            });
        }
        Ok(())
    }
}

fn list(platforms: &[WantedPlatform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The package URL of an image (purl specification, type `oci`).
fn purl(repository: &Repository, digest: &Checksum, tag: Option<&str>) -> Box<str> {
    let name = repository.name.rsplit('/').next().unwrap_or_default();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("repository_url", &repository.to_string());
    tag.iter().for_each(|tag| {
        query.append_pair("tag", tag);
    });
    format!("pkg:oci/{name}@{}?{}", digest.to_string().replace(':', "%3A"), query.finish()).into()
}
