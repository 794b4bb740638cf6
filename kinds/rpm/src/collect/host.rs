//! Which repositories are meant: those of the manifest, and those of a host's `.repo` files.

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::{Expected, Fetcher};
use airlift_kind::Hosts;
use url::Url;

use crate::error::RpmError;
use crate::format::repofile::{self, HostRepository};
use crate::format::vars::substitute;
use crate::spec::{Choice, Place, RepoSpec, Spec, Unsigned, check_id, is_relative};

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
    pub(crate) unsigned: Unsigned,
    /// Which entry of the manifest it is of.
    pub(crate) entry: usize,
    /// Which part of it is wanted.
    pub(crate) choice: Choice,
    /// The release and the architecture of the hosts that it is for, where the manifest says it.
    pub(crate) hosts: [Option<String>; 2],
    /// The hosts whose clients have it on.
    pub(crate) audience: Hosts,
    /// Whether its packages are seen whatever streams of modules are enabled.
    pub(crate) module_hotfixes: bool,
    /// The packages, where it is a folder of packages without metadata.
    pub(crate) loose: Vec<UpstreamUrl>,
}

pub(super) async fn resolve(spec: &Spec, fetcher: &Fetcher) -> Result<Vec<Repository>, RpmError> {
    let mut found = Vec::new();
    for (place, entry) in spec.yum.repositories.iter().enumerate() {
        let entry = &beside(entry, fetcher);
        let before = found.len();
        let named = entry.id.clone().unwrap_or_default();
        match &entry.place {
            Place::Base(url) => found.push(of_urls(entry, &named, &[url], None)?),
            Place::Mirrors(url) => found.push(of_urls(entry, &named, &[], Some(url))?),
            Place::Host(file) => found.extend(of_file(entry, file, fetcher).await?),
        }
        found[before..].iter_mut().for_each(|repository: &mut Repository| repository.entry = place);
    }
    Ok(found)
}

/// The entry with paths instead of those that are relative to the manifest.
fn beside(entry: &RepoSpec, fetcher: &Fetcher) -> RepoSpec {
    let absolute = |text: &String| {
        let local = is_relative(text).then(|| fetcher.local(text)).flatten();
        local.map_or_else(|| text.clone(), |url| url.expose().to_string())
    };
    let mut entry = entry.clone();
    entry.gpgkeys = entry.gpgkeys.iter().map(absolute).collect();
    let (Place::Base(place) | Place::Mirrors(place) | Place::Host(place)) = &mut entry.place;
    *place = absolute(place);
    entry
}

/// A folder of packages without metadata, where it is one; its id is the folder's name where it has no other.
async fn of_packages(
    entry: &RepoSpec,
    folder: &UpstreamUrl,
    fetcher: &Fetcher,
) -> Result<Option<Repository>, RpmError> {
    let path = folder.decoded_path().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let id = entry.id.clone().unwrap_or(name);
    let files = fetcher.folders(folder).await.map_err(|source| RpmError::Fetch {
        id: id.clone(),
        what: "the folder that 'from' names".to_owned(),
        source: Box::new(source),
    })?;
    let mut packages = files.unwrap_or_default();
    packages.retain(super::loose::is_package);
    if packages.is_empty() {
        return Ok(None);
    }
    check_id(&id).map_err(|reason| wrong(&id, format!("{reason}; give another 'id'")))?;
    let base = folder.expose().to_string();
    Ok(Some(Repository { loose: packages, ..of_urls(entry, &id, &[&base], None)? }))
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
        gpgkeys: gpgkeys(entry, id)?,
        unsigned: entry.unsigned,
        entry: 0,
        choice: entry.choice.clone(),
        hosts: ["releasever", "basearch"].map(|name| entry.vars.get(name).cloned()),
        audience: entry.hosts.clone(),
        module_hotfixes: entry.module_hotfixes,
        loose: Vec::new(),
    })
}

/// The keys that an entry of the manifest itself names.
pub(super) fn own_gpgkeys(entry: &RepoSpec, id: &str, fetcher: &Fetcher) -> Result<Vec<UpstreamUrl>, RpmError> {
    gpgkeys(&beside(entry, fetcher), id)
}

fn gpgkeys(entry: &RepoSpec, id: &str) -> Result<Vec<UpstreamUrl>, RpmError> {
    entry.gpgkeys.iter().map(|text| read_url(entry, id, text)).collect()
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
    let is_repo = |file: &UpstreamUrl| file.expose().path().ends_with(".repo");
    if files.as_ref().is_some_and(|files| !files.iter().any(is_repo)) {
        let none = || wrong(&id, format!("{from} is a folder without .repo files and without .rpm packages"));
        return Ok(vec![of_packages(entry, &url, fetcher).await?.ok_or_else(none)?]);
    }
    let mut files = match files {
        Some(files) => files,
        None if is_repo(&url) => vec![url],
        None => {
            fetcher.head(&Request::new(url)).await.map_err(missed)?;
            return Err(wrong(&id, format!("{from} is neither a folder nor a .repo file")));
        }
    };
    files.retain(is_repo);
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
    let module_hotfixes = entry.module_hotfixes || host.module_hotfixes();
    let entry = RepoSpec { gpgkeys, module_hotfixes, ..entry.clone() };
    if entry.gpgkeys.is_empty() && !entry.unsigned.packages() {
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
