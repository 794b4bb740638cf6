//! Must show 7: every fault is survived, or named; wrong bytes never land.

use std::time::{Duration, Instant};

use airlift_core::{Class, Digest, Event, Failure, failure};
use airlift_fetch::{Expected, FetchError, Settings};
use airlift_testkit::upstream::{Fault, Resource, Upstream, noise};

use crate::world::{World, bounded, nothing, promise, request, seeded, settings};

#[tokio::test]
async fn drops_at_random_bytes_are_gone_on_from() {
    for seed in 0..12 {
        println!("seed {seed}");
        let (world, upstream) = (World::new(), seeded(seed).await);
        let content = noise(seed, 300_000 + 70_000 * seed as usize);
        upstream.put("/x", Resource::new(content.clone()));
        upstream.fail("/x", vec![Fault::DropAnywhere; 5]);
        let expected = if seed % 2 == 0 { nothing() } else { promise(&content) };
        let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &expected)).await.expect("fetched");
        assert_eq!(fetched.digest, Digest::of(&content));
        assert!(world.has(&content).await);
        assert_eq!(world.progress(), content.len() as i64);
        let requests = upstream.requests_of("/x");
        assert_eq!(requests.len(), 6);
        for later in requests.iter().filter(|request| request.header("range").is_some()) {
            assert_eq!(later.status, 206);
            assert!(later.header("if-range").is_some_and(|tag| tag.starts_with('"')));
        }
        assert!(requests.iter().any(|request| request.header("range").is_some()), "at least one drop left bytes");
    }
}

#[tokio::test]
async fn every_temporary_status_is_tried_again() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("content"));
    for status in [408, 425, 429, 500, 502, 503, 504, 521] {
        upstream.fail("/x", [Fault::Status(status, vec![], String::new())]);
        let document =
            bounded(world.fetcher().document(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
        assert_eq!(document.bytes, "content");
    }
    assert_eq!(world.retries(), 8);
}

#[tokio::test]
async fn both_forms_of_retry_after_are_waited_for_by_all() {
    for fault in [Fault::TooManySeconds(1), Fault::TooManyDate(1)] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        upstream.put("/x", Resource::new("x"));
        upstream.put("/y", Resource::new("y"));
        upstream.fail("/x", [fault]);
        let fetcher = world.fetcher();
        let start = Instant::now();
        let other = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            fetcher.blob(&request(&upstream.url("/y")), &nothing()).await
        };
        let (refused, unpromised) = (request(&upstream.url("/x")), nothing());
        let both = async { tokio::join!(fetcher.blob(&refused, &unpromised), other) };
        let (x, y) = bounded(both).await;
        assert!(x.is_ok() && y.is_ok());
        assert!(start.elapsed() >= Duration::from_millis(950), "{:?}", start.elapsed());
        let paused = world.events().iter().filter(|event| matches!(event, Event::Throttled { .. })).count();
        assert_eq!(paused, 1);
        // The one that was not refused waited as well.
        let order: Vec<String> = upstream.requests().into_iter().map(|request| request.target).collect();
        assert_eq!(order.first().map(String::as_str), Some("/x"));
        assert_eq!(order.len(), 3);
    }
}

#[tokio::test]
async fn too_much_patience_is_not_given() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("x"));
    upstream.fail_always("/x", Fault::TooManySeconds(3600));
    let error = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect_err("an hour");
    assert!(matches!(&error, FetchError::Throttled { wait, .. } if *wait == Duration::from_secs(3600)), "{error}");
    assert!(failure::line(&error).contains("slow down"), "{}", failure::line(&error));
    assert!(error.hint().is_some());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn the_limit_of_a_registry_is_honoured_and_told() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let limit = |left| vec![("ratelimit-limit", "100;w=100"), ("ratelimit-remaining", left)];
    let with = |left| {
        limit(left).into_iter().fold(Resource::new(left), |resource, (name, value)| resource.with_header(name, value))
    };
    upstream.put("/low", with("7;w=100"));
    upstream.put("/none", with("0;w=100"));
    upstream.put("/x", Resource::new("x"));
    let fetcher = world.fetcher();
    let start = Instant::now();
    for path in ["/low", "/none", "/x"] {
        bounded(fetcher.document(&request(&upstream.url(path)), &nothing())).await.expect("fetched");
    }
    assert!(start.elapsed() >= Duration::from_millis(950), "one of a hundred grows back in a second");
    let notices = world.events().iter().filter(|event| matches!(event, Event::Notice { .. })).count();
    assert_eq!(notices, 1);
}

#[tokio::test]
async fn stalls_are_given_up_and_gone_on_from() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(1, 400_000);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.fail("/x", [Fault::Stall(200_000), Fault::Silence, Fault::Stall(0)]);
    let start = Instant::now();
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(world.has(&content).await);
    let ranges: Vec<String> =
        upstream.requests().iter().filter_map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges.first().map(String::as_str), Some("bytes=200000-"));
}

#[tokio::test]
async fn a_stall_that_does_not_end_is_named() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new("x"));
    upstream.fail_always("/x", Fault::Silence);
    let fetcher = world.fetcher_with(Settings { attempts: 2, stall: Duration::from_millis(100), ..settings() });
    let error = bounded(fetcher.blob(&request(&upstream.url("/x")), &nothing())).await.expect_err("silence");
    assert!(matches!(&error, FetchError::Transport { attempts: 2, .. }), "{error:?}");
    assert!(failure::line(&error).contains("nothing was received for too long"), "{}", failure::line(&error));
}

#[tokio::test]
async fn short_bodies_are_noticed() {
    let content = noise(2, 50_000);
    let (world, upstream) = (World::new(), Upstream::start().await);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.fail("/x", [Fault::Short(20_000), Fault::Short(0)]);
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &promise(&content))).await.expect("third time lucky");
    assert!(world.has(&content).await);

    upstream.put("/y", Resource { sized: false, ..Resource::new(content.clone()) });
    upstream.fail_always("/y", Fault::Short(20_000));
    let other = World::new();
    let error =
        bounded(other.fetcher().blob(&request(&upstream.url("/y")), &promise(&content))).await.expect_err("short");
    assert!(
        matches!(error, FetchError::Size { expected: 50_000, received: 20_000, announced: false, .. }),
        "{error:?}"
    );
    assert!(!other.has(&content[..20_000]).await);
}

#[tokio::test]
async fn a_wrong_size_is_refused_before_its_bytes_are_taken() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(3, 3_000_000);
    upstream.put("/x", Resource::new(content.clone()));
    let expected = Expected { size: Some(2_999_999), ..nothing() };
    let error = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &expected)).await.expect_err("too large");
    assert!(matches!(error, FetchError::Size { announced: true, .. }), "{error:?}");
    assert_eq!(world.progress(), 0);
    let limited = Expected { limit: Some(1_000_000), ..nothing() };
    upstream.put("/y", Resource { sized: false, ..Resource::new(content.clone()) });
    for path in ["/x", "/y"] {
        let error =
            bounded(world.fetcher().blob(&request(&upstream.url(path)), &limited)).await.expect_err("too large");
        assert!(matches!(error, FetchError::TooLarge { limit: 1_000_000, .. }), "{error:?}");
    }
    assert!(!world.has(&content).await);
}

#[tokio::test]
async fn wrong_bytes_are_asked_for_again_and_never_land() {
    let content = noise(4, 200_000);
    for seed in 0..4 {
        println!("seed {seed}");
        let (world, upstream) = (World::new(), seeded(seed).await);
        upstream.put("/x", Resource::new(content.clone()));
        upstream.fail("/x", [Fault::Wrong, Fault::Wrong]);
        bounded(world.fetcher().blob(&request(&upstream.url("/x")), &promise(&content)))
            .await
            .expect("the third are right");
        assert_eq!(world.progress(), content.len() as i64);
        // A cache on the way is asked to fetch anew.
        assert_eq!(upstream.requests()[2].header("cache-control"), Some("no-cache"));
    }
    let (world, upstream) = (World::new(), Upstream::start().await);
    let wrong = noise(5, content.len());
    upstream.put("/x", Resource::new(wrong.clone()));
    let url = upstream.url("/x");
    for document in [false, true] {
        upstream.forget();
        let fetcher = world.fetcher();
        let error = match document {
            true => bounded(fetcher.document(&request(&url), &promise(&content))).await.map(drop),
            false => bounded(fetcher.blob(&request(&url), &promise(&content))).await.map(drop),
        };
        let error = error.expect_err("wrong bytes");
        let FetchError::Checksum { expected, received, size, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*expected, Digest::of(&content).to_string());
        assert_eq!(*received, Digest::of(&wrong).to_string());
        assert_eq!(*size, content.len() as u64);
        assert!(error.to_string().contains(&url));
        assert_eq!(error.class(), Class::Upstream);
        assert_eq!(upstream.requests().len(), 3, "a bounded number of times");
        assert!(!world.has(&wrong).await && !world.has(&content).await);
    }
    let left = fs_err::read_dir(world.folder.path().join("store/partial")).expect("a folder").count();
    assert_eq!(left, 0, "wrong bytes are thrown away");
}

#[tokio::test]
async fn other_checksums_than_sha256_are_promises_too() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(6, 100_000);
    upstream.put("/x", Resource::new(content.clone()));
    let mut hasher =
        format!("sha512:{}", "0".repeat(128)).parse::<airlift_core::Checksum>().expect("a checksum").hasher();
    hasher.update(&content);
    let right = Expected { checksums: vec![hasher.finish()], ..nothing() };
    let wrong =
        Expected { checksums: vec![format!("sha384:{}", "a".repeat(96)).parse().expect("a checksum")], ..nothing() };
    let url = request(&upstream.url("/x"));
    let error = bounded(world.fetcher().blob(&url, &wrong)).await.expect_err("a wrong checksum");
    assert!(error.to_string().contains("sha384:"), "{error}");
    assert!(!world.has(&content).await);
    bounded(world.fetcher().blob(&url, &right)).await.expect("the right one");
    upstream.forget();
    let again = bounded(world.fetcher().blob(&url, &right)).await.expect("it is there");
    assert!(again.cached);
    assert_eq!(upstream.requests().len(), 0, "that these bytes have this checksum is known");
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_begun_anew_with() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(7, 600_000);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.fail("/x", [Fault::Drop(400_000), Fault::IgnoreRange]);
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert!(world.has(&content).await);
    assert_eq!(world.progress(), content.len() as i64);
    assert_eq!(upstream.requests().len(), 2, "the whole answer is taken as it comes");
}

#[tokio::test]
async fn a_range_that_is_another_one_is_not_taken() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(8, 600_000);
    upstream.put("/x", Resource::new(content.clone()));
    upstream.fail("/x", [Fault::Drop(400_000), Fault::WrongRange]);
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert!(world.has(&content).await);
}

#[tokio::test]
async fn what_changed_meanwhile_is_fetched_from_the_beginning() {
    let (old, new) = (noise(9, 600_000), noise(10, 500_000));
    for replacement in
        [Resource::new(new.clone()), Resource { ranges: false, etag: None, ..Resource::new(new.clone()) }]
    {
        let (world, upstream) = (World::new(), Upstream::start().await);
        upstream.put("/x", Resource::new(old.clone()));
        upstream.fail("/x", [Fault::Drop(400_000), Fault::Replace(Box::new(replacement))]);
        let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
        assert_eq!(fetched.digest, Digest::of(&new));
        assert!(world.has(&new).await);
        assert_eq!(world.progress(), new.len() as i64);
    }
}

#[tokio::test]
async fn without_a_guard_no_range_is_asked_for() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(11, 300_000);
    let bare = Resource { etag: None, modified: None, ..Resource::new(content.clone()) };
    upstream.put("/x", bare.clone());
    upstream.put("/y", bare);
    for path in ["/x", "/y"] {
        upstream.fail(path, [Fault::Drop(100_000)]);
    }
    bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert!(upstream.requests_of("/x").iter().all(|request| request.header("range").is_none()));
    let other = World::new();
    bounded(other.fetcher().blob(&request(&upstream.url("/y")), &promise(&content))).await.expect("fetched");
    assert_eq!(upstream.requests_of("/y")[1].header("range"), Some("bytes=100000-"), "the checksum guards it");
    assert!(world.has(&content).await && other.has(&content).await);
}

#[tokio::test]
async fn sizes_that_nobody_announces() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(12, 300_000);
    upstream.put("/x", Resource { sized: false, ..Resource::new(content.clone()) });
    upstream.put("/empty", Resource::new(""));
    upstream.fail("/x", [Fault::Drop(100_000)]);
    let fetched = bounded(world.fetcher().blob(&request(&upstream.url("/x")), &nothing())).await.expect("fetched");
    assert_eq!(fetched.size, 300_000);
    assert!(world.has(&content).await);
    let empty = bounded(world.fetcher().blob(&request(&upstream.url("/empty")), &nothing())).await.expect("fetched");
    assert_eq!(empty.digest, Digest::of(b""));
}

#[tokio::test]
async fn what_is_not_there_is_said_at_once() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let error = bounded(world.fetcher().blob(&request(&upstream.url("/none")), &nothing())).await.expect_err("404");
    assert!(error.is_not_found());
    assert_eq!(error.status(), Some(404));
    assert_eq!(error.to_string(), format!("{} answered 404 Not Found: \"no such thing here\"", upstream.url("/none")));
    assert!(error.hint().is_some_and(|hint| hint.contains("check the name")));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_storm_of_all_faults() {
    for seed in [1, 2, 3] {
        println!("seed {seed}");
        let (world, upstream) = (World::new(), seeded(seed).await);
        let fetcher = world.fetcher_with(Settings { per_host: 4, stall: Duration::from_millis(250), ..settings() });
        let contents: Vec<_> =
            (0..10).map(|number| noise(seed * 100 + number, 50_000 + 60_000 * number as usize)).collect();
        for (number, content) in contents.iter().enumerate() {
            let path = format!("/{number}");
            upstream.put(&path, Resource::new(content.clone()));
            let faults = [
                Fault::DropAnywhere,
                Fault::Status(503, vec![], "busy".to_owned()),
                Fault::Stall(10_000),
                Fault::Wrong,
                Fault::IgnoreRange,
                Fault::Status(429, vec![("retry-after".to_owned(), "0".to_owned())], String::new()),
                Fault::DropAnywhere,
            ];
            // Each file meets another part of the list.
            upstream.fail(&path, faults.into_iter().cycle().skip(number + seed as usize).take(4));
        }
        let fetches = contents.iter().enumerate().map(|(number, content)| {
            let (fetcher, url) = (fetcher.clone(), upstream.url(&format!("/{number}")));
            async move { fetcher.blob(&request(&url), &promise(content)).await }
        });
        let results = bounded(futures::future::join_all(fetches)).await;
        for (content, result) in contents.iter().zip(results) {
            assert!(result.is_ok(), "{result:?}");
            assert!(world.has(content).await);
        }
        assert!(upstream.most_at_once() <= 4, "{}", upstream.most_at_once());
        assert_eq!(world.progress(), contents.iter().map(|content| content.len() as i64).sum::<i64>());
    }
}

#[tokio::test]
async fn a_server_that_always_breaks_is_given_up() {
    let content = noise(13, 400_000);
    for ranges in [false, true] {
        let (world, upstream) = (World::new(), Upstream::start().await);
        upstream.put("/x", Resource { ranges, ..Resource::new(content.clone()) });
        upstream.fail_always("/x", if ranges { Fault::Drop(0) } else { Fault::Drop(300_000) });
        let error =
            bounded(world.fetcher().blob(&request(&upstream.url("/x")), &promise(&content))).await.expect_err("no end");
        let FetchError::Transport { attempts, .. } = &error else { panic!("{error:?}") };
        assert!((6..=7).contains(attempts), "{attempts}");
        assert!(error.to_string().ends_with(&format!("in {attempts} attempts")), "{error}");
    }
}

#[tokio::test]
async fn what_is_encoded_is_not_taken_for_what_it_encodes() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let content = noise(70, 50_000);
    let encoded = |how: &str| Resource::new(content.clone()).with_header("content-encoding", how);
    let fetcher = world.fetcher();
    for how in ["gzip", "identity, br"] {
        upstream.put("/x", encoded(how));
        upstream.forget();
        let url = request(&upstream.url("/x"));
        for error in [
            bounded(fetcher.blob(&url, &nothing())).await.expect_err("encoded"),
            bounded(fetcher.document(&url, &nothing())).await.expect_err("encoded"),
        ] {
            assert!(error.to_string().contains(how), "{error}");
            assert_eq!(error.class(), Class::Upstream);
            assert!(error.hint().is_some_and(|hint| hint.contains("checksum")), "{:?}", error.hint());
        }
        assert_eq!(upstream.requests().len(), 2, "asking again changes nothing");
        assert!(!world.has(&content).await);
    }
    // A checksum tells that the bytes are right as they are sent: archives are often declared to be encoded.
    bounded(fetcher.blob(&request(&upstream.url("/x")), &promise(&content))).await.expect("fetched");
    upstream.put("/y", encoded("Identity"));
    bounded(fetcher.document(&request(&upstream.url("/y")), &nothing())).await.expect("not encoded");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_soon_as_its_size_is_known() {
    let (world, upstream) = (World::new(), Upstream::start().await);
    let huge = (1_u64 << 60).to_string();
    let fetcher = world.fetcher_with(Settings { streams: 1, ..settings() });
    upstream.put("/x", Resource { sized: false, ..Resource::new("x") }.with_header("content-length", &huge));
    let error = bounded(fetcher.blob(&request(&upstream.url("/x")), &nothing())).await.expect_err("too large");
    assert_eq!(error.class(), Class::Space, "{error:?}");
    let line = failure::line(&error);
    assert!(line.contains(&huge) && line.contains("/x"), "{line}");
    assert_eq!(upstream.requests().len(), 1);
    let left = fs_err::read_dir(world.folder.path().join("store/partial")).expect("a folder").count();
    assert_eq!(left, 0);
}
