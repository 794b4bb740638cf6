//! The root of a suite: `InRelease`, or `Release` with `Release.gpg`.

use std::time::SystemTime;

use airlift_core::{Digest, Request, Root, Time, UpstreamUrl};
use airlift_fetch::{Document, Expected, Fetcher};
use airlift_openpgp::{Keyring, VerifyError};

use super::repository::Repository;
use super::tree::{File, Tree, request, stored};
use crate::error::DebError;
use crate::format::release::Release;

/// The most bytes of a `Release` file.
const LARGEST: u64 = 64 << 20;

/// A suite whose root was read.
pub(crate) struct Suite<'a> {
    /// Its repository.
    pub(crate) repository: &'a Repository,
    /// Its folder below the repository with a slash at its end; empty where it is the repository itself.
    pub(crate) folder: String,
    /// Whether it has no components and architectures.
    pub(crate) flat: bool,
    /// The file that was believed.
    pub(crate) url: UpstreamUrl,
    /// What it says.
    pub(crate) release: Release,
    /// Whether a signature vouches for it.
    pub(crate) signed: bool,
    /// What whoever loads it must know.
    pub(crate) remarks: Vec<String>,
    documents: Vec<Fetched>,
}

struct Fetched {
    name: &'static str,
    digest: Digest,
    size: u64,
    request: Request,
}

/// The three files, as far as they are there.
struct Roots {
    inline: Option<Document>,
    release: Option<Document>,
    detached: Option<Document>,
}

/// What was believed.
struct Believed {
    url: UpstreamUrl,
    text: String,
    signed: bool,
    remarks: Vec<String>,
}

/// Reads and verifies the root of a suite.
pub(crate) async fn read<'a>(
    repository: &'a Repository,
    keys: &Keyring,
    at: (&str, &Fetcher),
    roots: &mut Vec<Root>,
) -> Result<Suite<'a>, DebError> {
    let (suite, fetcher) = at;
    let flat = suite.ends_with('/');
    let folder = folder(suite);
    let mut get = async |name: &'static str| {
        let request = request(repository.url(&format!("{folder}{name}")));
        match fetcher.document(&request, &Expected::limit(LARGEST)).await {
            Ok(document) => {
                roots.push(Root { request, digest: document.digest });
                Ok(Some(document))
            }
            // Object stores answer 403 for what they do not have.
            Err(error) if error.is_not_found() || error.status() == Some(403) => Ok(None),
            Err(source) => Err(DebError::Fetch { id: repository.id.clone(), source: Box::new(source) }),
        }
    };
    let mut found =
        Roots { inline: get("InRelease").await?, release: get("Release").await?, detached: get("Release.gpg").await? };
    let url = |name: &str| repository.url(&format!("{folder}{name}"));
    let now = Time::from(SystemTime::now());
    let mut believed = match (&found.inline, &found.release) {
        (Some(inline), _) => from_inline(repository, keys, (inline, url("InRelease"), now))?,
        (None, Some(release)) => {
            from_detached(repository, keys, (release, found.detached.as_ref(), url("Release"), now))?
        }
        (None, None) => {
            let id = repository.id.clone();
            return Err(DebError::NoRelease {
                id,
                inline: Box::new(url("InRelease")),
                release: Box::new(url("Release")),
            });
        }
    };
    let release = parse(&believed.text, &believed.url)?;
    drop_contradiction(&mut found, &release, (keys, now), &mut believed);
    check_validity(repository, &release, now, &mut believed)?;
    Ok(Suite {
        documents: found.fetched(&url),
        repository,
        flat,
        url: believed.url,
        release,
        signed: believed.signed,
        remarks: believed.remarks,
        folder,
    })
}

/// `/` and `./` are the repository's own folder, `x/` one below it, `x` is `dists/x`.
fn folder(suite: &str) -> String {
    let inner = suite.trim_start_matches("./").trim_matches('/');
    match (suite.ends_with('/'), inner.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!("{inner}/"),
        (false, _) => format!("dists/{inner}/"),
    }
}

fn parse(text: &str, url: &UpstreamUrl) -> Result<Release, DebError> {
    Release::parse(text).map_err(|source| DebError::Release { url: Box::new(url.clone()), source })
}

fn from_inline(
    repository: &Repository,
    keys: &Keyring,
    of: (&Document, UpstreamUrl, Time),
) -> Result<Believed, DebError> {
    let (document, url, now) = of;
    let unreadable = |source| DebError::Signature { url: Box::new(url.clone()), source };
    match keys.verify_inline(&document.bytes, now) {
        Ok(inline) => {
            let remarks = inline.verified.remarks.iter().map(|remark| format!("{url}: {remark}")).collect();
            Ok(Believed { text: inline.text, signed: true, remarks, url })
        }
        Err(error) if repository.unsigned => {
            let text = airlift_openpgp::unverified_text(&document.bytes).map_err(unreadable)?;
            Ok(unsigned(text, url.clone(), &error))
        }
        Err(error) => Err(unreadable(error)),
    }
}

fn from_detached(
    repository: &Repository,
    keys: &Keyring,
    of: (&Document, Option<&Document>, UpstreamUrl, Time),
) -> Result<Believed, DebError> {
    let (release, detached, url, now) = of;
    let text = String::from_utf8_lossy(&release.bytes).into_owned();
    let verified = match detached {
        Some(detached) => keys.verify_detached(&detached.bytes, &release.bytes, now),
        None if repository.unsigned => Err(VerifyError::None),
        None => return Err(DebError::Unsigned { release: Box::new(url) }),
    };
    match verified {
        Ok(verified) => {
            let remarks = verified.remarks.iter().map(|remark| format!("{url}: {remark}")).collect();
            Ok(Believed { text, signed: true, remarks, url })
        }
        Err(error) if repository.unsigned => Ok(unsigned(text, url, &error)),
        Err(source) => Err(DebError::Signature { url: Box::new(url), source }),
    }
}

/// What was taken without a signature, since the manifest says so.
fn unsigned(text: String, url: UpstreamUrl, error: &VerifyError) -> Believed {
    let remark = format!("nothing vouches for {url} ({error}); the manifest says 'unsigned: true'");
    Believed { text, url, signed: false, remarks: vec![remark] }
}

/// A `Release` beside an `InRelease` is for old clients, and must say the same: what contradicts it is left out.
fn drop_contradiction(found: &mut Roots, release: &Release, with: (&Keyring, Time), believed: &mut Believed) {
    let (Some(_), Some(other)) = (&found.inline, &found.release) else { return };
    let same = Release::parse(&String::from_utf8_lossy(&other.bytes)).is_ok_and(|other| other == *release);
    let detached = found.detached.as_ref();
    let good = |detached: &Document| with.0.verify_detached(&detached.bytes, &other.bytes, with.1).is_ok();
    if same && (!believed.signed || detached.is_none_or(good)) {
        return;
    }
    believed.remarks.push(format!(
        "the Release beside {} says something else or is wrongly signed, and is left out; clients that read InRelease do not need it",
        believed.url
    ));
    found.release = None;
    found.detached = None;
}

fn check_validity(
    repository: &Repository,
    release: &Release,
    now: Time,
    believed: &mut Believed,
) -> Result<(), DebError> {
    match release.valid_until.filter(|until| *until < now) {
        Some(until) if repository.check_valid_until => {
            Err(DebError::Expired { url: Box::new(believed.url.clone()), until })
        }
        Some(until) => {
            believed.remarks.push(format!("{} had expired at {until} already when it was collected", believed.url));
            Ok(())
        }
        None => Ok(()),
    }
}

impl Roots {
    fn fetched(self, url: &impl Fn(&str) -> UpstreamUrl) -> Vec<Fetched> {
        let named = [("InRelease", self.inline), ("Release", self.release), ("Release.gpg", self.detached)];
        let fetched = named.into_iter().filter_map(|(name, document)| {
            let document = document?;
            Some(Fetched {
                name,
                digest: document.digest,
                size: document.bytes.len() as u64,
                request: request(url(name)),
            })
        });
        fetched.collect()
    }
}

impl Suite<'_> {
    /// A file's path below the repository.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.folder)
    }

    /// A file's URL.
    pub(crate) fn url(&self, below: &str) -> UpstreamUrl {
        self.repository.url(&self.path(below))
    }

    /// Plans the root itself.
    pub(crate) fn plan(&self, tree: &mut Tree<'_>) -> Result<(), DebError> {
        for document in &self.documents {
            tree.add(File {
                path: &self.path(document.name),
                source: stored(document.digest, document.request.clone()),
                size: document.size,
                checksums: vec![document.digest.into()],
                purl: None,
            })?;
        }
        Ok(())
    }
}
