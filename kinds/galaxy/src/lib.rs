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
use airlift_kind::{Address, Client, ClientError, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use error::GalaxyError;

/// The kind for Ansible's collections and roles.
#[derive(Debug)]
pub struct Galaxy;

impl Kind for Galaxy {
    const NAME: &'static str = "galaxy";
    const TITLE: &'static str = "Ansible collections and roles";
    const KEYS: &'static [&'static str] = &["galaxy"];
    const PORT: u16 = 8004;
    const NOUNS: Nouns =
        Nouns { groups: ["collection or role", "collections and roles"], items: ["version", "versions"] };
    const HOME: &'static str = "/galaxy/requirements.yml";

    type Spec = spec::Spec;
    type Error = GalaxyError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, GalaxyError> {
        collect::collect(spec, &context.fetcher).await
    }

    fn request(spec: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        collect::request_again(spec, url)
    }

    fn is_path(field: &str, text: &str) -> bool {
        let relative = !text.contains("://") && !text.starts_with('/');
        relative
            && (field == "galaxy.requirements" || format::requirement::is_file(text.split(',').next().unwrap_or(text)))
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Galaxy::new(view))
    }

    async fn clients(view: &View, address: Address<'_>) -> Result<Vec<Client>, ClientError> {
        Ok(client::clients(view, address))
    }

    fn url_path(path: &str) -> String {
        encode_path(&format!("/galaxy/{path}"))
    }

    fn shown<'a>(view: &View, node: &'a Node) -> Shown<'a> {
        catalogue::shown(view, node)
    }

    fn usage(view: &View, node: Option<&Node>, address: Address<'_>) -> Vec<Usage> {
        catalogue::usage(view, node, address)
    }
}
