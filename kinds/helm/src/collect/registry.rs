//! Charts in registries (<https://helm.sh/docs/topics/registries/>): which versions there are, and where in an image a
//! chart lies.
//!
//! The images themselves travel as all images do: they are asked for of the kind that has them.

use airlift_core::{Digest, Request, UpstreamUrl, failure};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{Expected, FetchError};
use serde::Deserialize;

use super::Collector;
use crate::error::HelmError;

/// The largest manifest in bytes, as registries accept it.
const MANIFEST_LIMIT: u64 = 4 << 20;
/// The largest page of a listing, and how many pages are read.
const PAGE_LIMIT: u64 = 8 << 20;
const MOST_PAGES: usize = 500;

/// The media types of a packaged chart in an image; the second one is of old Helms.
const CHART_TYPES: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// The media type of its provenance.
const PROVENANCE_TYPE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// A chart's repository in a registry.
pub(super) struct Registry<'a> {
    fetcher: &'a airlift_fetch::Fetcher,
    base: UpstreamUrl,
    host: String,
    name: String,
}

/// A chart that lies in an image.
pub(super) struct Layers {
    /// The packaged chart.
    pub(super) chart: Layer,
    /// Its provenance, where it has one.
    pub(super) provenance: Option<Layer>,
}

/// One layer.
pub(super) struct Layer {
    /// How it is asked for.
    pub(super) request: Request,
    /// Its digest.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// Why a registry does not answer what it should.
pub(super) enum Stop {
    /// It can't be asked.
    Fetch(FetchError),
    /// It answers something else: a sentence.
    Other(String),
}

impl Stop {
    /// A sentence, unless planning can't go on.
    pub(super) fn explained(self) -> Result<String, HelmError> {
        match self {
            Self::Fetch(error) if is_fatal(&error) => Err(HelmError::stopped(error)),
            Self::Fetch(error) => Ok(failure::line(&error)),
            Self::Other(reason) => Ok(reason),
        }
    }
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// A version as a tag: tags have no `+`.
pub(super) fn tag(version: &str) -> String {
    version.replace('+', "_")
}

/// What a token for a blob of a registry is good for, by the blob's URL; none for other URLs.
pub(super) fn scope(url: &UpstreamUrl) -> Option<String> {
    let (name, _) = url.expose().path().strip_prefix("/v2/")?.rsplit_once("/blobs/sha256:")?;
    Some(format!("repository:{name}:pull"))
}

impl<'a> Collector<'a> {
    /// A repository in a registry, or in the mirror that is set for it.
    pub(super) fn registry(&self, repository: &str) -> Result<Registry<'a>, HelmError> {
        let (host, name) = repository.split_once('/').unwrap_or((repository, ""));
        let base = self.spec.mirrors.get(host).cloned().map_or_else(|| address(host), Ok);
        let base = base.map_err(|source| HelmError::Address { registry: host.to_owned(), source })?;
        Ok(Registry { fetcher: self.fetcher, base, host: host.to_owned(), name: name.to_owned() })
    }
}

/// HTTPS, but for registries on this very host, which speak HTTP unless a mirror is set for them.
fn address(host: &str) -> Result<UpstreamUrl, airlift_core::upstream::UrlError> {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let loopback =
        bare == "localhost" || bare == "[::1]" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match host {
        "docker.io" => "https://registry-1.docker.io".parse(),
        _ if loopback => format!("http://{host}").parse(),
        _ => format!("https://{host}").parse(),
    }
}

impl Registry<'_> {
    fn request(&self, below: &str) -> Result<Request, Stop> {
        let base = self.base.expose().as_str().trim_end_matches('/');
        let url = format!("{base}/v2/{}/{below}", self.name).parse::<UpstreamUrl>();
        let url = url.map_err(|error| Stop::Other(error.to_string()))?;
        // Docker keeps Docker Hub's credentials under this name, for historical reasons.
        let hub = self.host == "docker.io" && self.base.authority() == "registry-1.docker.io";
        let credentials = hub.then(|| "https://index.docker.io/v1/".to_owned());
        Ok(Request { scope: Some(format!("repository:{}:pull", self.name)), credentials, ..Request::new(url) })
    }

    /// Every tag.
    pub(super) async fn tags(&self) -> Result<Vec<String>, Stop> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MOST_PAGES {
            // A page begins behind the last tag of the one before (distribution specification 1.1, "Listing Tags").
            let last = tags.last().map(|last| format!("&last={last}")).unwrap_or_default();
            let request = self.request(&format!("tags/list?n=1000{last}"))?;
            let page = self.fetcher.listing(&request, PAGE_LIMIT).await?;
            let more = page.headers.contains_key(http::header::LINK);
            let page: Page = serde_json::from_slice(&page.bytes)
                .map_err(|error| Stop::Other(format!("{} is not a list of tags: {error}", request.url)))?;
            let page = page.tags.unwrap_or_default();
            let ended = !more || page.is_empty() || page.last() == tags.last();
            tags.extend(page);
            if ended {
                return Ok(tags);
            }
        }
        Err(Stop::Other(format!("the tags of {}/{} do not end", self.host, self.name)))
    }

    /// The layers of a chart.
    pub(super) async fn layers(&self, reference: &str) -> Result<Layers, Stop> {
        #[derive(Deserialize)]
        struct Manifest {
            #[serde(default)]
            layers: Vec<Descriptor>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Descriptor {
            media_type: String,
            digest: Digest,
            size: u64,
        }
        let request = self.request(&format!("manifests/{reference}"))?;
        let request = Request { digest_header: Some("docker-content-digest"), ..request }
            .with_header("accept", "application/vnd.oci.image.manifest.v1+json");
        let document = self.fetcher.document(&request, &Expected::limit(MANIFEST_LIMIT)).await?;
        let manifest: Manifest = serde_json::from_slice(&document.bytes)
            .map_err(|error| Stop::Other(format!("its manifest can't be read: {error}")))?;
        let layer = |types: &[&str]| {
            let found = manifest.layers.iter().find(|layer| types.contains(&layer.media_type.as_str()));
            found.map(|layer| {
                let request = self.request(&format!("blobs/{}", layer.digest))?;
                Ok::<_, Stop>(Layer { request, digest: layer.digest, size: layer.size })
            })
        };
        let chart = layer(&CHART_TYPES).ok_or_else(|| {
            Stop::Other(format!("{}/{}:{reference} is an image, and no chart", self.host, self.name))
        })??;
        Ok(Layers { chart, provenance: layer(&[PROVENANCE_TYPE]).transpose()? })
    }
}
