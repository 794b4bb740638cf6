#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;
mod stored;

use std::sync::Arc;

use airlift_core::upstream::encode_path;
use airlift_core::{LockEntry, Node, Plan, Request, UpstreamUrl};
use airlift_kind::{Address, Client, ClientError, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::HelmError;

/// The kind for chart repositories.
#[derive(Debug)]
pub struct Helm;

impl Kind for Helm {
    const NAME: &'static str = "helm";
    const TITLE: &'static str = "Helm charts";
    // What is set for registries holds for charts in them as well.
    const KEYS: &'static [&'static str] = &["helm", "mirrors"];
    const PORT: u16 = 8002;
    const NOUNS: Nouns = Nouns { groups: ["repository", "repositories"], items: ["chart", "charts"] };

    type Spec = spec::Spec;
    type Error = HelmError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, HelmError> {
        collect::collect(spec, context).await
    }

    fn request(spec: &spec::Spec, entry: &LockEntry, url: UpstreamUrl) -> Request {
        collect::request_again(spec, entry, url)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Museum::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        client::clients(view, address).await
    }

    fn url_path(path: &str) -> String {
        encode_path(&format!("/{path}"))
    }

    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        catalogue::shown(view, node)
    }

    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        catalogue::usage(view, node, address)
    }
}
