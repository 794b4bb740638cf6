//! What the manifest asks for, turned into a plan.
//!
//! `inputs` reads what each entry wants. `collections` has the `solver` decide on versions, over what the `library` knows
//! of a server's `api`; `roles` follows roles from one to the next. What both found is put together by `publish`.

mod api;
mod collections;
mod explain;
mod inputs;
mod library;
mod publish;
mod roles;
mod solver;

use std::collections::BTreeMap;

use airlift_core::plan::Also;
use airlift_core::{Digest, Plan, Request, Secret, UpstreamUrl};
use airlift_fetch::engine::is_fatal;
use airlift_fetch::{Document, Expected, FetchError, Fetcher};
use serde_json::json;

use crate::error::GalaxyError;
use crate::spec::{GroupSpec, Spec};
use api::Server;
use inputs::{Inputs, Origin};
use publish::Shelf;

/// What servers are sent that the manifest has no headers for.
static NO_HEADERS: BTreeMap<String, Secret> = BTreeMap::new();

/// The largest archive that is looked into, in bytes.
const ARCHIVE: u64 = 100 << 20;

pub(crate) async fn collect(spec: &Spec, fetcher: &Fetcher) -> Result<Plan, GalaxyError> {
    let mut shelf = Shelf::default();
    for group in &spec.galaxy {
        let inputs = Inputs::read(group, fetcher).await?;
        for (file, remark) in &inputs.remarks {
            shelf.notice("requirements.yml", format!("{file}: {remark}"))?;
        }
        let group = Group { spec: group, fetcher };
        collections::collect(&group, &inputs, &mut shelf).await?;
        roles::collect(&group, inputs.roles, &mut shelf).await?;
    }
    shelf.plan()
}

/// How to ask again for something: with the headers of the entry whose server is at the same host.
pub(crate) fn request_again(spec: &Spec, url: UpstreamUrl) -> Request {
    let same = |group: &&GroupSpec| group.server.expose().origin() == url.expose().origin();
    match spec.galaxy.iter().find(same) {
        Some(group) => api::request(&group.server, &group.headers, url),
        None => Request::new(url),
    }
}

/// One entry of the manifest, and who asks upstreams for it.
struct Group<'a> {
    spec: &'a GroupSpec,
    fetcher: &'a Fetcher,
}

/// A packed collection or role that was fetched to be looked into.
struct Fetched {
    bytes: bytes::Bytes,
    digest: Digest,
    request: Request,
}

impl<'a> Group<'a> {
    async fn server(&self, url: UpstreamUrl) -> Result<Server<'a>, GalaxyError> {
        let own = url.expose().origin() == self.spec.server.expose().origin();
        Server::open(self.fetcher, url, if own { &self.spec.headers } else { &NO_HEADERS }).await
    }

    /// Fetches something that has to be looked into; a sentence where it can't be had.
    async fn fetch(&self, request: Request) -> Result<Result<Fetched, String>, GalaxyError> {
        let fetched: Result<Document, FetchError> = self.fetcher.document(&request, &Expected::limit(ARCHIVE)).await;
        match fetched {
            Ok(document) => Ok(Ok(Fetched { bytes: document.bytes, digest: document.digest, request })),
            Err(error) if is_fatal(&error) => Err(GalaxyError::stopped(error)),
            Err(error) => Ok(Err(airlift_core::failure::line(&error))),
        }
    }

    /// The request for a file that the manifest or a file of requirements names.
    fn file(&self, file: &str, origin: &Origin) -> Result<Request, GalaxyError> {
        if origin.remote {
            let reason = format!("{} is from the network, and names a file of this machine", origin.of);
            return Err(GalaxyError::Locate { file: file.to_owned(), reason });
        }
        inputs::locate(file, self.fetcher).map(Request::new)
    }

    /// The request for a URL that the manifest or a file of requirements names.
    fn url(&self, url: &UpstreamUrl) -> Request {
        api::request(&self.spec.server, &self.spec.headers, url.clone())
    }
}

/// What the kind for git repositories is asked for.
fn git(url: &UpstreamUrl, version: Option<&str>, why: String) -> Also {
    let refs: Vec<&str> = version.into_iter().collect();
    Also {
        key: "git".to_owned(),
        name: repository(url),
        value: json!({ "url": url.expose().as_str(), "refs": refs }),
        why,
    }
}

/// What the kind for files is asked for, so that who follows an unchanged requirement to its own URL finds it as well.
fn file(url: &UpstreamUrl, why: String) -> Also {
    Also { key: "files".to_owned(), name: repository(url), value: json!(url.expose().as_str()), why }
}

/// Host and path, by which a repository is served.
fn repository(url: &UpstreamUrl) -> String {
    let path = url.decoded_path().unwrap_or_default();
    let path = path.trim_matches('/');
    format!("{}/{}", url.authority(), path.strip_suffix(".git").unwrap_or(path))
}

/// Looks into an archive, which may take seconds, off the runtime.
async fn look<T: Send + 'static>(bytes: bytes::Bytes, into: fn(&[u8]) -> T) -> T {
    match tokio::task::spawn_blocking(move || into(&bytes)).await {
        Ok(found) => found,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
