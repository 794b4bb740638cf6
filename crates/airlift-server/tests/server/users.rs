//! Users: who is let in, in which words the others are refused, and what it costs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Events, Running, Sink, TOY, local, publish, request, start, until};
use airlift_core::{Event, Failure};
use airlift_server::htpasswd::with_password;
use airlift_server::{ServeError, Server, Settings};
use airlift_store::Store;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// alice, with the password "open sesame", by `htpasswd -nbB -C 5`.
const ALICE: &str = "alice:$2y$05$QZc652.iQMoPCmcuw6BnsOqnvEpNmmP5ylX2eecxKUFEP.ic3doXW";

async fn guarded(change: impl FnOnce(&mut Settings)) -> (tempfile::NamedTempFile, Running) {
    let store = Store::memory();
    publish(&store, "test", &[("toy/a", Bytes::from_static(b"a"))]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs_err::write(file.path(), format!("{ALICE}\n")).expect("a file");
    let server = start(&store, |settings| {
        settings.users = Some(file.path().to_owned());
        settings.plain_passwords = true;
        change(settings);
    })
    .await;
    (file, server)
}

async fn ask(address: SocketAddr, path: &str, credentials: Option<&str>) -> (String, String) {
    let authorization =
        credentials.map(|text| format!("Authorization: Basic {}\r\n", STANDARD.encode(text))).unwrap_or_default();
    let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n");
    let (head, body) = request(address, &text).await;
    (head, String::from_utf8(body).expect("text"))
}

#[tokio::test]
async fn only_who_has_the_password_is_let_in() {
    let (_file, server) = guarded(|_| {}).await;
    assert_eq!(ask(server.kinds, "/a", Some("alice:open sesame")).await.1, "a");
    let (head, body) = ask(server.kinds, "/a", None).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(head.contains("\r\nWww-Authenticate: Basic realm=\"Airlift\", charset=\"UTF-8\"\r\n"), "{head}");
    assert!(body.contains("asks for a name and a password"), "{body}");
    for wrong in ["alice:open", "alice:", "bob:open sesame", ":", "alice"] {
        let (head, body) = ask(server.kinds, "/a", Some(wrong)).await;
        assert!(head.starts_with("HTTP/1.1 401 ") && !body.contains("\na"), "{wrong}: {head}");
    }
    for odd in ["Basic !", "Basic", "Bearer abc", "basic YWxpY2U6b3BlbiBzZXNhbWU="] {
        let text = format!("GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: {odd}\r\nConnection: close\r\n\r\n");
        let (head, _) = request(server.kinds, &text).await;
        assert_eq!(head.starts_with("HTTP/1.1 200 "), odd.starts_with("basic"), "{odd}: {head}");
    }
    assert!(ask(server.kinds, "/none", None).await.0.starts_with("HTTP/1.1 401 "), "nor is told what is not there");
}

#[tokio::test]
async fn the_admin_port_says_no_more_than_that_it_is_well() {
    let (_file, server) = guarded(|_| {}).await;
    let (head, body) = ask(server.admin, "/healthz", None).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body == "{\"status\":\"ok\"}\n", "{head}{body}");
    assert!(ask(server.admin, "/healthz", Some("alice:open sesame")).await.1.contains("\"snapshot\""));
    for path in ["/", "/metrics", "/none"] {
        assert!(ask(server.admin, path, None).await.0.starts_with("HTTP/1.1 401 "), "{path}");
    }
    assert!(ask(server.admin, "/metrics", Some("alice:open sesame")).await.0.starts_with("HTTP/1.1 200 "));
    let (head, body) = ask(server.admin, "/ca.crt", None).await;
    assert!(head.starts_with("HTTP/1.1 404 ") && body.contains("plain HTTP"), "{head}{body}");
}

#[tokio::test]
async fn passwords_are_verified_once_and_not_for_each_request() {
    let (file, server) = guarded(|_| {}).await;
    // A dear hash: a second or so in a test build.
    let (text, _) = with_password("", "bob", "builder").expect("a text");
    fs_err::write(file.path(), text).expect("a file");
    let told = |event: &Event| matches!(event, Event::Notice { message } if message.contains("one user's password"));
    until("the new file is read", async || server.events.all().iter().any(told)).await;
    let began = Instant::now();
    let many = (0..20).map(|_| ask(server.kinds, "/a", Some("bob:builder")));
    for (head, _) in futures::future::join_all(many).await {
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
    let first = began.elapsed();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(server.kinds, "/a", Some("bob:builder")).await.1, "a");
    }
    let again = began.elapsed();
    assert!(again < first / 2, "twenty at once took {first:?}, and twenty more {again:?}");
    assert!(ask(server.kinds, "/a", Some("alice:open sesame")).await.0.starts_with("HTTP/1.1 401 "), "she is gone");
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_who_knows_does_not() {
    let (_file, server) = guarded(|_| {}).await;
    assert_eq!(ask(server.kinds, "/a", Some("alice:open sesame")).await.1, "a");
    for guess in 0..10 {
        let (head, _) = ask(server.kinds, "/a", Some(&format!("alice:{guess}"))).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    }
    let (head, body) = ask(server.kinds, "/a", Some("alice:10")).await;
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("\r\nRetry-After: "), "{head}");
    assert!(body.contains("Too many wrong passwords"), "{body}");
    // What was found before stays found.
    assert_eq!(ask(server.kinds, "/a", Some("alice:open sesame")).await.1, "a");
    assert!(ask(server.kinds, "/a", Some("alice:3")).await.0.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn a_broken_file_leaves_the_users_as_they_are() {
    let (file, server) = guarded(|_| {}).await;
    fs_err::write(file.path(), "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").expect("a file");
    let told = |event: &Event| matches!(event, Event::Notice { message } if message.contains("SHA-1") && message.contains("stays in use"));
    until("it is told", async || server.events.all().iter().any(told)).await;
    assert_eq!(ask(server.kinds, "/a", Some("alice:open sesame")).await.1, "a");
}

#[tokio::test]
async fn the_access_log_says_who_and_no_password() {
    let sink = Sink::default();
    let log = sink.clone();
    let (_file, server) = guarded(|settings| settings.access_log = Some(Box::new(log))).await;
    ask(server.kinds, "/a", Some("alice:open sesame")).await;
    ask(server.kinds, "/a", Some("alice:hush")).await;
    server.stop.cancel();
    server.ended.await.expect("an end");
    let lines = sink.lines();
    assert_eq!((&lines[0]["user"], &lines[0]["status"]), (&"alice".into(), &200.into()));
    assert_eq!((lines[1].get("user"), &lines[1]["status"]), (None, &401.into()));
    let text = format!("{lines:?}");
    assert!(!text.contains("sesame") && !text.contains("hush") && !text.contains(&STANDARD.encode("alice:hush")));
}

#[tokio::test]
async fn passwords_do_not_travel_in_plain_text_unless_it_is_typed() {
    let store = Store::memory();
    publish(&store, "test", &[("toy/a", Bytes::from_static(b"a"))]).await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut settings = Settings::new(vec![(&TOY, local())]);
    settings.users = Some(file.path().to_owned());
    let error = Server::bind(store.clone(), settings, Arc::new(Events::default())).await.err().expect("an error");
    assert!(matches!(error, ServeError::PlainPasswords) && error.class().exit_code() == 2, "{error:?}");
    assert!(error.hint().expect("a hint").contains("--allow-plain-passwords"));
    let mut settings = Settings::new(vec![(&TOY, local())]);
    settings.users = Some(file.path().to_owned());
    settings.plain_passwords = true;
    let error = Server::bind(store, settings, Arc::new(Events::default())).await.err().expect("nobody is in it");
    let said = airlift_core::failure::line(&error);
    assert!(
        said.contains("there are no users in ") && error.hint().expect("a hint").contains("airlift user add"),
        "{said}"
    );
}

#[tokio::test]
async fn a_question_that_is_refused_is_not_waited_for() {
    let (_file, server) = guarded(|_| {}).await;
    let began = Instant::now();
    let text = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\nbeginning";
    let (head, _) = request(server.kinds, text).await;
    assert!(head.starts_with("HTTP/1.1 401 ") && began.elapsed() < Duration::from_secs(5), "{head}");
}
