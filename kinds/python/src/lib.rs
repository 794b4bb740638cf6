#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;

use std::sync::Arc;

use airlift_core::{LockEntry, Node, Notice, Plan, Request, UpstreamUrl};
use airlift_fetch::Fetcher;
use airlift_kind::{Address, Client, ClientError, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::PythonError;

/// The kind for Python packages.
#[derive(Debug)]
pub struct Python;

impl Kind for Python {
    const NAME: &'static str = "python";
    const TITLE: &'static str = "Python packages";
    const KEYS: &'static [&'static str] = &["python"];
    const PORT: u16 = 8003;
    const NOUNS: Nouns = Nouns { groups: ["project", "projects"], items: ["file", "files"] };
    const HOME: &'static str = "/simple/";

    type Spec = spec::Spec;
    type Error = PythonError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, PythonError> {
        collect::collect(spec, context).await
    }

    async fn inspect(_: &spec::Spec, entries: &[&LockEntry], fetcher: &Fetcher) -> Result<Vec<Notice>, PythonError> {
        collect::inspect(entries, fetcher).await
    }

    fn request(spec: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        Request::new(match &spec.python {
            Some(python) => python.with_credentials(url),
            None => url,
        })
    }

    fn is_path(field: &str, text: &str) -> bool {
        field.ends_with(".files") && !text.contains("://") && !text.starts_with('/')
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Index::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        Ok(client::clients(view, address))
    }

    fn url_path(path: &str) -> String {
        airlift_core::upstream::encode_path(&format!("/{path}"))
    }

    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        catalogue::shown(view, node)
    }

    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        catalogue::usage(view, node, address)
    }
}
