#![doc = include_str!("../README.md")]

mod catalogue;
mod client;
mod closure;
mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;
mod stored;

use std::sync::Arc;

use airlift_core::{LockEntry, Node, Plan, Request, UpstreamUrl};
use airlift_kind::{Address, Client, ClientError, CollectContext, Kind, Lookup, Nouns, Shown, Usage, View};

pub use closure::{ClosureError, UniverseError};
pub use error::DebError;

/// The kind for Debian package repositories.
#[derive(Debug)]
pub struct Deb;

impl Kind for Deb {
    const NAME: &'static str = "deb";
    const TITLE: &'static str = "apt repositories";
    const KEYS: &'static [&'static str] = &["apt"];
    const PORT: u16 = 8001;
    const NOUNS: Nouns = Nouns { groups: ["repository", "repositories"], items: ["package", "packages"] };
    const HOME: &'static str = "/airlift.sources";

    type Spec = spec::Spec;
    type Error = DebError;

    async fn collect(spec: &spec::Spec, context: &CollectContext) -> Result<Plan, DebError> {
        collect::collect(spec, context).await
    }

    fn request(_: &spec::Spec, _: &LockEntry, url: UpstreamUrl) -> Request {
        Request { dated: true, ..Request::new(url) }
    }

    fn is_path(_: &str, text: &str) -> bool {
        spec::HostPath::is_relative(text)
    }

    fn serve(view: View) -> Arc<dyn Lookup> {
        Arc::new(serve::Repositories::new(view))
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
