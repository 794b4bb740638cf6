//! Small things, heads, and files of this machine.

use airlift_core::{Digest, Failure, Request, failure};
use airlift_fetch::{Expected, FetchError};
use airlift_testkit::upstream::{Fault, Resource, Upstream, noise};

use crate::world::{World, bounded, nothing, promise, request};

#[tokio::test]
async fn a_document_comes_with_all_that_upstream_said() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let resource =
        Resource::new("{}").with_header("link", "</v2/x?n=1>; rel=\"next\"").with_header("x-digest", "sha256:00");
    upstream.put("/x", Resource { media_type: Some("application/json; charset=utf-8".to_owned()), ..resource });
    upstream.fail("/x", [Fault::Drop(1), Fault::Status(502, vec![], String::new())]);
    let undated = request(&upstream.url("/x"));
    let document = bounded(world.fetcher().document(&undated, &nothing())).await.expect("fetched");
    assert_eq!(document.bytes, "{}");
    assert_eq!(document.media_type.as_deref(), Some("application/json"));
    assert_eq!(document.modified, None, "nobody asked for the date");
    assert!(document.headers.contains_key("link"));
    assert_eq!(document.url, undated.url);
    assert!(world.has(b"{}").await);
    assert_eq!(upstream.requests()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn a_promised_document_is_asked_for_once() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource { media_type: Some("application/vnd.x+json".to_owned()), ..Resource::new("{}") });
    let (request, expected) = (request(&upstream.url("/x")), Expected::digest(Digest::of(b"{}")));
    let first = bounded(world.fetcher().document(&request, &expected)).await.expect("fetched");
    let again = bounded(world.fetcher().document(&request, &expected)).await.expect("there");
    assert_eq!((first.cached, again.cached), (false, true));
    assert_eq!((first.bytes, first.media_type), (again.bytes, again.media_type));
    assert_eq!(upstream.requests().len(), 1, "a registry counts every one");

    upstream.put("/y", Resource::new("test"));
    let (request, checksum) = (crate::world::request(&upstream.url("/y")), SHA512.parse().expect("a checksum"));
    let expected = Expected { checksums: vec![checksum], ..nothing() };
    for cached in [false, true] {
        let document = bounded(world.fetcher().document(&request, &expected)).await.expect("fetched");
        assert_eq!((document.cached, document.digest), (cached, Digest::of(b"test")));
    }
    assert_eq!(upstream.requests_of("/y").len(), 1, "whatever the algorithm of the promise");
}

#[tokio::test]
async fn a_listing_is_not_stored() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/tags", Resource::new("[1, 2]").with_header("link", "</tags?last=2>; rel=\"next\""));
    upstream.fail("/tags", [Fault::Drop(1)]);
    let file = world.folder.path().join("listing");
    fs_err::write(&file, "[1, 2]").expect("written");
    for url in [upstream.url("/tags"), format!("file://{}", file.display())] {
        let (fetcher, request) = (world.fetcher(), request(&url));
        let listing = bounded(fetcher.listing(&request, 6)).await.expect("fetched");
        assert_eq!((listing.bytes, listing.digest, listing.cached), ("[1, 2]".into(), Digest::of(b"[1, 2]"), false));
        let error = bounded(fetcher.listing(&request, 5)).await.expect_err("too large");
        assert!(matches!(error, FetchError::TooLarge { limit: 5, .. }), "{error:?}");
    }
    assert!(!world.has(b"[1, 2]").await);
    let left = fs_err::read_dir(world.folder.path().join("store/partial")).expect("a folder").count();
    assert_eq!(left, 0);
}

/// The SHA-512 of `test`.
const SHA512: &str = "sha512:ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e6f57f50028a8ff";

#[tokio::test]
async fn names_of_other_algorithms_are_told_and_checked() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let named = |name: &str| Resource::new("test").with_header("docker-content-digest", name);
    let ask = |path: &str| Request { digest_header: Some("docker-content-digest"), ..request(&upstream.url(path)) };
    upstream.put("/sha512", named(SHA512));
    upstream.put("/sha256", named(&Digest::of(b"another").to_string()));
    upstream.put("/wrong", named(&SHA512.replace("ff", "00")));
    upstream.put("/strange", named("md5:098f6bcd4621d373cade4e832627b4f6"));
    let fetcher = world.fetcher();
    let head = bounded(fetcher.head(&ask("/sha512"))).await.expect("a head");
    assert_eq!(head.digest.map(|digest| digest.to_string()).as_deref(), Some(SHA512));
    let document = bounded(fetcher.document(&ask("/sha512"), &nothing())).await.expect("fetched");
    assert_eq!(document.digest, Digest::of(b"test"));
    assert_eq!(document.named.map(|named| named.to_string()).as_deref(), Some(SHA512));
    for path in ["/sha256", "/strange"] {
        let document = bounded(fetcher.document(&ask(path), &nothing())).await.expect("fetched");
        assert_eq!((document.digest, document.named), (Digest::of(b"test"), None), "{path}");
    }
    let error = bounded(fetcher.document(&ask("/wrong"), &nothing())).await.expect_err("another name");
    assert!(matches!(error, FetchError::Checksum { .. }), "{error:?}");
}

#[tokio::test]
async fn a_document_has_a_limit() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    for sized in [true, false] {
        upstream.put("/x", Resource { sized, ..Resource::new(noise(60, 100_000)) });
        let error = bounded(world.fetcher().document(&request(&upstream.url("/x")), &Expected::limit(99_999))).await;
        assert!(matches!(error, Err(FetchError::TooLarge { limit: 99_999, .. })), "{error:?}");
    }
}

#[tokio::test]
async fn heads_tell_without_bodies() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let digest = Digest::of(b"manifest").to_string();
    let resource = Resource::new("manifest").with_header("docker-content-digest", &digest);
    upstream.put("/x", resource.clone());
    upstream.put("/y", Resource { head: false, ..resource });
    for path in ["/x", "/y"] {
        let request =
            Request { digest_header: Some("docker-content-digest"), dated: true, ..request(&upstream.url(path)) };
        let head = bounded(world.fetcher().head(&request)).await.expect("a head");
        assert_eq!(head.size, Some(8));
        assert_eq!(head.digest.map(|digest| digest.to_string()), Some(digest.clone()));
        assert!(head.modified.is_some());
    }
    let methods: Vec<String> = upstream.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "GET"]);
    let missing = bounded(world.fetcher().head(&request(&upstream.url("/none")))).await.expect_err("404");
    assert!(missing.is_not_found());
    let asked = upstream.requests().into_iter().filter(|request| request.target == "/none").count();
    assert_eq!(asked, 1, "what is not there is not there by GET either");
}

#[tokio::test]
async fn files_of_this_machine_are_upstreams_too() {
    let world = World::new();
    let content = noise(61, 3_000_000);
    let path = world.folder.path().join("with space");
    fs_err::write(&path, &content).expect("written");
    let url = url::Url::from_file_path(&path).expect("a URL");
    let dated = Request { dated: true, ..request(url.as_str()) };
    let fetcher = world.fetcher();
    assert_eq!(bounded(fetcher.head(&dated)).await.expect("a head").size, Some(3_000_000));
    let fetched = bounded(fetcher.blob(&dated, &nothing())).await.expect("copied");
    assert!(world.has(&content).await);
    assert!(fetched.modified.is_some() && !fetched.cached);
    assert_eq!(world.progress(), 3_000_000);
    let again = bounded(fetcher.blob(&dated, &promise(&content))).await.expect("there");
    assert!(again.cached);
    let document = bounded(fetcher.document(&dated, &promise(&content))).await.expect("read");
    assert_eq!(document.bytes, content);

    let wrong = bounded(fetcher.blob(&dated, &promise(&noise(62, 3_000_000)))).await.expect_err("wrong bytes");
    assert!(matches!(wrong, FetchError::Checksum { .. }), "{wrong:?}");
    let folder = request(&format!("file://{}", world.folder.path().display()));
    assert!(matches!(bounded(fetcher.blob(&folder, &nothing())).await, Err(FetchError::NoFile { .. })));
    let missing = bounded(fetcher.blob(&request("file:///nonexistent/x"), &nothing())).await.expect_err("no file");
    assert!(
        missing.is_not_found() && failure::line(&missing).contains("/nonexistent/x"),
        "{}",
        failure::line(&missing)
    );
    assert_eq!(missing.class(), airlift_core::Class::Upstream);
    // What was fetched has its name by then.
    drop(world.store.lock_exclusive().expect("locked"));
    let left = fs_err::read_dir(world.folder.path().join("store/partial")).expect("a folder").count();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_thread_that_may_block_it_is_the_same() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(63, 3000);
    let path = world.folder.path().join("file");
    fs_err::write(&path, &content).expect("written");
    upstream.put("/x", Resource::new(content.clone()));
    let file = url::Url::from_file_path(&path).expect("a URL").to_string();
    let read = |url: &str, expected: Expected| {
        let (fetcher, runtime) = (world.fetcher(), tokio::runtime::Handle::current());
        let request = Request { dated: true, ..request(url) };
        tokio::task::spawn_blocking(move || fetcher.document_blocking(&request, &expected, &runtime))
    };
    for url in [file.clone(), upstream.url("/x")] {
        let document = bounded(read(&url, nothing())).await.expect("no panic").expect("read");
        assert_eq!((document.digest, document.bytes), (Digest::of(&content), content.clone()));
        assert!(document.modified.is_some());
        let large = bounded(read(&url, Expected::limit(2999))).await.expect("no panic").expect_err("too large");
        assert!(matches!(large, FetchError::TooLarge { limit: 2999, .. }), "{large:?}");
    }
    assert!(world.has(&content).await);
    world.fetcher().verify(Digest::of(&content), 3000).await.expect("its own bytes");
    drop(world.store.lock_exclusive().expect("locked"));
    let blob = world.folder.path().join("store/blobs/sha256").join(Digest::of(&content).hex());
    fs_err::write(blob, noise(64, 3000)).expect("written");
    let damaged = world.fetcher().verify(Digest::of(&content), 3000).await.expect_err("other bytes");
    assert_eq!(damaged.class(), airlift_core::Class::Damaged, "{damaged:?}");
    world.cancel.cancel();
    let stopped = bounded(read(&file, nothing())).await.expect("no panic").expect_err("stopped");
    assert!(matches!(stopped, FetchError::Interrupted), "{stopped:?}");
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_refused_before_it_is_copied() {
    let world = World::new();
    let path = world.folder.path().join("sparse");
    let size = airlift_store::space::free(world.folder.path()).expect("free space") + (64 << 30);
    fs_err::File::create(&path).and_then(|file| file.set_len(size)).expect("a file with holes");
    let request = request(url::Url::from_file_path(&path).expect("a URL").as_str());
    // Not until the disk is full, if it should not be refused.
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        world.cancel.cancel();
    };
    let (fetcher, expected) = (world.fetcher(), nothing());
    let (result, ()) = bounded(async { tokio::join!(fetcher.blob(&request, &expected), stop) }).await;
    let error = result.expect_err("it does not fit");
    assert_eq!(error.class(), airlift_core::Class::Space, "{error:?}");
}
