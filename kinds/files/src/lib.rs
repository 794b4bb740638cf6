#![doc = include_str!("../README.md")]

mod collect;
mod error;
pub mod format;
mod serve;
pub mod spec;

use std::sync::Arc;

use airlift_core::{LockEntry, Plan, Request, UpstreamUrl};
use airlift_kind::{CollectContext, Kind, Lookup, View};

pub use error::FilesError;

/// The kind for plain files by URL.
#[derive(Debug)]
pub struct Files;

impl Kind for Files {
    const NAME: &'static str = "files";
    const TITLE: &'static str = "files";
    const KEYS: &'static [&'static str] = &["files"];
    const PORT: u16 = 8004;

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
}
