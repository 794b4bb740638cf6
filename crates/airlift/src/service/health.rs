//! What the mirror says of itself on its admin port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::{Fetcher, Settings};
use airlift_store::Store;
use serde::Deserialize;

use super::error::ServiceError;
use crate::cli;
use crate::commands::Context;
use crate::error::Trouble;

/// The most bytes of an answer.
const MOST: u64 = 1 << 20;

/// What `/healthz` answers; what a newer program adds is passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: String,
    pub(crate) snapshot: Snapshot,
    pub(crate) omitted: u64,
    pub(crate) damaged: u64,
}

/// The snapshot that is served.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) created: String,
}

/// Where a mirror with these options answers a program on the same host.
pub(crate) fn url(serve: &cli::Serve) -> String {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let address = SocketAddr::new(if serve.bind.is_unspecified() { local } else { serve.bind }, serve.admin_port);
    format!("http://{address}/healthz")
}

/// Asks the mirror.
pub(crate) async fn ask(url: &str, context: &Context<'_>) -> Result<Health, Trouble> {
    let unwell = |reason: String| ServiceError::Unwell { reason, hint: None };
    let settings = Settings { attempts: 1, stall: Duration::from_secs(10), ..Settings::default() };
    let observer = Arc::new(airlift_core::event::Silent);
    let fetcher = Fetcher::new(settings, Store::memory(), observer, context.cancel.clone())?;
    let request = Request::new(url.parse::<UpstreamUrl>().map_err(|error| unwell(error.to_string()))?);
    let answer = fetcher.listing(&request, MOST).await.map_err(|error| unwell(airlift_core::failure::line(&error)))?;
    let health = serde_json::from_slice(&answer.bytes);
    Ok(health.map_err(|error| unwell(format!("{url} does not answer as Airlift does: {error}")))?)
}
