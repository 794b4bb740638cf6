#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod collect;
mod error;
pub mod format;
mod inspect;
mod serve;
pub mod spec;
mod stored;

use std::sync::Arc;

use airlift_core::{LockEntry, Node, Notice, Plan, Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use airlift_kind::{Address, Client, ClientError, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::RpmError;
pub use inspect::PackageError;

/// The kind for yum repositories.
#[derive(Debug)]
pub struct Rpm;

impl Kind for Rpm {
    const NAME: &'static str = "rpm";
    const TITLE: &'static str = "yum repositories";
    const KEYS: &'static [&'static str] = &["yum"];
    const PORT: u16 = 8001;
    const NOUNS: Nouns = Nouns { groups: ["repository", "repositories"], items: ["package", "packages"] };
    const HOME: &'static str = "/airlift.repo";

    type Spec = spec::Spec;
    type Error = RpmError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, RpmError> {
        collect::collect(spec, context).await
    }

    async fn inspect(spec: &spec::Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Vec<Notice>, RpmError> {
        inspect::inspect(collect::signed(spec, entries, fetcher).await?, entries, fetcher).await
    }

    fn request(_: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        collect::dated(url)
    }

    fn is_path(_: &str, text: &str) -> bool {
        spec::is_relative(text)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Tree::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        client::clients(view, address).await
    }

    fn url_path(path: &str) -> String {
        format::link::encode(&format!("/{path}"))
    }

    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        catalogue::shown(view, node)
    }

    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        catalogue::usage(view, node, address)
    }
}
