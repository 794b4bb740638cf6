#![doc = include_str!("../README.md")]

mod catalogue;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;

use std::sync::Arc;

use airlift_core::{LockEntry, Node, Plan, Request, UpstreamUrl};
use airlift_kind::{Address, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::FilesError;

/// The kind for plain files by URL.
#[derive(Debug)]
pub struct Files;

impl Kind for Files {
    const NAME: &'static str = "files";
    const TITLE: &'static str = "files";
    const KEYS: &'static [&'static str] = &["files"];
    const PORT: u16 = 8004;
    const NOUNS: Nouns = Nouns { groups: ["host or folder", "hosts and folders"], items: ["file", "files"] };

    type Spec = spec::Spec;
    type Error = FilesError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, FilesError> {
        collect::collect(spec, &context.fetcher).await
    }

    fn request(spec: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        collect::request_again(spec, url)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Tree::new(view))
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
