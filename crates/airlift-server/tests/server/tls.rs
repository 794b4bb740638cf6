//! TLS: what is shown, what is sent, and what happens when the files change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::{Running, bytes_of, cut_files_of, exchange, get, publish, split, start, until};
use airlift_core::{Event, Failure};
use airlift_server::{ServeError, Server, Settings, Tls};
use airlift_store::Store;
use airlift_tls::{Folder, Issued, Wanted};
use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn issue(folder: &Path, names: &[&str]) -> Issued {
    let names = names.iter().map(|name| name.parse().expect("a name")).collect();
    let wanted = Wanted { names, days: None, host: "test".to_owned() };
    Folder::new(folder).issue(&wanted, SystemTime::now()).expect("a certificate")
}

fn with_tls(folder: &Path) -> Tls {
    let folder = Folder::new(folder);
    Tls { files: folder.files(), authority: Some(folder.authority()) }
}

/// A server with TLS over these nodes, and the folder with its certificate.
async fn secure(store: &Store) -> (tempfile::TempDir, Running) {
    let folder = tempfile::tempdir().expect("a folder");
    issue(folder.path(), &["localhost", "127.0.0.1"]);
    let server = start(store, |settings| settings.tls = Some(with_tls(folder.path()))).await;
    (folder, server)
}

/// A connection as a client makes it that trusts the authority in this folder.
async fn connect(folder: &Path, address: SocketAddr, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(Folder::new(folder).authority()).expect("an authority");
    roots.add(authority).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(airlift_tls::pair::provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// One request over TLS: the head and the body of the answer.
async fn ask(folder: &Path, address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = connect(folder, address, "localhost").await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    // An end without a farewell is an error, so that nobody can cut an answer off.
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").expect("a whole answer");
    split(&answer)
}

fn request(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: mirror:5\r\nConnection: close\r\n{more}\r\n")
}

async fn folder_store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::folder(folder.path()).expect("a store");
    let nodes = [
        ("toy/small", Bytes::from_static(b"small bytes")),
        ("toy/middle", bytes_of(100_000)),
        ("toy/large", bytes_of(48 << 20)),
    ];
    publish(&store, "test", &nodes).await;
    (folder, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_port_speaks_tls_and_sends_the_same_bytes() {
    let in_memory = Store::memory();
    publish(&in_memory, "test", &[("toy/small", "small bytes".into()), ("toy/large", bytes_of(48 << 20))]).await;
    let (_kept, in_folder) = folder_store().await;
    for store in [in_folder, in_memory] {
        let (folder, server) = secure(&store).await;
        let stream = connect(folder.path(), server.kinds, "127.0.0.1").await.expect("a connection");
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(session.peer_certificates().map(<[_]>::len), Some(2), "the authority's own is shown, too");
        for _ in 0..2 {
            let (head, body) = ask(folder.path(), server.kinds, &request("GET", "/large", "")).await;
            assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nContent-Length: 50331648\r\n"), "{head}");
            assert!(body == bytes_of(48 << 20), "the bytes differ");
        }
        let (head, body) = ask(folder.path(), server.kinds, &request("HEAD", "/large", "")).await;
        assert!(body.is_empty() && head.contains("\r\nContent-Length: 50331648\r\n"), "{head}");
        let ranges = "Range: bytes=40000000-40399999,5-9,-7\r\n";
        let (head, body) = ask(folder.path(), server.kinds, &request("GET", "/large", ranges)).await;
        assert!(head.starts_with("HTTP/1.1 206"), "{head}");
        let bytes = bytes_of(48 << 20);
        for part in [&bytes[40_000_000..40_400_000], &bytes[5..10], &bytes[(48 << 20) - 7..]] {
            assert!(body.windows(part.len()).any(|window| window == part), "a part is missing");
        }
        let (head, _) = ask(folder.path(), server.admin, &request("GET", "/healthz", "")).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let (head, pem) = ask(folder.path(), server.admin, &request("GET", "/ca.crt", "")).await;
        assert!(head.contains("\r\nContent-Type: application/x-x509-ca-cert\r\n"), "{head}");
        assert_eq!(pem, fs_err::read(Folder::new(folder.path()).authority()).expect("a file"));
    }
}

#[tokio::test]
async fn addresses_and_generated_files_say_https() {
    let (_kept, store) = folder_store().await;
    let (folder, server) = secure(&store).await;
    let told = server.events.all();
    let urls: Vec<&String> = told
        .iter()
        .filter_map(|event| if let Event::Listening { url, .. } = event { Some(url) } else { None })
        .collect();
    assert!(urls.len() == 2 && urls.iter().all(|url| url.starts_with("https://127.0.0.1:")), "{urls:?}");
    let (_, body) = ask(folder.path(), server.kinds, &request("GET", "/base", "")).await;
    assert_eq!(body, b"https://mirror:5\n");
}

#[tokio::test]
async fn plain_http_is_told_the_right_address() {
    let (_kept, store) = folder_store().await;
    let (_folder, server) = secure(&store).await;
    for address in [server.kinds, server.admin] {
        let answer = exchange(address, request("GET", "/small?x=1", "")).await;
        let (head, body) = split(&answer);
        assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
        let text = String::from_utf8(body).expect("text");
        assert!(text.contains("speaks HTTPS") && text.contains("https://mirror:5/small?x=1 "), "{text}");
    }
}

#[tokio::test]
async fn who_does_not_trust_the_authority_does_not_come_in() {
    let (_kept, store) = folder_store().await;
    let (folder, server) = secure(&store).await;
    let other = tempfile::tempdir().expect("a folder");
    issue(other.path(), &["localhost"]);
    assert!(connect(other.path(), server.kinds, "localhost").await.is_err());
    assert!(connect(folder.path(), server.kinds, "mirror.example").await.is_err(), "another name");
    until("the failures are counted", async || {
        let (_, body) = ask(folder.path(), server.admin, &request("GET", "/metrics", "")).await;
        String::from_utf8_lossy(&body).contains("\nairlift_tls_failures_total 2\n")
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let (_kept, store) = folder_store().await;
    let (folder, server) = secure(&store).await;
    let shown = async || {
        let stream = connect(folder.path(), server.kinds, "localhost").await.expect("a connection");
        stream.get_ref().1.peer_certificates().expect("certificates")[0].clone()
    };
    let told = |part: &str| {
        let found = |event: &Event| matches!(event, Event::Notice { message } if message.contains(part));
        server.events.all().iter().any(found)
    };
    let mut old = connect(folder.path(), server.kinds, "localhost").await.expect("a connection");
    let first = shown().await;
    issue(folder.path(), &["mirror.example", "localhost"]);
    until("the new certificate is shown", async || shown().await != first).await;
    assert!(connect(folder.path(), server.kinds, "mirror.example").await.is_ok());
    until("it is told", async || told("showing the certificate of mirror.example, localhost, valid until")).await;
    let second = shown().await;

    let key = Folder::new(folder.path()).files().key;
    let kept = fs_err::read(&key).expect("a key");
    let other = tempfile::tempdir().expect("a folder");
    issue(other.path(), &["localhost"]);
    fs_err::write(&key, fs_err::read(Folder::new(other.path()).files().key).expect("a key")).expect("a key");
    until("the wrong key is told", async || told("does not belong to the certificate")).await;
    assert_eq!(shown().await, second);
    fs_err::write(&key, "nonsense").expect("a key");
    until("nonsense is told", async || told("it is not PEM; what was read before stays in use")).await;
    assert_eq!(shown().await, second);
    fs_err::write(&key, kept).expect("a key");
    issue(folder.path(), &["localhost"]);
    until("the next one is shown", async || shown().await != second).await;
    // Whoever was there before goes on.
    old.write_all(request("GET", "/small", "").as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    old.read_to_end(&mut answer).await.expect("an answer");
    assert!(answer.ends_with(b"small bytes"));
}

#[tokio::test]
async fn what_no_client_would_accept_is_not_started_with() {
    let (_kept, store) = folder_store().await;
    let folder = tempfile::tempdir().expect("a folder");
    issue(folder.path(), &["localhost"]);
    let tls = with_tls(folder.path());
    let refused = async || {
        let mut settings = Settings::new(vec![(&crate::common::TOY, crate::common::local())]);
        settings.tls = Some(tls.clone());
        let events = Arc::new(crate::common::Events::default());
        let error = Server::bind(store.clone(), settings, events).await.err().expect("an error");
        assert!(matches!(error, ServeError::Tls { .. }), "{error:?}");
        (airlift_core::failure::line(&error), error.hint().unwrap_or_default(), error.class().exit_code())
    };
    let good = fs_err::read(&tls.files.key).expect("a key");
    fs_err::write(&tls.files.key, fs_err::read(&tls.files.certificate).expect("a file")).expect("a file");
    let (said, hint, code) = refused().await;
    assert!(said.contains("there is no private key in ") && said.ends_with("it holds a certificate"), "{said}");
    assert!(hint.contains("BEGIN PRIVATE KEY") && code == 7, "{hint}");
    fs_err::remove_file(&tls.files.key).expect("a file");
    let (said, hint, _) = refused().await;
    assert!(said.contains("mirror.key") && hint.contains("airlift tls init"), "{said} {hint}");
    fs_err::write(&tls.files.key, &good).expect("a key");
    fs_err::write(&tls.files.certificate, &good).expect("a file");
    let (said, _, _) = refused().await;
    assert!(said.contains("there is no certificate in ") && said.ends_with("it holds a private key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_off_ends_the_answer_and_not_the_server() {
    let (kept, store) = folder_store().await;
    let (folder, server) = secure(&store).await;
    assert!(ask(folder.path(), server.kinds, &request("GET", "/middle", "")).await.1 == bytes_of(100_000));
    cut_files_of(kept.path(), 100_000, 50_000);
    let mut stream = connect(folder.path(), server.kinds, "localhost").await.expect("a connection");
    stream.write_all(request("GET", "/middle", "").as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    assert!(ended.is_err(), "an answer that is cut off has no farewell");
    assert!(split(&answer).1 == bytes_of(100_000)[..50_000]);
    assert_eq!(ask(folder.path(), server.kinds, &request("GET", "/small", "")).await.1, b"small bytes");
}

#[tokio::test]
async fn who_takes_no_bytes_is_given_up() {
    let (_kept, store) = folder_store().await;
    let folder = tempfile::tempdir().expect("a folder");
    issue(folder.path(), &["localhost"]);
    let server = start(&store, |settings| {
        settings.tls = Some(with_tls(folder.path()));
        settings.patience = Duration::from_millis(300);
    })
    .await;
    let mut stream = connect(folder.path(), server.kinds, "localhost").await.expect("a connection");
    stream.write_all(request("GET", "/large", "").as_bytes()).await.expect("a request");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.expect("the end of the connection").is_err());
    // Who begins a handshake and says no more is given up, too.
    let mut silent = TcpStream::connect(server.kinds).await.expect("a connection");
    silent.write_all(&[0x16, 3, 1, 2, 0]).await.expect("a beginning");
    let ended = tokio::time::timeout(Duration::from_secs(5), silent.read_to_end(&mut answer)).await;
    ended.expect("the end of the connection").ok();
    assert!(get(server.kinds, "/small").await.0.starts_with("HTTP/1.1 400 "));
}
