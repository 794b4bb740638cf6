#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;

use std::sync::Arc;

use airlift_core::{Index, LockEntry, Node, Plan, Request, UpstreamUrl};
use airlift_kind::{
    Address, Client, ClientError, CollectContext, Content, Fact, Kind, Lookup, Nouns, Shown, Usage, View,
};
use http::StatusCode;

pub use error::OciError;

/// The kind for container images and every other artifact that a registry holds.
#[derive(Debug)]
pub struct Oci;

impl Kind for Oci {
    const NAME: &'static str = "oci";
    const TITLE: &'static str = "container images";
    const KEYS: &'static [&'static str] = &["images", "mirrors"];
    const PORT: u16 = 5000;
    const NOUNS: Nouns = Nouns { groups: ["repository", "repositories"], items: ["image", "images"] };
    const HOME: &'static str = "/v2/_catalog";

    type Spec = spec::Spec;
    type Error = OciError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, OciError> {
        collect::collect(spec, &context.fetcher).await
    }

    fn request(_: &spec::Spec, entry: &LockEntry, url: UpstreamUrl) -> Request {
        collect::registry::request_again(entry, url)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Registry::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        Ok(client::clients(view, address))
    }

    fn refusal(status: StatusCode, message: &str) -> Content {
        serve::refusal(status, message)
    }

    fn url_path(path: &str) -> String {
        format!("/v2/{path}")
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

    fn oci_layout(index: &Index) -> Vec<serde_json::Value> {
        format::layout::descriptors(index)
    }
}
