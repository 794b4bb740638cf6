#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;

use std::sync::Arc;

use airlift_core::upstream::encode_path;
use airlift_core::{LockEntry, Node, Plan, Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use airlift_kind::{Address, Client, ClientError, CollectContext, Fact, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::GitError;

/// The kind for git repositories.
#[derive(Debug)]
pub struct Git;

impl Kind for Git {
    const NAME: &'static str = "git";
    const TITLE: &'static str = "git repositories";
    const KEYS: &'static [&'static str] = &["git"];
    const PORT: u16 = 8004;
    const NOUNS: Nouns = Nouns { groups: ["host", "hosts"], items: ["repository", "repositories"] };
    const HOME: &'static str = "/git/";

    type Spec = spec::Spec;
    type Error = GitError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, GitError> {
        collect::collect(spec, &context.fetcher).await
    }

    async fn restore(spec: &spec::Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<(), GitError> {
        collect::restore(spec, entries, fetcher).await
    }

    fn request(spec: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        collect::request_again(spec, url)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Repositories::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        Ok(client::clients(view, address))
    }

    fn url_path(path: &str) -> String {
        let path = path.strip_prefix("repositories/").unwrap_or(path);
        encode_path(&format!("/git/{path}"))
    }

    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        catalogue::shown(view, node)
    }

    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        catalogue::usage(view, node, address)
    }

    async fn facts(view: View, node: Node) -> Vec<Fact> {
        catalogue::facts(view, node).await
    }
}
