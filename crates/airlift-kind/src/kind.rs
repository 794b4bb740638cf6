//! The trait that every kind implements, and its object-safe twin.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use airlift_core::manifest::{self, ManifestError};
use airlift_core::{Failure, Index, LockEntry, Node, Notice, Plan, Request};
use airlift_fetch::Fetcher;
use futures::future::BoxFuture;
use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::catalogue::{Fact, Nouns, Shown, Usage};
use crate::client::{Address, Client, ClientError, Mirror};
use crate::context::CollectContext;
use crate::reply::{Content, Lookup};
use crate::view::View;

/// A kind of content with its own protocol.
///
/// A kind has no state of its own and opens no socket, no file and no archive: planning goes through the
/// [`CollectContext`], serving through the [`View`].
pub trait Kind: Send + Sync + 'static {
    /// The kind's name and the first segment of its paths in an index: `oci`.
    const NAME: &'static str;
    /// What it is, for a person: `container images`.
    const TITLE: &'static str;
    /// The top-level keys of the manifest that belong to it, the main one first: `images`.
    const KEYS: &'static [&'static str];
    /// The port that it is served on unless the user says otherwise.
    const PORT: u16;
    /// What a person calls what [`Kind::shown`] tells of.
    const NOUNS: Nouns = Nouns { groups: ["folder", "folders"], items: ["file", "files"] };
    /// The path at which a person begins to look at the service with a browser.
    const HOME: &'static str = "/";

    /// Its part of the manifest: a structure with a field for each of [`Kind::KEYS`], each with a default.
    type Spec: DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// Why it can't plan at all. What is merely missing upstream goes into the plan's omissions.
    type Error: Failure;

    /// Turns what the manifest asks for into a plan.
    fn collect(spec: &Self::Spec, context: &CollectContext) -> impl Future<Output = Result<Plan, Self::Error>> + Send;

    /// Looks at what was fetched, after all of it was: at what only the content itself can tell, such as the signature
    /// inside of a package. `entries` are this kind's; what it returns travels with the archive.
    ///
    /// Most kinds have nothing to look at.
    fn inspect(
        _spec: &Self::Spec,
        _entries: &[&LockEntry],
        _fetcher: &Fetcher,
    ) -> impl Future<Output = Result<Vec<Notice>, Self::Error>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Brings blobs into the store that a lock names, and that the kind itself made of what upstream answered: those
    /// with neither a URL nor content ([`airlift_core::Source::Made`]). `entries` are this kind's.
    ///
    /// Most kinds make nothing of the sort.
    fn restore(
        _spec: &Self::Spec,
        _entries: &[&LockEntry],
        _fetcher: &Fetcher,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// How to ask an upstream again for something that was collected before: the lock's URL with the headers and
    /// credentials that the manifest has for it.
    fn request(spec: &Self::Spec, entry: &LockEntry, url: airlift_core::UpstreamUrl) -> Request;

    /// Whether a text in its part of the manifest is a path relative to the manifest. `field` is where the text stands, lists
    /// passed over: `python.files`. Those of a manifest that is included are told relative to the one that includes it
    /// before the kind reads them.
    ///
    /// Most kinds have none.
    fn is_path(_field: &str, _text: &str) -> bool {
        false
    }

    /// Says what paths mean in a snapshot.
    fn serve(view: View) -> Arc<dyn Lookup>;

    /// The clients of this kind, and what points them at a mirror that serves this snapshot there. It reads nothing but
    /// the archive.
    ///
    /// A kind whose clients are given URLs, such as `files`, has none.
    fn clients(_view: &View, _address: Address<'_>) -> impl Future<Output = Result<Vec<Client>, ClientError>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// How a client is told, in the words of its protocol, that it gets nothing before it says who it is, or nothing now.
    /// The challenge is added to it.
    ///
    /// Most protocols have no words for it.
    fn refusal(status: StatusCode, message: &str) -> Content {
        Content::text(status, message)
    }

    /// The URL path at which a node is served, from its path below the kind's name.
    fn url_path(path: &str) -> String;

    /// How a person sees a node. It is asked of every node of a snapshot, more than once, and reads no blob.
    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        Shown::file(view.path_of(node), node)
    }

    /// What the content of a node tells a person beside its name: read when its page is asked for. What can't be read is
    /// left out here; whoever asks for the node itself is told why.
    fn facts(_view: View, _node: Node) -> impl Future<Output = Vec<Fact>> + Send {
        std::future::ready(Vec::new())
    }

    /// What a person types into each client to get what a node is, with the mirror's address; without a node, to use what
    /// this kind has at all.
    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        let url = |node: &Node| format!("{}{}", address.base(), Self::url_path(view.path_of(node)));
        node.map(|node| Usage::fetch(&url(node))).into_iter().collect()
    }

    /// The descriptors that the archive's `index.json` has for this kind (OCI image layout specification 1.1), so that
    /// the archive is also an OCI image layout. Most kinds have none.
    fn oci_layout(_index: &Index) -> Vec<serde_json::Value> {
        Vec::new()
    }
}

/// A kind's part of one manifest.
pub trait Section: Send + Sync {
    /// See [`Kind::collect`].
    fn collect<'a>(&'a self, context: &'a CollectContext) -> BoxFuture<'a, Result<Plan, Box<dyn Failure>>>;
    /// See [`Kind::inspect`].
    fn inspect<'a>(
        &'a self,
        entries: &'a [&'a LockEntry],
        fetcher: &'a Fetcher,
    ) -> BoxFuture<'a, Result<Vec<Notice>, Box<dyn Failure>>>;
    /// See [`Kind::restore`].
    fn restore<'a>(
        &'a self,
        entries: &'a [&'a LockEntry],
        fetcher: &'a Fetcher,
    ) -> BoxFuture<'a, Result<(), Box<dyn Failure>>>;
    /// See [`Kind::request`].
    fn request(&self, entry: &LockEntry, url: airlift_core::UpstreamUrl) -> Request;
}

/// A kind as the list of kinds holds it.
pub trait DynKind: Send + Sync {
    /// See [`Kind::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Kind::TITLE`].
    fn title(&self) -> &'static str;
    /// See [`Kind::KEYS`].
    fn keys(&self) -> &'static [&'static str];
    /// See [`Kind::PORT`].
    fn port(&self) -> u16;
    /// See [`Kind::NOUNS`].
    fn nouns(&self) -> Nouns;
    /// See [`Kind::HOME`].
    fn home(&self) -> &'static str;
    /// The JSON schema of its part of the manifest: an object with a property for each key.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;
    /// Reads its part of a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] with line and column.
    fn section(&self, manifest: &str) -> Result<Box<dyn Section>, ManifestError>;
    /// See [`Kind::is_path`].
    fn is_path(&self, field: &str, text: &str) -> bool;
    /// See [`Kind::serve`].
    fn serve(&self, view: View) -> Arc<dyn Lookup>;
    /// See [`Kind::clients`]; none where the mirror does not serve this kind.
    fn clients<'a>(&'a self, view: &'a View, mirror: &'a Mirror) -> BoxFuture<'a, Result<Vec<Client>, ClientError>>;
    /// See [`Kind::refusal`].
    fn refusal(&self, status: StatusCode, message: &str) -> Content;
    /// See [`Kind::url_path`].
    fn url_path(&self, path: &str) -> String;
    /// See [`Kind::shown`].
    fn shown<'a>(&self, view: &View, node: &'a Node) -> Shown<'a>;
    /// See [`Kind::facts`].
    fn facts(&self, view: View, node: Node) -> BoxFuture<'static, Vec<Fact>>;
    /// See [`Kind::usage`].
    fn usage(&self, view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage>;
    /// See [`Kind::oci_layout`].
    fn oci_layout(&self, index: &Index) -> Vec<serde_json::Value>;
}

/// A [`Kind`] made into a [`DynKind`].
#[derive(Debug)]
pub struct Erased<K>(PhantomData<fn() -> K>);

impl<K> Erased<K> {
    /// The one value of this type.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K> Default for Erased<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kind> DynKind for Erased<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn title(&self) -> &'static str {
        K::TITLE
    }

    fn keys(&self) -> &'static [&'static str] {
        K::KEYS
    }

    fn port(&self) -> u16 {
        K::PORT
    }

    fn nouns(&self) -> Nouns {
        K::NOUNS
    }

    fn home(&self) -> &'static str {
        K::HOME
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        K::Spec::json_schema(generator)
    }

    fn section(&self, manifest: &str) -> Result<Box<dyn Section>, ManifestError> {
        let spec: K::Spec = manifest::section(manifest, K::KEYS)?;
        Ok(Box::new(SpecSection::<K>(spec)))
    }

    fn is_path(&self, field: &str, text: &str) -> bool {
        K::is_path(field, text)
    }

    fn serve(&self, view: View) -> Arc<dyn Lookup> {
        K::serve(view)
    }

    fn clients<'a>(&'a self, view: &'a View, mirror: &'a Mirror) -> BoxFuture<'a, Result<Vec<Client>, ClientError>> {
        match mirror.address(K::NAME) {
            Some(address) => Box::pin(K::clients(view, address)),
            None => Box::pin(std::future::ready(Ok(Vec::new()))),
        }
    }

    fn refusal(&self, status: StatusCode, message: &str) -> Content {
        K::refusal(status, message)
    }

    fn url_path(&self, path: &str) -> String {
        K::url_path(path)
    }

    fn shown<'a>(&self, view: &View, node: &'a Node) -> Shown<'a> {
        K::shown(view, node)
    }

    fn facts(&self, view: View, node: Node) -> BoxFuture<'static, Vec<Fact>> {
        Box::pin(K::facts(view, node))
    }

    fn usage(&self, view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        K::usage(view, node, address)
    }

    fn oci_layout(&self, index: &Index) -> Vec<serde_json::Value> {
        K::oci_layout(index)
    }
}

struct SpecSection<K: Kind>(K::Spec);

impl<K: Kind> Section for SpecSection<K> {
    fn collect<'a>(&'a self, context: &'a CollectContext) -> BoxFuture<'a, Result<Plan, Box<dyn Failure>>> {
        Box::pin(
            async move { K::collect(&self.0, context).await.map_err(|error| -> Box<dyn Failure> { Box::new(error) }) },
        )
    }

    fn inspect<'a>(
        &'a self,
        entries: &'a [&'a LockEntry],
        fetcher: &'a Fetcher,
    ) -> BoxFuture<'a, Result<Vec<Notice>, Box<dyn Failure>>> {
        Box::pin(async move {
            let inspected = K::inspect(&self.0, entries, fetcher).await;
            inspected.map_err(|error| -> Box<dyn Failure> { Box::new(error) })
        })
    }

    fn restore<'a>(
        &'a self,
        entries: &'a [&'a LockEntry],
        fetcher: &'a Fetcher,
    ) -> BoxFuture<'a, Result<(), Box<dyn Failure>>> {
        Box::pin(async move {
            let restored = K::restore(&self.0, entries, fetcher).await;
            restored.map_err(|error| -> Box<dyn Failure> { Box::new(error) })
        })
    }

    fn request(&self, entry: &LockEntry, url: airlift_core::UpstreamUrl) -> Request {
        K::request(&self.0, entry, url)
    }
}
