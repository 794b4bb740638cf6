//! The sources of this host, as apt has them: `sources.list` and the files of `sources.list.d`; and its folders of packages.

use std::collections::BTreeMap;

use airlift_core::UpstreamUrl;
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::{CollectContext, Hosts};

use super::loose::is_package;
use super::repository::{Part, Repository};
use super::tree::request;
use crate::error::DebError;
use crate::format::sources_list::{self, HostSource};
use crate::spec::{AptSpec, HostPath, KeySource, check, file_url};

/// The most bytes of a file of sources.
const LARGEST_FILE: u64 = 4 << 20;

/// Where apt keeps the keys that vouch for sources without `Signed-By`.
const TRUSTED: &str = "/etc/apt/trusted.gpg.d";

/// Every repository of a folder or file of sources, or the one that a folder of packages is.
pub(crate) async fn repositories(
    apt: &AptSpec,
    at: (&HostPath, Option<&str>),
    context: &CollectContext,
) -> Result<Vec<Repository>, DebError> {
    let ((from, id), fetcher) = (at, &context.fetcher);
    let from = &from.url(fetcher)?;
    let files = match folder(from, fetcher).await? {
        Some(files) => files,
        None => vec![there(from, fetcher).await?],
    };
    let mut all = Vec::new();
    let is_source =
        |url: &UpstreamUrl| [".list", ".sources"].iter().any(|ending| url.expose().path().ends_with(ending));
    if !files.iter().any(is_source)
        && let Some(loose) = loose_packages(apt, (from, id), fetcher).await?
    {
        return Ok(vec![loose]);
    }
    if id.is_some() {
        let reason =
            "'id' names a folder of packages, and there is none; sources have the ids of their files".to_owned();
        return Err(DebError::Host { url: Box::new(from.clone()), reason });
    }
    for url in files.into_iter().filter(is_source) {
        let document = fetcher.document(&request(url.clone()), &Expected::limit(LARGEST_FILE)).await;
        let document = document.map_err(|source| DebError::Fetch { id: url.to_string(), source: Box::new(source) })?;
        let text = String::from_utf8_lossy(&document.bytes);
        let parsed = match url.expose().path().ends_with(".list") {
            true => sources_list::one_line(&text),
            false => sources_list::stanzas(&text),
        };
        let sources = parsed.map_err(|source| DebError::Sources { url: Box::new(url.clone()), source })?;
        all.extend(of_file(apt, &url, &sources)?);
    }
    if all.is_empty() {
        return Err(DebError::NoSources { url: Box::new(from.clone()) });
    }
    if apt.signed_by.is_empty() && all.iter().any(|repository: &Repository| repository.keys.is_empty()) {
        let trusted = trusted(fetcher).await?;
        let keyless = all.iter_mut().filter(|repository| repository.keys.is_empty());
        keyless.for_each(|repository| repository.keys.clone_from(&trusted));
    }
    Ok(all)
}

/// The repository that a folder with packages in it, or in folders below it, is.
async fn loose_packages(
    apt: &AptSpec,
    at: (&UpstreamUrl, Option<&str>),
    fetcher: &Fetcher,
) -> Result<Option<Repository>, DebError> {
    let (from, id) = at;
    let files = fetcher.folders(from).await;
    let files = files.map_err(|source| DebError::Fetch { id: from.to_string(), source: Box::new(source) })?;
    let debs: Vec<UpstreamUrl> = files.unwrap_or_default().into_iter().filter(is_package).collect();
    if debs.is_empty() {
        return Ok(None);
    }
    let host = |reason: String| DebError::Host { url: Box::new(from.clone()), reason };
    if !apt.signed_by.is_empty() || !apt.fingerprints.is_empty() || apt.unsigned {
        let reason = "what is made of loose packages is signed here: leave signed-by, fingerprints and unsigned out";
        return Err(host(reason.to_owned()));
    }
    let path = from.decoded_path().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let id = id.unwrap_or(name).to_owned();
    check(&id, &["./".to_owned()], &[]).map_err(|error| host(format!("{error}; give it an 'id'")))?;
    Ok(Some(Repository {
        id,
        uri: from.clone(),
        keys: Vec::new(),
        fingerprints: Vec::new(),
        unsigned: false,
        check_valid_until: true,
        parts: Vec::new(),
        debs,
        architectures: apt.architectures.clone(),
        entry: 0,
        target: None,
        hosts: Hosts::default(),
        partial: None,
    }))
}

impl HostPath {
    /// Where it is.
    pub(crate) fn url(&self, fetcher: &Fetcher) -> Result<UpstreamUrl, DebError> {
        match self {
            Self::Absolute(url) => Ok(url.clone()),
            Self::Relative(path) => fetcher.local(path).ok_or_else(|| DebError::Relative { path: path.clone() }),
        }
    }
}

async fn folder(url: &UpstreamUrl, fetcher: &Fetcher) -> Result<Option<Vec<UpstreamUrl>>, DebError> {
    let files = fetcher.folder(url).await;
    files.map_err(|source| DebError::Fetch { id: url.to_string(), source: Box::new(source) })
}

/// A place that is no folder, where there is something.
async fn there(url: &UpstreamUrl, fetcher: &Fetcher) -> Result<UpstreamUrl, DebError> {
    let there = fetcher.head(&request(url.clone())).await;
    there.map_err(|source| DebError::Fetch { id: url.to_string(), source: Box::new(source) })?;
    Ok(url.clone())
}

/// The keys that apt believes for any source.
async fn trusted(fetcher: &Fetcher) -> Result<Vec<KeySource>, DebError> {
    let Ok(url) = file_url(TRUSTED) else { return Ok(Vec::new()) };
    let Ok(Some(files)) = fetcher.folder(&url).await else { return Ok(Vec::new()) };
    let is_key = |url: &UpstreamUrl| [".asc", ".gpg"].iter().any(|ending| url.expose().path().ends_with(ending));
    Ok(files.into_iter().filter(is_key).map(KeySource::Url).collect())
}

/// The repositories of one file: an address is one, with all its suites.
fn of_file(apt: &AptSpec, file: &UpstreamUrl, sources: &[HostSource]) -> Result<Vec<Repository>, DebError> {
    let host = |reason: String| DebError::Host { url: Box::new(file.clone()), reason };
    let path = file.decoded_path().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let mut by_uri = BTreeMap::<String, Repository>::new();
    let mut order = Vec::new();
    for source in sources {
        let (keys, fingerprints) = keys(apt, source).map_err(host)?;
        for uri in &source.uris {
            let count = order.len();
            let entry = by_uri.entry(uri.trim_end_matches('/').to_owned());
            let repository = match entry {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    order.push(entry.key().clone());
                    let id = if count == 0 { stem.to_owned() } else { format!("{stem}-{}", count + 1) };
                    entry.insert(Repository {
                        id,
                        uri: uri.parse().map_err(|error| host(format!("{error}")))?,
                        keys: Vec::new(),
                        fingerprints: Vec::new(),
                        unsigned: apt.unsigned,
                        check_valid_until: apt.check_valid_until,
                        parts: Vec::new(),
                        debs: Vec::new(),
                        architectures: Vec::new(),
                        entry: 0,
                        target: None,
                        hosts: Hosts::default(),
                        partial: None,
                    })
                }
            };
            merge(&mut repository.keys, &keys);
            merge(&mut repository.fingerprints, &fingerprints);
            check(&repository.id, &source.suites, &source.components).map_err(host)?;
            source.suites.iter().for_each(|suite| add_suite(&mut repository.parts, suite, (source, apt)));
        }
    }
    Ok(order.into_iter().filter_map(|uri| by_uri.remove(&uri)).collect())
}

fn merge<T: Clone + PartialEq>(into: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !into.contains(one) {
            into.push(one.clone());
        }
    }
}

/// `deb` and `deb-src` lines of one suite are one part.
fn add_suite(parts: &mut Vec<Part>, suite: &str, of: (&HostSource, &AptSpec)) {
    let (source, apt) = of;
    let architectures = match (apt.architectures.is_empty(), source.architectures.is_empty()) {
        (false, _) => apt.architectures.clone(),
        (true, false) => source.architectures.clone(),
        (true, true) => vec![host_architecture().to_owned()],
    };
    let sources = source.source || apt.sources;
    match parts.iter_mut().find(|part| part.suite == suite) {
        Some(part) => {
            merge(&mut part.components, &source.components);
            merge(&mut part.architectures, &architectures);
            part.sources |= sources;
        }
        None => {
            parts.push(Part { suite: suite.to_owned(), components: source.components.clone(), architectures, sources })
        }
    }
}

/// What Debian calls the architecture that this program was built for.
const fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else if cfg!(target_arch = "riscv64") {
        "riscv64"
    } else {
        "amd64"
    }
}

/// The keys of a source: those of the manifest, or its own.
fn keys(apt: &AptSpec, source: &HostSource) -> Result<(Vec<KeySource>, Vec<String>), String> {
    let is_fingerprint =
        |text: &&String| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'!');
    let (fingerprints, places): (Vec<&String>, Vec<&String>) = source.signed_by.iter().partition(is_fingerprint);
    let fingerprints = fingerprints.into_iter().map(|text| text.trim_end_matches('!').to_owned());
    let fingerprints = fingerprints.chain(apt.fingerprints.iter().cloned()).collect();
    let keys = match apt.signed_by.is_empty() {
        true => places.into_iter().map(|text| KeySource::read(text)).collect::<Result<_, _>>()?,
        false => apt.signed_by.clone(),
    };
    Ok((keys, fingerprints))
}
