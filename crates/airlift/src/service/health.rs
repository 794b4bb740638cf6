//! What the mirror says of itself on its admin port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use airlift_core::{Request, UpstreamUrl};
use airlift_fetch::{Fetcher, Settings};
use airlift_store::Store;
use airlift_tls::{Certificate, Folder, Name};
use serde::Deserialize;

use super::error::ServiceError;
use crate::cli;
use crate::commands::Context;
use crate::error::{ProgramError, Trouble};

/// The most bytes of an answer.
const MOST: u64 = 1 << 20;

/// What `/healthz` answers; what a newer program adds is passed over. Where users are asked for their passwords, it says
/// no more than that it is well.
#[derive(Debug, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: String,
    pub(crate) snapshot: Option<Snapshot>,
    #[serde(default)]
    pub(crate) omitted: u64,
    #[serde(default)]
    pub(crate) damaged: u64,
}

/// The snapshot that is served.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) created: String,
}

/// Where a mirror answers a program on the same host.
pub(crate) struct Place {
    pub(crate) url: String,
    /// Where the name in it is, where it has one.
    addresses: Vec<(String, IpAddr)>,
    /// The certificates, as PEM, by which it is known.
    roots: Vec<Vec<u8>>,
}

impl Place {
    /// That of a mirror with these options.
    pub(crate) fn of(serve: &cli::Serve) -> Result<Self, Trouble> {
        let authority = serve.tls.as_ref().map(|folder| Folder::new(folder).authority());
        let trusted = authority
            .as_ref()
            .or(serve.tls_cert.as_ref())
            .map(|path| fs_err::read(path).map_err(|source| ProgramError::Read { path: path.clone(), source }));
        let addresses = named(serve).map(|name| (name, address(serve).ip())).into_iter().collect();
        Ok(Self { url: url(serve), addresses, roots: trusted.transpose()?.into_iter().collect() })
    }
}

/// Where a mirror with these options answers a program on the same host.
pub(crate) fn url(serve: &cli::Serve) -> String {
    let address = address(serve);
    match named(serve) {
        Some(name) => format!("https://{name}:{}/healthz", address.port()),
        None if serve.tls.is_none() && serve.tls_cert.is_none() => format!("http://{address}/healthz"),
        None => format!("https://{address}/healthz"),
    }
}

/// Where its admin port is reached from the same host.
fn address(serve: &cli::Serve) -> SocketAddr {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    SocketAddr::new(if serve.bind.is_unspecified() { local } else { serve.bind }, serve.admin_port)
}

/// A name that its certificate has, where it doesn't have the address that is connected to: most have the mirror's names alone.
fn named(serve: &cli::Serve) -> Option<String> {
    let own = serve.tls.as_ref().map(|folder| Folder::new(folder).files().certificate);
    let names = Certificate::read(&serve.tls_cert.clone().or(own)?).ok()?.names;
    let has_address = names.contains(&Name::Address(address(serve).ip()));
    let name = |name| match name {
        Name::Dns(name) => Some(name.replace('*', "mirror")),
        Name::Address(_) => None,
    };
    if has_address { None } else { names.into_iter().find_map(name) }
}

/// Asks the mirror.
pub(crate) async fn ask(place: &Place, context: &Context<'_>) -> Result<Health, Trouble> {
    let Place { url, addresses, roots } = place;
    let unwell = |reason: String| ServiceError::Unwell { reason, hint: None };
    let (addresses, roots) = (addresses.clone(), roots.clone());
    let settings = Settings { attempts: 1, stall: Duration::from_secs(10), addresses, roots, ..Settings::default() };
    let observer = Arc::new(airlift_core::event::Silent);
    let fetcher = Fetcher::new(settings, Store::memory(), observer, context.cancel.clone())?;
    let request = Request::new(url.parse::<UpstreamUrl>().map_err(|error| unwell(error.to_string()))?);
    let answer = fetcher.listing(&request, MOST).await.map_err(|error| unwell(airlift_core::failure::line(&error)))?;
    let health = serde_json::from_slice(&answer.bytes);
    Ok(health.map_err(|error| unwell(format!("{url} does not answer as Airlift does: {error}")))?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn the_address_follows_the_options() {
        for (options, expected) in [
            (&[][..], "http://127.0.0.1:8000/healthz"),
            (&["--tls"], "https://127.0.0.1:8000/healthz"),
            (&["--tls=/srv/tls", "--bind", "10.0.0.7", "--admin-port", "81"], "https://10.0.0.7:81/healthz"),
            (&["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"], "https://127.0.0.1:8000/healthz"),
        ] {
            let words = ["airlift", "serve"].iter().chain(options);
            let cli::Command::Serve(serve) = cli::Arguments::try_parse_from(words).expect("options").command else {
                panic!("it is no serve")
            };
            assert_eq!(url(&serve), expected);
        }
    }

    #[test]
    fn a_certificate_without_the_address_is_asked_by_its_name_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["10.0.0.7", "*.example.org", "mirror"].map(|name| name.parse().expect("a name")).to_vec();
        let wanted = airlift_tls::Wanted { names, days: None, host: "mirror".to_owned() };
        Folder::new(folder.path()).issue(&wanted, std::time::SystemTime::now()).expect("a certificate");
        let tls = format!("--tls={}", folder.path().display());
        for (bind, expected, addresses) in [
            ("10.0.0.7", "https://10.0.0.7:8000/healthz", vec![]),
            ("10.0.0.8", "https://mirror.example.org:8000/healthz", vec!["mirror.example.org", "10.0.0.8"]),
            ("::", "https://mirror.example.org:8000/healthz", vec!["mirror.example.org", "127.0.0.1"]),
        ] {
            let words = ["airlift", "serve", &tls, "--bind", bind];
            let cli::Command::Serve(serve) = cli::Arguments::try_parse_from(words).expect("options").command else {
                panic!("it is no serve")
            };
            let place = Place::of(&serve).expect("a place");
            let known = place.addresses.iter().flat_map(|(name, address)| [name.clone(), address.to_string()]);
            assert_eq!(
                (place.url.as_str(), known.collect::<Vec<_>>()),
                (expected, addresses.into_iter().map(str::to_owned).collect())
            );
        }
    }

    #[test]
    fn an_answer_to_nobody_in_particular_is_understood() {
        let health: Health = serde_json::from_str("{\"status\":\"ok\"}").expect("an answer");
        assert!(health.status == "ok" && health.snapshot.is_none() && health.damaged == 0);
    }
}
