//! The HTTP client: reqwest with our TLS roots, proxies and resolver, and without its own ideas of redirects.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use airlift_core::Secret;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};

use crate::error::{FetchError, Transport, TransportKind};
use crate::settings::{Proxies, Settings};

/// Connecting takes longer than this only where nobody listens.
const CONNECT: Duration = Duration::from_secs(30);

type MakeProxy = fn(String) -> reqwest::Result<Proxy>;

/// Builds the client.
pub(crate) fn build(settings: &Settings) -> Result<reqwest::Client, FetchError> {
    let certificates = roots(settings)?;
    match builder(settings)?.tls_certs_merge(certificates.clone()).build() {
        Ok(client) => Ok(client),
        // A machine without any certificate authority can still ask plain HTTP; HTTPS then says what is missing.
        Err(_) => builder(settings)?
            .tls_certs_only(certificates)
            .build()
            .map_err(|error| setup("the HTTP client", &Transport::from(error).message)),
    }
}

fn builder(settings: &Settings) -> Result<ClientBuilder, FetchError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(settings.user_agent.as_str())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(settings.stall.min(CONNECT))
        .read_timeout(settings.stall)
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        // Old registries send bare line feeds and odd header names with their 429.
        .http1_ignore_invalid_headers_in_responses(true)
        .http2_adaptive_window(true)
        .no_proxy();
    for (host, address) in &settings.addresses {
        builder = builder.resolve(host, SocketAddr::new(*address, 0));
    }
    for proxy in proxies(&settings.proxies)? {
        builder = builder.proxy(proxy);
    }
    Ok(builder)
}

fn roots(settings: &Settings) -> Result<Vec<Certificate>, FetchError> {
    let mut all = Vec::new();
    for pem in &settings.roots {
        let certificates = Certificate::from_pem_bundle(pem)
            .map_err(|error| setup("a certificate authority's file", &Transport::from(error).message))?;
        if certificates.is_empty() {
            return Err(setup("a certificate authority's file", "there is no '-----BEGIN CERTIFICATE-----' in it"));
        }
        all.extend(certificates);
    }
    Ok(all)
}

/// The proxies in the order in which they are asked: the special ones first.
fn proxies(proxies: &Proxies) -> Result<Vec<Proxy>, FetchError> {
    let except = proxies.no_proxy.as_deref().and_then(NoProxy::from_string);
    let choices: [(&str, &Option<Secret>, MakeProxy); 3] = [
        ("the proxy for http", &proxies.http, Proxy::http),
        ("the proxy for https", &proxies.https, Proxy::https),
        ("the proxy for everything", &proxies.all, Proxy::all),
    ];
    let mut built = Vec::new();
    for (what, url, make) in choices {
        let Some(url) = url.as_ref().map(Secret::expose).filter(|url| !url.is_empty()) else { continue };
        let url = match url.contains("://") {
            true => url.to_owned(),
            false => format!("http://{url}"),
        };
        // The URL may have a password, so that neither it nor the library's words about it are repeated.
        let proxy = make(url).map_err(|_| setup(what, "it is not a URL such as http://proxy.example.org:3128"))?;
        built.push(proxy.no_proxy(except.clone()));
    }
    Ok(built)
}

fn setup(what: &str, reason: &str) -> FetchError {
    FetchError::Setup { what: what.to_owned(), reason: reason.to_owned() }
}

/// What happened, told by the innermost cause; the URL, which may be signed, is left out.
impl From<reqwest::Error> for Transport {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut kind = if error.is_timeout() {
            TransportKind::Stall
        } else if error.is_connect() {
            TransportKind::Connect
        } else if error.is_builder() {
            TransportKind::Protocol
        } else {
            TransportKind::Broken
        };
        let mut message = error.to_string();
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(inner) = cause {
            message = inner.to_string();
            kind = kind_of(inner, &message).unwrap_or(kind);
            cause = inner.source();
        }
        if kind == TransportKind::Stall {
            message = format!("nothing was received for too long ({message})");
        }
        if kind == TransportKind::Dns && message.starts_with("no records found") {
            // The library shows its query in the form of a program.
            message = "the host's name has no address".to_owned();
        }
        Self { kind, message: crate::answer::clean(&message, 200) }
    }
}

/// The kind of trouble where one cause tells it. Words are looked at only where the libraries have no types for it.
fn kind_of(error: &(dyn Error + 'static), message: &str) -> Option<TransportKind> {
    if let Some(tls) = tls_error(error) {
        return Some(match tls {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => TransportKind::Certificate,
            _ => TransportKind::Protocol,
        });
    }
    if message.contains("dns error") || message.contains("no records found") {
        return Some(TransportKind::Dns);
    }
    if message.contains("tunnel") || message.contains("socks") || message.contains("proxy") {
        return Some(TransportKind::Proxy);
    }
    None
}

/// The TLS error in an error, however many I/O errors are around it: these hide what they hold from `source`.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => error.downcast_ref::<rustls::Error>(),
    }
}
