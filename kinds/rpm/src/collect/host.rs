//! Which repositories are meant: those of the manifest, and those of a host's `.repo` files.

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::{Expected, Fetcher};
use url::Url;

use crate::error::RpmError;
use crate::format::repofile::{self, HostRepository};
use crate::format::vars::substitute;
use crate::spec::{Place, RepoSpec, Spec, check_id};

/// The most bytes of a `.repo` file.
const MOST_BYTES: u64 = 4 << 20;

/// A repository that is to be mirrored; no variable is left in it.
#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) id: String,
    /// Its URLs, each with a slash at its end; empty where a list of mirrors has to be asked.
    pub(crate) bases: Vec<UpstreamUrl>,
    /// The list of its mirrors.
    pub(crate) mirrors: Option<UpstreamUrl>,
    pub(crate) gpgkeys: Vec<UpstreamUrl>,
    pub(crate) unsigned: bool,
}

pub(super) async fn resolve(spec: &Spec, fetcher: &Fetcher) -> Result<Vec<Repository>, RpmError> {
    let mut found = Vec::new();
    for entry in &spec.yum {
        let named = entry.id.clone().unwrap_or_default();
        match &entry.place {
            Place::Base(url) => found.push(of_urls(entry, &named, &[url], None)?),
            Place::Mirrors(url) => found.push(of_urls(entry, &named, &[], Some(url))?),
            Place::Host(file) => found.extend(of_file(entry, file, fetcher).await?),
        }
    }
    Ok(found)
}

fn of_urls(entry: &RepoSpec, id: &str, bases: &[&str], mirrors: Option<&str>) -> Result<Repository, RpmError> {
    let folder = |text: &&str| {
        let mut url = read_url(entry, id, text)?.expose().clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        UpstreamUrl::try_from(url).map_err(|error| wrong(id, error.to_string()))
    };
    Ok(Repository {
        id: id.to_owned(),
        bases: bases.iter().map(folder).collect::<Result<_, _>>()?,
        mirrors: mirrors.map(|text| read_url(entry, id, text)).transpose()?,
        gpgkeys: entry.gpgkeys.iter().map(|text| read_url(entry, id, text)).collect::<Result<_, _>>()?,
        unsigned: entry.unsigned,
    })
}

/// The repositories of a `.repo` file, or of all of a folder.
async fn of_file(entry: &RepoSpec, from: &str, fetcher: &Fetcher) -> Result<Vec<Repository>, RpmError> {
    let id = entry.id.clone().unwrap_or_else(|| from.to_owned());
    let url = match from.starts_with('/') {
        true => Url::from_file_path(from).map_err(|()| wrong(&id, format!("from: '{from}' is no path"))),
        false => Url::parse(from).map_err(|error| wrong(&id, format!("from: '{from}': {error}"))),
    };
    let url = UpstreamUrl::try_from(url?).map_err(|error| wrong(&id, error.to_string()))?;
    let missed = |source: airlift_fetch::FetchError| RpmError::Fetch {
        id: id.clone(),
        what: "what 'from' names".to_owned(),
        source: Box::new(source),
    };
    let files = fetcher.folder(&url).await.map_err(missed)?;
    let mut files = files.unwrap_or_else(|| vec![url]);
    files.retain(|file| file.expose().path().ends_with(".repo"));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let document = fetcher.document(&Request::new(file), &Expected::limit(MOST_BYTES)).await.map_err(missed)?;
        all.extend(repofile::read(&String::from_utf8_lossy(&document.bytes)));
    }
    let wanted: Vec<&HostRepository> = match &entry.id {
        Some(id) => all.iter().filter(|repository| repository.id == *id).collect(),
        None => all.iter().filter(|repository| repository.enabled()).collect(),
    };
    if wanted.is_empty() {
        let known: Vec<&str> = all.iter().map(|repository| repository.id.as_str()).collect();
        return Err(wrong(&id, format!("{from} has no such enabled repository; it has: {}", known.join(", "))));
    }
    wanted.into_iter().map(|repository| of_host(entry, repository)).collect()
}

fn of_host(entry: &RepoSpec, host: &HostRepository) -> Result<Repository, RpmError> {
    check_id(&host.id).map_err(|reason| wrong(&host.id, reason))?;
    // The manifest's keys count where it has some, as a person wrote them for this.
    let gpgkeys = match entry.gpgkeys.is_empty() {
        true => host.list("gpgkey").into_iter().map(str::to_owned).collect(),
        false => entry.gpgkeys.clone(),
    };
    let entry = RepoSpec { gpgkeys, ..entry.clone() };
    if entry.gpgkeys.is_empty() && !entry.unsigned {
        let reason = "the .repo file names no gpgkey; give 'gpgkeys', or 'unsigned: true'".to_owned();
        return Err(wrong(&host.id, reason));
    }
    let (bases, mirrors) = (host.list("baseurl"), host.option("metalink").or_else(|| host.option("mirrorlist")));
    if host.option("username").is_some() || host.option("sslclientcert").is_some() {
        let reason = "the .repo file has credentials, which are not taken from there; put a user and a password into \
                      netrc, and give 'baseurl'";
        return Err(wrong(&host.id, reason.to_owned()));
    }
    match (bases.is_empty(), mirrors) {
        (true, None) => Err(wrong(&host.id, "the .repo file has no baseurl, metalink or mirrorlist".to_owned())),
        (true, mirrors) => of_urls(&entry, &host.id, &[], mirrors),
        (false, _) => of_urls(&entry, &host.id, &bases, None),
    }
}

fn read_url(entry: &RepoSpec, id: &str, text: &str) -> Result<UpstreamUrl, RpmError> {
    let text = substitute(text, &entry.vars)
        .map_err(|name| wrong(id, format!("'{text}' has the variable ${name}; give its value in 'vars'")))?;
    let url = match Url::from_file_path(&text) {
        Ok(of_path) => UpstreamUrl::try_from(of_path),
        Err(()) => text.parse(),
    };
    url.map_err(|error| wrong(id, error.to_string()))
}

fn wrong(id: &str, reason: String) -> RpmError {
    RpmError::Manifest { id: id.to_owned(), reason }
}
