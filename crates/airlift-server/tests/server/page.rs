//! The pages for a person, as they are sent; how they look is for the end-to-end tests to see.

use airlift_store::Store;
use bytes::Bytes;

use crate::common::{Running, get, publish, request, start};

async fn server() -> Running {
    let store = Store::memory();
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let nodes = [
        ("toy/tools/1.9", text("a")),
        ("toy/tools/1.10", text("b")),
        ("toy/tools/<b>&\"'", text("c")),
        ("toy/alone", text("d")),
    ];
    publish(&store, "<first>", &nodes).await;
    start(&store, |_| {}).await
}

/// The body of a page, with what is another one in each run made the same.
async fn page(server: &Running, path: &str) -> String {
    let (head, body) = get(server.admin, path).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    let text = String::from_utf8(body).expect("text").replace(&format!(":{}", server.kinds.port()), ":8000");
    // The snapshot's id says which version of the format it has.
    let parts = text.split("<code>sha256:").enumerate();
    let parts = parts.map(
        |(number, part)| if number == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_hexdigit()) },
    );
    let text = parts.collect::<Vec<_>>().join("<code>sha256:");
    let start = text.find("<main").expect("a page has its content");
    text[start..].lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_first_page_is_the_archive_at_a_glance() {
    let server = server().await;
    insta::assert_snapshot!(page(&server, "/").await);
}

#[tokio::test]
async fn a_kind_has_groups_and_these_have_items() {
    let server = server().await;
    insta::assert_snapshot!("kind", page(&server, "/browse/toy").await);
    insta::assert_snapshot!("group", page(&server, "/browse/toy/tools").await);
    insta::assert_snapshot!("entry", page(&server, "/entry/toy/tools/%3Cb%3E&%22'").await);
}

#[tokio::test]
async fn a_name_is_found_in_any_letters() {
    let server = server().await;
    insta::assert_snapshot!(page(&server, "/search?q=TOOLS+1").await);
    assert!(page(&server, "/search?q=%3Ci%3E").await.contains("Nothing here is called “&#60;i&#62;”"));
    assert!(page(&server, "/search?q=+").await.contains("Type a part of a name"));
}

#[tokio::test]
async fn what_is_not_here_is_told_in_plain_words() {
    let server = server().await;
    for path in ["/browse/none", "/browse/toy/none", "/entry/toy/none", "/entry/toy", "/search/x"] {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*\r\nConnection: close\r\n\r\n");
        let (head, body) = request(server.admin, &asked).await;
        assert!(
            head.starts_with("HTTP/1.1 404 ") && head.contains("Content-Security-Policy: default-src 'none'"),
            "{head}"
        );
        assert!(String::from_utf8_lossy(&body).contains("There is nothing here"), "{path}");
    }
}

#[tokio::test]
async fn what_was_asked_for_in_vain_is_on_the_page() {
    let server = server().await;
    for _ in 0..2 {
        get(server.kinds, "/tools/2.0?sig=hunter2").await;
    }
    get(server.kinds, "/left/out").await;
    let misses = page(&server, "/misses").await;
    assert!(
        misses.contains("<code>/tools/2.0?sig=REDACTED</code></th><td>toy</td><td class=\"number\">2 times</td>"),
        "{misses}"
    );
    assert!(page(&server, "/").await.contains("/left/out") && !misses.contains("hunter2"), "{misses}");
}

#[tokio::test]
async fn pages_are_read_as_everything_else_is() {
    let server = server().await;
    let (head, _) = get(server.admin, "/browse/toy").await;
    let tag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).expect("a tag");
    let asked = format!("GET /browse/toy HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n");
    assert!(request(server.admin, &asked).await.0.starts_with("HTTP/1.1 304 "));
    let (head, body) = request(server.admin, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head}");
    for (path, media_type) in [("style.css", "text/css"), ("copy.js", "text/javascript"), ("icon.svg", "image/svg")] {
        let (head, _) = get(server.admin, &format!("/page/{path}")).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(media_type), "{path}: {head}");
    }
}

#[tokio::test]
async fn many_names_come_a_hundred_at_a_time() {
    let store = Store::memory();
    let names: Vec<String> = (0..10_000).map(|number| format!("toy/{:02}/name-{number}", number % 50)).collect();
    let nodes: Vec<(&str, Bytes)> = names.iter().map(|name| (&**name, Bytes::from_static(b"same"))).collect();
    publish(&store, "many", &nodes).await;
    let server = start(&store, |_| {}).await;
    // One blob under ten thousand names is counted once.
    assert!(page(&server, "/").await.contains("10,000 files in 50 folders<br><strong>4 B</strong>"));
    let last = page(&server, "/browse/toy/07?page=2").await;
    assert!(last.contains("Page 2 of 2") && last.contains("name-9957<"), "{last}");
    assert_eq!(last.matches("<tr>").count(), 1 + 100);
    let cut = page(&server, "/search?q=name").await;
    assert!(cut.contains("There are more than these"), "{cut}");
    assert_eq!(cut.matches("<tr>").count(), 1 + 50);
    let groups = page(&server, "/search?q=0").await;
    assert!(groups.contains("There are more") && groups.contains("\"/browse/toy/40\""), "the last folder: {groups}");
    let found = page(&server, "/search?q=NAME-9957+07").await;
    assert!(found.matches("<tr>").count() == 2 && !found.contains("There are more"), "{found}");
}
