//! A server's life: what it says of itself, how it follows its store, and how it stops.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Events, OTHER, Sink, TOY, bytes_of, get, local, publish, request, start, until};
use airlift_core::{Event, Failure};
use airlift_kind::DynKind;
use airlift_server::{ServeError, Server, Settings};
use airlift_store::Store;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn memory() -> Store {
    let store = Store::memory();
    publish(&store, "first", &[("toy/a", Bytes::from_static(b"a")), ("other/b", Bytes::from_static(b"b"))]).await;
    store
}

#[tokio::test]
async fn each_address_is_told_when_it_listens() {
    let server = start(&memory().await, |_| {}).await;
    let told: Vec<_> = server
        .events
        .all()
        .into_iter()
        .map(|event| match event {
            Event::Listening { kinds, address, url } => (kinds, address, url),
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&*told[0].0, told[0].1), (&["toy".to_owned()][..], server.kinds));
    assert_eq!(told[0].2, format!("http://{}", server.kinds));
    assert_eq!((&*told[1].0, told[1].1), (&["admin".to_owned()][..], server.admin));
    assert!(server.kinds.port() != 0 && server.admin.port() != 0 && server.kinds != server.admin);
}

#[tokio::test]
async fn kinds_share_a_port_and_are_asked_in_order() {
    let store = memory().await;
    let free = std::net::TcpListener::bind(local()).expect("a listener").local_addr().expect("an address");
    let kinds: Vec<(&'static dyn DynKind, _)> = vec![(&OTHER, free), (&TOY, free)];
    let server = start(&store, |settings| settings.kinds = kinds).await;
    assert_eq!(server.kinds, free);
    assert_eq!(get(free, "/a").await.1, b"a");
    assert_eq!(get(free, "/b").await.1, b"b");
    assert!(String::from_utf8_lossy(&get(free, "/c").await.1).contains("(other, toy)"));
    let kinds: Vec<(&'static dyn DynKind, _)> = vec![(&OTHER, local()), (&TOY, local())];
    let apart = start(&store, |settings| settings.kinds = kinds).await;
    assert_eq!(apart.events.all().len(), 3);
    assert!(get(apart.kinds, "/a").await.0.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_second_name_gives_way_to_what_another_kind_has() {
    let store = Store::memory();
    let nodes = [("other/alias/a", "second"), ("other/alias/b", "only"), ("toy/alias/a", "own")];
    publish(&store, "first", &nodes.map(|(path, text)| (path, Bytes::from_static(text.as_bytes())))).await;
    let free = std::net::TcpListener::bind(local()).expect("a listener").local_addr().expect("an address");
    let kinds: Vec<(&'static dyn DynKind, _)> = vec![(&OTHER, free), (&TOY, free)];
    let _server = start(&store, |settings| settings.kinds = kinds).await;
    assert_eq!(get(free, "/alias/a").await.1, b"own");
    let (head, body) = get(free, "/alias/b").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body == b"only", "{head}");
}

#[tokio::test]
async fn a_host_that_is_none_does_not_get_into_client_files() {
    let server = start(&memory().await, |_| {}).await;
    for (host, expected) in [
        ("Host: mirror:8001\r\n", "http://mirror:8001"),
        ("Host: [fd00::1]:8001\r\n", "http://[fd00::1]:8001"),
        ("Host:\r\n", "http://localhost"),
        ("Host: a b\r\n", "The Host header is no host"),
        ("Host: $(reboot)\r\n", "The Host header is no host"),
        ("Host: a;b\r\n", "The Host header is no host"),
        ("Host: x/y\r\n", "The Host header is no host"),
        ("Host: user@x\r\n", "The Host header is no host"),
        ("Host: x\r\nHost: y\"\r\n", "The Host header is no host"),
    ] {
        let (head, body) =
            request(server.kinds, &format!("GET /base HTTP/1.1\r\n{host}Connection: close\r\n\r\n")).await;
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(body.starts_with(expected), "{host}: {head}\n{body}");
        assert_eq!(head.starts_with("HTTP/1.1 400 "), !expected.starts_with("http"), "{host}: {head}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_explained() {
    let store = memory().await;
    let taken = std::net::TcpListener::bind(local()).expect("a listener");
    let address = taken.local_addr().expect("an address");
    let settings = Settings::new(vec![(&TOY as &'static dyn DynKind, address)]);
    let error = Server::bind(store, settings, Arc::new(Events::default())).await.err().expect("an error");
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("toy"), "{text}");
    assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    assert!(error.hint().expect("a hint").contains("--port toy=0"));
}

#[tokio::test]
async fn a_port_that_is_wanted_twice_is_explained() {
    let free = std::net::TcpListener::bind(local()).expect("a listener").local_addr().expect("an address");
    let mut settings = Settings::new(vec![(&TOY as &'static dyn DynKind, free)]);
    settings.admin = Some(free);
    let bound = Server::bind(memory().await, settings, Arc::new(Events::default())).await;
    let error = bound.err().expect("an error");
    let text = error.to_string();
    assert!(text.contains("for admin: this server listens there for toy"), "{text}");
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("`--admin-port PORT`"), "{hint}");
}

#[tokio::test]
async fn what_was_pruned_is_served_from_the_newer_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let old = [("toy/small", Bytes::from_static(b"old")), ("toy/a", bytes_of(100_000)), ("toy/gone", bytes_of(70_000))];
    publish(&store, "first", &old).await;
    let server = start(&store, |settings| settings.poll = Duration::from_secs(3600)).await;
    publish(&store, "second", &[("toy/small", Bytes::from_static(b"new")), ("toy/a", bytes_of(90_000))]).await;
    assert_eq!(store.prune(1, false).await.expect("pruned").blobs, 3);
    // Many at once are all answered.
    let answers = (0..8).map(|_| get(server.kinds, "/a"));
    for (head, body) in futures::future::join_all(answers).await {
        assert!(head.starts_with("HTTP/1.1 200 ") && body == bytes_of(90_000), "{head}");
    }
    assert_eq!(get(server.kinds, "/small").await.1, b"new");
    assert!(get(server.kinds, "/gone").await.0.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn an_empty_store_is_not_served() {
    let settings = Settings::new(vec![(&TOY as &'static dyn DynKind, local())]);
    let error = Server::bind(Store::memory(), settings, Arc::new(Events::default())).await.err().expect("an error");
    assert!(matches!(error, ServeError::Store { .. }));
    assert!(error.hint().expect("a hint").contains("load"));
}

#[tokio::test]
async fn another_snapshot_is_switched_to() {
    let store = memory().await;
    let server = start(&store, |_| {}).await;
    assert!(get(server.kinds, "/c").await.0.starts_with("HTTP/1.1 404 "));
    publish(&store, "second", &[("toy/c", Bytes::from_static(b"c"))]).await;
    until("the new snapshot is served", async || get(server.kinds, "/c").await.1 == b"c").await;
    assert!(get(server.kinds, "/a").await.0.starts_with("HTTP/1.1 404 "));
    let told = |event: &Event| matches!(event, Event::Notice { message } if message.contains("second of"));
    until("the switch is told", async || server.events.all().iter().any(told)).await;
    let metrics = String::from_utf8(get(server.admin, "/metrics").await.1).expect("text");
    assert!(metrics.lines().any(|line| line.contains("name=\"second\"") && line.ends_with(" 1")), "{metrics}");
    assert!(metrics.lines().any(|line| line.contains("name=\"first\"") && line.ends_with(" 0")), "{metrics}");
}

#[tokio::test]
async fn the_admin_port_tells_health_and_counts() {
    let server = start(&memory().await, |_| {}).await;
    let (head, body) = get(server.admin, "/healthz").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    let health: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((&health["status"], &health["snapshot"]["name"]), (&"ok".into(), &"first".into()));
    assert!(health["snapshot"]["id"].as_str().expect("an id").starts_with("sha256:"));
    for path in ["/a", "/a", "/none", "/../x"] {
        get(server.kinds, path).await;
    }
    let (_, body) = get(server.admin, "/metrics").await;
    let metrics = String::from_utf8(body).expect("text");
    for line in [
        "airlift_requests_total{kind=\"toy\",status=\"200\"} 2",
        "airlift_requests_total{kind=\"none\",status=\"404\"} 1",
        "airlift_requests_total{kind=\"none\",status=\"400\"} 1",
        "airlift_sent_bytes_total{kind=\"toy\"} 2",
        "airlift_request_duration_seconds_count{kind=\"toy\"} 2",
        "airlift_connections 1",
        "airlift_omitted 1",
        "airlift_damaged_blobs 0",
        "airlift_misses_total 1",
        "airlift_missed_names 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let (head, body) = get(server.admin, "/a").await;
    assert!(head.starts_with("HTTP/1.1 404 ") && head.contains("text/plain"), "{head}");
    assert!(String::from_utf8_lossy(&body).starts_with("There is no /a here."));
}

#[tokio::test]
async fn each_request_is_one_line_of_the_access_log() {
    let sink = Sink::default();
    let log = sink.clone();
    let server = start(&memory().await, |settings| settings.access_log = Some(Box::new(log))).await;
    crate::common::request(
        server.kinds,
        "GET /a?ns=docker.io&token=hush HTTP/1.1\r\nHost: x\r\nUser-Agent: t\"1\r\nConnection: close\r\n\r\n",
    )
    .await;
    crate::common::request(server.kinds, "HEAD /a%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    server.stop.cancel();
    assert_eq!(server.ended.await.expect("an end"), 0);
    let lines = sink.lines();
    assert_eq!(lines.len(), 2);
    let of = |line: &serde_json::Value, name: &str| line[name].clone();
    for (name, value) in [
        ("kind", "toy"),
        ("method", "GET"),
        ("path", "/a"),
        ("query", "ns=docker.io&token=REDACTED"),
        ("agent", "t\"1"),
    ] {
        assert_eq!(of(&lines[0], name), value);
    }
    assert_eq!((of(&lines[0], "status"), of(&lines[0], "bytes")), (200.into(), 1.into()));
    assert!(lines[0]["ms"].is_number() && lines[0]["time"].as_str().expect("a time").ends_with('Z'));
    assert!(lines[0]["client"].as_str().expect("a client").starts_with("127.0.0.1:"));
    for (name, value) in [("kind", "none"), ("method", "HEAD"), ("path", "/a%20b")] {
        assert_eq!(of(&lines[1], name), value);
    }
    assert_eq!((of(&lines[1], "status"), of(&lines[1], "bytes")), (404.into(), 0.into()));
    assert_eq!(of(&lines[1], "query"), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_open_requests_finish() {
    let store = Store::memory();
    publish(&store, "large", &[("toy/large", bytes_of(24 << 20))]).await;
    let server = start(&store, |_| {}).await;
    let mut idle = TcpStream::connect(server.kinds).await.expect("a connection");
    let mut silent = TcpStream::connect(server.kinds).await.expect("a connection");
    idle.write_all(b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut head = [0; 64];
    assert!(idle.read(&mut head).await.expect("an answer") > 0);
    let mut busy = TcpStream::connect(server.kinds).await.expect("a connection");
    busy.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    busy.read_exact(&mut head).await.expect("a beginning");

    server.stop.cancel();
    let mut rest = Vec::new();
    for stream in [&mut idle, &mut silent] {
        let closed = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest));
        closed.await.expect("the end of an idle connection").expect("a clean end");
    }
    until("nobody listens", async || TcpStream::connect(server.kinds).await.is_err()).await;
    let mut answer = head.to_vec();
    busy.read_to_end(&mut answer).await.expect("the whole answer");
    assert!(crate::common::split(&answer).1 == bytes_of(24 << 20), "the bytes differ");
    assert_eq!(server.ended.await.expect("an end"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_ever() {
    let store = Store::memory();
    publish(&store, "large", &[("toy/large", bytes_of(24 << 20))]).await;
    let server = start(&store, |settings| settings.drain = Duration::from_millis(300)).await;
    let mut stuck = TcpStream::connect(server.kinds).await.expect("a connection");
    stuck.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut byte = [0];
    stuck.read_exact(&mut byte).await.expect("a beginning");
    server.stop.cancel();
    let cut = tokio::time::timeout(Duration::from_secs(5), server.ended).await.expect("an end in time");
    assert_eq!(cut.expect("an end"), 1);
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let server = start(&memory().await, |settings| settings.connections = 1).await;
    let mut first = TcpStream::connect(server.kinds).await.expect("a connection");
    first.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut head = [0; 16];
    first.read_exact(&mut head).await.expect("an answer");
    let second = tokio::spawn(get(server.kinds, "/a"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!second.is_finished());
    drop(first);
    let (_, body) = tokio::time::timeout(Duration::from_secs(5), second).await.expect("an answer").expect("an answer");
    assert_eq!(body, b"a");
}
