//! What goes over the wire: framing, order, refusals and time limits, byte for byte.

use std::time::{Duration, Instant};

use crate::common::{bytes_of, cut_files_of, exchange, get, publish, request, split, start};
use airlift_store::Store;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn folder() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let nodes = [
        ("toy/small", Bytes::from_static(b"small bytes")),
        ("toy/empty", Bytes::new()),
        ("toy/middle", bytes_of(100_000)),
        ("toy/large", bytes_of(48 << 20)),
        ("toy/later/small", Bytes::from_static(b"later")),
        ("toy/libstdc++6_1:2~3.deb", Bytes::from_static(b"plus")),
    ];
    publish(&store, "test", &nodes).await;
    (folder, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_blob_arrives_from_every_store() {
    let (_folder, in_folder) = folder().await;
    let in_memory = Store::memory();
    publish(
        &in_memory,
        "test",
        &[("toy/small", Bytes::from_static(b"small bytes")), ("toy/large", bytes_of(48 << 20))],
    )
    .await;
    for store in [in_folder, in_memory] {
        let server = start(&store, |_| {}).await;
        // The first time it is verified on its way, the second time it was before.
        for _ in 0..2 {
            let (head, body) = get(server.kinds, "/large").await;
            assert!(
                head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 50331648\r\n"),
                "{head}"
            );
            assert!(body == bytes_of(48 << 20), "the bytes differ");
        }
        assert_eq!(get(server.kinds, "/small").await.1, b"small bytes");
        let ranges =
            "GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=40000000-40099999,5-9,-7\r\nConnection: close\r\n\r\n";
        let (head, body) = request(server.kinds, ranges).await;
        assert!(head.starts_with("HTTP/1.1 206") && head.contains("multipart/byteranges; boundary="), "{head}");
        let bytes = bytes_of(48 << 20);
        for part in [&bytes[40_000_000..40_100_000], &bytes[5..10], &bytes[(48 << 20) - 7..]] {
            assert!(body.windows(part.len()).any(|window| window == part), "a part is missing");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_answered_in_order() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    let paths =
        ["/later/small", "/small", "/middle", "/none", "/empty", "/large", "/made", "/small", "/old", "/middle"];
    let mut requests: Vec<String> =
        paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    requests.insert(3, "HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n".to_owned());
    requests.push("GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned());
    let mut rest = exchange(server.kinds, requests.concat()).await;
    let mut next = |head_only: bool| {
        let (head, _) = split(&rest);
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let length: usize = if head_only { 0 } else { length.parse().expect("a number") };
        let body = rest[head.len()..head.len() + length].to_vec();
        rest.drain(..head.len() + length);
        (head, body)
    };
    assert_eq!(next(false).1, b"later");
    assert_eq!(next(false).1, b"small bytes");
    assert!(next(false).1 == bytes_of(100_000));
    assert!(next(true).0.contains("\r\nContent-Length: 50331648\r\n"));
    assert!(next(false).0.starts_with("HTTP/1.1 404 "));
    assert!(next(false).1.is_empty());
    assert!(next(false).1 == bytes_of(48 << 20));
    assert_eq!(next(false).1, b"test of 2026-11-18T11:06:40Z\n");
    assert_eq!(next(false).1, b"small bytes");
    assert!(next(false).0.contains("\r\nLocation: /new%20place\r\n"));
    assert!(next(false).1 == bytes_of(100_000));
    assert_eq!(next(false).1, b"small bytes");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn heads_are_written_as_old_clients_like_them() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    let (head, body) = request(server.kinds, "HEAD /middle HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(body.is_empty());
    for line in ["Content-Length: 100000", "Content-Type: application/x-test", "Accept-Ranges: bytes"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    for name in ["Etag: \"sha256:", "Last-Modified: Wed, 18 Nov 2026 11:06:40 GMT", "Date: "] {
        assert!(head.contains(&format!("\r\n{name}")), "{head}");
    }
    assert!(!head.to_lowercase().contains("transfer-encoding") && !head.to_lowercase().contains("content-encoding"));
}

#[tokio::test]
async fn paths_are_cleaned_or_refused() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    for path in ["/small", "//small", "/./small", "/%73mall", "/later/.//small", "http://other.example/small"] {
        let (head, _) = get(server.kinds, path).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    }
    for path in ["/libstdc++6_1:2~3.deb", "/libstdc%2b%2B6_1%3a2%7e3.deb"] {
        assert_eq!(get(server.kinds, path).await.1, b"plus", "{path}");
    }
    for path in
        ["/..", "/../small", "/%2e%2e/small", "/a/..%2fsmall", "/small%00", "/a%5c..%5csmall", "/%c0%ae", "/%zz", "*"]
    {
        let (head, body) = get(server.kinds, path).await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{path}: {head}");
        assert!(!body.is_empty(), "{path}");
    }
    // Refused before it comes to a path.
    for target in ["/a\\b", "/\u{1}", &format!("/{}", "a".repeat(40_000))] {
        let answer =
            exchange(server.kinds, format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_would_bring_it() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    let (head, body) = get(server.kinds, "/no/such%20thing").await;
    let text = String::from_utf8(body).expect("text");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    for part in ["/no/such thing", "test of 2026-11-18T11:06:40Z", "toy", "manifest", "collect", "load"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = String::from_utf8(get(server.kinds, "/left/out").await.1).expect("text");
    assert!(text.contains("upstream answered 404.") && text.contains("--keep-going"), "{text}");
}

#[tokio::test]
async fn a_tls_handshake_is_answered_at_once_in_plain_words() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    // The beginning of a ClientHello, which announces more than it sends.
    let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    hello.resize(517, 7);
    for address in [server.kinds, server.admin] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(&hello).await.expect("a handshake");
        let began = Instant::now();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 400");
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        stream.read_to_end(&mut answer).await.expect("the rest");
        assert!(String::from_utf8_lossy(&answer).contains("plain HTTP"));
    }
}

#[tokio::test]
async fn who_is_slow_or_silent_is_given_up() {
    let (_folder, store) = folder().await;
    let server = start(&store, |settings| settings.patience = Duration::from_millis(300)).await;
    for beginning in ["", "G", "GET /small HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(server.kinds).await.expect("a connection");
        stream.write_all(beginning.as_bytes()).await.expect("a beginning");
        let began = Instant::now();
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if beginning.is_empty() || stream.write_all(b"x").await.is_err() {
                    break;
                }
                let mut byte = [0];
                if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await
                {
                    break;
                }
            }
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        };
        tokio::time::timeout(Duration::from_secs(5), drip).await.expect("the end of the connection");
        assert!(began.elapsed() > Duration::from_millis(200), "{beginning:?}: {:?}", began.elapsed());
    }
    // A connection that is kept open is closed when nothing more comes.
    let answer = exchange(server.kinds, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.ends_with(b"small bytes"));
}

#[tokio::test]
async fn who_takes_no_bytes_is_given_up() {
    let (_folder, store) = folder().await;
    let server = start(&store, |settings| settings.patience = Duration::from_millis(300)).await;
    let mut stream = TcpStream::connect(server.kinds).await.expect("a connection");
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    read.expect("the end of the connection").ok();
    assert!(answer.len() < 48 << 20, "{}", answer.len());
    // Who takes them slowly is not.
    let mut stream = TcpStream::connect(server.kinds).await.expect("a connection");
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("a request");
    let mut answer = vec![0; 1 << 20];
    let mut got = 0;
    loop {
        let count = stream.read(&mut answer).await.expect("more bytes");
        got += count;
        match count {
            0 => break,
            _ if got < 3 << 20 => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => {}
        }
    }
    assert!(got > 48 << 20, "{got}");
}

#[tokio::test]
async fn a_request_with_a_body_is_answered_and_the_body_ignored() {
    let (_folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    let post = "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    let get = "GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(server.kinds, format!("{post}{get}")).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_cut_off_ends_the_answer_and_not_the_server() {
    let (folder, store) = folder().await;
    let server = start(&store, |_| {}).await;
    assert!(get(server.kinds, "/middle").await.1 == bytes_of(100_000));
    cut_files_of(folder.path(), 100_000, 50_000);
    // Whoever touched the lost pages of the map would end the process with SIGBUS.
    let (head, body) = get(server.kinds, "/middle").await;
    assert!(head.contains("\r\nContent-Length: 100000\r\n"), "{head}");
    assert!(body == bytes_of(100_000)[..50_000], "{}", body.len());
    assert_eq!(get(server.kinds, "/small").await.1, b"small bytes");
}
