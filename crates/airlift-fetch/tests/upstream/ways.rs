//! The way to an upstream: redirects, TLS, HTTP/2, proxies, names.

use airlift_core::{Failure, Secret, failure};
use airlift_fetch::{FetchError, Proxies, Settings, TransportKind};
use airlift_testkit::upstream::{Fault, Options, Resource, Upstream, noise};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{World, bounded, nothing, request, settings};

#[tokio::test]
async fn redirects_are_followed_and_ranges_go_with_them() {
    let (world, upstream, cdn) = (World::new(), Upstream::start().await, Upstream::start().await);
    let content = noise(70, 500_000);
    cdn.put("/real", Resource::new(content.clone()));
    cdn.fail("/real", [Fault::Drop(200_000)]);
    upstream.fail_always("/x", Fault::Redirect(302, "/y".to_owned()));
    upstream.fail_always("/y", Fault::Redirect(307, cdn.url("/real?X-Amz-Signature=s3cr3tsignature")));
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert!(world.has(&content).await);
    assert_eq!(cdn.requests()[1].header("range"), Some("bytes=200000-"));
    let document = bounded(world.fetcher().document(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert_eq!(document.url.expose().as_str(), cdn.url("/real"), "a signature is not kept");
}

#[tokio::test]
async fn redirects_have_an_end() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.fail_always("/x", Fault::Redirect(301, "/x".to_owned()));
    upstream.fail_always("/nowhere", Fault::Redirect(301, "gopher://example.org/".to_owned()));
    let error = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect_err("a circle");
    assert!(matches!(error, FetchError::Redirect { .. }), "{error:?}");
    assert_eq!(upstream.requests().len(), 11);
    let error =
        bounded(world.fetcher().blob(&request(&upstream.url("/nowhere")), &nothing())).await.expect_err("gopher");
    assert!(error.to_string().contains("gopher"), "{error}");
}

#[tokio::test]
async fn https_never_leads_to_http() {
    let (world, plain) = (World::new(), Upstream::start().await);
    let tls = Upstream::with(Options { tls: true, ..Options::default() }).await;
    plain.put("/x", Resource::new("x"));
    tls.fail_always("/x", Fault::Redirect(302, plain.url("/x")));
    let fetcher = world.fetcher_with(Settings { roots: vec![tls.authority()], ..settings() });
    let error = bounded(fetcher.blob(&request(&tls.url("/x")), &nothing())).await.expect_err("a way down");
    assert!(error.to_string().contains("from https to http"), "{error}");
    assert_eq!(plain.requests().len(), 0);
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given() {
    let world = World::new();
    let content = noise(71, 200_000);
    for http2 in [false, true] {
        let upstream = Upstream::with(Options { tls: true, http2, ..Options::default() }).await;
        upstream.put("/x", Resource::new(content.clone()));
        let strangers =
            bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect_err("a stranger");
        let FetchError::Transport { source, attempts, .. } = &strangers else { panic!("{strangers:?}") };
        assert_eq!((source.kind, *attempts), (TransportKind::Certificate, 1), "{source}");
        assert!(strangers.hint().is_some_and(|hint| hint.contains("PEM")));
        let fetcher = world.fetcher_with(Settings { roots: vec![upstream.authority()], ..settings() });
        upstream.fail("/x", [Fault::Drop(100_000)]);
        for url in [upstream.url("/x"), upstream.url_by_name("/x")] {
            bounded(fetcher.blob(&request(&url), &nothing())).await.expect("trusted");
        }
        let version = if http2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
        assert!(upstream.requests().iter().all(|request| request.version == version));
        assert_eq!(upstream.requests().len(), 3, "a drop, the rest of it, and the other name");
    }
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_without_their_secrets() {
    let world = World::new();
    let new = |settings| {
        let observer = std::sync::Arc::new(airlift_core::event::Silent);
        airlift_fetch::Fetcher::new(settings, world.store.clone(), observer, world.cancel.clone()).map(drop)
    };
    let roots = new(Settings { roots: vec![b"nonsense".to_vec()], ..settings() }).expect_err("no certificate");
    assert!(roots.to_string().contains("BEGIN CERTIFICATE"), "{roots}");
    let http = Some(Secret::new("http://me:s3cr3t@:bad:port"));
    let proxy = new(Settings { proxies: Proxies { http, ..Proxies::default() }, ..settings() }).expect_err("no proxy");
    assert!(proxy.to_string().contains("proxy") && !proxy.to_string().contains("s3cr3t"), "{proxy}");
}

#[tokio::test]
async fn proxies_are_used_where_they_are_wanted() {
    let (world, proxy, near) = (World::new(), Upstream::start().await, Upstream::start().await);
    proxy.put("/x", Resource::new("through the proxy"));
    near.put("/x", Resource::new("directly"));
    let proxies = Proxies {
        // A host and a port alone, as people write it.
        http: Some(Secret::new(proxy.address().to_string())),
        no_proxy: Some("example.org,127.0.0.1".to_owned()),
        ..Proxies::default()
    };
    let fetcher = world.fetcher_with(Settings { proxies, ..settings() });
    let far = bounded(fetcher.document(&request("http://far.invalid/x"), &nothing())).await.expect("fetched");
    assert_eq!(far.bytes, "through the proxy");
    assert_eq!(proxy.requests()[0].target, "http://far.invalid/x");
    let direct = bounded(fetcher.document(&request(&near.url("/x")), &nothing())).await.expect("fetched");
    assert_eq!(direct.bytes, "directly");
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn who_is_not_there_is_named() {
    let world = World::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let fetcher = world.fetcher_with(Settings { attempts: 3, ..settings() });
    let error = bounded(fetcher.blob(&request(&format!("http://{free}/x")), &nothing())).await.expect_err("nobody");
    let FetchError::Transport { source, attempts: 3, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind, TransportKind::Connect);
    assert!(source.message.to_lowercase().contains("refused"), "{source}");
    let error = bounded(fetcher.blob(&request("http://nobody.invalid/x"), &nothing())).await.expect_err("no name");
    let FetchError::Transport { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind, TransportKind::Dns, "{source}");
    assert!(error.hint().is_some_and(|hint| hint.contains("nobody.invalid")));
}

/// A proxy that opens tunnels for whoever has the right password, and remembers to where.
async fn tunnels(password: &'static str) -> (std::net::SocketAddr, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let opened = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&opened);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let log = std::sync::Arc::clone(&log);
            tokio::spawn(async move { drop(tunnel(client, password, &log).await) });
        }
    });
    (address, opened)
}

async fn tunnel(
    mut client: tokio::net::TcpStream,
    password: &str,
    log: &std::sync::Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if !head.to_ascii_lowercase().contains(&format!("proxy-authorization: basic {password}").to_ascii_lowercase()) {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    }
    let mut server = tokio::net::TcpStream::connect(&target).await?;
    log.lock().expect("a log").push(target);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[tokio::test]
async fn https_goes_through_tunnels() {
    let world = World::new();
    let upstream = Upstream::with(Options { tls: true, http2: true, ..Options::default() }).await;
    upstream.put("/x", Resource::new("x"));
    // me:s3cr3t
    let (proxy, opened) = tunnels("bWU6czNjcjN0").await;
    let settings = |user: &str| {
        let https = Some(Secret::new(format!("http://{user}@{proxy}")));
        let proxies = Proxies { https, ..Proxies::default() };
        Settings { proxies, roots: vec![upstream.authority()], attempts: 2, ..settings() }
    };
    let fetcher = world.fetcher_with(settings("me:s3cr3t"));
    let document = bounded(fetcher.document(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert_eq!(document.bytes, "x");
    assert_eq!(*opened.lock().expect("a log"), [upstream.address().to_string()]);
    let refused = world.fetcher_with(settings("me:wr0ng"));
    let error = bounded(refused.document(&request(&upstream.url("/x")), &nothing())).await.expect_err("407");
    let FetchError::Transport { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind, TransportKind::Proxy, "{source:?}");
    assert!(!format!("{error:?} {}", failure::line(&error)).contains("wr0ng"));
}
