//! The pull half of a registry (OCI distribution specification 1.1), for every registry that was collected.
//!
//! One image has three names here. `/v2/<registry>/<repository>` is exact. `/v2/<repository>?ns=<registry>` is what
//! containerd sends, and never answers from another registry. The bare `/v2/<repository>` is what Docker sends for Docker
//! Hub's images; it answers from another registry only where Docker Hub has no such repository and just one other has.

use std::collections::{BTreeMap, BTreeSet};

use airlift_core::Digest;
use airlift_kind::{Asked, Content, Found, Lookup, Reply, View};
use http::header::{ALLOW, LINK};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::format::manifest::{Descriptor, MANIFEST_LIMIT, Manifest, OCI_INDEX, referrers_index};
use crate::format::name::{DOCKER_HUB, Place, is_digest, registry_of, split};

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");
const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// The registry of one snapshot.
pub(crate) struct Registry {
    view: View,
    /// `<registry>/<repository>`, sorted.
    repositories: BTreeSet<String>,
    /// Repository without its registry → the registries that have it.
    registries: BTreeMap<String, Vec<String>>,
    /// The digests by which manifests are known in a repository that names them otherwise than by SHA-256.
    other_digests: BTreeMap<(String, Digest), String>,
}

impl Registry {
    pub(crate) fn new(view: View) -> Self {
        let repositories: BTreeSet<String> = view
            .below("")
            .iter()
            .filter_map(|node| split(view.path_of(node)))
            .map(|(repository, _)| repository.to_owned())
            .collect();
        let mut registries = BTreeMap::<String, Vec<String>>::new();
        for (registry, name) in repositories.iter().filter_map(|repository| repository.split_once('/')) {
            registries.entry(name.to_owned()).or_default().push(registry.to_owned());
        }
        let other_digests = view.below("").iter().filter_map(|node| match split(view.path_of(node))? {
            (repository, Place::Manifest(digest)) if is_digest(digest) && !digest.starts_with("sha256:") => {
                Some(((repository.to_owned(), node.blob), digest.to_owned()))
            }
            _ => None,
        });
        let other_digests = other_digests.collect();
        Self { view, repositories, registries, other_digests }
    }

    /// The full name of the repository that is meant.
    fn resolve(&self, name: &str, namespace: Option<&str>) -> Result<String, Content> {
        let known = |full: String| self.repositories.contains(&full).then_some(full);
        let in_registry = |registry: &str, name: &str| {
            let registry = registry_of(registry);
            let short = || {
                known(format!("{registry}/library/{name}")).filter(|_| registry == DOCKER_HUB && !name.contains('/'))
            };
            known(format!("{registry}/{name}")).or_else(short)
        };
        let found = match namespace {
            // Some mirrors' configurations make clients name the registry in the path as well.
            Some(namespace) => in_registry(namespace, name.strip_prefix(&format!("{namespace}/")).unwrap_or(name)),
            None => {
                let exact = || name.split_once('/').and_then(|(registry, rest)| in_registry(registry, rest));
                exact().or_else(|| in_registry(DOCKER_HUB, name)).or_else(|| self.only_registry_with(name))
            }
        };
        found.ok_or_else(|| self.unknown_repository(name, namespace))
    }

    fn only_registry_with(&self, name: &str) -> Option<String> {
        match self.registries.get(name)?.as_slice() {
            [registry] => Some(format!("{registry}/{name}")),
            _ => None,
        }
    }

    fn unknown_repository(&self, name: &str, namespace: Option<&str>) -> Content {
        let wanted = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
        let message = match self.registries.get(name).filter(|_| namespace.is_none()) {
            Some(registries) => format!(
                "several registries have {name}: ask for one of them by its full name, {}/{name}",
                registries.join(&format!("/{name}, "))
            ),
            None => format!(
                "the repository {wanted} is not in {}; add the image under 'images' and collect again",
                self.view.describe()
            ),
        };
        error(StatusCode::NOT_FOUND, "NAME_UNKNOWN", &message, json!({ "name": wanted }))
    }

    fn manifest(&self, repository: &str, reference: &str) -> Reply {
        match self.view.get(&format!("{repository}/manifests/{reference}")) {
            Some(node) => {
                let sha256 = node.blob.to_string();
                let digest = match is_digest(reference) {
                    true => reference,
                    false => self.other_digests.get(&(repository.to_owned(), node.blob)).unwrap_or(&sha256),
                };
                Reply::Found(Found { headers: digest_header(digest), ..Found::node(node) })
            }
            None => Reply::Content(self.unknown_manifest(repository, reference)),
        }
    }

    fn unknown_manifest(&self, repository: &str, reference: &str) -> Content {
        let message = match self.why_omitted(repository, "manifests", reference) {
            Some(omitted) => omitted,
            None if is_digest(reference) => format!(
                "{repository} has no {reference} in {}; if it is an image for another platform, add that under 'platforms' and collect again",
                self.view.describe()
            ),
            None => format!(
                "{repository} has no {reference} in {}; add it under 'images' and collect again",
                self.view.describe()
            ),
        };
        error(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            &message,
            json!({ "name": repository, "reference": reference }),
        )
    }

    /// Why something is not here, where that was known when it was collected.
    fn why_omitted(&self, repository: &str, folder: &str, reference: &str) -> Option<String> {
        let path = format!("oci/{repository}/{folder}/{reference}");
        let omission = self.view.omissions().find(|omission| omission.path.as_str() == path)?;
        let archive = self.view.describe();
        Some(format!("{repository} {reference} was left out of {archive} when it was collected: {}", omission.omitted))
    }

    fn blob(&self, repository: &str, digest: &str) -> Reply {
        // Clients may ask for a manifest as a blob too; both are content of the repository.
        let folders = ["blobs", "manifests"];
        let node = folders.iter().find_map(|folder| self.view.get(&format!("{repository}/{folder}/{digest}")));
        match node.filter(|_| is_digest(digest)) {
            Some(node) => {
                let media_type = "application/octet-stream".into();
                Reply::Found(Found { headers: digest_header(digest), media_type, ..Found::node(node) })
            }
            None => {
                let unknown = || format!("{repository} has no blob {digest} in {}", self.view.describe());
                let message = self.why_omitted(repository, "blobs", digest).unwrap_or_else(unknown);
                Reply::Content(error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", &message, json!({ "digest": digest })))
            }
        }
    }

    fn referrers(&self, repository: &str, digest: &str, artifact_type: Option<String>) -> Reply {
        if digest.parse::<airlift_core::Checksum>().is_err() {
            let message = format!("'{digest}' is not a digest");
            return Reply::Content(error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", &message, Value::Null));
        }
        let Some(node) = self.view.get(&format!("{repository}/referrers/{digest}")).cloned() else {
            return Reply::Content(index_content(referrers_index([]), artifact_type.is_some()));
        };
        let Some(artifact_type) = artifact_type else { return Reply::Found(Found::node(&node)) };
        let view = self.view.clone();
        Reply::Later(Box::pin(async move {
            let listing = match view.read(&node, MANIFEST_LIMIT).await {
                Ok(bytes) => serde_json::from_slice::<Manifest>(&bytes).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match listing {
                Ok(listing) => {
                    let all = listing.manifests.unwrap_or_default();
                    let fits =
                        |referrer: &&Descriptor| referrer.artifact_type.as_deref() == Some(artifact_type.as_str());
                    Reply::Content(index_content(referrers_index(all.iter().filter(fits)), true))
                }
                Err(reason) => {
                    Reply::Content(error(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &reason, Value::Null))
                }
            }
        }))
    }

    fn tags(&self, repository: &str, asked: &Asked<'_>, name: &str) -> Reply {
        let nodes = self.view.below(&format!("{repository}/manifests"));
        let tags = nodes.iter().map(|node| node.path.name()).filter(|reference| !is_digest(reference));
        let page = match Page::of(tags, asked) {
            Ok(page) => page,
            Err(refusal) => return Reply::Content(refusal),
        };
        let content = Content::json(StatusCode::OK, &json!({ "name": name, "tags": page.entries }));
        Reply::Content(page.link(content, &format!("/v2/{name}/tags/list"), asked))
    }

    fn catalog(&self, asked: &Asked<'_>) -> Reply {
        let page = match Page::of(self.repositories.iter().map(String::as_str), asked) {
            Ok(page) => page,
            Err(refusal) => return Reply::Content(refusal),
        };
        let content = Content::json(StatusCode::OK, &json!({ "repositories": page.entries }));
        Reply::Content(page.link(content, "/v2/_catalog", asked))
    }

    fn in_repository(&self, rest: &str, asked: &Asked<'_>) -> Reply {
        let namespace = asked.parameter("ns");
        let (name, place) = match (rest.strip_suffix("/tags/list"), split(rest)) {
            (Some(name), _) => (name, None),
            (None, Some((name, place))) => (name, Some(place)),
            (None, None) => return Reply::Content(unknown_endpoint(asked.path)),
        };
        let artifact_type = || asked.parameter("artifactType").filter(|wanted| !wanted.is_empty());
        let repository = match (self.resolve(name, namespace.as_deref()), place) {
            (Ok(repository), _) => repository,
            // A registry with the referrers API never answers 404 to it (specification, "Listing Referrers").
            (Err(_), Some(Place::Referrers(digest))) => return self.referrers(name, digest, artifact_type()),
            (Err(refusal), _) => return Reply::Content(refusal),
        };
        let reply = match place {
            None => self.tags(&repository, asked, name),
            Some(Place::Manifest(reference)) => self.manifest(&repository, reference),
            Some(Place::Blob(digest)) => self.blob(&repository, digest),
            Some(Place::Referrers(digest)) => self.referrers(&repository, digest, artifact_type()),
        };
        match namespace.and_then(|namespace| HeaderValue::from_str(&namespace).ok()) {
            Some(namespace) => with_header(reply, NAMESPACE, namespace),
            None => reply,
        }
    }
}

impl Lookup for Registry {
    fn lookup(&self, asked: &Asked<'_>) -> Reply {
        let Some(rest) = asked.path.strip_prefix("/v2") else { return Reply::Pass };
        let reply = match rest.strip_prefix('/') {
            _ if !asked.reads() => Reply::Content(refuse_write()),
            None if rest.is_empty() => Reply::Content(Content::json(StatusCode::OK, &json!({}))),
            None => return Reply::Pass,
            Some("") => Reply::Content(Content::json(StatusCode::OK, &json!({}))),
            Some("_catalog") => self.catalog(asked),
            Some(rest) => self.in_repository(rest, asked),
        };
        with_header(reply, API_VERSION, HeaderValue::from_static("registry/2.0"))
    }
}

/// A page of a listing: `n` entries behind `last`.
struct Page<'a> {
    entries: Vec<&'a str>,
    more: bool,
}

impl<'a> Page<'a> {
    fn of(sorted: impl Iterator<Item = &'a str>, asked: &Asked<'_>) -> Result<Self, Content> {
        let most = match asked.parameter("n").map(|n| (n.parse::<usize>(), n)) {
            None => usize::MAX,
            Some((Ok(most), _)) => most,
            Some((Err(_), n)) => {
                let message = format!("n={n}: expected a number of entries");
                return Err(error(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", &message, Value::Null));
            }
        };
        let last = asked.parameter("last").unwrap_or_default();
        let mut rest = sorted.skip_while(|entry| *entry <= last.as_str() && !last.is_empty());
        let entries: Vec<&str> = rest.by_ref().take(most).collect();
        let more = !entries.is_empty() && rest.next().is_some();
        Ok(Self { entries, more })
    }

    /// Adds the link to the next page (RFC 8288), where there is one.
    fn link(&self, content: Content, path: &str, asked: &Asked<'_>) -> Content {
        let Some(last) = self.entries.last().filter(|_| self.more) else { return content };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("n", &self.entries.len().to_string()).append_pair("last", last);
        asked.parameter("ns").iter().for_each(|namespace| {
            query.append_pair("ns", namespace);
        });
        match HeaderValue::from_str(&format!("<{path}?{}>; rel=\"next\"", query.finish())) {
            Ok(link) => content.with_header(LINK, link),
            Err(_) => content,
        }
    }
}

fn with_header(reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    match reply {
        Reply::Found(mut found) => {
            found.headers.push((name, value));
            Reply::Found(found)
        }
        Reply::Content(content) => Reply::Content(content.with_header(name, value)),
        Reply::Later(later) => Reply::Later(Box::pin(async move { with_header(later.await, name, value) })),
        other => other,
    }
}

fn digest_header(digest: &str) -> Vec<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(digest).map(|value| (DIGEST, value)).into_iter().collect()
}

fn index_content(bytes: Vec<u8>, filtered: bool) -> Content {
    let content = Content { status: StatusCode::OK, media_type: OCI_INDEX, bytes: bytes.into(), headers: Vec::new() };
    match filtered {
        true => content.with_header(FILTERS_APPLIED, HeaderValue::from_static("artifactType")),
        false => content,
    }
}

/// An error as the specification has it ("Error Codes").
fn error(status: StatusCode, code: &str, message: &str, detail: Value) -> Content {
    let body = match detail {
        Value::Null => json!({ "errors": [{ "code": code, "message": message }] }),
        detail => json!({ "errors": [{ "code": code, "message": message, "detail": detail }] }),
    };
    Content::json(status, &body)
}

/// Nothing is told to a client that has not said who it is, or that guesses too often.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Content {
    let code = match status {
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
        _ => "DENIED",
    };
    error(status, code, message, Value::Null).with_header(API_VERSION, HeaderValue::from_static("registry/2.0"))
}

fn refuse_write() -> Content {
    let message =
        "this registry is a read-only mirror: push to the upstream registry, collect again, and load the new archive";
    error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message, Value::Null)
        .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))
}

fn unknown_endpoint(path: &str) -> Content {
    error(StatusCode::NOT_FOUND, "UNSUPPORTED", &format!("{path} is no part of the registry's API"), Value::Null)
}
